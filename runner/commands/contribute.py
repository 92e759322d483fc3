"""Verbs for those who ask for benchmarks and those who keep a registry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put, put_json
from runner.commands.findings import Form, demand_one_form, tell
from runner.commands.places import checkout, opened, revision, top
from runner.commands.proposals import Verdict, judge, judge_alone
from runner.commands.start import start_registry, warn_no_maintainer, warn_unlisted, write_trust
from runner.diagnostics import as_json as problem_data
from runner.diagnostics import did_you_mean
from runner.edges.folder import FolderSnapshot
from runner.edges.keys import SoftwareKey, load_signer, write_key
from runner.errors import Usage
from runner.formats.sshsig import fingerprint, public_line
from runner.formats.sshsig import sign as sign_bytes
from runner.ports import Snapshot
from runner.registry import load_policy
from runner.state import demand_registry

KeyOption = Annotated[Path, typer.Option("--key", "-k", help="Private key, OpenSSH format, Ed25519.")]


def keygen(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; the public one stands beside it as .pub.")],
    comment: Annotated[str, typer.Option(help="Words at the end of the public key.")] = "",
    runner: Annotated[
        bool, typer.Option("--runner", help="Make a runner's three keys, git, receipt and log, in a folder.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make an Ed25519 key pair. `ssh-keygen -t ed25519` does the same."""
    made = {}
    if runner:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("git", "receipt", "log") if runner else ("",):
        key = SoftwareKey(os.urandom(32))
        file = path / name if runner else path
        write_key(file, key, comment or name)
        made[str(file)] = {"public": public_line(key.public), "fingerprint": fingerprint(key.public)}
    if as_json:
        put_json({"keys": made}, "keygen")
    else:
        for name, facts in made.items():
            line(f"{name}: {facts['public']}")
            note(f"  {facts['fingerprint']}; keep {name} to yourself")


def sign(
    files: Annotated[list[Path], typer.Argument(help="JobSpec files; each gets a .sig beside it.", metavar="FILE")],
    key: KeyOption,
    origin: Annotated[
        str | None, typer.Option(help="The log's origin; default: the one in registry/policy.yaml.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign JobSpecs: SSHSIG over the exact bytes, just as `ssh-keygen -Y sign` does."""
    signer = load_signer(key)
    made = []
    for file in files:
        namespace = f"jobspec.v1@{origin or _origin(file)}"
        target = file.with_name(file.name + ".sig")
        target.write_bytes(sign_bytes(signer, _read(file), namespace))
        made.append({"file": str(file), "signature": str(target), "namespace": namespace})
    if as_json:
        put_json({"signed": made}, "sign")
    else:
        for one in made:
            line(f"{one['signature']}: {one['namespace']}, {fingerprint(signer.public)}")
    if origin is None:
        for file in files:
            root = checkout(file.parent)
            warn_unlisted(root, file.resolve().relative_to(root.resolve()).as_posix(), signer.public)


def trust(
    name: Annotated[str, typer.Argument(help="Your principal in registry/keys/root.")],
    key: KeyOption,
    keep: Annotated[bool, typer.Option("--keep", help="Sign the list as it is, as a second maintainer does.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the files of registry/trust.json anew, and sign it as a maintainer."""
    root, signer = checkout(Path.cwd()), load_signer(key)
    written = write_trust(root, name, signer, keep)
    if as_json:
        put_json({"files": [written]}, "trust")
    else:
        line(written)
    warn_no_maintainer(root, name, signer.public)


def validate(
    folder: Annotated[Path, typer.Argument(help="The registry's repository.")] = Path(),
    rev: Annotated[str | None, typer.Option(help="Judge a commit instead of the files on disk.")] = None,
    base: Annotated[
        str | None, typer.Option(help="As a pull request to this commit: it judges, and news are told.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="github: as annotations of a workflow too. sarif: SARIF 2.1.0 on stdout.")
    ] = "text",
    as_json: JsonFlag = False,
) -> int:
    """Judge everything in registry/: every mistake with its place, those of form first."""
    demand_one_form(form, as_json)
    root = top(folder) if rev else checkout(folder)
    with opened(root) as repository:
        snapshot: Snapshot = revision(repository, rev) if rev else FolderSnapshot(root)
        demand_registry(snapshot, rev or str(root))
        found = judge(root, repository, snapshot, base, rev) if base else judge_alone(snapshot)
    problems = found.problems
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        put_json({"jobs": found.jobs, "problems": list(map(problem_data, problems))}, "validate")
    else:
        tell(problems, form)
    if not as_json and form != "sarif" and not errors:
        line(_all_valid(found, base is not None))
    return 1 if errors else 0


def _all_valid(found: Verdict, proposed: bool) -> str:
    """What there is, where nothing is wrong with it."""
    what, none = ("new or changed job", "no job changes") if proposed else ("job", "no jobs yet")
    gone = f"{found.removed} job{'s' * (found.removed > 1)} removed" if found.removed else ""
    if not found.jobs:
        return f"{gone or none}; the rest is valid"
    valid = f"1 {what}, valid" if found.jobs == 1 else f"{found.jobs} {what}s, all valid"
    return f"{valid}; {gone}" if gone else valid


def explain(
    code: Annotated[
        str | None, typer.Argument(help="An error code, such as region-unknown; none lists them all.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What an error code means, with a bad and a good example."""
    from runner.explain import CODES
    from runner.explain import explain as text

    if as_json:
        put_json({"codes": [code] if code else sorted(CODES), "text": text(code) if code else None}, "explain")
    elif code is None:
        for name in sorted(CODES):
            line(name)
    else:
        line(text(code))


def schema(
    name: Annotated[str | None, typer.Argument(help="Which schema; none lists them.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write all of them into schemas/.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print a JSON Schema, or write all of them. One is JSON anyway; --json is for the list."""
    from runner.registry.schemas import answers, schemas

    found = {**schemas(), **answers()}
    if write:
        folder = Path(__file__).parents[2] / "schemas"
        (folder / "answers").mkdir(exist_ok=True)
        for file, content in found.items():
            (folder / file).write_bytes(content)
    elif as_json and name is None:
        put_json({"schemas": list(found)}, "schema")
    elif name is None:
        for file in found:
            line(file)
    else:
        file = name if name in found else f"{name}.json"
        if file not in found:
            meant = did_you_mean(str(name), [one.removesuffix(".json") for one in found])
            raise Usage("schema-unknown", f"no schema is called {name!r}{meant}", "`beacon schema` lists them all")
        put(found[file].decode())


def init(
    origin: Annotated[str, typer.Option(help="The log's origin: a URL without https://, fixed for ever.")],
    keys: Annotated[Path, typer.Option(help="Folder, outside the repository, for the private keys.")],
    folder: Annotated[Path, typer.Argument(help="The git repository that becomes a registry.")] = Path(),
    maintainer: Annotated[str, typer.Option(help="Your principal as maintainer.")] = "maintainer",
    owner: Annotated[str, typer.Option(help="Your principal as contributor, and the folder of your jobs.")] = "me",
    runner: Annotated[str, typer.Option(help="The runner's principal.")] = "runner",
    branch: Annotated[str, typer.Option(help="The branch that the runner writes.")] = "main",
    as_json: JsonFlag = False,
) -> None:
    """Start a registry: policy, keys by role, signed trust list. Keys that are there already are used."""
    root = checkout(folder)
    made = start_registry(root, keys, origin, branch, maintainer, owner, runner)
    if as_json:
        put_json({"files": list(made)}, "init")
        return
    for path in made:
        line(path)
    note(f"private keys: {keys}; commit the files above, then `beacon reconcile --keys {keys / 'runner'}`")


def _origin(file: Path) -> str:
    """The origin in the policy of the registry that a file belongs to."""
    return load_policy(FolderSnapshot(checkout(file.parent))).log.origin


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Usage("file-unreadable", f"{file}: {error.strerror}") from None
