"""Run, Cell and Attempt: one execution of a JobSpec, and its parts.

A cell is (target, prompt, region, provider slot, replica): one answer. An attempt is (run, target, region, slot, n):
one provider activity that runs the slot's cells. A cell's answer comes from the first attempt that completed it,
never chosen by content. Everything here is derived; only the start's log index and root make it unforeseeable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from runner.model.canonical import ApiVersion, Count, Document, Id, Instant, JobPath, RegionName, Sha256, sha256
from runner.model.jobspec import JobSpec

CellStatus = Literal["ok", "error", "malformed", "oversize", "missing", "timeout"]
AttemptStatus = Literal["ok", "partial", "failed", "timeout", "cancelled"]


class Run(Document):
    """What `context.json` says of a run: which job, and which place in the log its seeds come from."""

    api_version: ApiVersion = "beacon/v1"
    kind: Literal["Run"] = Field("Run", description="What this document is")
    run: Sha256 = Field(description="The run's name: SHA-256 of the job's bytes, and the due time if it has one")
    job: JobPath
    sha256: Sha256 = Field(description="SHA-256 of the JobSpec's bytes")
    due: Instant | None = Field(None, description="When the schedule asked for this run; absent for a one-off job")
    start: Count = Field(description="Log index of the run's `start` entry")
    root: Sha256 = Field(description="Root, in hex, of the log up to and with that entry: the seeds come from it")

    @property
    def short(self) -> str:
        """The folder's name: the first 32 hex digits."""
        return self.run[:32]


class Cell(Document):
    """One answer to be had."""

    target: Id
    prompt: Id
    region: RegionName
    slot: int = Field(ge=1, le=16, description="Which of the region's providers")
    replica: int = Field(ge=1, le=64, description="Which of the provider's answers to the prompt")

    @property
    def id(self) -> str:
        """The cell's name inside its attempt: `prompt.replica`."""
        return f"{self.prompt}.{self.replica}"

    @property
    def output_path(self) -> str:
        """Where the raw answer stands in the bundle."""
        return f"outputs/{self.target}/{self.prompt}/{self.region}/{self.slot}-{self.replica}.txt"


class Attempt(Document):
    """One activity on one provider."""

    run: Sha256
    target: Id
    region: RegionName
    slot: int = Field(ge=1, le=16, description="Which of the region's providers")
    n: int = Field(ge=1, le=6, description="1 for the first, then the retries")

    @property
    def stem(self) -> str:
        """`target.region.slot.n`, the name of its receipt and transcript."""
        return f"{self.target}.{self.region}.{self.slot}.{self.n}"


def run_id(job: bytes, due: str | None) -> str:
    """64 hex digits: SHA-256 of the JobSpec's bytes; of the bytes, LF and the due time for a scheduled run."""
    return sha256(job if due is None else job + b"\n" + due.encode())


def run_folder(spec_folder: str, run: str, due: str | None) -> str:
    """Where a run stands: `reports/jobs/<owner>/[<suite>/]<name>/runs/[<YYYY-MM>/]<run>`."""
    month = f"{due[:7]}/" if due else ""
    return f"reports/jobs/{spec_folder}/runs/{month}{run[:32]}"


def cells(spec: JobSpec) -> Iterator[Cell]:
    """Every planned cell, in the order of the document: target, region, slot, prompt, replica."""
    sampling = spec.spec.sampling
    for target in spec.spec.targets:
        for region in spec.spec.regions:
            for slot in range(1, sampling.providers + 1):
                for prompt in spec.spec.prompts:
                    for replica in range(1, sampling.replicas + 1):
                        yield Cell(target=target.name, prompt=prompt.id, region=region.name, slot=slot, replica=replica)


def seed(run: Run, cell: Cell, seeds: str) -> int:
    """The cell's seed, 0 to 2^31-1: the first four bytes, without the sign bit, of
    SHA-256(root, run, prompt, replica) for shared seeds; region and slot are added for independent ones.
    The parts are joined by LF. Nobody could know it before the log held the run's start; anyone can check it after."""
    parts: list[Any] = [run.root, run.run, cell.target, cell.prompt, cell.replica]
    if seeds == "independent":
        parts += [cell.region, cell.slot]
    return int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:4], "big") & 0x7FFFFFFF
