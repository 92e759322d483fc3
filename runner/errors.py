"""What can go wrong, as values: the error tree, and the finding that a person reads.

    BeaconError                code, message, hint, retryable, exit_code
    ├── Invalid                exit 1: the input is wrong; carries every `Problem` at once
    ├── Unverified             exit 1: evidence does not hold
    ├── Usage                  exit 2: the command line is wrong
    ├── WorkRemains            exit 3: a deadline or a budget ended the work
    ├── Environment            exit 4: something this machine lacks, or a remote that went backwards
    └── Conflict               exit 4: somebody else wrote first; trying again helps

A `Problem` is one mistake in one place. Stages collect problems and raise `Invalid` once, so that an author
sees all of them. No function of this package exits the process; `runner/cli.py` turns errors into exit codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    """One mistake, and where it stands. Lines and columns count from 1; 0 means the whole file."""

    path: str
    line: int
    column: int
    code: str
    message: str
    help: str = ""
    excerpt: str = ""
    width: int = 1
    severity: str = "error"

    def location(self) -> str:
        """`path:line:column`, as compilers print it."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


class BeaconError(Exception):
    """Any failure that this package reports. `code` is stable and known to `beacon explain`."""

    exit_code: ClassVar[int] = 4
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}" + (f" (help: {self.hint})" if self.hint else "")


class Invalid(BeaconError):
    """The input is wrong. `problems` holds every mistake that was found."""

    exit_code = 1

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(first.code, f"{first.location()}: {first.message}{more}", first.help)


class Unverified(BeaconError):
    """A signature, a hash or a proof does not hold."""

    exit_code = 1


class Usage(BeaconError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class WorkRemains(BeaconError):
    """A deadline or a budget ended the work; the next reconcile goes on."""

    exit_code = 3
    retryable = True


class Environment(BeaconError):
    """This machine lacks something, or the remote is not what this runner last signed."""


class Conflict(BeaconError):
    """Somebody else moved the branch first. Nothing was written; reading again and retrying helps."""

    retryable = True


def refused(error: OSError) -> Environment:
    """What the system refused, where nobody nearer to it said more."""
    said = f"{error.filename}: {error.strerror}" if error.filename else str(error) or type(error).__name__
    hint = "look at the path, at whose it is, and at the room on its disk"
    return Environment("system-refused", f"the operating system refused: {said}", hint)
