"""Codes of `beacon diff`."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "answers-unknown": Note(
        "A run has no answers there",
        "The run published none, or none of the parts that were named together; or the folder holds no run.",
        "beacon describe RUN shows its regions and attempts",
    ),
    "extra-missing": Note(
        "A package that measures is not installed",
        "`--with` takes optional packages, which `./beacon` leaves out; without them all else works.",
        "the hint of the error is the command that installs it",
    ),
    "file-too-large": Note(
        "A file is too large to compare",
        "Answers are compared word by word, up to four megabytes.",
        "compare parts of it",
    ),
    "nothing-in-common": Note(
        "The two sides answered nothing alike",
        "Answers are compared where both sides have one for the same target, prompt, region, provider and repeat. What "
        "a side names, as EU in RUN:EU, need not be the same on the other.",
        "name two runs of one job, or two regions of one run: RUN:EU RUN:US",
    ),
    "part-ambiguous": Note(
        "A name is two parts of the run",
        "A target and a prompt may have one name.",
        "say which is meant: RUN:target=NAME or RUN:prompt=NAME",
    ),
    "part-unknown": Note(
        "A run has no such part, or only one of it can be named",
        "Behind RUN: stand a region, a target and a prompt, any of them, as the run has them and has answers of them.",
        "beacon describe RUN shows its regions and attempts",
    ),
}
