"""The parts of a run's page: tables, differences and answers, as values that a template only has to place.

Every text here is `Safe`. A part that could grow without bound gets room in bytes; what does not fit is cut or left out
from its end, in a fixed order, and the page says what and where the whole is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from runner.bundle import Bundle, Observation
from runner.model.receipt import Predicate
from runner.model.report import PairSample, RegionDiff, TargetDiff
from runner.rendering import answerpage
from runner.rendering.excerpts import LEAST, decoded, fence_within, word_diff
from runner.rendering.neutral import Safe, ident, inline, joined, phrase, prose
from runner.rendering.sentences import SYMBOLS, WORDS, cell_words, count, decimal, span

_SETUP_ROOM, _PROMPT_ROOM = 8_000, 1_200
_DIFF_ROOM, _ANSWER_ROOM = 12_000, 6_000
_MOST_PAIRS = 6


class Row(NamedTuple):
    """One row of a table."""

    cells: tuple[Safe, ...]


class Difference(NamedTuple):
    """One prompt: what was asked, how the pairs of regions fell, and one pair by words, and by fields if it is JSON."""

    prompt: Safe
    text: Safe
    pairs: tuple[Row, ...]
    more_pairs: int
    shown: Safe
    fields: answerpage.Fields | None
    diff: Safe


class Answers(NamedTuple):
    """The answers of one region to one prompt."""

    summary: Safe
    body: Safe


Part = TypeVar("Part", Row, Difference, Answers)


class Fitted(NamedTuple, Generic[Part]):
    """What found room, and how many did not."""

    kept: tuple[Part, ...]
    left_out: int


def fit(parts: Iterable[Part], room: int) -> Fitted[Part]:
    """The first parts that fit into `room` bytes together; the rest are counted."""
    kept: list[Part] = []
    left_out = 0
    for part in parts:
        room -= size(part)
        if room >= 0 and not left_out:
            kept.append(part)
        else:
            left_out += 1
    return Fitted(tuple(kept), left_out)


def size(part: object) -> int:
    """About how many bytes of a page a part takes; rather more than less."""
    if isinstance(part, tuple):
        return sum(8 + size(item) for item in part)
    return len(str(part).encode())


def _share(room: int, parts: int, most: int) -> int:
    """What each of several parts may take, if it is to be read at all."""
    return min(most, max(LEAST, room // max(1, parts) - _PROMPT_ROOM))


def matrix(target: TargetDiff) -> tuple[Row, ...]:
    """A row a region: its distance to each region, and what that means."""
    names = [region.region for region in target.regions]
    rows = []
    for name, line in zip(names, target.matrix, strict=True):
        cells = []
        for other, distance in zip(names, line, strict=True):
            words = cell_words(target, name, other)
            if distance is None:
                cells.append(words)
                continue
            bold = Safe("**") if words == "beyond noise" else Safe("")
            number = decimal(distance)
            cells.append(phrase("{bold}{number} {words}{bold}", bold=bold, number=number, words=words))
        rows.append(Row((_region(target, name), *cells)))
    return tuple(rows)


def _region(target: TargetDiff, name: str) -> Safe:
    bold = Safe("**") if name in target.named else Safe("")
    return phrase("{bold}{name}{bold}", bold=bold, name=ident(name))


def regions(target: TargetDiff) -> tuple[Row, ...]:
    """A row a region: verdict, answers and what failed, own noise, distance to the others."""
    return tuple(
        Row(
            (
                _region(target, region.region),
                phrase("{symbol} {word}", symbol=SYMBOLS[region.verdict], word=WORDS[region.verdict]),
                span((region.control.least, region.control.greatest) if region.control else ()),
                span((region.others.least, region.others.greatest) if region.others else ()),
                _answered(region),
            )
        )
        for region in target.regions
    )


def _answered(region: RegionDiff) -> Safe:
    """`4 of 6, 2 error, 3 providers`."""
    parts = [phrase("{answered} of {planned}", answered=region.answered, planned=region.planned)]
    parts += [phrase("{n} {status}", n=n, status=ident(status)) for status, n in sorted(region.failures.items())]
    return joined([*parts, count(region.providers, "provider")], ", ")


def differences(
    bundle: Bundle, target: TargetDiff, observations: Sequence[Observation], room: int
) -> Fitted[Difference]:
    """A part a prompt, the most different first."""
    own = [o for o in observations if o.cell.target == target.target and o.output is not None]
    share = _share(room, len(bundle.spec.spec.prompts), _DIFF_ROOM)
    telling = {prompt.id: _telling(target, prompt.id) for prompt in bundle.spec.spec.prompts}
    texts = {prompt.id: prompt.text for prompt in bundle.spec.spec.prompts}
    ignore = bundle.spec.spec.compare.ignore
    order = sorted(
        (prompt for prompt, pairs in telling.items() if pairs), key=lambda prompt: -telling[prompt][0].distance
    )
    parts = (_difference(target, prompt, texts[prompt], telling[prompt], own, ignore, share) for prompt in order)
    return fit(parts, room)


def _telling(target: TargetDiff, prompt: str) -> list[PairSample]:
    """A prompt's pairs of regions: those that the verdict is about first, then by distance."""
    alone = set(target.named) - set(target.each_other)

    def about(sample: PairSample) -> bool:
        pair = {sample.a.region, sample.b.region}
        return len(pair & alone) == 1 or pair <= set(target.each_other)

    found = [sample for sample in target.samples if sample.prompt == prompt]
    return sorted(found, key=lambda sample: (not about(sample), -sample.distance))


def _difference(
    target: TargetDiff,
    prompt: str,
    text: str,
    pairs: Sequence[PairSample],
    own: Sequence[Observation],
    ignore: Sequence[str],
    room: int,
) -> Difference:
    asked, whole = fence_within(text, _PROMPT_ROOM)
    if not whole:
        asked = phrase("{asked}\nThe prompt is cut here; all of it is in [the job](bundle/job.yaml).\n", asked=asked)
    answers = [o for o in own if o.cell.prompt == prompt]
    a, b, what = _odd_pair(target, answers) or _middle_pair(pairs[0], answers)
    shown = phrase(
        "`-` {a} ({pa}), `+` {b} ({pb}): {what}",
        a=ident(a.cell.region),
        pa=_who(a.cell.slot, a.cell.replica),
        b=ident(b.cell.region),
        pb=_who(b.cell.slot, b.cell.replica),
        what=what,
    )
    assert a.output is not None
    assert b.output is not None
    return Difference(
        prompt=ident(prompt),
        text=asked,
        pairs=tuple(map(_pair, pairs[:_MOST_PAIRS])),
        more_pairs=max(0, len(pairs) - _MOST_PAIRS),
        shown=shown,
        fields=answerpage.fields(a.output, b.output, ignore),
        diff=word_diff(a.output, b.output, room),
    )


def _middle_pair(sample: PairSample, answers: Sequence[Observation]) -> tuple[Observation, Observation, Safe]:
    """The two answers of a sample, and how they differ."""
    places = {(o.cell.region, o.cell.slot, o.cell.replica): o for o in answers}
    a, b = (places[end.region, end.slot, end.replica] for end in (sample.a, sample.b))
    because = phrase(" ({reasons})", reasons=joined(map(prose, sample.reasons), "; ")) if sample.reasons else Safe("")
    form = "distance {distance}, {kind}{because}"
    return a, b, phrase(form, distance=decimal(sample.distance), kind=_kind(sample), because=because)


def _odd_pair(target: TargetDiff, answers: Sequence[Observation]) -> tuple[Observation, Observation, Safe] | None:
    """Where no region was named and a provider stands apart: another one's answer, of its region if there is one, and
    its own that differs. None where none does."""
    odd = target.apart
    if odd is None or target.named:
        return None
    mine = [o for o in answers if (o.cell.region, o.provider) == (odd.region, odd.provider)]
    others = [o for o in answers if o.provider != odd.provider]
    others.sort(key=lambda o: o.cell.region != odd.region)
    pairs = ((a, b) for b in mine for a in others if a.cell.replica == b.cell.replica and a.output != b.output)
    a, b = next(pairs, (None, None))
    return (a, b, Safe("the second is the provider that stands apart")) if a and b else None


def _who(slot: int, replica: int) -> Safe:
    return phrase("provider {slot}, answer {replica}", slot=slot, replica=replica)


def _kind(sample: PairSample) -> Safe:
    kinds = joined(map(ident, sample.kinds), ", ")
    return phrase("{pair}: {kinds}", pair=Safe(sample.pair_class), kinds=kinds) if kinds else Safe(sample.pair_class)


def _pair(sample: PairSample) -> Row:
    classes = joined((phrase("{n} {name}", n=n, name=Safe(name)) for name, n in sample.classes.items() if n), ", ")
    return Row(
        (
            phrase("{a}, {b}", a=ident(sample.a.region), b=ident(sample.b.region)),
            decimal(sample.distance),
            _kind(sample),
            classes,
        )
    )


def answers(observations: Sequence[Observation], target: TargetDiff, room: int) -> Fitted[Answers]:
    """A folded part for each prompt and region, in the order of the job, with every answer in it."""
    own = [observation for observation in observations if observation.cell.target == target.target]
    distinct = {(o.cell.prompt, o.output) for o in own if o.output is not None}
    share = _share(room, len(distinct), _ANSWER_ROOM)
    prompts = list(dict.fromkeys(observation.cell.prompt for observation in own))
    groups: dict[tuple[str, str], list[Observation]] = {}
    for observation in sorted(own, key=lambda observation: prompts.index(observation.cell.prompt)):
        groups.setdefault((observation.cell.prompt, observation.cell.region), []).append(observation)
    return fit(_folds(groups, share), room)


def _folds(groups: Mapping[tuple[str, str], Sequence[Observation]], share: int) -> Iterator[Answers]:
    seen: dict[tuple[str, bytes], Safe] = {}
    for (prompt, region), group in groups.items():
        body = []
        for observation in group:
            cell = observation.cell
            who = phrase("{region}, {who}", region=ident(region), who=_who(cell.slot, cell.replica))
            if observation.output is None:
                body.append(phrase("{who}: no answer, {status}.\n", who=who, status=ident(observation.status)))
                continue
            link = phrase("[{who}](bundle/{path})", who=who, path=ident(cell.output_path))
            length = count(len(observation.output), "byte")
            if earlier := seen.get((prompt, observation.output)):
                body.append(
                    phrase("{link}: the same {length} as {earlier}.\n", link=link, length=length, earlier=earlier)
                )
                continue
            seen[prompt, observation.output] = who
            text, whole = fence_within(decoded(observation.output, share), share)
            whole = whole and len(observation.output) <= share
            cut = Safe("" if whole else ", cut here; the link has all of it")
            body.append(phrase("{link}: {length}{cut}.\n\n{text}", link=link, length=length, cut=cut, text=text))
        answered = sum(observation.output is not None for observation in group)
        form = "{prompt}, {region}: {answered} of {planned} answers"
        summary = phrase(form, prompt=ident(prompt), region=ident(region), answered=answered, planned=len(group))
        yield Answers(summary, joined(body, "\n"))


def setup(bundle: Bundle) -> Fitted[Row]:
    """What was run and with what, a line each."""
    return fit((Row((line,)) for line in _setup(bundle)), _SETUP_ROOM)


def _setup(bundle: Bundle) -> Iterator[Safe]:
    spec = bundle.spec.spec
    sampling = spec.sampling
    form = "Asked of each region: {providers}, {replicas} from each to {prompts}; seeds: {seeds}; alpha {alpha}."
    yield phrase(
        form,
        providers=count(sampling.providers, "provider"),
        replicas=count(sampling.replicas, "answer"),
        prompts=count(len(spec.prompts), "prompt"),
        seeds=Safe(sampling.seeds),
        alpha=ident(spec.compare.alpha),
    )
    for kind, version, network in sorted(
        {(r.executor.kind, r.executor.version, r.executor.network) for r in _facts(bundle)}
    ):
        form = "Executor: {kind} {version}, network {network}."
        yield phrase(form, kind=Safe(kind), version=inline(version, 40), network=inline(network, 40))
    for target in spec.targets:
        command = inline(" ".join(target.command), 160) if target.kind == "container" else inline(target.model, 120)
        yield phrase("Target {name}: {command}", name=ident(target.name), command=command)
        ran = {(r.image.form, r.image.digest) for r in _facts(bundle) if r.attempt.target == target.name}
        for image, digest in sorted(ran):
            yield phrase("Image that ran: {image} {digest}", image=Safe(image), digest=inline(digest, 300))
        for name, value in sorted(target.parameters.items()):
            yield phrase(
                "Parameter {name}: {value}", name=ident(name), value=inline(json.dumps(value, ensure_ascii=False), 80)
            )
    for what, values in _machines(bundle):
        yield phrase("{what}: {values}", what=what, values=joined((inline(value, 60) for value in values), ", "))
    if spec.compare.ignore:
        yield phrase("Left out before comparing: {texts}", texts=joined(map(inline, spec.compare.ignore), ", "))


def _facts(bundle: Bundle) -> Iterator[Predicate]:
    return (receipt.predicate for receipt in bundle.receipts.values())


def _machines(bundle: Bundle) -> Iterator[tuple[Safe, list[str]]]:
    executors = [receipt.predicate.executor for receipt in bundle.receipts.values()]
    for what, found in (
        (Safe("Sandbox"), {executor.sandbox for executor in executors}),
        (Safe("Interpreter"), {executor.interpreter for executor in executors}),
        (Safe("CPU"), {executor.cpu for executor in executors}),
    ):
        if values := sorted(value for value in found if value):
            yield what, values
