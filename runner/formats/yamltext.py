"""The characters of a YAML file, judged before any parser sees them.

Refused: what is not UTF-8, tabs, CR, control and bidi characters, a byte order mark, directives, a last line without
its end, more bytes than its reader allows (64 KiB, unless it says more). `read` gives the text with each of them made
harmless, so that the rest of the file can still be judged. The YAML itself is judged in `formats/strictyaml.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from runner.errors import Invalid, Problem

MAX_BYTES = 64 * 1024

# Whatever PyYAML's two readers do not both take, line ends other than LF, and what reorders a line on the screen.
_FORBIDDEN = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_DIRECTIVE = re.compile(r"\A(?:[ ]*(?:#[^\n]*)?\n)*%")
_SHOWN = 20


class Text(NamedTuple):
    """What a parser may read, its lines as their author wrote them, and what was wrong with the characters."""

    readable: str
    lines: tuple[str, ...]
    problems: tuple[Problem, ...]


def read(raw: bytes, path: str, most: int = MAX_BYTES) -> Text:
    """The text of a file. Raises `Invalid` where there is none: more than `most` bytes, or not UTF-8."""
    if len(raw) > most:
        message = f"the file has {len(raw)} bytes; at most {most} are read"
        raise Invalid([Problem(path, 0, 0, "yaml-size", message, "split the file")])
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line, column = _position(raw[: error.start].decode())
        message = f"byte 0x{raw[error.start]:02X} is not UTF-8"
        raise Invalid([Problem(path, line, column, "yaml-utf8", message, "save the file as UTF-8")]) from None

    found: list[tuple[int, str, str, str]] = []
    marked = text.startswith("\ufeff")
    if marked:
        found.append((0, "yaml-bom", "the file begins with a byte order mark", "save it as UTF-8 without BOM"))
        text = text[1:]
    if text and not text.endswith("\n"):
        found.append((len(text), "yaml-newline", "the last line has no line end", "end the file with a line feed"))
    lines = tuple(text.split("\n"))
    readable = text
    if _FORBIDDEN.search(text):
        counts = Counter(_FORBIDDEN.findall(text))
        found += [(text.index(character), *_forbidden(character, n)) for character, n in counts.most_common(_SHOWN)]
        readable = _FORBIDDEN.sub(" ", text)
    if match := _DIRECTIVE.match(readable):
        found.append((match.end() - 1, "yaml-directive", "a YAML directive", "remove the line"))
        readable = re.sub(r"(?m)^%", "#", readable)
    return Text(readable, lines, tuple(_problem(path, text, lines, *mistake) for mistake in found))


def _forbidden(character: str, count: int) -> tuple[str, str, str]:
    """Code, message and help for a character that stands `count` times in the text."""
    times = f", {count} times" if count > 1 else ""
    if character == "\t":
        return "yaml-tab", f"a tab{times}", 'indent with spaces; inside quotes write "\\t"'
    if character == "\r":
        return "yaml-cr", f"a carriage return{times}", "save the file with Unix line ends (LF)"
    code = ord(character)
    escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return "yaml-control", f"the character U+{code:04X}{times}", f'remove it, or write "{escape}" in double quotes'


def _problem(path: str, text: str, lines: tuple[str, ...], offset: int, code: str, message: str, hint: str) -> Problem:
    line, column = _position(text[:offset])
    return Problem(path, line, column, code, message, hint, lines[line - 1])


def _position(before: str) -> tuple[int, int]:
    """Line and column of what follows a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
