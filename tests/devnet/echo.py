"""The echo benchmark under the wrapper: what is asked of it on a devnet, and how its answer is read."""

from __future__ import annotations

import json
from pathlib import Path

from runner.wrapped import Wrapped, read
from tests.devnet.requestor import call

ECHO = (Path(__file__).parents[1] / "benchmarks" / "echo" / "benchmark.py").read_bytes()
ASKED = {
    "protocol": "beacon/benchmark/v1",
    "target": "m",
    "cells": [{"id": "who.1", "prompt": "Who?", "seed": 1, "parameters": {}}],
}
BENCHMARK = call(["python", "benchmark.py"], json.dumps(ASKED).encode())


def wrapped(line: str | None) -> Wrapped:
    """What the wrapper printed."""
    assert line is not None
    return read(line, 1 << 20)


def answer(line: str | None) -> str:
    """What the benchmark answered to its one cell."""
    return str(json.loads(wrapped(line).stdout)["output"])
