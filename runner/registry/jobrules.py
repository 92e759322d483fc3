"""What needs more than one field of a JobSpec, or the policy beside it. Pure.

Each rule looks at one concern and yields its complaints; `judge` joins them with their places in the text. What one
field alone can say is said by the model (`runner/model/jobspec.py`); who signed the file, and where it stands among
others, is judged in `runner/registry`; revisions against the log in `runner/plan.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from runner.diagnostics import suggestion
from runner.errors import Problem
from runner.formats.strictyaml import Location, Parsed
from runner.formats.yamltext import MAX_BYTES
from runner.model import JobSpec, Policy
from runner.model.jobspec import Container, Image, Service
from runner.registry import content, documents
from runner.schedules import FORM, dues

LARGEST_ALPHA = Decimal("0.2")
_LOOKS = 12
_SHOWN = frozenset(["title", "labels", "prompts", "parameters"])  # what a model or a reader is shown
_FROM = datetime(2024, 1, 1, tzinfo=UTC)


class Complaint(NamedTuple):
    """What is wrong with the value at a location."""

    location: Location
    code: str
    message: str
    hint: str = ""


def read_job(
    raw: bytes, path: str, policy: Policy, benchmarks: Mapping[str, str]
) -> tuple[JobSpec | None, tuple[Problem, ...]]:
    """A job file's document, where its form is right, and everything that is wrong with it but for its signature. No
    problem repeats a secret."""
    spec, parsed, problems = documents.read_on(JobSpec, raw, path)
    text = raw[:MAX_BYTES].decode(errors="replace")
    rules = judge(spec, parsed, policy, benchmarks) if parsed is not None else ()
    return spec, content.redacted([*problems, *content.exposed(path, text), *rules], text)


def judge(spec: JobSpec | None, parsed: Parsed, policy: Policy, benchmarks: Mapping[str, str]) -> tuple[Problem, ...]:
    """Every rule that a job breaks; secrets that the text shows are told by `read_job`. `benchmarks` maps the folders
    of `registry/benchmarks/` to their CIDs. Where the form is wrong there is no spec: then its texts alone are judged,
    since a secret is to be revoked before all else."""
    complaints: list[Complaint] = []
    if spec is not None:
        complaints += [
            *_identity(spec, parsed.path),
            *_unique(spec),
            *_regions(spec, policy),
            *_targets(spec, policy, benchmarks),
            *_caps(spec, policy),
            *_budget(spec, policy),
            *_plan(spec, policy),
        ]
    complaints += _texts(parsed, policy)
    return tuple(parsed.problem(*complaint) for complaint in dict.fromkeys(complaints))  # no complaint twice


def _identity(spec: JobSpec, path: str) -> Iterator[Complaint]:
    """A file says itself where it belongs, so that a signed file cannot be put elsewhere."""
    owner, *suite, file = path.removeprefix("registry/jobs/").split("/")
    said = spec.metadata
    wanted = (
        ("owner", said.owner, owner, "the folder below registry/jobs/"),
        ("suite", said.suite, suite[0] if suite else None, "the folder between owner and file"),
        ("name", said.name, file.removesuffix(".yaml"), "the file's name"),
    )
    for field, found, expected, what in wanted:
        if found != expected:
            message = f"metadata.{field} is {_quoted(found)}, but {what} is {_quoted(expected)}"
            yield Complaint(
                ("metadata", field), f"{field}-mismatch", message, f"write {spec.path()}, or mend the field"
            )


def _unique(spec: JobSpec) -> Iterator[Complaint]:
    """Names are keys of cells, receipts and paths: none stands twice."""
    body = spec.spec
    lists: list[tuple[Location, str | None, Sequence[str]]] = [
        (("spec", "targets"), "name", [target.name for target in body.targets]),
        (("spec", "prompts"), "id", [prompt.id for prompt in body.prompts]),
        (("spec", "regions"), "name", [region.name for region in body.regions]),
    ]
    lists += [(("spec", "regions", i, "countries"), None, region.countries) for i, region in enumerate(body.regions)]
    for location, field, names in lists:
        if len(set(names)) == len(names):
            continue
        for index, name in enumerate(names):
            if (first := names.index(name)) < index:
                place = (*location, index) if field is None else (*location, index, field)
                message = f'"{name}" stands twice in {location[-1]}, first as number {first + 1}'
                yield Complaint(place, "id-duplicate", message, "give each its own name")


def _regions(spec: JobSpec, policy: Policy) -> Iterator[Complaint]:
    regions = spec.spec.regions
    for index, region in enumerate(regions):
        at: Location = ("spec", "regions", index)
        known = policy.regions.get(region.name)
        if known is None:
            hint = suggestion(region.name, policy.regions, "regions of the policy")
            yield Complaint((*at, "name"), "region-unknown", f'"{region.name}" is not a region', hint)
            continue
        for number, country in enumerate(region.countries):
            if country not in known:
                message = f'"{country}" is not a country of {region.name}'
                hint = f"countries of {region.name}: {', '.join(known)}"
                yield Complaint((*at, "countries", number), "country-unknown", message, hint)
    if spec.spec.min_regions > len(regions):
        message = f"minRegions is {spec.spec.min_regions}, but {_count(len(regions), 'region')} asked for"
        yield Complaint(("spec", "minRegions"), "regions-too-few", message, "ask for more regions, or lower minRegions")


def _targets(spec: JobSpec, policy: Policy, benchmarks: Mapping[str, str]) -> Iterator[Complaint]:
    for index, target in enumerate(spec.spec.targets):
        at: Location = ("spec", "targets", index)
        if isinstance(target, Container):
            yield from _image(target.image, (*at, "image"), policy, benchmarks)
        elif isinstance(target, Service) and target.provider not in policy.services:
            hint = suggestion(target.provider, policy.services, "services of the policy")
            message = f'the policy does not allow the service "{target.provider}"'
            yield Complaint((*at, "provider"), "service-refused", message, hint)


def _image(image: Image, at: Location, policy: Policy, benchmarks: Mapping[str, str]) -> Iterator[Complaint]:
    if image.oci is None and image.gvmi is None and image.source is None:
        yield Complaint(at, "image-empty", "the image has no form", "name at least one of oci, gvmi, source")
    if image.oci is not None and not any(_below(image.oci, prefix) for prefix in policy.images.oci):
        allowed = ", ".join(policy.images.oci) or "none"
        yield Complaint(
            (*at, "oci"), "image-refused", f'the policy does not allow "{image.oci}"', f"allowed prefixes: {allowed}"
        )
    if image.source is None:
        return
    name = image.source.benchmark
    if not policy.images.sources:
        hint = "name an oci or gvmi image, or ask the maintainers for images.sources"
        yield Complaint((*at, "source"), "image-source-refused", "the policy does not run sources", hint)
    elif name not in benchmarks:
        message = f"there is no folder registry/benchmarks/{name}"
        hint = suggestion(name, benchmarks, "benchmarks")
        yield Complaint((*at, "source", "benchmark"), "benchmark-missing", message, hint)
    elif benchmarks[name] != image.source.cid:
        message = f"registry/benchmarks/{name} has another CID: its files are not those that the job names"
        yield Complaint((*at, "source", "cid"), "benchmark-cid", message, f"the folder's CID is {benchmarks[name]}")


def _below(image: str, prefix: str) -> bool:
    """Whether an image's name begins with a prefix that ends where one of its parts does."""
    return image.startswith(prefix) and (prefix[-1] in "/:@" or image[len(prefix) :][:1] in ("/", ":", "@"))


def _caps(spec: JobSpec, policy: Policy) -> Iterator[Complaint]:
    body, caps = spec.spec, policy.caps
    sampling, limits = body.sampling, body.limits
    answers = len(body.targets) * len(body.prompts) * len(body.regions) * sampling.providers * sampling.replicas
    asked: Sequence[tuple[Location, int, int]] = (
        (("spec", "sampling", "providers"), sampling.providers, caps.providers),
        (("spec", "sampling", "replicas"), sampling.replicas, caps.replicas),
        (("spec", "prompts"), len(body.prompts), caps.prompts),
        (("spec", "limits", "totalSeconds"), limits.total_seconds, caps.total_seconds),
        (("spec", "limits", "memoryMiB"), limits.memory_mi_b, caps.memory_mi_b),
        (("spec", "limits", "cpus"), limits.cpus, caps.cpus),
        (("spec", "limits", "outputKiB"), limits.output_ki_b, caps.output_ki_b),
        (("spec", "retries"), body.retries, caps.retries),
    )
    for location, wanted, cap in asked:
        if wanted > cap:
            message = f"{wanted} {location[-1]}; the policy allows {cap}"
            yield Complaint(location, "cap-exceeded", message, f"ask for {cap} or less")
    if answers > caps.answers:
        message = (
            f"{answers} answers (targets x prompts x regions x providers x replicas); the policy allows {caps.answers}"
        )
        yield Complaint(("spec", "sampling"), "cap-exceeded", message, "ask for fewer of one of them")


def _budget(spec: JobSpec, policy: Policy) -> Iterator[Complaint]:
    """Money needs leave: what the policy names no amount for may not be spent on one run."""
    asked, caps = spec.spec.budget, policy.budgets
    total, currency = Decimal(asked.total), asked.currency
    limits = {
        "one run": caps.job.get(currency, "0"),
        "one owner in a month": caps.owner_month.get(currency),
        "everybody in a month": caps.month.get(currency),
    }
    for what, cap in limits.items():
        if cap is not None and total > Decimal(cap):
            message = f"{asked.total} {currency} for one run; the policy allows {cap} for {what}"
            yield Complaint(("spec", "budget", "total"), "budget-exceeded", message, f"ask for {cap} or less")
            break
    if Decimal(asked.per_region) > total:
        message = f"perRegion is {asked.per_region}, more than the total of {asked.total}"
        yield Complaint(("spec", "budget", "perRegion"), "budget-order", message, "raise total, or lower perRegion")


def _plan(spec: JobSpec, policy: Policy) -> Iterator[Complaint]:
    """Times and statistics that cannot be meant."""
    body = spec.spec
    if body.limits.total_seconds < body.limits.run_seconds:
        limits = body.limits
        message = f"totalSeconds is {limits.total_seconds}, less than runSeconds of one attempt, {limits.run_seconds}"
        yield Complaint(("spec", "limits", "totalSeconds"), "limits-order", message, "raise totalSeconds")
    if not 0 < Decimal(body.compare.alpha) <= LARGEST_ALPHA:
        message = f"alpha is {body.compare.alpha}; it is above 0 and at most {LARGEST_ALPHA}"
        yield Complaint(("spec", "compare", "alpha"), "alpha-range", message, 'write "0.05" unless you know better')
    if body.schedule is not None and (wrong := _schedule(body.schedule, policy.min_interval_seconds)):
        yield Complaint(("spec", "schedule"), *wrong)


@lru_cache(maxsize=4096)
def _schedule(expression: str, least: int) -> tuple[str, str, str] | None:
    """Code, message and hint for a schedule that is wrong, or due more often than every `least` seconds."""
    daily = all(field.isdigit() for field in expression.split()[:2]) and least <= 86_400  # once a day: one look will do
    try:
        due = dues(expression, _FROM, 1 if daily else _LOOKS)
    except ValueError as error:
        return "schedule-invalid", str(error), FORM
    shortest = min((int((later - sooner).total_seconds()) for sooner, later in pairwise(due)), default=least)
    if shortest < least:
        return "schedule-too-often", f"due every {shortest} s; the policy allows every {least} s", "run less often"
    return None


def _texts(parsed: Parsed, policy: Policy) -> Iterator[Complaint]:
    """Secrets that the file's text does not show; personal data and what the policy refuses in what a model or a reader
    is shown."""
    data, written = parsed.data, "\n".join(parsed.lines)
    refused = [(term, term.casefold()) for term in policy.content.refuse_prompts]
    everything = "\n".join(_leaves(data))
    if not content.suspicious(everything) and not any(folded in everything.casefold() for _, folded in refused):
        return
    for location, text in _strings(data, ()):
        for kind in content.disguised(text, written):
            yield Complaint(location, content.SECRET_FOUND, content.PUBLIC.format(kind), content.REVOKE)
        if _SHOWN.isdisjoint(location):
            continue
        for kind in content.personal(text):
            message = content.PUBLIC.format(kind)
            yield Complaint(location, "personal-data", message, "use a made-up value, such as alice@example.org")
        for term, folded in refused:
            if folded in text.casefold():
                message = f'the policy refuses texts that hold "{term}"'
                yield Complaint(
                    location, "text-refused", message, "registry/policy.yaml lists them: content.refusePrompts"
                )


def _strings(data: Any, location: Location) -> Iterable[tuple[Location, str]]:
    """Every text in JSON data, and where it stands."""
    if isinstance(data, str):
        yield location, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _strings(value, (*location, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _strings(value, (*location, index))


def _leaves(data: Any) -> list[str]:
    """Every text in JSON data, in any order and without its place: several times as fast."""
    texts: list[str] = []
    waiting = [[data]]
    for values in waiting:  # which grows meanwhile
        for value in values:
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind is dict:
                waiting.append(list(value.values()))
            elif kind is list:
                waiting.append(value)
    return texts


def _quoted(value: str | None) -> str:
    return "absent" if value is None else f'"{value}"'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"
