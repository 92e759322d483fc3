"""`beacon report --rescore`: a runner judges published runs again. What is written, and why: `runner/rescore.py`.

It needs the runner's keys and no executor: nothing is hired, executed or paid.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from runner.commands.console import line, note, put_json
from runner.commands.operate import at_desk
from runner.commands.progress import progress
from runner.compare.verdict import CLASSIFIER
from runner.edges.keys import secrets
from runner.rendering.neutral import terminal
from runner.rescore import Outcome
from runner.rescore import rescore as judge_again


def rescore(
    root: Path,
    keys: Path | None,
    remote: str | None,
    runs: Collection[str] | None,
    as_json: bool,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Judge runs (None: all) again, publish, and tell what changed. 1 where a run could not be judged."""
    with progress() as emit, at_desk(root, keys, remote, emit, environ=environ) as (desk, _):
        outcome = judge_again(desk, secrets(desk.keys), runs)
    if as_json:
        put_json(_as_json(outcome), "rescore")
    else:
        _tell(outcome)
    return 1 if outcome.left else 0


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "head": outcome.head,
        "classifier": CLASSIFIER,
        "rescored": [
            {
                "run": one.entry.run,
                "job": one.now.job,
                "folder": one.folder,
                "then": {"classifier": one.then.classifier, "verdict": one.then.verdict},
                "now": {"classifier": one.now.classifier, "verdict": one.now.verdict},
            }
            for one in outcome.rescored
        ],
        "left": [{"run": left.run, "code": left.code, "why": left.why} for left in outcome.left],
    }


def _tell(outcome: Outcome) -> None:
    for one in outcome.rescored:
        job = one.now.job.removeprefix("registry/jobs/").removesuffix(".yaml")
        same = one.then.verdict == one.now.verdict
        was = "as before" if same else f"was {one.then.verdict}"
        line(f"{one.entry.run[:12]}  {job}: {one.now.verdict} by {one.now.classifier}, {was} by {one.then.classifier}")
    for left in outcome.left:
        note(f"{left.run[:12]}  left as it is: {left.code}: {terminal(left.why)}")
    if not outcome.rescored and not outcome.left:
        line(f"nothing to do: {CLASSIFIER} has judged every one of them")
