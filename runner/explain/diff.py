"""Codes of `beacon diff`."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "answers-unknown": Note(
        "A run has no answers there",
        "The run published none, or none of the region that was named.",
        "beacon describe RUN shows its regions and attempts",
    ),
    "file-too-large": Note(
        "A file is too large to compare",
        "Answers are compared word by word, up to four megabytes.",
        "compare parts of it",
    ),
    "nothing-in-common": Note(
        "The two sides answered nothing alike",
        "Answers are compared where both sides have one for the same target, prompt, provider and repeat.",
        "name two runs of one job, or two regions of one run: RUN:EU RUN:US",
    ),
}
