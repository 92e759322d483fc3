"""Published reports in other forms: the static site, one run on paper, everything as JSON. Nothing is judged here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from runner.commands.console import note
from runner.edges.pdf import pdf
from runner.errors import Usage
from runner.history import End, Taken
from runner.model import DiffReport
from runner.model import entry as e
from runner.model.run import run_folder
from runner.rendering.htmlpage import Links, document, page_of
from runner.rendering.jobpages import summarise
from runner.rendering.site import site, style
from runner.state import State, run_of

MARK = ".beacon-site"
"""Lists what an earlier export wrote, so that the next one can take it away again."""


def folder_of(end: End) -> str:
    """A run's folder, from the repository's root."""
    return run_folder(job_of(end), end.start.run, end.start.due)


def job_of(end: End) -> str:
    """`<owner>/[<suite>/]<name>`."""
    return end.start.job.removeprefix("registry/jobs/").removesuffix(".yaml")


def as_json(state: State, end: End, diff: DiffReport) -> dict[str, Any]:
    """A run for programs: its `diff.json`, with what else is known of it, and every later judgement."""
    assert isinstance(end.end, e.RunEnd), "only a published run has a verdict"
    assert state.checkpoint is not None, "a run stands in a signed log"
    run = run_of(state, Taken(end.end.start, end.start))
    return {
        **diff.to_json(),
        "folder": folder_of(end),
        "due": end.start.due,
        "taken": end.start.at,
        "runner": end.start.runner,
        "sentence": str(summarise(folder_of(end), run, diff, end.start.at).sentence),
        "cid": end.end.cid,
        "manifest": end.end.manifest,
        "log": {"origin": state.checkpoint.origin, "start": end.end.start, "run": end.index},
        "rescored": [_again(state, end, entry) for entry in state.history.rescored.get(end.start.run, ())],
    }


def _again(state: State, end: End, entry: e.Rescore) -> dict[str, Any]:
    folder = f"{folder_of(end)}/{entry.folder}"
    raw = state.snapshot.read(f"{folder}/diff.json") or b""
    return {"folder": folder, "manifest": entry.manifest, "diff": DiffReport.from_bytes(raw, folder).to_json()}


def write_site(state: State, folder: Path) -> int:
    """Write the site into a folder that is new, empty, or holds an earlier one, of which nothing stays that is no
    longer part of it. Returns the number of files. Raises `Usage` for any other folder."""
    mark, there = folder / MARK, folder.exists()
    if there and not (folder.is_dir() and (mark.is_file() or not any(folder.iterdir()))):
        hint = "give a folder that is new or empty, or one that this command wrote before"
        raise Usage("folder-not-empty", f"{folder} holds other things than a site", hint)
    old = set(mark.read_text().splitlines()) if mark.is_file() else set()
    folder.mkdir(parents=True, exist_ok=True)
    new: list[str] = []
    for path, content in site(state.snapshot):
        new.append(path)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for path in old - set(new):
        file = folder / path
        if folder.resolve() in file.resolve().parents:  # whoever wrote the list
            file.unlink(missing_ok=True)
    mark.write_text("".join(f"{path}\n" for path in sorted(new)))
    return len(new)


def write_pdf(state: State, end: End, file: Path) -> None:
    """Write one run's page as PDF. Raises `Environment` where WeasyPrint is not installed."""
    folder = folder_of(end)

    def picture(address: str) -> bytes | None:
        name = address.removeprefix("./")
        return state.snapshot.read(f"{folder}/{name}") if name.endswith(".svg") and "/" not in name else None

    text = (state.snapshot.read(f"{folder}/README.md") or b"").decode("utf-8", "replace")
    page = page_of(text, Links(target=lambda _: None, picture=picture)).opened()
    taken = int(datetime.fromisoformat(end.start.at).timestamp())
    made = pdf(document(page, "", None).decode(), style().decode(), taken)
    try:
        file.write_bytes(made)
    except OSError as error:
        raise Usage("file-unwritable", f"{file}: {error.strerror}") from None
    note(f"{file}: {len(made)} bytes, as {end.start.run[:12]} was published")
