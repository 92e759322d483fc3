"""A pull request's plan as Markdown: the one comment below it, and the summary of a job. Pure.

Verdict first, the table second, folds third. Everything that a file says goes through `rendering/neutral.py`, and what
does not fit is left out with a note that counts it: GitHub refuses a comment of more than 65,536 characters and drops a
summary of more than a mebibyte whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.money import plain
from runner.rendering.neutral import Safe, fence, ident, inline, joined, phrase, prose
from runner.rendering.plandata import Failure, JobChange, Left, PlanData, Planned, Purse, Tick, Trouble

MARKER = "<!-- beacon:plan -->"
"""The first line of the comment, by which it is found again."""
COMMENT_BYTES = 60_000
SUMMARY_BYTES = 1_000_000
_JOBS = "registry/jobs/"
_SIGNS = {"add": "+", "change": "~", "remove": "-"}
_FIELDS = 40
_LINES = 2000


class PullRequest(NamedTuple):
    """Where a comment stands, as the forge says it: never what an artifact says."""

    number: int
    base: str
    head: str


def comment(plan: PlanData | None, problems: Sequence[Trouble], pull: PullRequest) -> str:
    """The comment below a pull request."""
    again = phrase(
        "To make this plan yourself: `gh pr checkout {number} && beacon plan --base origin/{base}`",
        number=pull.number,
        base=Safe(pull.base) if ident(pull.base) == pull.base else Safe("main"),
    )
    foot = [Safe(""), phrase("For commit {head}. {again}", head=ident(pull.head[:40]), again=again)]
    return _page([Safe(MARKER)], _blocks(plan, problems), foot, COMMENT_BYTES, Safe("the summary of the workflow"))


def is_empty(plan: PlanData | None, problems: Sequence[Trouble]) -> bool:
    """Whether there is nothing to tell: the pull request does nothing to the registry."""
    return plan is not None and not (plan.pending or plan.idle or plan.changes or problems)


def summary(plan: PlanData | None, problems: Sequence[Trouble]) -> str:
    """The summary of the job that validated and planned."""
    return _page([], _blocks(plan, problems), [], SUMMARY_BYTES, Safe("the artifact `beacon-plan`"))


def tick(done: Tick) -> str:
    """The summary of a tick of the runner."""
    said = [
        phrase("{count} {word}", count=len(runs), word=Safe(word))
        for word, runs in (
            ("started", done.started),
            ("published", done.published),
            ("cancelled", done.cancelled),
            ("still open", done.remaining),
        )
        if runs
    ]
    blocks = [phrase("### Beacon: {what}", what=joined(said, ", ") or Safe("nothing to do")), Safe("")]
    if done.published:
        blocks.append(phrase("Published: {runs}", runs=joined((ident(run[:12]) for run in done.published[:200]), ", ")))
    waiting = [idle for idle in done.plan.idle if idle.code not in ("done", "not-due", "running")]
    if waiting:
        blocks += [Safe(""), Safe("| job | not run, because |"), Safe("|---|---|"), *map(_left_row, waiting)]
    return _page([], [*blocks, *_budgets(done.plan.budgets)], [], SUMMARY_BYTES, Safe("`beacon status`"))


def failed(failure: Failure) -> str:
    """The summary of a verb that could not do what it was asked."""
    error = failure.error
    head = phrase("### Beacon: failed · {code}", code=ident(error.code[:60]))
    hint = [Safe(""), phrase("Help: {text}", text=prose(error.hint))] if error.hint else []
    return _page([], [head, Safe(""), prose(error.message), *hint], [], SUMMARY_BYTES, Safe("the log of the step"))


def log(text: str) -> str:
    """The summary of a verb whose last line is its verdict, such as `verify`."""
    lines = text.strip().split("\n")
    head = phrase("### Beacon: {verdict}", verdict=prose(lines[-1]))
    shown = "\n".join(lines[:_LINES])
    return _page([], [head, Safe(""), fence(shown)], [], SUMMARY_BYTES, Safe("the log of the step"))


def _page(head: Sequence[Safe], blocks: Sequence[Safe], foot: Sequence[Safe], most: int, where: Safe) -> str:
    """All blocks that fit, in their order, and how many did not."""
    room = most - sum(len(block.encode()) + 1 for block in (*head, *foot)) - 200
    kept: list[Safe] = []
    for block in blocks:
        room -= len(block.encode()) + 1
        if room < 0:
            left = len(blocks) - len(kept)
            kept += [Safe(""), phrase("Cut here: {left} more parts stand in {where}.", left=left, where=where)]
            break
        kept.append(block)
    return "\n".join([*head, *kept, *foot]) + "\n"


def _blocks(plan: PlanData | None, problems: Sequence[Trouble]) -> list[Safe]:
    """Everything, most important first. A block is a line, or a fold that stands on its own."""
    errors = [problem for problem in problems if problem.severity == "error"]
    blocks = [_title(plan, len(errors)), Safe("")]
    if errors:
        blocks += [Safe("Until these are mended, nothing of it can run:"), Safe("")]
        blocks += [_problem(problem) for problem in errors[:20]]
        blocks += [phrase("- and {more} more, see below", more=len(errors) - 20)] if len(errors) > 20 else []
        blocks.append(Safe(""))
    if plan is not None:
        blocks += [*_table(plan), *_budgets(plan.budgets), Safe("")]
        blocks.append(Safe("Nothing was run and no secret was read to make this plan."))
    rest = [problem for problem in problems if problem.severity != "error"] + errors[20:]
    if rest:
        blocks.append(_fold(_count(len(rest), "more remark"), [_problem(one) for one in rest[:200]]))
    if plan is not None:
        blocks += [_changed(change) for change in plan.changes if change.fields]
    return blocks


def _title(plan: PlanData | None, errors: int) -> Safe:
    broken = phrase(" · {count} to mend", count=_count(errors, "mistake")) if errors else Safe("")
    if plan is None:
        return phrase("### Beacon plan: none could be made{broken}", broken=broken)
    kinds = list(_kinds(plan).values())
    added, changed, removed = (kinds.count(kind) for kind in _SIGNS)
    counts = phrase("{a} to add, {c} to change, {r} to remove", a=_count(added, "job"), c=changed, r=removed)
    runs, answers = _count(len(plan.pending), "run"), _count(sum(one.answers for one in plan.pending), "answer")
    most = plain(sum((_glm(one.worst_case) for one in plan.pending), Decimal(0)))
    return phrase(
        "### Beacon plan: {counts} · {runs}, {answers}, at most {most} GLM{broken}",
        counts=counts,
        runs=runs,
        answers=answers,
        most=ident(most),
        broken=broken,
    )


def _kinds(plan: PlanData) -> dict[str, str]:
    """The jobs that have a line in the table, each once, and what the pull request does with them."""
    return {**{one.job: "add" for one in plan.pending}, **{one.job: one.change for one in plan.changes}}


def _table(plan: PlanData) -> Iterator[Safe]:
    pending = {one.job: one for one in plan.pending}
    idle = {one.path: one for one in plan.idle}
    kinds = _kinds(plan)
    if not kinds and not plan.idle:
        yield Safe("No job changes.")
        return
    yield Safe("| | job | signer | regions | answers | at most | note |")
    yield Safe("|---|---|---|---|---|---|---|")
    for job, kind in kinds.items():
        sign = Safe(_SIGNS[kind])
        if one := pending.get(job):
            yield _row(sign, _job(job), _signer(one), _regions(one), one.answers, _cost(one), _note(kind, one))
        else:
            why = _why(idle[job]) if job in idle else Safe("")
            why = Safe("its open run is cancelled, and it does not come back") if kind == "remove" else why
            yield _row(sign, _job(job), Safe(""), Safe(""), Safe(""), Safe(""), why)
    for left in plan.idle:
        if left.path not in kinds:
            yield _row(Safe("!"), _job(left.path), Safe(""), Safe(""), Safe(""), Safe(""), _why(left))


def _row(*cells: Safe | int) -> Safe:
    return joined((Safe("|"), *(phrase(" {cell} |", cell=cell) for cell in cells)))


def _job(path: str) -> Safe:
    return inline(path.removeprefix(_JOBS).removesuffix(".yaml"), 200)


def _signer(one: Planned) -> Safe:
    name, _, key = one.signer.partition(" ")
    return phrase("{name} {key}", name=ident(name[:63]), key=inline(key[:23], 23)) if key else inline(name, 63)


def _regions(one: Planned) -> Safe:
    return joined((ident(name[:20]) for name in list(one.regions)[:12]), " ")


def _cost(one: Planned) -> Safe:
    return phrase("{amount} GLM", amount=ident(plain(_glm(one.worst_case))))


def _note(kind: str, one: Planned) -> Safe:
    said = [Safe("first run") if kind == "add" else Safe("changed, history kept")]
    if one.due:
        cost = ident(plain(_glm(one.monthly_cost)))
        said.append(phrase("{runs} runs and {cost} GLM a month", runs=one.monthly_runs, cost=cost))
    if not one.reaches_alpha:
        said.append(Safe("**insufficient by design**: too few providers to find a difference"))
    return joined(said, "; ")


def _why(left: Left) -> Safe:
    return phrase("{code} {why}", code=ident(left.code[:60]), why=prose(left.why))


def _left_row(left: Left) -> Safe:
    return _row(_job(left.path), _why(left))


def _budgets(budgets: Sequence[Purse]) -> Iterator[Safe]:
    for one in budgets[:20]:
        yield Safe("")
        yield phrase(
            "Budget of {name} after merge: {left} of {cap} GLM left this month.",
            name=inline(one.name, 63),
            left=ident(one.left),
            cap=ident(one.cap),
        )


def _problem(problem: Trouble) -> Safe:
    place = f"{problem.path}:{problem.line}:{problem.column}" if problem.line else problem.path
    help_ = phrase(" Help: {text}", text=prose(problem.help)) if problem.help else Safe("")
    return phrase(
        "- {place} **{code}** {message}{help}",
        place=inline(place, 200),
        code=ident(problem.code[:60]),
        message=prose(problem.message),
        help=help_,
    )


def _changed(change: JobChange) -> Safe:
    rows = [Safe("| field | before | after |"), Safe("|---|---|---|")]
    rows += [_row(inline(one.field, 120), _value(one.before), _value(one.after)) for one in change.fields[:_FIELDS]]
    more = len(change.fields) - _FIELDS + change.more if len(change.fields) > _FIELDS else change.more
    rows += [Safe(""), phrase("and {more} more", more=more)] if more else []
    return _fold(phrase("What changed in {job}", job=_html_name(change.job)), rows)


def _html_name(job: str) -> Safe:
    """Inside `<summary>` Markdown's code means nothing, so only a plain name stands there."""
    name = job.removeprefix(_JOBS).removesuffix(".yaml")
    return Safe(name) if ident(name) == name else Safe("a job of an odd name")


def _value(text: str | None) -> Safe:
    return Safe("absent") if text is None else inline(text, 160)


def _fold(title: Safe, lines: Sequence[Safe]) -> Safe:
    return phrase(
        "\n<details><summary>{title}</summary>\n\n{body}\n\n</details>", title=title, body=joined(lines, "\n")
    )


def _glm(amounts: object) -> Decimal:
    return Decimal(amounts.get("GLM", "0")) if isinstance(amounts, dict) else Decimal(0)


def _count(number: int, noun: str) -> Safe:
    return phrase("{number} {noun}", number=number, noun=Safe(noun if number == 1 else f"{noun}s"))
