"""Verbs that plan and execute: plan, run, reconcile, status, cancel."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from runner import __version__
from runner.commands.console import JsonFlag, line, note, progress, put_json
from runner.commands.places import cache_folder, checkout, opened, remotes, revision, state_folder
from runner.edges.keys import SoftwareKey, load_keys
from runner.edges.local import LocalExecutor
from runner.edges.memory import MemorySpool
from runner.edges.spool import FolderSpool
from runner.edges.state import SignedState
from runner.errors import Invalid, Usage
from runner.model.receipt import RunnerIdentity
from runner.planview import as_json as plan_json
from runner.planview import as_markdown, as_text
from runner.ports import Emit
from runner.reconcile import Outcome, World, reconcile as reconcile_once
from runner.publish import Desk

FolderOption = Annotated[Path, typer.Option("--repo", help="The registry's clone.")]
RemoteOption = Annotated[
    str | None, typer.Option(help="The remote that holds the truth; default: origin where there is one.")
]


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)
