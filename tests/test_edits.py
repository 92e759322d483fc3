"""A sample of the controlled edits, on texts of our own: what a reader would call each is what the classifier says.

The whole set, on real answers, is measured by `python -m tests.bench.edits`. Its kinds: `tests/edits/README.md`.
"""

from __future__ import annotations

from collections import Counter

from runner.compare.classes import classify
from tests.bench.edits import Judged, difference
from tests.edits import OWNED, edits_of, expected

MOST = 4
DRAW = "quick"


def test_edits_are_classified_as_readers_would() -> None:
    judged = [
        Judged(edit, wanted, classify(edit.before, edit.after))
        for kind, wanted in expected().items()
        for edit in edits_of(OWNED, kind, MOST, DRAW)
    ]
    missing = set(expected()) - {one.edit.kind for one in judged}
    assert not missing, f"no edit could be made of our own texts: {sorted(missing)}"
    wrong = [one for one in judged if not one.right]
    for kind, times in Counter(one.edit.kind for one in wrong).items():
        print(f"{kind}: {times} wrong of {sum(one.edit.kind == kind for one in judged)}")
    for one in wrong:
        print(f"\n{one.edit.kind} ({one.edit.lang}): {one.found}\n    {difference(one.edit)}")
    assert len(judged) > 550
    assert 100 * len(wrong) <= len(judged), (
        f"{len(wrong)} of {len(judged)} edits are classified wrong, as printed above"
    )
