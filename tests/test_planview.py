"""A plan as text, Markdown and JSON: its facts are there, and nothing from a pull request can act on a reader."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from runner.commands.console import put_json
from runner.model.chance import PValue
from runner.model.jobspec import Container
from runner.plan import Idle, Plan, plan
from runner.registry import load
from runner.rendering.planview import as_json, as_markdown, as_text, row
from tests.hostile import ATTACKS
from tests.ticks import WHO, fresh, state
from tests.worlds import Registry, job_file

HOSTILE_PATHS = [
    "registry/jobs/a\nlice/::error::x.yaml",
    "registry/jobs/\x1b[2J.yaml",
    "registry/jobs/\u202egnp.yaml",
    "registry/jobs/a|b`c.yaml",
    "registry/jobs/![x](https://evil.example/a.png).yaml",
    "registry/jobs/<img src=x onerror=alert(1)>.yaml",
    "registry/jobs/@everyone #1.yaml",
]


ACTIVE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def P(count: int, of: int) -> PValue:  # noqa: N802 - as statisticians write it
    return PValue(count=count, of=of, exact=True)


def planned(registry: Registry) -> Plan:
    now = state(registry)
    return plan(load(now.snapshot, now.trust), now.history, registry.now, "nobody", accepts, paid=False)


def accepts(target: Container) -> str | None:
    return None


def idle(path: str, why: str = "because") -> Plan:
    return Plan((), (), (), (), (), (Idle(path, "invalid", why),))


def test_a_job_to_start_is_told_with_its_cost_and_its_power() -> None:
    found = planned(fresh())
    text = as_text(found)
    assert text.startswith(f"1 to start, 0 to resume, 0 with nothing to do\n\n+ {WHO}\n")
    assert "EU, US, APAC" in text
    assert "3 (3 regions x 1 provider x 1 prompt x 1 answer x 1 target)" in text
    assert "0 GLM at most" in text
    assert "insufficient by design, alpha is 0.05" in text
    assert "alice SHA256:" in text


@pytest.mark.parametrize(
    ("p", "said"),
    [(P(1, 280), "1/280 = 0.0036"), (P(1, 10_000), "1/10000 = 0.0001"), (P(1, 1), " 1: insufficient")],
)
def test_a_bound_is_rounded_up_and_judged(p: PValue, said: str) -> None:
    found = planned(fresh())
    pending = found.pending[0]._replace(smallest_p=p)
    assert said in as_text(found._replace(pending=(pending,)))


def test_alpha_is_shared_by_the_targets() -> None:
    pending = planned(fresh()).pending[0]
    spec = pending.job.spec
    (target,) = spec.spec.targets
    two = (target, target.model_copy(update={"name": "b"}))
    doubled = spec.model_copy(update={"spec": spec.spec.model_copy(update={"targets": two})})
    for p, alone, shared in ((P(1, 20), True, False), (P(1, 40), True, True), (P(1, 19), False, False)):
        one = pending._replace(smallest_p=p)
        assert one.reaches_alpha is alone
        assert one._replace(job=one.job._replace(spec=doubled)).reaches_alpha is shared


def test_what_is_open_over_and_retired_is_told() -> None:
    registry = fresh()
    registry.submit(job_file("other"))
    registry.act(stop=True)
    registry.remove(WHO)
    text = as_text(planned(registry))
    assert f"~ cancel: {WHO} (run " in text
    assert f"- retire: {WHO} (revision 1)" in text
    assert "= registry/jobs/alice/other.yaml: running: " in text


def test_markdown_is_two_tables() -> None:
    registry = fresh()
    registry.submit(job_file("other"))
    registry.commit({"registry/suspended": f"{WHO}\n".encode()})
    lines = as_markdown(planned(registry)).split("\n")
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| job",
        "| `registry/jobs/alice/other.yaml`",
        "| job",
        next(line for line in lines if "suspended" in line).split(" | ")[0],
    ]
    assert "Nothing would run." in as_markdown(idle("x"))


@pytest.mark.parametrize("hostile", [*HOSTILE_PATHS, *ATTACKS])
def test_hostile_names_and_reasons_cannot_act(hostile: str) -> None:
    for text in (row(hostile, "invalid", hostile), as_text(idle(hostile, hostile)).split("\n")[-1]):
        assert not ACTIVE.search(text)
    table = as_markdown(idle(hostile, hostile)).split("\n")
    assert len(table) == 8, "one line a job"
    assert not ACTIVE.search(table[-2])
    prose = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "code", table[-2])
    assert prose == "| code | code code |"


@pytest.mark.parametrize("hostile", HOSTILE_PATHS)
def test_json_is_ascii_and_says_the_same(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    put_json(as_json(idle(hostile, hostile)))
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    data: Mapping[str, list[Mapping[str, str]]] = json.loads(out)
    assert data["idle"] == [{"path": hostile, "code": "invalid", "why": hostile}]


def test_json_names_every_fact() -> None:
    (pending,) = as_json(planned(fresh()))["pending"]
    assert pending["job"] == WHO
    assert pending["regions"] == {"EU": [], "US": [], "APAC": []}
    assert (pending["answers"], pending["worstCase"], pending["generation"]) == (3, {"GLM": "0"}, 1)
    assert pending["reachesAlpha"] is False
