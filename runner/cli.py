"""The command line: which verbs there are, and how an error becomes an exit code.

`--help` is printed from this table and imports nothing heavy; a verb's own module is imported when it is called.

Exit codes: 0 fine or nothing to do · 1 findings · 2 usage · 3 work remains · 4 environment · 130 interrupted,
141 nobody reads on.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from runner import __version__

if TYPE_CHECKING:
    import typer


class Verb(NamedTuple):
    """A verb, the function behind it (`module:function`), and one line for the help. A `plain` one takes its arguments
    as they are and returns the exit code; the others are read by typer."""

    name: str
    target: str
    line: str
    plain: bool = False


GROUPS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "Try it",
        (Verb("demo", "demo:demo", "The whole story in a scratch registry, with a real model"),),
    ),
    (
        "Ask for a benchmark",
        (
            Verb("keygen", "contribute:keygen", "Make an Ed25519 key pair"),
            Verb("sign", "contribute:sign", "Sign a JobSpec, as ssh-keygen -Y sign would"),
            Verb("validate", "contribute:validate", "Judge everything in registry/, all mistakes at once"),
            Verb("plan", "operate:plan", "What would run, where, at which cost, and why the rest would not"),
            Verb("rerun", "edits:rerun", "Ask for a job once more: its revision raised, and signed"),
            Verb("run", "trial:run", "Try an unsigned JobSpec on this machine; nothing is logged"),
            Verb("image", "images:image", "A benchmark's image: its CID, building it, keeping it here"),
            Verb("explain", "contribute:explain", "What an error code means, with a bad and a good example"),
            Verb("schema", "contribute:schema", "Print a JSON Schema"),
            Verb("completion", "completion:completion", "Make a shell complete verbs, options, jobs, runs", plain=True),
            Verb("ci", "ci:ci", "For workflows: the summary of a job, and the comment below a pull request"),
        ),
    ),
    (
        "Keep a registry",
        (
            Verb("init", "contribute:init", "Start a registry in this repository"),
            Verb("trust", "contribute:trust", "Write trust.json anew and sign it as a maintainer"),
            Verb("reconcile", "reconcile:reconcile", "Run what is asked for and not yet there, and publish it"),
            Verb("daemon", "daemon:daemon", "Reconcile again and again: on each change, and when something is due"),
            Verb("status", "operate:status", "Every job, and where it stands"),
            Verb("pin", "pin:pin", "Bring bundles to IPFS nodes, services and folders; prove that they are there"),
            Verb("events", "events:events", "What happened, newest last: starts, ends, keys, settlements"),
            Verb("suspend", "edits:suspend", "List jobs that must not run now, in registry/suspended"),
            Verb("resume", "edits:resume", "Take them off the list"),
            Verb("cancel", "operate:cancel", "Ask for a run to be stopped"),
            Verb("keys", "read:keys", "Who may do what, and since which log entry"),
            Verb("providers", "providers:providers", "Whose machines are known, where, and how well they served"),
            Verb("devnet", "devnet:devnet", "A Golem network on this machine, with the real yagna daemon"),
            Verb("vantage", "vantage:vantage", "A place of ours for providers to call, so that we see where they are"),
            Verb("sweep", "sweep:sweep", "End, pay and release what a Golem runner left open"),
            Verb("gc", "gc:gc", "What a clone weighs, and what of it nobody will miss"),
            Verb("doctor", "doctor:doctor", "What a runner on this machine needs, and how to mend what is wrong"),
        ),
    ),
    (
        "Read and check",
        (
            Verb("report", "report:report", "A run's verdict and its page; as a site, PDF or JSON; judged again"),
            Verb("diff", "diff:diff", "How the answers of two runs, regions or files differ, word by word"),
            Verb("describe", "describe:describe", "A run's attempts, providers, agreements and cost"),
            Verb("log", "read:log", "The Merkle log: show, prove, check, fsck"),
            Verb("bundle", "bundle:bundle", "A bundle's CID, its CAR, and a CAR unpacked, with no daemon", plain=True),
            Verb("fetch", "fetch:fetch", "Get a bundle back by its CID, from anybody, and verify it"),
            Verb("verify", "verify:verify", "Check everything that a registry claims, offline"),
        ),
    ),
)
VERBS = {verb.name: verb for _, verbs in GROUPS for verb in verbs}
EXITS: Mapping[str, Mapping[int, str]] = {
    "validate": {1: "something is wrong"},
    "run": {1: "the job is wrong", 4: "no sandbox"},
    "reconcile": {1: "the registry is wrong", 3: "work remains", 4: "no key, executor or remote"},
    "pin": {1: "a target lied or lost a bundle", 3: "too few targets hold one"},
    "doctor": {4: "something needed is wrong"},
    "report": {1: "with --exit-code: a region differs"},
    "diff": {1: "with --exit-code: a pair is minor or major"},
    "log": {1: "a tile or a proof is wrong"},
    "bundle": {1: "a CAR is wrong"},
    "fetch": {1: "what came is wrong", 4: "nobody has it"},
    "verify": {1: "findings"},
}
"""Exit codes that verbs give for reasons of their own. Every verb gives 2 for a wrong command line, and 1 where the
registry that it reads is wrong."""


def ending(name: str) -> str:
    """The last line of a verb's help: its exit codes."""
    codes = {0: "fine", 2: "usage", 4: "environment", 130: "interrupted", **EXITS.get(name, {})}
    return "Exit: " + " · ".join(f"{code} {codes[code]}" for code in sorted(codes))


def usage() -> str:
    """The help, as plain text."""
    lines = ["Usage: beacon VERB [options]   (beacon VERB --help tells more)", ""]
    lines += ["Does an AI model answer the same everywhere, and can anyone check that?", ""]
    for title, verbs in GROUPS:
        lines += [title, *(f"  {verb.name:<10} {verb.line}" for verb in verbs), ""]
    lines.append("Exit: 0 fine · 1 findings · 2 usage · 3 work remains · 4 environment · 130 interrupted")
    return "\n".join(lines)


def version() -> str:
    """What `--version` says."""
    return f"beacon {__version__}"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. Returns the exit code."""
    from runner.commands.console import complete_streams, note, put, report_error
    from runner.errors import BeaconError

    if None in (sys.stdin, sys.stdout, sys.stderr):
        complete_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else "--help"
    asked = {"-h": usage, "--help": usage, "help": usage, "-V": version, "--version": version}.get(name)
    if asked:
        try:
            put(asked() + "\n")
        except BeaconError as error:
            return report_error(error, as_json=False)
        return 0
    if name not in VERBS:
        from runner.diagnostics import did_you_mean

        note(f"beacon: no verb {name!r}{did_you_mean(name, VERBS)}; see beacon --help")
        return 2
    return invoke(VERBS[name], arguments[1:])


def invoke(verb: Verb, arguments: list[str]) -> int:
    """Call a verb's function, and turn what it returns or raises into an exit code."""
    gc.disable()  # imports, and later thousands of documents, are no garbage: looking for it takes a fifth of the time
    from runner.commands.console import note, report_error
    from runner.errors import BeaconError, refused

    module, function = verb.target.split(":")
    target = getattr(import_module(f"runner.commands.{module}"), function)
    gc.freeze()
    gc.set_threshold(100_000)
    gc.enable()
    returned: list[object] = []
    try:
        if verb.plain:
            returned.append(target(arguments))
        else:
            _by_typer(verb.name, target, arguments, returned)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 2
        return returned[0] if code == 0 and returned and isinstance(returned[0], int) else code
    except BeaconError as error:
        return report_error(error, as_json="--json" in arguments)
    except OSError as error:
        return report_error(refused(error), as_json="--json" in arguments)
    except KeyboardInterrupt:
        note("beacon: interrupted")
        return 130
    return returned[0] if returned and isinstance(returned[0], int) else 0


def _by_typer(name: str, target: Any, arguments: list[str], returned: list[object]) -> None:
    """Let typer read the arguments and call the function. It ends with `SystemExit`."""
    import typer

    app = target if isinstance(target, typer.Typer) else _alone(name, target, returned)
    command = typer.main.get_command(app)
    command.epilog = ending(name)
    for under in getattr(command, "commands", {}).values():  # one sentence, however long: click would cut it
        under.short_help = " ".join(under.help.split()).partition(". ")[0].removesuffix(".") + "."
    command.main(args=arguments, prog_name=f"beacon {name}")


def _alone(name: str, target: Callable[..., object], returned: list[object]) -> typer.Typer:
    """An app of one command, which keeps what the command returns."""
    import typer

    @wraps(target)
    def call(*args: object, **options: object) -> None:
        returned.append(target(*args, **options))

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name=name)(call)
    return app
