"""The nouns: every document that is read, signed, hashed or published, frozen and strict.

    JobSpec   what a contributor asks for           jobspec.py
    Policy    what the maintainers allow            policy.py
    ProviderList   whose machines they know, and where            providers.py
    Run       one execution of a JobSpec: Cell, Attempt, Seeds       run.py
    Receipt   what the runner says of one attempt   receipt.py
    DiffReport, Manifest   what was found, and what was published    report.py
    LogEntry, Checkpoint   what was said, in which order             entry.py
    Settlement   what a start of a run was paid     settlement.py

One canonical encoding (RFC 8785) and one digest (SHA-256) serve them all: `canonical.py`.
Constraints here are those that a JSON Schema can say, so that both judges agree; what needs more
than one field, or another file, is judged in `runner/registry`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner.model.canonical import Document, canonical, digest, from_canonical, sha256

if TYPE_CHECKING:
    from runner.model.entry import Checkpoint, LogEntry, parse_entry
    from runner.model.jobspec import JobSpec
    from runner.model.policy import Policy, TrustList
    from runner.model.providers import ProviderList
    from runner.model.receipt import Receipt
    from runner.model.report import DiffReport, Manifest
    from runner.model.run import Attempt, Cell, Run
    from runner.model.settlement import Settlement

__all__ = [
    "Attempt",
    "Cell",
    "Checkpoint",
    "DiffReport",
    "Document",
    "JobSpec",
    "LogEntry",
    "Manifest",
    "Policy",
    "ProviderList",
    "Receipt",
    "Run",
    "Settlement",
    "TrustList",
    "canonical",
    "digest",
    "from_canonical",
    "parse_entry",
    "sha256",
]

_MODULES = {
    "entry": ("Checkpoint", "LogEntry", "parse_entry"),
    "jobspec": ("JobSpec",),
    "policy": ("Policy", "TrustList"),
    "providers": ("ProviderList",),
    "receipt": ("Receipt",),
    "report": ("DiffReport", "Manifest"),
    "run": ("Attempt", "Cell", "Run"),
    "settlement": ("Settlement",),
}


def __getattr__(name: str) -> Any:
    """A noun, from its module (PEP 562): pydantic takes milliseconds for each, and few verbs use all of them."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"runner.model.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
