"""What a job's design can show at best, before anybody answers: all that a plan asks of the comparison."""

from __future__ import annotations

from fractions import Fraction

from runner.compare.permutation import least
from runner.model.chance import PValue
from runner.model.jobspec import JobSpec


def smallest_p(spec: JobSpec) -> PValue:
    """The smallest p that a job's design can reach, if everybody answers."""
    return least([spec.spec.sampling.providers] * len(spec.spec.regions))


def level(spec: JobSpec) -> Fraction:
    """What p must not exceed: alpha shared by the targets, so that alpha is the job's chance of a false alarm."""
    return Fraction(spec.spec.compare.alpha) / len(spec.spec.targets)
