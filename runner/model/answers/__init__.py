"""What verbs print with `--json`: the shapes behind `schemas/answers/`, each with a name and a version of its own.

Nothing is made or read by these models; verbs print plain data, and a test holds what they print to the schemas. Texts
of jobs, models and files are as they were found, and hostile to whoever shows them.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.model.answers.base import Answer
from runner.model.answers.machines import (
    Devnet,
    Executed,
    Exported,
    Fetch,
    Gc,
    Image,
    Provider,
    Rescore,
    Scan,
    Told,
    Vantage,
)
from runner.model.answers.reading import (
    BundleCid,
    Described,
    Diff,
    Doctor,
    Event,
    Explained,
    Files,
    Keygen,
    Keys,
    LogCheck,
    LogFsck,
    LogProof,
    LogShow,
    Names,
    Providers,
    Report,
    Sign,
    Verify,
)
from runner.model.answers.work import (
    Cancel,
    Comments,
    Error,
    Pin,
    Plan,
    Problems,
    Reconcile,
    Rerun,
    Status,
    Suspended,
    Sweep,
    Validate,
)

ANSWERS: Mapping[str, type[Answer]] = {
    "bundle": BundleCid,
    "cancel": Cancel,
    "comments": Comments,
    "daemon": Told,
    "describe": Described,
    "devnet": Devnet,
    "diff": Diff,
    "doctor": Doctor,
    "error": Error,
    "event": Event,
    "executed": Executed,
    "explain": Explained,
    "exported": Exported,
    "fetch": Fetch,
    "gc": Gc,
    "image": Image,
    "init": Files,
    "keygen": Keygen,
    "keys": Keys,
    "log": LogShow,
    "log-check": LogCheck,
    "log-fsck": LogFsck,
    "log-prove": LogProof,
    "pin": Pin,
    "plan": Plan,
    "problems": Problems,
    "provider": Provider,
    "providers": Providers,
    "reconcile": Reconcile,
    "report": Report,
    "rerun": Rerun,
    "rescore": Rescore,
    "resume": Suspended,
    "scan": Scan,
    "schema": Names,
    "sign": Sign,
    "status": Status,
    "suspend": Suspended,
    "sweep": Sweep,
    "trust": Files,
    "validate": Validate,
    "vantage": Vantage,
    "verify": Verify,
}
"""By the name between `beacon/` and `/v1` of the field `schema`."""
