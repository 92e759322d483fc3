"""`beacon doctor` and `beacon sweep` in a scratch registry: without Golem, without a daemon, and on the devnet."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.cli import main
from runner.edges.devnet.net import Devnet
from tests.golem import Bench, run_id, work
from tests.scratch import Scratch, scratch


class Said(NamedTuple):
    """How a verb ended, and the JSON on its stdout."""

    code: int
    json: Any


Verb = Callable[..., Said]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return scratch(tmp_path_factory.mktemp("golem-verbs"))


@pytest.fixture
def beacon(place: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verb:
    """A verb with --json, in the registry, with a state folder of the test's own."""
    monkeypatch.setenv("BEACON_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BEACON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BEACON_DEVNET", str(tmp_path / "no devnet"))

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in (*arguments, "--repo", place.clone, "--json")])
        said = capsys.readouterr().out
        return Said(code, json.loads(said) if said else None)

    return run


@pytest.fixture
def on_devnet(place: Scratch) -> None:
    """The registry's policy names the devnet."""
    path = place.clone / "registry" / "policy.yaml"
    if "\ngolem:" not in path.read_text():
        path.write_text(path.read_text() + "golem:\n  network: devnet\n  prices: {hour: '1', cpuHour: '1'}\n")
        place.push("Run on a devnet")


def checks(said: Said) -> dict[str, Any]:
    return {check["name"]: check for check in said.json["checks"]}


def test_without_golem_there_is_little_to_look_at(place: Scratch, beacon: Verb) -> None:
    found = beacon("doctor", "--keys", place.keys / "runner")
    assert found.code == 0
    assert found.json["ok"]
    told = checks(found)
    assert told["golem"]["said"].startswith("not used")
    assert told["keys"]["ok"]
    assert told["sandbox"]["ok"]
    assert beacon("sweep").json == {"schema": "beacon/sweep/v1", "swept": []}


def test_wrong_keys_and_no_daemon_are_said_with_what_mends_them(on_devnet: None, beacon: Verb, tmp_path: Path) -> None:
    found = beacon("doctor", "--keys", tmp_path)
    assert found.code == 4
    assert not found.json["ok"]
    told = checks(found)
    assert told["keys"]["ok"] is False
    assert told["golem"]["ok"] is False
    assert told["golem"]["mend"] == "beacon devnet up"
    assert beacon("sweep").json["error"]["code"] == "devnet-absent"


@pytest.mark.parametrize("amount", ["0", "-1", "x", "NaN", "Infinity"])
def test_amounts_are_checked(beacon: Verb, amount: str) -> None:
    said = beacon("doctor", f"--amount={amount}")
    assert (said.code, said.json["error"]["code"]) == (2, "amount-malformed")


def test_options_that_exclude_each_other(beacon: Verb) -> None:
    assert beacon("sweep", "--pay", "x", "--dismiss", "y").json["error"]["code"] == "sweep-options"
    assert beacon("sweep", "--dry-run", "--dismiss", "y").json["error"]["code"] == "sweep-options"


@pytest.mark.slow
def test_on_the_devnet_what_was_left_is_found_and_swept(
    on_devnet: None, beacon: Verb, devnet: Devnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEACON_DEVNET", str(devnet.folder))
    healthy = beacon("doctor")
    assert healthy.code == 0, healthy.json
    told = checks(healthy)
    assert {"daemon", "identity", "account", "funds", "left behind"} <= told.keys()
    assert told["funds"]["said"] == "0.01 GLM can be set aside"
    assert told["vantages"]["said"] == "devnet"
    devnet.fault("us-3", "overcharge", times=1)
    bench = Bench(devnet, tmp_path)
    with bench.executor() as executor:  # no finish: the allocation stays, and the invoice is disputed
        found = executor.run(work(run_id("left"), "US", avoid=bench.others("us-3")), threading.Event())
        assert found.status == "ok"
    ill = beacon("doctor")
    assert (ill.code, checks(ill)["left behind"]["ok"]) == (4, False)
    planned = beacon("sweep", "--dry-run").json["swept"]
    assert sorted((one["did"], one["what"]) for one in planned) == [("left", "invoice"), ("released", "allocation")]
    assert [one for one in bench.left_open() if one.startswith("allocation")], "nothing was done yet"
    assert beacon("sweep").json["swept"] == planned
    assert not bench.left_open()
    (invoice,) = [one["id"] for one in planned if one["what"] == "invoice"]
    assert beacon("sweep", "--pay", "unknown").json["error"]["code"] == "golem-invoice"
    assert beacon("sweep", "--pay", invoice).json["swept"][0]["did"] == "paid"
    assert [one["status"] for one in devnet.invoices() if one["id"] == invoice] == ["ACCEPTED"]
    assert beacon("sweep").json["swept"] == []
    assert not bench.left_open()
