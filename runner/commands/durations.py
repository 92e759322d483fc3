"""Lengths of time as people write them on a command line."""

from __future__ import annotations

import re

from runner.errors import Usage

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TEXT = re.compile(r"([0-9]{1,6})([smhd])")


def seconds(text: str, option: str) -> float:
    """`90s`, `50m`, `6h`, `2d` in seconds. Raises `Usage` that names the option."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise Usage("duration-invalid", f"{option} {text!r} is no length of time", "write 90s, 50m, 6h or 2d")
    return float(int(found[1]) * _UNITS[found[2]])
