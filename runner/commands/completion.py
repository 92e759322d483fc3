"""`beacon completion SHELL`: what makes a shell complete verbs, options, jobs, runs and regions.

The scripts ask the same verb for candidates at each press of the key, so it imports no other verb and none of their
libraries: verbs and options come from `static/commands.json`, which `python -m tests.commands_page` generates from the
code; jobs and runs are names of files and folders in the clone around the current folder, read up to a limit. Those
names are a stranger's: only those made of the characters of ids are offered.

    beacon completion --current=WORD -- WORDS…     candidates for WORD after these words, one a line: value, tab, help
    beacon completion --line=LINE                  the same for bash: of a line up to the cursor, without what bash has
A line `:files` asks the shell for names of files too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from runner.commands.console import put
from runner.errors import Usage

STATIC = Path(__file__).resolve().parent.parent / "static"
SHELLS = ("bash", "zsh", "fish", "powershell")
FILES = ":files"
_MOST = 20_000
"""How many names of files and folders are looked at for one press of the key."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_REGION = re.compile(r"  ([A-Z][A-Z0-9-]*):")
_HELP = """usage: beacon completion bash|zsh|fish|powershell

Print what makes a shell complete verbs, options, jobs, runs and regions. To have it in every session:

  bash        beacon completion bash > ~/.local/share/bash-completion/completions/beacon
  zsh         beacon completion zsh > "${fpath[1]}/_beacon"
  fish        beacon completion fish > ~/.config/fish/completions/beacon.fish
  powershell  beacon completion powershell >> $PROFILE

Exit: 0 fine · 2 usage
"""


def completion(arguments: Sequence[str]) -> int:
    """Print a shell's script, or candidates. Returns the exit code."""
    first, *rest = arguments or ("",)
    if first.startswith("--current="):
        words = rest[1:] if rest[:1] == ["--"] else rest
        _put(candidates(words, first.removeprefix("--current="), Path.cwd()))
    elif first.startswith("--line="):
        words, current = split(first.removeprefix("--line="))
        kept = re.match(r".*[:=]", current)  # bash breaks words there, and puts a candidate behind it
        begin = kept.end() if kept else 0
        _put(found if found == FILES else found[begin:] for found in candidates(words[1:], current, Path.cwd()))
    elif first in ("-h", "--help"):
        put(_HELP)
    elif first in SHELLS and not rest:
        put((STATIC / f"completion.{first}").read_text())
    else:
        what = f"there is no script for {first!r}" if first else "for which shell?"
        raise Usage("shell-unknown", what, f"one of {', '.join(SHELLS)}")
    return 0


def candidates(words: Sequence[str], current: str, folder: Path) -> Iterator[str]:
    """What may stand for `current` after these words, each once, as `value` or `value<tab>help`."""
    table = _table()
    if not words:
        verbs = {name: one["line"] for name, one in table.items()}
        yield from _matching(verbs | {"--help": "Show help.", "--version": "Show the version."}, current)
        return
    command, given = table.get(words[0], {}), list(words[1:])
    while given and given[0] in command.get("commands", {}):
        command = command["commands"][given.pop(0)]
    options: Mapping[str, Any] = command.get("options", {})
    before = given[-1] if given else ""
    name, equals, value = current.partition("=")
    if equals and name in options:
        for found in _of_kinds(options[name]["kinds"], value, folder):
            yield found if found == FILES else f"{name}={found}"
    elif before in options and options[before]["kinds"]:
        yield from _of_kinds(options[before]["kinds"], current, folder)
    elif current.startswith("-"):
        left = {name: one["help"] for name, one in options.items() if one["repeated"] or name not in given}
        yield from _matching({**left, "--help": "Show help."}, current)
    elif command.get("commands"):
        yield from _matching({name: one["line"] for name, one in command["commands"].items()}, current)
    else:
        yield from _of_kinds(_argument(command, given, options), current, folder)


def split(line: str) -> tuple[list[str], str]:
    """The words of a line up to the cursor, and the one that is being written. Quotes may be open."""
    words: list[str] = []
    word, started, quote = "", False, ""
    letters = iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word, started = word + next(letters, ""), True
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote, started = letter, True
        elif not quote and letter.isspace():
            words += [word] if started else []
            word, started = "", False
        else:
            word, started = word + letter, True
    return words, word


def _argument(command: Mapping[str, Any], given: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """The kinds of the argument whose turn it is."""
    wanted: list[list[str]] = command.get("arguments", [])
    count, skip = 0, False
    for word in given:
        valued = word in options and bool(options[word]["kinds"])
        count += not skip and not word.startswith("-")
        skip = valued
    if count < len(wanted):
        return wanted[count]
    return wanted[-1] if wanted and command.get("repeated") else []


def _of_kinds(kinds: Sequence[str], current: str, folder: Path) -> Iterator[str]:
    top = next((one for one in (folder, *folder.parents) if (one / "registry").is_dir()), None)
    for kind in kinds:
        if kind == "file":
            yield FILES
        elif kind.startswith("="):
            yield from _matching({kind[1:]: ""}, current)
        elif top is not None and kind == "job":
            jobs = list(_jobs(top))
            yield from _matching(dict.fromkeys(jobs, "job"), current)
            if current and "/" not in current:
                yield from _matching({job.rpartition("/")[2]: job for job in jobs}, current)
        elif top is not None and kind == "run":
            yield from _matching(dict(_runs(top)), current)
        elif top is not None and kind == "region" and ":" in current:
            before = current.rpartition(":")[0]
            yield from _matching({f"{before}:{name}": "region" for name in _regions(top)}, current)


def _jobs(top: Path) -> Iterator[str]:
    """Jobs of the work tree, as OWNER/[SUITE/]NAME."""
    for folder, _, files in _walk(top / "registry" / "jobs"):
        for file in files:
            name = (folder / file).relative_to(top / "registry" / "jobs").as_posix()
            if file.endswith(".yaml") and _PLAIN.fullmatch(name):
                yield name.removesuffix(".yaml")


def _runs(top: Path) -> Iterator[tuple[str, str]]:
    """The first digits of published runs, and their jobs."""
    for folder, folders, _ in _walk(top / "reports" / "jobs"):
        if "bundle" in folders:
            folders.clear()
            if re.fullmatch("[0-9a-f]{32}", folder.name):
                yield folder.name[:12], folder.relative_to(top / "reports" / "jobs").as_posix().partition("/runs/")[0]


def _regions(top: Path) -> Iterator[str]:
    """The policy's regions, by their look: a completion need not be right about a policy that is written oddly."""
    try:
        text = (top / "registry" / "policy.yaml").read_text(errors="replace")
    except OSError:
        return
    block = re.search(r"(?ms)^regions:\n(.*?)(?:^\S|\Z)", text)
    for match in _REGION.finditer(block[1] if block else ""):
        yield match[1]


def _walk(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    seen = 0
    for folder, folders, files in os.walk(top):
        folders.sort()
        seen += len(folders) + len(files)
        if seen > _MOST:
            return
        yield Path(folder), folders, files


def _matching(values: Mapping[str, str], current: str) -> Iterator[str]:
    for value, told in islice(values.items(), _MOST):
        if value.startswith(current):
            yield f"{value}\t{told}" if told else value


def _table() -> dict[str, Any]:
    import json

    table: dict[str, Any] = json.loads((STATIC / "commands.json").read_bytes())
    return table


def _put(found: Iterator[str]) -> None:
    put("".join(f"{line}\n" for line in dict.fromkeys(found)))


def parser() -> Any:
    """The verb's arguments, for those who describe verbs."""
    import argparse

    made = argparse.ArgumentParser("beacon completion", description=_HELP.split("\n\n")[1].replace("\n", " "))
    made.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"One of {', '.join(SHELLS)}.")
    return made
