"""A paid network in memory: an executor whose agreements, invoices and settlements are values, and a policy for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from runner.model import Settlement, sha256
from runner.model.receipt import Executor, Provider
from runner.model.settlement import Paid
from runner.money import plain, total
from runner.ports import AttemptResult, Work
from runner.schedules import instant
from tests.fake_executor import Answer, echo
from tests.worlds import ClockedExecutor, Registry, job_file

BUDGET = {"currency": "GLM", "total": "3", "perRegion": "1"}
PRICES = 'golem:\n  network: polygon\n  prices: {start: "0", hour: "0.5", cpuHour: "0.5"}\n'
"""An attempt of the test job (120 s + 600 s on one thread) costs 0.2 GLM at most."""


class Bill(NamedTuple):
    """What a provider asks for an attempt, what is owed at most, and what is accepted; no `amount` is no invoice."""

    asked: str | None = "0.01"
    owed: str = "0.02"
    amount: str = "0.01"
    why: str | None = None


class PaidExecutor(ClockedExecutor):
    """An executor on a paid network. `bill` says what an attempt costs; `closed` whether settlements can be made by
    now; `journal` outlives it, as a file does a process."""

    kind = "golem"

    def __init__(
        self,
        registry: Registry,
        answer: Answer = echo,
        bill: Callable[[Work], Bill] = lambda _: Bill(),
        journal: dict[int, list[Paid]] | None = None,
    ) -> None:
        super().__init__(registry, answer)
        self._bill = bill
        self.journal: dict[int, list[Paid]] = {} if journal is None else journal
        self._runs: dict[int, str] = {}
        self.closed = True
        self.forgotten: list[int] = []

    def run(self, work: Work, cancel: threading.Event) -> AttemptResult:
        """See `FakeExecutor.run`."""
        result = super().run(work, cancel)
        bill, attempt = self._bill(work), work.attempt
        with self._lock:
            made = self.journal.setdefault(work.start, [])
            self._runs[work.start] = attempt.run
            agreement = sha256(f"{work.start} {attempt.stem} {len(made)}".encode())
            invoice = None if bill.asked is None else f"invoice-{agreement[:12]}"
            paid = Paid(
                region=attempt.region,
                slot=attempt.slot,
                n=attempt.n,
                provider=result.provider.id,
                payee=f"{result.provider.id}-wallet",
                agreement=agreement,
                invoice=invoice,
                asked=bill.asked or "0",
                amount=bill.amount,
                owed=bill.owed,
                at=instant(self._registry.now) if bill.amount != "0" else None,
                why=bill.why,
            )
            made.append(paid)
        return result._replace(
            executor=Executor(kind="golem", version="yagna 0.17.6", network="polygon", simulated=False),
            provider=Provider(
                id=result.provider.id,
                name="paid",
                payee=paid.payee,
                agreement=agreement,
                activity=f"activity-{agreement[:12]}",
            ),
            usage={"cpu-ms": 5, "duration-ms": 12},
            reserved=work.reserved,
            observed=bill.amount,
            invoice=invoice if bill.amount != "0" else None,
        )

    def settlement(self, start: int, run: str) -> Settlement | None:
        """What the journal says, once everything is closed."""
        if not self.closed:
            return None
        agreements = sorted(self.journal.get(start, ()), key=lambda paid: (paid.region, paid.slot, paid.n))
        return Settlement(
            run=run,
            start=start,
            network="polygon",
            platform="erc20-polygon-glm",
            amount=plain(total(paid.amount for paid in agreements)),
            agreements=tuple(agreements),
        )

    def remembered(self) -> tuple[tuple[int, str], ...]:
        """The journal's starts, as far as this process made them."""
        return tuple((start, self._runs[start]) for start in sorted(self.journal) if start in self._runs)

    def settled(self, start: int, run: str) -> None:
        """The journal forgets."""
        self.journal.pop(start, None)
        self.forgotten.append(start)


def allow(registry: Registry, owner_month: str = "9", month: str = "9", golem: str = PRICES) -> None:
    """Merge a policy under which money may be spent, at `golem`'s prices."""
    policy = registry.read("registry/policy.yaml").decode()
    for name, amount in (("job", "9"), ("ownerMonth", owner_month), ("month", month)):
        policy = policy.replace(f'  {name}:\n    GLM: "0"\n', f'  {name}:\n    GLM: "{amount}"\n')
    registry.entrust({"registry/policy.yaml": (policy + golem).encode()})


def paid_registry(*names: str, bill: Callable[[Work], Bill] = lambda _: Bill()) -> Registry:
    """A registry with jobs that cost money (`who` unless named), which nobody has run."""
    registry = Registry()
    allow(registry)
    for name in names or ("who",):
        registry.submit(job_file(name, budget=BUDGET))
    registry.executor = PaidExecutor(registry, bill=bill)
    return registry
