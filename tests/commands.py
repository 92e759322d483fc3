"""What each verb takes, read from the code that reads it: typer's commands, and the parsers of `plain` verbs.

One description for `docs/commands.md`, for the table behind completion, and for the test that holds the documentation.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

import typer

from runner.cli import VERBS, Verb, _alone


class Option(NamedTuple):
    """One option. `metavar` is empty for a switch; `names` are all its spellings, those that switch it off included."""

    names: tuple[str, ...]
    metavar: str
    help: str
    default: str
    required: bool
    repeated: bool
    choices: tuple[str, ...]


class Argument(NamedTuple):
    """One argument: its place, as it is shown, and what it is."""

    metavar: str
    help: str
    required: bool
    repeated: bool
    choices: tuple[str, ...]


class Command(NamedTuple):
    """A verb, or a command of one: `words` are what is typed."""

    words: tuple[str, ...]
    help: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]


def commands() -> Iterator[Command]:
    """All verbs in the order of the help, each with its commands."""
    for verb in VERBS.values():
        yield from described(verb)


def described(verb: Verb) -> Iterator[Command]:
    """A verb and its commands."""
    if verb.plain:
        yield from _argparse((verb.name,), import_module(f"runner.commands.{_module(verb)}").parser())
    else:
        yield from _typer((verb.name,), typed(verb))


def check(verb: Verb, words: list[str]) -> None:
    """Let the verb's own reader read a command line, and run nothing. Raises, or exits, where it would not take it."""
    if verb.plain:
        import_module(f"runner.commands.{_module(verb)}").parser().parse_args(words)
        return
    command = typed(verb)
    if hasattr(command, "commands") and words:
        command, words = command.commands[words[0]], words[1:]
    command.make_context(verb.name, words)


def typed(verb: Verb) -> Any:
    """The command that typer makes of a verb."""
    module, function = verb.target.split(":")
    target = getattr(import_module(f"runner.commands.{module}"), function)
    return typer.main.get_command(target if isinstance(target, typer.Typer) else _alone(verb.name, target, []))


def _module(verb: Verb) -> str:
    return verb.target.split(":")[0]


def _typer(words: tuple[str, ...], command: Any) -> Iterator[Command]:
    arguments, options = [], []
    for given in command.params:
        choices = tuple(getattr(given.type, "choices", ()))
        repeated = given.multiple or given.nargs == -1
        if given.param_type_name == "argument":
            shown = given.make_metavar(typer.Context(command)).strip("[]{}.").rstrip(".")
            arguments.append(Argument(shown, _words(given.help), given.required, given.nargs == -1, choices))
            continue
        names = (*given.opts, *given.secondary_opts)
        switch = given.is_flag or given.count
        metavar = "" if switch else given.metavar or _metavar(given.type.name, choices)
        default = "" if switch or given.default in (None, (), []) or callable(given.default) else str(given.default)
        options.append(Option(names, metavar, _words(given.help), default, given.required, repeated, choices))
    yield Command(words, _words(command.help), tuple(arguments), tuple(options))
    for name, below in getattr(command, "commands", {}).items():
        yield from _typer((*words, name), below)


def _argparse(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    arguments, options, below = [], [], {}
    for given in parser._actions:
        if isinstance(given, argparse._SubParsersAction):
            below = dict(given.choices)
        elif not given.option_strings:
            choices = tuple(given.choices or ())
            arguments.append(Argument(str(given.metavar), _words(given.help), True, False, choices))
        elif given.dest != "help":
            metavar = "" if given.nargs == 0 else str(given.metavar)
            names = tuple(given.option_strings)
            options.append(Option(names, metavar, _words(given.help), "", given.required, False, ()))
    yield Command(words, _words(parser.description), tuple(arguments), tuple(options))
    for name, parsed in below.items():
        yield from _argparse((*words, name), parsed)


def _metavar(kind: str, choices: tuple[str, ...]) -> str:
    named = {
        "integer": "N",
        "path": "PATH",
        "text": "TEXT",
        "str": "TEXT",
        "int": "N",
        "int range": "N",
        "integer range": "N",
        "float": "N",
        "float range": "N",
    }
    return "|".join(choices) or named.get(kind, kind.upper())


def _words(text: str | None) -> str:
    return inspect.cleandoc(text or "")
