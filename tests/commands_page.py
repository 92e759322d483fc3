"""`docs/commands.md`, and the table behind completion, generated from the code: `python -m tests.commands_page`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runner.cli import GROUPS, VERBS, Verb, ending
from tests.commands import Argument, Command, Option, described

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
TABLE = ROOT / "runner" / "static" / "commands.json"
_HEAD = """# Commands

Every verb, as `beacon VERB --help` tells it. This page is generated from the code (`python -m tests.commands_page`); a
test holds it to that.

Results stand on stdout, everything else on stderr. With `--json` stdout carries only JSON, errors included; the field
`schema` of a document, such as `beacon/plan/v1`, names its schema, [`answers/plan.json`](../schemas/answers/plan.json),
which `beacon schema answers/plan` prints.

Exit codes: 0 fine or nothing to do; 1 findings; 2 usage; 3 work remains, run it again; 4 environment; 130 interrupted.
A verb that reads a registry gives 1 where that is wrong; others that it gives for reasons of its own stand below.
"""
_KINDS = {
    "JOB": ["job"],
    "run": ["run"],
    "runs": ["run"],
    "which": ["job", "run"],
    "a": ["run", "region", "file"],
    "b": ["run", "region", "file"],
    "FOLDER|RUN": ["run", "file"],
    "CID|RUN": ["run"],
    "code": [],
    "index": [],
    "node": [],
}
"""What completion offers for an argument, by its name; files for those that are not here."""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_group(title, verbs) for title, verbs in GROUPS)


def table() -> str:
    """What completion knows: verbs with their commands, options and kinds of arguments."""
    found = {name: _row(list(described(verb)), verb.line) for name, verb in VERBS.items()}
    rows = (f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in found.items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _group(title: str, verbs: Iterable[Verb]) -> str:
    return f"\n## {title}\n" + "".join(_verb(verb) for verb in verbs)


def _verb(verb: Verb) -> str:
    whole, *below = described(verb)
    text = f"\n### {verb.name}\n\n"
    text += _command(whole) if not below else f"{_flat(whole.help) or verb.line + '.'}\n"
    text += "".join(f"\n#### {' '.join(one.words)}\n\n{_command(one)}" for one in below)
    return text + f"\n{ending(verb.name)}.\n"


def _command(one: Command) -> str:
    needed = [f"{option.names[0]} {option.metavar}" for option in one.options if option.required]
    usage = " ".join(["beacon", *one.words, *map(_placed, one.arguments), *needed])
    usage += " [OPTIONS]" if any(not option.required for option in one.options) else ""
    rows = [f"- `{argument.metavar.upper()}`: {_flat(argument.help)}" for argument in one.arguments]
    rows += [f"- `{_spelt(option)}`: {_flat(option.help)}{_default(option)}" for option in one.options]
    return f"{_flat(one.help)}\n\n```text\n{usage}\n```\n" + ("\n" + "\n".join(rows) + "\n" if rows else "")


def _placed(argument: Argument) -> str:
    shown = argument.metavar.upper() + ("..." if argument.repeated else "")
    return shown if argument.required else f"[{shown}]"


def _spelt(option: Option) -> str:
    return ", ".join(f"{name} {option.metavar}".rstrip() for name in option.names)


def _default(option: Option) -> str:
    return f" Default: `{option.default}`." if option.default and "efault" not in option.help else ""


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[")


def _row(found: list[Command], line: str) -> dict[str, Any]:
    whole, *below = found
    row: dict[str, Any] = {"line": line}
    if below:
        row["commands"] = {one.words[-1]: _row([one], _flat(one.help).split(". ")[0]) for one in below}
    if whole.options:
        row["options"] = dict(_option(option) for option in whole.options for option in _each(option))
    if whole.arguments:
        row["arguments"] = [_offered(argument) for argument in whole.arguments]
        row["repeated"] = whole.arguments[-1].repeated
    return row


def _each(option: Option) -> Iterator[Option]:
    for name in option.names:
        yield option._replace(names=(name,))


def _option(option: Option) -> tuple[str, dict[str, Any]]:
    kinds = [f"={choice}" for choice in option.choices]
    if not kinds and option.metavar:
        kinds = ["file"] if option.metavar in ("PATH", "FILE") else ["value"]
    return option.names[0], {"help": option.help.split(". ")[0], "kinds": kinds, "repeated": option.repeated}


def _offered(argument: Argument) -> list[str]:
    return [f"={choice}" for choice in argument.choices] or _KINDS.get(argument.metavar, ["file"])


def main() -> None:
    """Write both."""
    PAGE.write_text(page())
    TABLE.write_text(table())


if __name__ == "__main__":
    main()
