"""Faults that the devnet's providers can be told to have. The runner knows nothing of them.

A fault is set on one provider and strikes `times` times, or until it is cleared; with `chance` it strikes at random,
from a seed, so that a test can be repeated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.errors import Usage

KINDS: Mapping[str, Mapping[str, Any]] = {
    "reject-proposal": {},
    "reject-agreement": {},
    "silent-agreement": {},
    "activity-fail": {},
    "deploy-fail": {},
    "die-mid-batch": {},
    "slow": {"seconds": 60.0},
    "overcharge": {"factor": 1000.0},
    "no-invoice": {},
    "wrong-country": {"country": ""},
    "swap": {"parameters": {}},
    "flood": {"bytes": 1 << 20},
    "binary": {},
    "clock": {"seconds": 86_400.0},
    "crash": {},
}
"""Every kind, with its options and what they are where nothing is said.

    reject-proposal    it answers no demand                reject-agreement   it refuses what it had proposed
    silent-agreement   it never answers an agreement       activity-fail      its exe-unit does not start
    deploy-fail        it cannot fetch the image           die-mid-batch      its exe-unit dies while a command runs
    slow               a command begins `seconds` late     overcharge         it bills `factor` times the amount
    no-invoice         it sends none                       wrong-country      traffic leaves from `country`'s address
    swap               `parameters` go over the request's  flood              it prints `bytes` bytes of letters
    binary             it prints bytes that are no UTF-8   clock              its clock is `seconds` ahead
    crash              while a command runs it vanishes without a word, and comes back once the fault is cleared
"""


@dataclass
class Fault:
    """A fault of one provider. `left` is None where it strikes until it is cleared; `struck` counts."""

    kind: str
    options: Mapping[str, Any]
    left: int | None = None
    chance: float = 1.0
    seed: int = 0
    struck: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, and no secret

    def strikes(self) -> bool:
        """Whether it happens this time; counts it if so."""
        if self.left == 0 or (self.chance < 1 and self._random.random() >= self.chance):
            return False
        self.left = None if self.left is None else self.left - 1
        self.struck += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """For `beacon devnet status`."""
        return {"kind": self.kind, "options": dict(self.options), "left": self.left, "struck": self.struck}


class Faults:
    """The faults of one provider, by kind."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Fault] = {}

    def set(self, kind: str, times: int | None = None, chance: float = 1.0, seed: int = 0, **options: Any) -> None:
        """Set or replace a fault. Raises `Usage` for a kind or an option that does not exist."""
        if kind not in KINDS:
            raise Usage("devnet-fault", f"there is no fault {kind!r}", f"known: {', '.join(KINDS)}")
        if unknown := sorted(options.keys() - KINDS[kind].keys()):
            raise Usage("devnet-fault", f"the fault {kind} has no option {unknown[0]!r}")
        self._by_kind[kind] = Fault(kind, {**KINDS[kind], **options}, times, chance, seed)

    def clear(self) -> None:
        """No more faults."""
        self._by_kind.clear()

    def strike(self, kind: str) -> Mapping[str, Any] | None:
        """The options of a fault that happens now, None where it does not."""
        fault = self._by_kind.get(kind)
        return fault.options if fault and fault.strikes() else None

    def looming(self, kind: str) -> Mapping[str, Any] | None:
        """The options of a fault that has not struck as often as it is to, without counting."""
        fault = self._by_kind.get(kind)
        return fault.options if fault and fault.left != 0 else None

    def standing(self, kind: str) -> bool:
        """Whether a fault of this kind is set, without counting."""
        return kind in self._by_kind

    def struck(self, kind: str) -> int:
        """How often a fault that is set has struck."""
        return self._by_kind[kind].struck if kind in self._by_kind else 0

    def as_json(self) -> list[dict[str, Any]]:
        """Every fault that is set."""
        return [fault.as_json() for fault in self._by_kind.values()]
