"""When each key counted: its life in the log, from its `key-add` to its `key-revoke`. A fold of the verifier's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.model.entry import Role


class Life(NamedTuple):
    """A key's one life. `added`, `revoked` and `suspect` are log indexes; from `suspect` on what it signed is doubtful,
    even where its revocation was logged later. `since` is the first entry of the commit that added it."""

    role: Role
    principal: str
    added: int
    since: int
    revoked: int | None = None
    suspect: int | None = None

    def doubt(self, index: int) -> str | None:
        """Why the key does not count for an entry, or None."""
        if index <= self.added:
            return f"entered the log at {self.added}, not before entry {index}"
        if self.revoked is not None and index >= self.revoked:
            return f"was revoked at entry {self.revoked}, before entry {index}"
        if self.suspect is not None and index >= self.suspect:
            return f"is suspect from entry {self.suspect} on, and this is entry {index}"
        return None


@dataclass
class KeyLog:
    """Every key that the log ever knew, by its public line."""

    lives: dict[str, Life] = field(default_factory=dict)

    def living(self) -> Mapping[str, Life]:
        """The keys that are not revoked."""
        return {line: life for line, life in self.lives.items() if life.revoked is None}

    def doubt(self, line: str, role: Role, principal: str, index: int) -> str | None:
        """Why a key does not count for an entry in this role and name, or None."""
        life = self.lives.get(line)
        if life is None:
            return f"{line} is not in the log"
        if (life.role, life.principal) != (role, principal):
            return f"{line} is the {life.role} key of {life.principal}, not the {role} key of {principal}"
        doubt = life.doubt(index)
        return f"the {role} key of {principal} {doubt}" if doubt else None

    def of(self, role: Role, principal: str) -> list[str]:
        """The keys that ever had a role and a holder."""
        return [line for line, life in self.lives.items() if (life.role, life.principal) == (role, principal)]
