"""Do the regions of a run differ, and is that more than chance? One pure function of a bundle: `compare`.

    tokens      from bytes to words                         distance     integers between two texts
    signals     what one answer shows                       classes      how two answers differ, and why
    units       providers in regions and their answers      describe     what is seen
    style       what adds up over prompts                   blend        both measures as one
    permutation is it more than chance?                     naming       which regions differ
    apart       does one provider stand apart?              across       which targets differ
    verdict     what is said                                worddiff     for readers
    series      what many runs say together

Everything is an integer or a fraction, and nothing depends on the order of a set, on the Python release or on the
machine: `beacon verify` derives `diff.json` again, byte for byte. What the verdicts mean: `docs/statistics.md`.
"""

from __future__ import annotations

from runner.bundle import Bundle, observations
from runner.compare.verdict import CLASSIFIER, judge, level, smallest_p
from runner.model.canonical import GRADES, Grade
from runner.model.report import DiffReport

__all__ = ["CLASSIFIER", "compare", "judge", "level", "smallest_p"]


def compare(bundle: Bundle) -> DiffReport:
    """What a run's answers say of its regions. Whether the runner served a region altered is not looked at.

    The grade is the weakest among receipts with an answer; one simulated receipt makes the whole run simulated."""
    predicates = [receipt.predicate for receipt in bundle.receipts.values()]
    answered = [predicate for predicate in predicates if any(cell.status == "ok" for cell in predicate.cells)]
    grade: Grade = min((predicate.region.grade for predicate in answered), key=GRADES.index, default="claimed")
    simulated = any(predicate.executor.simulated for predicate in predicates)
    return judge(bundle.spec, bundle.run, observations(bundle), simulated, grade)
