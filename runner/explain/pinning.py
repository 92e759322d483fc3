"""Codes of `beacon pin`."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "bundle-cid-wrong": Note(
        "A bundle in this clone is not the one that the log names",
        "The CID is computed from the files; something else must not be kept in its place.",
        "`beacon verify` tells what was changed; take the run's folder from another clone, or fetch it by its CID",
    ),
    "pin-nowhere": Note(
        "Nobody said where bundles are to be kept",
        "Neither the policy nor the command line names a target.",
        "--to kubo=http://127.0.0.1:5001, or `pinning` in registry/policy.yaml",
    ),
    "pin-target": Note(
        "Not a target to pin at",
        "A target on the command line is a kind and an address; services need more, and stand in the policy.",
        "--to kubo=http://127.0.0.1:5001, --to folder=/mnt/backup",
    ),
}
