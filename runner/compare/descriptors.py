"""What the answers of a region, or of a target, look like on their own: how long they are, in which language, how many
refuse or are JSON; and what is filtered from them before they are compared.

Measured, and no test rests on it. Languages are told by `language`, refusals by `refusals`, volatile values by
`volatile`; how often they are right stands in `docs/statistics.md`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runner.bundle import Observation
from runner.compare.classes import Pairs
from runner.compare.language import UNKNOWN, language, named
from runner.compare.tokens import ANALYSED, WORD
from runner.compare.units import Gathered
from runner.model.report import Described, Length

_WORD = re.compile(WORD)


class Measured(NamedTuple):
    """One text. `volatile` counts its volatile values by kind."""

    characters: int
    words: int
    language: str
    refuses: bool
    is_json: bool
    volatile: Mapping[str, int]


class Descriptors:
    """The descriptors of one target's answers. Each different text is measured once."""

    def __init__(self, gathered: Gathered, pairs: Pairs, ignore: Sequence[str], seen: Iterable[Observation]) -> None:
        """`pairs` are of the target's texts, `seen` all observations of the run."""
        self._answers = gathered.answers
        self._texts = [_measured(text, pairs, place) for place, text in enumerate(gathered.texts.texts)]
        self._ignored = _left_out(gathered.target, ignore, seen)

    def of(self, regions: Sequence[str]) -> Described | None:
        """All answers of some regions together; None of none."""
        texts = [self._texts[answer.text] for answer in self._answers if answer.region in regions]
        if not texts:
            return None
        volatile: Counter[str] = Counter()
        for text in texts:
            volatile.update(text.volatile)
        languages = Counter(text.language for text in texts)
        ignored = [self._ignored[region] for region in regions if region in self._ignored]
        return Described(
            characters=_length(text.characters for text in texts),
            words=_length(text.words for text in texts),
            languages=dict(sorted(languages.items())),
            refusals=sum(text.refuses for text in texts),
            json_answers=sum(text.is_json for text in texts),
            volatile=dict(sorted(volatile.items())),
            ignored=tuple(map(sum, zip(*ignored, strict=True))),
        )

    def languages(self, a: int, b: int) -> tuple[str, ...]:
        """A reason, if two texts are in different languages; nothing where one of them is unknown."""
        one, other = self._texts[a].language, self._texts[b].language
        if one == other or UNKNOWN in (one, other):
            return ()
        return (f"one answer is in {named(one)}, the other in {named(other)}",)


def _measured(text: str, pairs: Pairs, place: int) -> Measured:
    signals = pairs.signals(place)
    leaves = signals.leaves
    strings = [] if leaves is None else [leaf[1:] for leaf in leaves.values() if leaf.startswith('"')]
    return Measured(
        characters=len(text),
        words=len(_WORD.findall(text[:ANALYSED])),
        language=language(signals.clean if leaves is None else "\n".join(strings)),
        refuses=signals.refuses,
        is_json=leaves is not None,
        volatile=Counter(kind for kind, _ in signals.volatile),
    )


def _length(values: Iterable[int]) -> Length:
    """Least, middle (the lower of two) and greatest."""
    ordered = sorted(values)
    return Length(least=ordered[0], median=ordered[(len(ordered) - 1) // 2], greatest=ordered[-1])


def _left_out(target: str, ignore: Sequence[str], seen: Iterable[Observation]) -> Mapping[str, list[int]]:
    """How often each literal stands in a region's answers, when those before it are gone: as `tokens.prepare` does."""
    found: dict[str, list[int]] = {}
    for cell, status, output, *_ in seen if ignore else ():
        if cell.target != target or status != "ok" or output is None:
            continue
        text = output.decode("utf-8", "replace")
        counts = found.setdefault(cell.region, [0] * len(ignore))
        for number, literal in enumerate(ignore):
            counts[number] += text.count(literal)
            text = text.replace(literal, "")
    return found
