"""A JSON answer as its leaves: path to value. Numbers are compared as decimal text, however they are written.

Hostile JSON is read to a fixed depth only, and no number is converted: floats differ between machines, and long
integers cost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

DEPTH = 64
"""JSON nested deeper than this is compared as text."""

Leaves = Mapping[tuple[str, ...], str]
"""A JSON document as path to leaf, each leaf as its JSON text, strings without quotes behind a `"`."""

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*(?:"|\\?\Z)', re.S)
_BRACKET = re.compile(r"[\[\]{}]")
_FENCED = re.compile(r"\s*(`{3,10}|~{3,10})[A-Za-z0-9]{0,10}[ \t]*\n(.*)\n[ \t]*\1\s*\Z", re.S)
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?\Z", re.ASCII)


def leaves(text: str) -> Leaves | None:
    """The leaves of a JSON object or array, in a fence or not; None where the text is none, or too deep."""
    if text.lstrip()[:1] in ("`", "~") and (inside := _FENCED.match(text)):
        text = inside[2]
    if text.lstrip()[:1] not in ("{", "[") or _depth(text) > DEPTH:
        return None
    try:
        data = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except ValueError:
        return None
    found: dict[tuple[str, ...], str] = {}
    _flatten(data, (), found)
    return found


class _Number(str):
    """A JSON number as its text."""

    __slots__ = ()


def decimal(text: str) -> str:
    """One writing of a JSON number: 1.0 and 1e0 as 1. Numbers with large exponents stay as they are written."""
    match = _DECIMAL.match(text)
    if not match:
        return text
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    digits, point = whole + fraction, len(whole) + exponent
    if point > len(digits):
        digits += "0" * (point - len(digits))
    elif point < 1:
        digits, point = "0" * (1 - point) + digits, 1
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain


def _depth(text: str) -> int:
    """How deep brackets nest outside strings: `json` would recurse as deep, to a limit that differs between Pythons."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _flatten(data: Any, path: tuple[str, ...], found: dict[tuple[str, ...], str]) -> None:
    if isinstance(data, dict) and data:
        for key in sorted(data):
            _flatten(data[key], (*path, key), found)
    elif isinstance(data, list) and data:
        for index, item in enumerate(data):
            _flatten(item, (*path, str(index)), found)
    elif isinstance(data, _Number):
        found[path] = decimal(str(data))
    else:
        found[path] = f'"{data}' if isinstance(data, str) else json.dumps(data)
