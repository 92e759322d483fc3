"""What an error code means: why it is one, and examples or what helps. For `beacon explain CODE`, offline.

The catalogue is plain data, one module a subject. Examples of files are real: a test gives each bad one to the loader
and gets exactly its code, and each good one and gets none.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.diagnostics import did_you_mean
from runner.errors import Usage
from runner.explain import (
    blocks,
    devnet,
    diff,
    forge,
    golem,
    handover,
    images,
    job,
    log,
    machine,
    money,
    pinning,
    providers,
    registry,
    repository,
    run,
    trust,
    yaml,
)
from runner.explain.entry import Entry, Note
from runner.rendering.neutral import visible

DOCUMENTS: Mapping[str, Entry] = {
    **yaml.ENTRIES,
    **job.ENTRIES,
    **registry.ENTRIES,
    **trust.ENTRIES,
    **providers.DOCUMENTS,
}
"""Codes about a document, with examples."""
NOTES: Mapping[str, Note] = {
    **log.ENTRIES,
    **diff.ENTRIES,
    **forge.ENTRIES,
    **run.ENTRIES,
    **repository.ENTRIES,
    **machine.ENTRIES,
    **images.ENTRIES,
    **blocks.ENTRIES,
    **devnet.ENTRIES,
    **golem.ENTRIES,
    **handover.ENTRIES,
    **money.ENTRIES,
    **pinning.ENTRIES,
    **providers.ENTRIES,
}
"""Codes about evidence and machines."""
CODES: Mapping[str, Entry | Note] = {**NOTES, **DOCUMENTS}
"""Every code that has an entry."""


def explain(code: str) -> str:
    """The entry of a code as plain text. Raises `Usage` for an unknown one."""
    entry = CODES.get(code)
    if entry is None:
        raise Usage(
            "code-unknown",
            f'no error has the code "{code}"{did_you_mean(code, CODES)}',
            "`beacon explain` lists them all",
        )
    if isinstance(entry, Note):
        return f"{code}: {entry.title}\n\n{entry.why}\n\nWhat helps: {entry.mend}"
    return f"{code}: {entry.title}\n\n{entry.why}\n\nNot so:\n{_block(entry.bad)}\n\nBut so:\n{_block(entry.good)}"


def _block(example: str) -> str:
    lines = visible(example.removesuffix("\n")).replace("\t", "⟦U+0009⟧").split("\n")
    return "\n".join(f"    {line}".rstrip() for line in lines)
