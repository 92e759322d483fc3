"""Codes about providers: what comes back from their machines, where they are, and who is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "request-malformed": Note(
        "The wrapper in an image was called with something else than a request",
        "Its arguments, joined, are base64 of gzip of one JSON document; `runner/static/beacon_run.py` specifies it.",
        "let the runner start it; it is not meant to be called by hand",
    ),
    "request-too-long": Note(
        "An attempt's prompts do not fit the arguments of a process",
        "On Golem everything that a benchmark reads travels in arguments, and an operating system bounds these.",
        "split the job: fewer or shorter prompts",
    ),
    "wrapped-malformed": Note(
        "What came back from a provider is no answer of the wrapper",
        "The wrapper prints one line of strict JSON; whatever else a provider returns cannot be told from a forgery.",
        "nothing: the attempt has failed, and the next one goes to another provider",
    ),
}
