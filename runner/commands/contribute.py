"""Verbs for those who ask for benchmarks and those who keep a registry: init, keygen, sign, trust, validate, explain, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

