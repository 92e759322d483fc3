"""`beacon describe`: what the log, the receipts and the settlements say of one run, on one page or as JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.dossier import as_json, dossier, find_run
from runner.errors import Unverified, Usage
from runner.leases import CLOCK_MARGIN
from runner.ports import AttemptResult, Work
from runner.rendering.neutral import visible
from tests.hostile import ATTACKS
from tests.paid import BUDGET, Bill, PaidExecutor, paid_registry
from tests.test_cancelling import cancelled
from tests.ticks import LEASE, WHO, hire, state
from tests.worlds import Registry, job_file

ACTIVE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
Describe = Callable[..., str]


@pytest.fixture
def describe(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Describe:
    """The verb, on a clone of a registry."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def run(registry: Registry, *arguments: str) -> str:
        folder = tmp_path / "clone"
        folder.mkdir()
        registry.check_out(folder)
        assert main(["describe", *arguments, "--repo", str(folder)]) == 0
        return capsys.readouterr().out

    return run


def facts(registry: Registry, which: str = "who") -> dict[str, Any]:
    """The run as data."""
    now = state(registry)
    return as_json(dossier(now, find_run(now, which)))


def disputed(work: Work) -> Bill:
    """One provider asks for more than is owed, another never asks."""
    if work.region.name == "EU":
        return Bill("5", "0.02", "0", "0.02 GLM were owed at most")
    return Bill(None, "0.02", "0", "no invoice came") if work.region.name == "US" else Bill()


def test_a_settled_run_is_told_in_full(describe: Describe) -> None:
    registry = paid_registry(bill=disputed)
    registry.act()
    run = next(iter(state(registry).history.ended))
    text = describe(registry, run[:8])
    assert text.startswith(f"run {run}\n    job         {WHO}, revision 1, SHA-256 ")
    for said in (
        "start       log entry 6, generation 1: rita at 2026-11-22T03:00:00Z for 3900 s; 3 GLM reserved",
        "end         log entry 7: published, CID bafybei",
        "settlement  log entry 8: 0.01 GLM of 5.01 asked were accepted, 5 refused; 3 agreements on polygon",
        "verdict     ",
        "echo EU 1.1: ok, 1 of 1 answers",
        "executor    golem yagna 0.17.6, network polygon",
        "provider    fake-eu-1 (paid), paid to fake-eu-1-wallet",
        "region      asked for EU, seen: nothing; claimed: a label",
        "agreement   ",
        "activity    activity-",
        "times       queued 2026-11-22T03:00:00Z, started 2026-11-22T03:00:00Z, ended 2026-11-22T03:00:00Z; 12 ms",
        "usage       cpu-ms 5, duration-ms 12",
        "cost        0.01 GLM seen, 0.2 reserved; invoice invoice-",
        ": 5 GLM asked, 0.02 owed at most, 0 accepted: 0.02 GLM were owed at most",
        "settled     no invoice: 0 GLM asked, 0.02 owed at most, 0 accepted: no invoice came",
        ": 0.01 GLM asked, 0.02 owed at most, 0.01 accepted at 2026-11-22T03:00:00Z",
    ):
        assert f"    {said}" in text or said in text, said
    assert "reserved; invoice" in text
    assert "SIMULATED" not in text


def test_json_says_the_same_alone_on_stdout(describe: Describe) -> None:
    registry = paid_registry(bill=disputed)
    registry.act()
    data = json.loads(describe(registry, "who", "--json"))
    assert data == facts(registry) | {"schema": "beacon/describe/v1", "kept": {}}
    (start,) = data["starts"]
    assert (start["entry"], start["runner"], start["reserved"], start["unsettled"]) == (6, "rita", "3", False)
    assert start["end"]["type"] == "run"
    assert {name: start["settlement"][name] for name in ("entry", "asked", "accepted", "disputed")} == {
        "entry": 8,
        "asked": "5.01",
        "accepted": "0.01",
        "disputed": "5",
    }
    europe = next(one for one in data["attempts"] if one["attempt"]["region"] == "EU")
    assert europe["settled"]["agreement"] == europe["provider"]["agreement"]
    assert europe["cells"] == {"asked": 1, "answered": 1}
    assert data["cutShort"] == []


def test_an_open_run_is_what_the_log_says(describe: Describe) -> None:
    registry = paid_registry()
    registry.act(stop=True)
    text = describe(registry, "alice/who")
    assert "end         none yet: open" in text
    assert "settlement  none yet: what it cost is not known, and the reservation counts" in text
    assert "attempts    not known: receipts are published with the run" in text
    data = facts(registry)
    assert (data["verdict"], data["attempts"], data["starts"][0]["unsettled"]) == (None, [], True)


def test_every_start_of_a_run_is_told() -> None:
    registry = paid_registry()
    hire(registry)
    registry.act(stop=True)
    registry.wait(seconds=LEASE + CLOCK_MARGIN)
    registry.executor = PaidExecutor(registry)
    registry.act("rolf")
    told = [
        (one["runner"], one["generation"], one["end"]["type"], one["unsettled"]) for one in facts(registry)["starts"]
    ]
    assert told == [("rita", 1, "abandoned", True), ("rolf", 2, "run", False)]


def test_agreements_without_a_receipt_are_told(describe: Describe) -> None:
    registry = paid_registry()
    executor = PaidExecutor(registry)
    executor.closed = False
    registry.executor = executor
    registry.act()
    executor.journal[6].append(executor.journal[6][0].model_copy(update={"agreement": "cut-short", "n": 2}))
    executor.closed = True
    registry.act()
    assert [paid["agreement"] for paid in facts(registry)["cutShort"]] == ["cut-short"]
    assert ".2: cut short, no receipt\n" in describe(registry, "who")


def test_a_cancelled_run_has_its_end() -> None:
    registry = paid_registry()
    registry.act(stop=True)
    registry.remove(WHO)
    registry.act()
    (start,) = facts(registry)["starts"]
    assert start["end"]["type"] == "cancelled"
    assert start["settlement"]["accepted"] == "0"


def test_attempts_of_a_cancelled_run_are_told(describe: Describe) -> None:
    registry = cancelled()
    data = facts(registry)
    assert sorted(one["status"] for one in data["attempts"]) == ["cancelled", "ok"]
    assert all(one["settled"]["agreement"] == one["provider"]["agreement"] for one in data["attempts"])
    assert (data["verdict"], data["cutShort"]) == (None, [])
    assert data["starts"][0]["end"]["cid"]
    text = describe(registry, "who")
    assert ": cancelled at 2026-11-22T03:00:00Z, with receipts, CID bafybei" in text
    assert "verdict     none: it was called off, and nothing was compared" in text
    assert ": cancelled, 0 of 1 answers: cancelled: while it ran" in text
    assert f"report      {data['folder']}/README.md" in text


def test_runs_are_named_by_their_first_digits_or_by_their_job() -> None:
    registry = paid_registry("who", "daily")
    registry.submit(job_file("often", schedule="0 3 * * *", budget=BUDGET))
    registry.act()
    registry.wait(days=1)
    registry.act()
    now = state(registry)
    newest = max(now.history.ended.values(), key=lambda end: end.start.at).start
    for name in (newest.run, newest.run[:12], "often", "alice/often", "registry/jobs/alice/often.yaml"):
        assert find_run(now, name) == newest.run
    for wrong in ("nobody", "", "of"):
        with pytest.raises(Usage) as error:
            find_run(now, wrong)
        assert error.value.code == "run-unknown"


def test_what_is_gone_is_said() -> None:
    registry = paid_registry()
    registry.act()
    path = next(path for path in registry.files("reports") if "/receipts/" in path)
    registry.commit({path: None})
    with pytest.raises(Unverified, match="is gone"):
        facts(registry)


def test_words_of_a_provider_cannot_act_on_a_terminal(describe: Describe, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = paid_registry()
    registry.executor = Hostile(registry)
    registry.act()
    text = describe(registry, "who")
    assert not ACTIVE.search(text)
    for words in Hostile.WORDS:
        assert f"({visible(words)})".replace("\n", "⟦U+000A⟧").replace("\t", "⟦U+0009⟧") in text
    assert all(re.match(r"run |echo |    [a-z]|$", line) for line in text.split("\n")), "one line a fact"


class Hostile(PaidExecutor):
    """Providers whose every word is an attack; each attempt has another one."""

    WORDS = tuple(attack for attack in ATTACKS if attack.isprintable() is False and 0 < len(attack) < 200)[:18]

    def run(self, work: Work, cancel: Any) -> AttemptResult:
        """See `PaidExecutor.run`."""
        result = super().run(work, cancel)
        regions = ("EU", "US", "APAC")
        text = self.WORDS[regions.index(work.region.name) * 6 + work.attempt.n - 1]
        region = result.region.model_copy(update={"evidence": text})
        provider = result.provider.model_copy(update={"name": text, "activity": text})
        failed = work.attempt.n <= 5
        cells = tuple(
            output._replace(status="missing", output=None, finish=None, ms=None) if failed else output
            for output in result.cells
        )
        status = "failed" if failed else "ok"
        return result._replace(
            provider=provider, reason=text, region=region, cells=cells, status=status, retryable=failed
        )
