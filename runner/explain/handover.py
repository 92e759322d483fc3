"""Codes of a reconcile that is divided: between jobs of a workflow, or between runners."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

_AGAIN = "run the workflow again: what was executed is lost, nothing else"

ENTRIES: Mapping[str, Note] = {
    "duration-invalid": Note(
        "Not a length of time", "It is a whole number and one of s, m, h, d.", "90s, 50m, 6h or 2d"
    ),
    "handover-altered": Note(
        "A result is not what was executed",
        "Between `execute` and `publish` a file was changed, lost or added; nothing of it is signed.",
        _AGAIN,
    ),
    "handover-damaged": Note(
        "What one stage handed on cannot be read", "The stages hand on plain files in a form of their own.", _AGAIN
    ),
    "handover-foreign": Note(
        "Results that nobody announced, or that are missing",
        "Each `execute` prints the digest of its results; `publish` takes exactly those that it is given.",
        "pass every digest that `reconcile --stage execute` printed, as --digest, and its whole folder",
    ),
    "label-invalid": Note("Not a label", "A label of a job is a name and a value.", "--select team=evals"),
    "left-to-others": Note(
        "Another runner's share",
        "With --select or --shard a runner takes a part of the jobs alone.",
        "nothing, as long as some runner takes the rest",
    ),
    "no-time-left": Note(
        "It may last beyond this runner's deadline",
        "With --deadline nothing is begun that cannot end before; a claimed run that nobody executes would block it.",
        "a later deadline, or lower spec.limits.totalSeconds; a runner without a deadline takes it too",
    ),
    "shard-invalid": Note("Not a share", "I of N equal parts, counted from 1.", "--shard 2/4"),
    "stage-unknown": Note(
        "A stage that is none, lacks its folder, or is not the one to choose",
        "A divided reconcile has the stages start, execute and publish, which hand on one folder; start selects.",
        "beacon reconcile --stage start --work FOLDER",
    ),
}
