"""GitHub's expressions, `${{ … }}`, as far as our workflows use them. What is unknown here is an error, never empty.

Grammar and coercions: "Evaluate expressions in workflows and actions" of GitHub's documentation. `==` ignores case of
texts; `&&` and `||` give one of their sides; what an object lacks is null, but only where an object can lack it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:('(?:[^']|'')*')|(-?[0-9]+(?:\.[0-9]+)?)|([A-Za-z_][A-Za-z0-9_.-]*)|(==|!=|&&|\|\||[!(),]))"
)
_WORDS = {"true": True, "false": False, "null": None}
_OPEN = ("inputs", "vars", "secrets", "outputs", "env")
"""Where a name that was never set is null: what people configure, and what steps may leave unsaid."""


class Unknown(Exception):
    """An expression says something that this evaluator does not know."""


def fill(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]] = {}) -> str:
    """A text with every `${{ … }}` replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: shown(evaluate(found[1], contexts, functions)), text, flags=re.S)


def condition(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]]) -> bool:
    """What an `if:` says. One that asks for no status holds only while everything succeeds."""
    inner = text.strip()
    if inner.startswith("${{") and inner.endswith("}}"):
        inner = inner[3:-2]
    asked = any(f"{name}(" in inner for name in ("always", "cancelled", "success", "failure"))
    return truth(evaluate(inner, contexts, functions)) and (asked or functions["success"]())


def evaluate(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]] = {}) -> Any:
    """The value of one expression."""
    return _Reader(text, contexts, functions).whole()


def truth(value: Any) -> bool:
    """What counts as true."""
    return value not in (None, False, "", 0)


def shown(value: Any) -> str:
    """A value as text."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class _Reader:
    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]]) -> None:
        self._contexts, self._functions = contexts, functions
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise Unknown(f"{text[at:]!r} in {text!r}")
            kind = ("text", "number", "name", "sign")[found.lastindex - 1] if found.lastindex else ""
            self._tokens.append((kind, found[found.lastindex or 0]))
            at = found.end()
        self._tokens.append(("end", ""))

    def whole(self) -> Any:
        value = self._either()
        if self._tokens[0][0] != "end":
            raise Unknown(f"what is {self._tokens[0][1]!r} doing here?")
        return value

    def _take(self, *signs: str) -> str | None:
        if self._tokens[0][1] in signs and self._tokens[0][0] == "sign":
            return self._tokens.pop(0)[1]
        return None

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if truth(value) else other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = other if truth(value) else value
        return value

    def _compared(self) -> Any:
        value = self._single()
        while sign := self._take("==", "!="):
            same = _same(value, self._single())
            value = same if sign == "==" else not same
        return value

    def _single(self) -> Any:
        if self._take("!"):
            return not truth(self._single())
        if self._take("("):
            value = self._either()
            if not self._take(")"):
                raise Unknown("a parenthesis is not closed")
            return value
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind != "name":
            raise Unknown(f"{text!r} is no value")
        if self._take("("):
            return self._called(text)
        return _WORDS[text] if text in _WORDS else self._looked_up(text)

    def _called(self, name: str) -> Any:
        value = json.loads(shown(self._either())) if name == "fromJSON" else None
        if (name != "fromJSON" and name not in self._functions) or not self._take(")"):
            raise Unknown(f"the function {name}")
        return value if name == "fromJSON" else self._functions[name]()

    def _looked_up(self, path: str) -> Any:
        value: Any = self._contexts
        parent = ""
        for name in path.split("."):
            if not isinstance(value, Mapping) or (name not in value and parent not in _OPEN):
                raise Unknown(f"{name!r} in {path!r}")
            value, parent = value.get(name), name
        return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if type(one) is type(other):
        return bool(one == other)
    return _number(one) == _number(other)


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return 0
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
