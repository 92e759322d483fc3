"""`beacon ci`: the plan below a pull request, and in a job's summary. Files may be hostile; which pull request it is,
the forge alone says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from jsonschema import Draft202012Validator

from runner.commands.places import git
from runner.commands.reconcile import as_data
from runner.errors import Unverified
from runner.registry.schemas import answers
from runner.rendering import plandata
from runner.rendering.plandata import PlanData, Tick, Troubles, read
from runner.rendering.proposalpage import MARKER, PullRequest, comment, summary, tick
from tests.forge import BOT, REPOSITORY, TOKEN, Forge, forge
from tests.hostile import ATTACKS
from tests.scratch import JOB, Scratch, scratch
from tests.sinks import shape
from tests.test_cli import Beacon, beacon  # noqa: F401 - a fixture
from tests.worlds import Registry, job_file

SHA = "5" * 40
PULL = PullRequest(12, "main", SHA)


def planned(job: str = "registry/jobs/alice/who.yaml", **more: Any) -> dict[str, Any]:
    money = {"worstCase": {"GLM": "1.20"}, "monthlyCost": {"GLM": "1.20"}, "monthlyRuns": 1}
    facts = {"job": job, "run": "7" * 64, "due": None, "regions": {"EU": ["DE"], "US": []}, "answers": 18}
    return facts | money | {"reachesAlpha": True, "signer": "alice SHA256:abcdefghijklmnopqrstuvwxyz"} | more


def plan(**more: Any) -> dict[str, Any]:
    return {"pending": [planned()], "idle": [], "budgets": [], "changes": []} | more


def parsed(data: dict[str, Any]) -> PlanData:
    return read(PlanData, json.dumps(data).encode(), "plan.json")


def troubles(*messages: str, **more: Any) -> list[plandata.Trouble]:
    place = {
        "path": JOB,
        "line": 3,
        "column": 4,
        "severity": "error",
        "code": "region-unknown",
        "help": "mend it",
    } | more
    return read(Troubles, json.dumps({"problems": [place | {"message": m} for m in messages]}).encode(), "x").problems


FULL = plan(
    pending=[planned(), planned("registry/jobs/bob/new.yaml", reachesAlpha=False)],
    idle=[{"path": "registry/jobs/eve/x.yaml", "code": "invalid", "why": "signature-wrong: no"}],
    budgets=[{"name": "alice", "cap": "50", "committed": "34.7", "planned": "1.2", "left": "14.1"}],
    changes=[
        {
            "job": JOB,
            "change": "change",
            "fields": [{"field": "spec.prompts[q].text", "before": '"a"', "after": '"b"'}],
            "more": 3,
        },
        {"job": "registry/jobs/carol/gone.yaml", "change": "remove"},
    ],
)


def test_the_comment_says_what_a_reviewer_asks() -> None:
    body = comment(parsed(FULL), [], PULL)
    first, title, *_ = body.split("\n")
    assert first == MARKER
    assert title == "### Beacon plan: 1 job to add, 1 to change, 1 to remove · 2 runs, 36 answers, at most 2.4 GLM"
    assert "| ~ | `alice/who` | alice `SHA256:abcdefghijklmnop` | EU US | 18 | 1.2 GLM | changed" in body
    assert "| + | `bob/new` |" in body
    assert "**insufficient by design**" in body
    assert "| - | `carol/gone` |" in body
    assert "| ! | `eve/x` |  |  |  |  | invalid signature-wrong: no |" in body
    assert "Budget of `alice` after merge: 14.1 of 50 GLM left this month." in body
    assert "Nothing was run and no secret was read to make this plan." in body
    assert "<details><summary>What changed in alice/who</summary>" in body
    assert '| `spec.prompts[q].text` | `"a"` | `"b"` |' in body
    assert "and 3 more" in body
    assert "`gh pr checkout 12 && beacon plan --base origin/main`" in body


def test_mistakes_come_first() -> None:
    body = comment(parsed(plan(pending=[])), troubles(*(f"mistake {n}" for n in range(25))), PULL)
    assert "25 mistakes to mend" in body.split("\n")[1]
    assert body.index("mistake 0") < body.index("mistake 19") < body.index("5 more, see below")
    assert body.index("5 more, see below") < body.index("<summary>5 more remarks</summary>") < body.index("mistake 24")
    nothing = comment(None, troubles("no"), PULL)
    assert nothing.split("\n")[1] == "### Beacon plan: none could be made · 1 mistake to mend"


def test_what_does_not_fit_is_counted() -> None:
    many = [planned(f"registry/jobs/alice/{n}.yaml", signer="ö" * 60) for n in range(900)]
    body = comment(parsed(plan(pending=many)), [], PULL)
    assert len(body.encode()) < 65_536
    assert "more parts stand in the summary of the workflow" in body
    assert "gh pr checkout 12" in body
    whole = summary(parsed(plan(pending=many)), [])
    assert 90_000 < len(whole.encode()) < 1 << 20
    assert "Cut here" not in whole
    assert not whole.startswith(MARKER)


def harmless(text: str) -> str:
    """The same page about a job of plain words, with as many parts."""
    return comment(*hostile(text), PULL)


def hostile(text: str) -> tuple[PlanData, list[plandata.Trouble]]:
    """A plan and problems that say a text wherever they can say one."""
    text = text[:400]
    one = planned(text, signer=f"{text} {text}"[:500], regions={text: [text]}, due=text)
    two = {"path": f"{text}2", "code": text, "why": text}
    purse = {"name": text, "cap": "1", "committed": "0", "planned": "0", "left": "1"}
    change = {"job": text, "change": "change", "fields": [{"field": text, "before": text, "after": None}]}
    data = plan(pending=[one], idle=[two], budgets=[purse], changes=[change])
    raw = json.dumps(data).encode()
    return read(PlanData, raw, "plan.json"), troubles(text, path=text, code=text, help=text or "x")


INERT = {("<", "code"), (">", "code")}


def html(body: str) -> set[tuple[str, ...]]:
    """What acts in a page, as GitHub's parser reads it."""
    read_by = cmarkgfm.github_flavored_markdown_to_html(body, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    return {part for part in shape(read_by) if part[0] != "text"}


@pytest.mark.parametrize(
    "texts", [ATTACKS[::6], pytest.param(ATTACKS, marks=pytest.mark.slow)], ids=["some", "all of them"]
)
def test_nothing_of_a_file_acts(texts: Sequence[str]) -> None:
    inert = html(harmless("plain words")) | INERT
    for text in filter(str.strip, texts):
        body = harmless(text)
        assert html(body) <= inert, text
        assert body.count(MARKER) == 1
        assert not [line for line in body.split("\n") if line.lstrip().startswith("::") or "\r" in line]


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        json.dumps(plan(pending=[planned(answers=-1)])).encode(),
        json.dumps(plan(pending=[planned(answers=1.5)])).encode(),
        json.dumps(plan(pending=[planned(answers=10**30)])).encode(),
        json.dumps(plan(pending=[planned(worstCase={"GLM": "NaN"})])).encode(),
        json.dumps(plan(pending=[planned(worstCase={"GLM": "9" * 400})])).encode(),
        json.dumps(plan(pending=[planned(job="x" * 501)])).encode(),
        json.dumps(plan(pending=[planned()] * 2001)).encode(),
        json.dumps(plan(changes=[{"job": "x", "change": "<b>"}])).encode(),
        b'{"pending": [], "idle": [], "x": "' + b"x" * (4 << 20) + b'"}',
    ],
    ids=range(13),
)
def test_a_file_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(Unverified) as error:
        read(PlanData, raw, "plan.json")
    assert error.value.code == "artifact-malformed"
    assert len(str(error.value)) < 600


def test_a_tick_s_summary() -> None:
    runs = {"started": ["a" * 64], "published": ["b" * 64], "cancelled": [], "remaining": []}
    idle = [{"path": JOB, "code": "suspended", "why": "listed"}, {"path": "x", "code": "done", "why": ""}]
    text = tick(read(Tick, json.dumps({"head": None, **runs, "plan": plan(idle=idle)}).encode(), "tick"))
    assert text.startswith("### Beacon: 1 started, 1 published\n")
    assert "| `alice/who` | suspended listed |" in text
    assert "done" not in text


def test_the_summary_of_a_large_registry_s_tick(beacon: Beacon, tmp_path: Path) -> None:  # noqa: F811
    """Thousands of runs at once, and thousands of jobs that wait: counted, and cut where a summary would be dropped."""
    runs = {"started": [f"{n:064x}" for n in range(3_000)], "published": [], "cancelled": [], "remaining": []}
    why = "listed in registry/suspended " * 10
    idle = [{"path": f"registry/jobs/alice/j{n}.yaml", "code": "suspended", "why": why} for n in range(4_000)]
    (tmp_path / "tick.json").write_text(json.dumps({"head": None, **runs, "plan": plan(idle=idle)}))
    said = beacon("ci", "summary", "--tick", tmp_path / "tick.json")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("### Beacon: 3000 started\n")
    assert len(said.out.encode()) < 1 << 20
    assert "more parts stand in `beacon status`" in said.out


def test_a_tick_s_answer_does_not_grow_with_what_is_done() -> None:
    registry = Registry()
    registry.submit(job_file())
    assert registry.act().published
    outcome = registry.act()
    assert [idle.code for idle in outcome.plan.idle] == ["done"]
    assert as_data(outcome)["plan"]["idle"] == []


def test_mistakes_beyond_what_is_read_are_not_left_out(beacon: Beacon, tmp_path: Path) -> None:  # noqa: F811
    """Whoever makes so many does not get a plan without any."""
    one = {"path": JOB, "line": 1, "column": 1, "severity": "error", "code": "yaml-tab", "message": "a tab"}
    (tmp_path / "plan.json").write_text(json.dumps(plan()))
    for problems in ([one] * 20_001, "none"):
        (tmp_path / "problems.json").write_text(json.dumps({"problems": problems}))
        said = beacon("ci", "summary", "--plan", tmp_path / "plan.json", "--problems", tmp_path / "problems.json")
        assert "· 1 mistake to mend\n" in said.out
        assert "**artifact-malformed** the list of mistakes could not be read" in said.out
        assert "problems.json is not what `beacon` writes" in said.err


# The comment, on a forge


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    with forge() as state:
        monkeypatch.setenv("GITHUB_API_URL", state.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield state


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(FULL | {"number": 99, "pr": 99}))
    return path


def test_one_comment_is_written_and_updated_in_place(
    beacon: Beacon,  # noqa: F811
    github: Forge,
    file: Path,
) -> None:
    for number in range(100, 250):  # ours is on the second page
        github.pull(number, "6" * 40)
    github.pull(99, "7" * 40)
    github.pull(12, SHA)
    github.pull(13, SHA, repository="other/registry")
    for n in range(120):
        github.say(12, f"{n}", "somebody")
    github.say(12, f"{MARKER}\nnot the bot's", "mallory")
    said = beacon("ci", "comment", "--plan", file, "--head-sha", SHA, "--json")
    assert said.json == {"comments": {"12": "created"}, "schema": "beacon/comments/v1"}
    Draft202012Validator(json.loads(answers()["answers/comments.json"])).validate(said.json)
    assert beacon("ci", "comment", "--plan", file, "--head-sha", SHA, "--json").json == {
        "comments": {"12": "unchanged"},
        "schema": "beacon/comments/v1",
    }
    file.write_text(json.dumps(plan()))
    assert beacon("ci", "comment", "--plan", file, "--head-sha", SHA).out == "pull request 12: comment updated\n"
    bodies = [one["body"] for one in github.comments[12] if one["user"]["login"] == BOT]
    assert len(bodies) == 1
    assert bodies[0].startswith(f"{MARKER}\n### Beacon plan: 1 job to add")
    assert len(github.comments[12]) == 122
    assert github.comments[99] == github.comments[13] == []
    assert [call for call in github.calls if call[0] != "GET"] == [
        ("POST", "issues/12/comments"),
        ("PATCH", "issues/comments/1121"),
    ]


def test_a_pull_request_that_moved_on_gets_none(beacon: Beacon, github: Forge, file: Path) -> None:  # noqa: F811
    github.pull(12, "6" * 40)
    said = beacon("ci", "comment", "--plan", file, "--head-sha", SHA)
    assert (said.code, said.out) == (0, "")
    assert "nothing was written" in said.err


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"pending": "' + b"@everyone" * 9 + b'"}'], ids=["empty", "other", "bad"]
)
def test_a_plan_that_is_none_is_told(beacon: Beacon, github: Forge, file: Path, raw: bytes) -> None:  # noqa: F811
    github.pull(12, SHA)
    file.write_bytes(raw)
    assert beacon("ci", "comment", "--plan", file, "--problems", file.parent / "none", "--head-sha", SHA).code == 0
    (one,) = github.comments[12]
    assert one["body"].split("\n")[1] == "### Beacon plan: none could be made"
    assert "@" not in one["body"]


def test_what_is_wrong_with_the_forge_is_told(
    beacon: Beacon,  # noqa: F811
    github: Forge,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = ("ci", "comment", "--plan", file, "--head-sha")
    assert (beacon(*ask, "main").code, github.calls) == (2, [])
    github.broken["pulls"] = (403, b'{"message": "\x1b[2JResource not accessible"}')
    said = beacon(*ask, SHA)
    assert said.code == 4
    assert "error[forge-refused]" in said.err
    assert "\x1b" not in said.err
    github.broken["pulls"] = (200, b'[{"number": "12"}]')
    assert "error[forge-answer]" in beacon(*ask, SHA).err
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b/../c")
    assert "error[repository-name]" in beacon(*ask, SHA).err
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "error[token-missing]" in beacon(*ask, SHA).err


# What the plan's JSON says of a change


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return scratch(tmp_path_factory.mktemp("ci"))


def test_a_plan_tells_what_changes(beacon: Beacon, registries: Scratch, tmp_path: Path) -> None:  # noqa: F811
    place = registries.copy(tmp_path / "registry")
    place.write_job("registry/jobs/alice/gone.yaml")
    place.push("A second job")
    git(place.clone, "branch", "base")
    place.write_job(revision=2, retries=0)
    place.write_job("registry/jobs/alice/new.yaml")
    for path in ("gone.yaml", "gone.yaml.sig"):
        (place.clone / "registry/jobs/alice" / path).unlink()
    place.push("Change, add and remove")
    judged = beacon("validate", place.clone, "--base", "base", "--rev", "HEAD")
    assert judged.out == "2 new or changed jobs, all valid; 1 job removed\n"
    assert (
        beacon("validate", place.clone, "--base", "HEAD", "--rev", "HEAD").out == "no job changes; the rest is valid\n"
    )
    said = beacon("plan", "--repo", place.clone, "--base", "base", "--json")
    changes = {one["job"].split("/")[-1]: one for one in said.json["changes"]}
    assert {name: one["change"] for name, one in changes.items()} == {
        "who.yaml": "change",
        "new.yaml": "add",
        "gone.yaml": "remove",
    }
    fields = {one["field"]: (one["before"], one["after"]) for one in changes["who.yaml"]["fields"]}
    assert fields["metadata.revision"] == ("1", "2")
    assert fields["spec.retries"][1] == "0"
    file = tmp_path / "plan.json"
    file.write_text(said.out)
    shown = beacon("ci", "summary", "--plan", file)
    assert shown.out.startswith("### Beacon plan: 1 job to add, 1 to change, 1 to remove · 2 runs")
    assert "| `spec.retries` |" in shown.out


def test_a_pull_request_that_lifts_a_suspension_tells_what_will_run(
    beacon: Beacon,  # noqa: F811
    registries: Scratch,
    tmp_path: Path,
) -> None:
    """No job's file differs, and all the same it runs, and costs, after the merge."""
    place = registries.copy(tmp_path / "registry")
    suspended = place.clone / "registry/suspended"
    suspended.write_text(f"{JOB}\n")
    place.push("Not now")
    git(place.clone, "branch", "base")
    suspended.write_text("")
    place.push("Now")

    def shown(base: str, rev: str) -> str:
        said = beacon("plan", "--repo", place.clone, "--base", base, "--rev", rev, "--json")
        (tmp_path / "plan.json").write_text(said.out)
        return beacon("ci", "summary", "--plan", tmp_path / "plan.json").out

    lifted = shown("base", "HEAD")
    assert lifted.startswith("### Beacon plan: 0 jobs to add, 1 to change, 0 to remove · 1 run, "), lifted
    assert "| `registry/suspended` | `true` | `false` |" in lifted
    back = shown("HEAD", "base")
    assert back.startswith("### Beacon plan: 0 jobs to add, 1 to change, 0 to remove · 0 runs, "), back
    assert "| ~ | `alice/who` | | | | | suspended listed in registry/suspended |" in re.sub(" +", " ", back)
