"""The Golem executor's parts without a daemon: what is believed of answers and offers, what is asked and refused."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.edges.golem import answers, connection, demand, images, offers
from runner.edges.golem.answers import Malformed, Proposal
from runner.edges.golem.failure import Failed
from runner.edges.golem.labour import _counted
from runner.edges.golem.loop import Loop
from runner.edges.golem.rest import Rest
from runner.errors import Environment, Unverified
from runner.model.jobspec import Container, Limits
from runner.model.policy import Golem
from tests.conftest import ROOT
from tests.golem import ECHO, POLICY, target

NODE = "0x" + "aB" * 20
PLATFORM = "erc20-hoodi-tglm"
OFFER: dict[str, Any] = {
    "golem.node.id.name": "de-1",
    "golem.node.geo.country_code": "DE",
    "golem.inf.cpu.threads": 4,
    "golem.inf.mem.gib": 4.0,
    "golem.com.pricing.model": "linear",
    "golem.com.pricing.model.linear.coeffs": [2e-05, 5e-05, 0.0],
    "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
    f"golem.com.payment.platform.{PLATFORM}.address": NODE,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def offered(**changed: Any) -> offers.Offer:
    said = {name: value for name, value in (OFFER | changed).items() if value is not None}
    return offers.read(Proposal("R-1", NODE.lower(), False, None, said), PLATFORM)


def test_an_offer_is_read_by_the_order_of_its_own_vector() -> None:
    found = offered()
    assert found.terms == (Decimal("0"), Decimal("0.00002"), Decimal("0.00005"))
    turned = ["golem.usage.cpu_sec", "golem.usage.duration_sec"]
    assert offered(**{"golem.com.usage.vector": turned}).terms[1:] == (Decimal("0.00005"), Decimal("0.00002"))
    assert found.payee == NODE.lower()


@pytest.mark.parametrize(
    "changed",
    [
        {"golem.com.pricing.model": "dynamic"},
        {"golem.com.pricing.model.linear.coeffs": [1, 2]},
        {"golem.com.pricing.model.linear.coeffs": [float("nan"), 0, 0]},
        {"golem.com.pricing.model.linear.coeffs": [float("inf"), 0, 0]},
        {"golem.com.pricing.model.linear.coeffs": [-1, 0, 0]},
        {"golem.com.pricing.model.linear.coeffs": ["1e999999", 0, 0]},
        {"golem.com.pricing.model.linear.coeffs": [True, 0, 0]},
        {"golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.storage_gib"]},
        {"golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.duration_sec"]},
        {"golem.inf.cpu.threads": "4"},
        {"golem.inf.mem.gib": None},
        {f"golem.com.payment.platform.{PLATFORM}.address": "0x1"},
    ],
    ids=str,
)
def test_offers_that_cannot_be_bounded_are_not_offers(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        offered(**changed)


def test_a_name_can_be_written_down() -> None:
    assert offered(**{"golem.node.id.name": "\ud800" + "x" * 300}).name == "?" + "x" * 99
    assert offered(**{"golem.node.id.name": None}).name == "?"


def test_a_country_that_is_none_is_no_claim() -> None:
    for said in ("de", "DEU", 7, ["DE"], None):
        assert offered(**{"golem.node.geo.country_code": said}).country is None


def read_all(data: Any) -> list[Any]:
    """What each reader takes it for; none takes random data for what it reads."""
    found = []
    for read in (answers.proposal, answers.agreement, answers.allocation, answers.bill, answers.result):
        for shape in (data, {"eventType": "ProposalEvent", "proposal": data}, {"offer": data, "demand": data}):
            try:
                found.append(read(shape))
            except Malformed:
                continue
    return found


@given(JSON)
def test_answers_are_read_or_malformed(data: Any) -> None:
    assert set(read_all(data)) <= {None}, "an event of another kind, at most"


@given(JSON)
def test_offers_of_anything_are_read_or_malformed(data: Any) -> None:
    for name in OFFER:
        try:
            offered(**{name: data})
        except Malformed:
            continue


def test_ids_cannot_lead_elsewhere() -> None:
    for bad in ("../x", "a/b", "", "a b", "a?b", "x" * 200, 7, None):
        with pytest.raises(Malformed):
            answers.identifier(bad)


def result(position: int, ok: bool = True, last: bool = False) -> answers.Result:
    return answers.Result(position, ok, "", "", "", last)


def test_results_are_counted() -> None:
    assert _counted([], 2) is None
    assert _counted([result(0)], 2) is None
    assert _counted([result(0), result(1, last=True)], 2) == [result(0), result(1, last=True)]
    assert _counted([result(0, ok=False)], 2) == [result(0, ok=False)]
    for wrong in ([result(0, last=True)], [result(1)], [result(0), result(0)], [result(0), result(1), result(2)]):
        with pytest.raises(Failed) as failed:
            _counted(wrong, 2)
        assert failed.value.reason.startswith("provider: ")


def test_a_demand_asks_for_what_the_limits_say() -> None:
    package = demand.source("cid", "http://127.0.0.1/cid.tar")
    said = demand.constraints(package, "beacon", Limits.from_json({"cpus": 2, "memoryMiB": 1536}), ["(x=*)"])
    assert "(golem.inf.cpu.threads>=2)(golem.inf.mem.gib>=1.5)(x=*))" in said
    assert demand.properties(demand.gvmi("ab" * 28, "http://x/y"), "s", _moment(), {})[
        "golem.srv.comp.task_package"
    ].startswith("hash:sha3:abab")


def test_negotiable_terms_are_the_providers_numbers() -> None:
    name = "golem.com.payment.debit-notes.accept-timeout?"
    assert demand.negotiable({name: 240, "evil?": 1}) == {name: 240}
    assert demand.negotiable({name: "240"}) == {}


def test_the_same_folder_gives_the_same_tar() -> None:
    made = images.tar({"b/c.py": b"2", "a.py": b"1"})
    assert made == images.tar({"a.py": b"1", "b/c.py": b"2"})
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        assert [(item.name, item.mtime, item.mode) for item in archive] == [("a.py", 0, 0o644), ("b/c.py", 0, 0o644)]


def test_a_network_runs_gvmi_and_a_devnet_source_too(tmp_path: Path) -> None:
    hoodi, with_images = Golem.from_json({"network": "hoodi"}), {"network": "hoodi", "images": "https://x/{hash}"}
    gvmi = Container.from_json(target().to_json() | {"image": {"gvmi": "ab" * 28}})
    assert images.refuses(target(), POLICY) is None
    assert "no form `gvmi`" in str(images.refuses(target(), hoodi))
    assert "{hash}" in str(images.refuses(gvmi, hoodi))
    assert images.refuses(gvmi, Golem.from_json(with_images)) is None
    there = connection.Connection("devnet", "http://d", "key", "s", PLATFORM, "http://i", tmp_path, tmp_path / "m")
    with pytest.raises(Environment) as error:
        images.package(gvmi, there)
    assert error.value.code == "golem-image"
    (tmp_path / f"{'ab' * 28}.gvmi").write_bytes(b"")
    assert images.package(gvmi, there)[0].task == f"hash:sha3:{'ab' * 28}:http://i/{'ab' * 28}.gvmi"
    images.publish(target(), ECHO, there)
    assert len(list(tmp_path.glob("*.tar"))) == 1
    with pytest.raises(Unverified):
        images.publish(target(), {"benchmark.py": b"another"}, there)


def test_a_connection_is_found_or_says_what_is_missing(tmp_path: Path) -> None:
    policy = Golem.from_json({"network": "polygon", "subnet": "public"})
    with pytest.raises(Environment) as error:
        connection.find(policy, {}, tmp_path)
    assert error.value.code == "golem-key"
    found = connection.find(policy, {"YAGNA_APPKEY": "k", "YAGNA_API_URL": "http://127.0.0.1:9/"}, tmp_path)
    assert (found.url, found.platform, found.simulated) == ("http://127.0.0.1:9", "erc20-polygon-glm", False)
    for text in (None, "[]", "{}", '{"apiUrl": 7}'):
        if text is not None:
            (tmp_path / "devnet.json").write_text(text)
        with pytest.raises(Environment) as error:
            connection.find(POLICY, {"BEACON_DEVNET": str(tmp_path)}, tmp_path)
        assert error.value.code == "devnet-absent"


def test_the_loop_hands_over_results_errors_and_cancellation() -> None:
    loop, cancel = Loop(), threading.Event()
    try:
        assert loop.call(_value(7)) == 7
        with pytest.raises(TimeoutError):
            loop.call(_timeout())

        async def waits(stop: asyncio.Event) -> float:
            await stop.wait()
            return time.monotonic()

        threading.Timer(0.2, cancel.set).start()
        begun = time.monotonic()
        assert 0.1 < loop.call_until(waits, cancel) - begun < 2
    finally:
        loop.close()


@pytest.mark.parametrize("steps", range(6))
def test_a_cancellation_is_heard_however_near_the_answer_is(steps: int) -> None:
    async def cancelled() -> bool:
        there = connection.Connection("devnet", "http://127.0.0.1:1", "key", "s", PLATFORM, None, None, None)
        daemon, answer = Rest(there), asyncio.get_running_loop().create_future()

        async def call() -> object:
            return await answer

        task = asyncio.create_task(daemon.ask("state", call(), 60))
        await asyncio.sleep(0.01)
        answer.set_result("Ready")
        for _ in range(steps):
            await asyncio.sleep(0)
        asked = task.cancel()
        await asyncio.wait((task,))
        await daemon.close()
        return asked == task.cancelled()

    assert asyncio.run(cancelled())


class _JustAfter(Future[int]):
    """Ends in the moment between a wait that saw no end and whatever is asked next."""

    def result(self, timeout: float | None = None) -> int:
        if timeout is not None and not self.done():
            self.set_result(7)
            raise TimeoutError
        return super().result(timeout)


def test_the_loop_loses_no_result_that_comes_just_after_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken for work that had timed out, and ended the reconcile."""
    future, loop = _JustAfter(), Loop()
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", lambda work, _: work.close() or future)
    later = threading.Timer(0.3, lambda: future.done() or future.set_result(7))
    later.start()
    try:
        assert loop.call(_value(0)) == 7
    finally:
        later.join()
        monkeypatch.undo()
        loop.close()


async def _value(value: int) -> int:
    return value


async def _timeout() -> None:
    raise TimeoutError


def _moment() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 22, tzinfo=UTC)


def test_the_script_captures_both_streams() -> None:
    (command,) = json.loads(demand.run(["abc"]))
    assert command["run"]["entry_point"] == "/golem/run/beacon-run"
    assert command["run"]["args"] == ["abc"]
    assert command["run"]["capture"].keys() == {"stdout", "stderr"}


@pytest.mark.parametrize("missing", ["yapapi", "pkg_resources"])
def test_a_missing_library_is_said_with_the_way_to_get_it(missing: str) -> None:
    program = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from runner.edges.golem.library import load\n"
        "from runner.errors import Environment\n"
        "try: load()\n"
        "except Environment as error: print(error.code, error.message, error.hint)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.stdout.startswith(f"golem-library yapapi cannot be imported: there is no module {missing}")
    assert "pip install 'beacon-runner[golem]'" in said.stdout


def test_the_executor_imports_yapapi_late() -> None:
    program = "import sys, runner.edges.golem.executor; print({'yapapi', 'aiohttp', 'ya_market'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.stdout == "set()\n"
