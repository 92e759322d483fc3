"""What the three stages of a reconcile hand on, where each runs as a job of its own: start, execute, publish.

    WORK/handover.json                which starts are to be executed; written by `start`
    WORK/results/<run>/<attempt>.json the attempts, as the spool keeps them; written by `execute`
    WORK/results/<I>-of-<N>.json      the SHA-256 of each of those files; its own SHA-256 is the *digest*

The job that executes holds no key and runs programs of strangers. So what it hands on is believed as far as a provider
is: the digest reaches `publish` by another way than the files, every file is held against it, and each attempt against
the job, the log and the policy, before anything of it is signed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from runner.errors import Unverified
from runner.events import say
from runner.execute import slot_of
from runner.history import Taken
from runner.leases import over_at
from runner.model import JobSpec, Policy, Run, sha256
from runner.model.canonical import Count, Document, Sha256, first_mistake, from_canonical
from runner.model.jobspec import Container
from runner.model.run import seed
from runner.ports import AttemptResult, Emit
from runner.schedules import moment

HANDOVER = "handover.json"
RESULTS = "results"
DEVNET = "devnet"
_LISTING = re.compile(r"[1-9][0-9]{0,3}-of-[1-9][0-9]{0,3}\.json")
DISORDERED = "its times do not follow one another within the lease"
_MINE = "run the workflow again: what was executed is lost, nothing else"


class Handed(Document):
    """A start (log index) of a run."""

    start: Count
    run: Sha256


class Handover(Document):
    """The starts of one runner, as they stand at a commit of the branch."""

    schema_: Literal["beacon/handover/v1"] = Field(default="beacon/handover/v1", alias="schema")
    head: Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
    runner: Annotated[str, Field(min_length=1, max_length=100)]
    runs: tuple[Handed, ...]


def handed(head: str, runner: str, mine: Sequence[Taken]) -> Handover:
    """What `start` hands on."""
    runs = tuple(Handed(start=taken.index, run=taken.start.run) for taken in mine)
    return Handover(head=head, runner=runner, runs=runs)


def read(raw: bytes) -> Handover:
    """What was handed on. Raises `Unverified`."""
    try:
        return Handover.from_json(from_canonical(raw, HANDOVER))
    except ValidationError as error:
        raise Unverified("handover-damaged", f"{HANDOVER}: {first_mistake(error)}", _MINE) from None


def listing(files: Mapping[str, bytes]) -> bytes:
    """The list of the results (path below `results/` to bytes) of one part of the work; its SHA-256 is the digest."""
    return _Listing(files={path: sha256(content) for path, content in sorted(files.items())}).canonical()


def accept(files: Mapping[str, bytes], digests: Collection[str]) -> None:
    """Hold everything below `results/` against the digests of the parts. Raises `Unverified` where a part is missing, a
    file is not what its part listed, or no part lists it."""
    lists = {path: raw for path, raw in files.items() if _LISTING.fullmatch(path)}
    found = {sha256(raw): raw for raw in lists.values()}
    if strange := sorted(set(found) ^ set(digests)):
        which = "is here and was not announced" if strange[0] in found else "was announced and is not here"
        raise Unverified("handover-foreign", f"the list of results with SHA-256 {strange[0]} {which}", _MINE)
    known: dict[str, str] = {}
    for raw in found.values():
        try:
            known |= _Listing.from_json(from_canonical(raw, "a list of results")).files
        except ValidationError as error:
            raise Unverified("handover-damaged", f"a list of results: {first_mistake(error)}", _MINE) from None
    actual = {path: sha256(raw) for path, raw in files.items() if path not in lists}
    for path in sorted({*known, *actual}):
        if known.get(path) != actual.get(path):
            what = "missing" if path not in actual else "listed nowhere" if path not in known else "altered"
            raise Unverified("handover-altered", f"the result {path[:200]!r} is {what}", _MINE)


def objections(
    result: AttemptResult, before: Sequence[AttemptResult], job: JobSpec, run: Run, taken: Taken, policy: Policy
) -> Iterator[str]:
    """Why an attempt that another job of the workflow hands on must not be signed. `before` are those that were taken
    so far, in their order. That its cells are those of its slot, and its output within their status, is judged when the
    receipt is made."""
    limits, attempt = job.spec.limits, result.attempt
    target = next((target for target in job.spec.targets if target.name == attempt.target), None)
    if not isinstance(target, Container) or attempt.region not in {region.name for region in job.spec.regions}:
        yield "the job asks for no such attempt"
        return
    if not 1 <= attempt.n <= job.spec.retries + 1 or not 1 <= attempt.slot <= job.spec.sampling.providers:
        yield "the job asks for no such attempt"
    if attempt.n != 1 + sum(slot_of(other.attempt) == slot_of(attempt) for other in before):
        yield "the attempt before it is missing"
    if any(output.seed != seed(run, output.cell, job.spec.sampling.seeds) for output in result.cells):
        yield "its seeds are not those that follow from the log"
    said, golem = result.executor, policy.golem
    expected = ("golem", golem.network, golem.network == DEVNET) if golem else ("local", "none", True)
    if (said.kind, said.network, said.simulated) != expected:
        yield f"made by {said.kind} on {said.network}, where the policy has {expected[0]} on {expected[1]}"
    image = target.image
    pinned = {"oci": image.oci, "gvmi": image.gvmi, "source": image.source.cid if image.source else None}
    if pinned.get(result.image.form) != result.image.digest:
        yield f"it ran {result.image.form} {result.image.digest[:100]}, which the job does not pin"
    if any(output.output is not None and len(output.output) > limits.output_ki_b << 10 for output in result.cells):
        yield f"an answer has more than {limits.output_ki_b} KiB"
    if not _in_time(result, taken):
        yield DISORDERED


def in_time(results: Iterable[AttemptResult], taken: Taken, emit: Emit) -> list[AttemptResult]:
    """The results whose times a verifier can accept: a clock that jumped makes others. Each of those is said."""
    found = []
    for result in results:
        if _in_time(result, taken):
            found.append(result)
        else:
            say(emit, "result-refused", run=taken.start.run, attempt=result.attempt.stem, why=DISORDERED)
    return found


def _in_time(result: AttemptResult, taken: Taken) -> bool:
    times = (result.times.queued, result.times.agreed, result.times.started, result.times.finished)
    try:
        moments = [moment(taken.start.at), *(moment(text) for text in times if text is not None), over_at(taken)]
    except ValueError:  # a day that is in no calendar
        return False
    return moments == sorted(moments)


class _Listing(Document):
    files: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{64}/[A-Za-z0-9._-]{1,250}\.json$")], Sha256]
