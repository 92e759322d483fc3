"""Codes of published runs: receipts, bundles, manifests and pages, as `beacon verify` finds them."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "attempt-cut-short": Note(
        "An attempt was cut short where none may be",
        "A runner cuts attempts short only when it stops a run; no other attempt follows one in its slot.",
    ),
    "attempt-missing": Note(
        "An attempt has no receipt",
        "Attempts of a slot are numbered from 1 without a gap, so that none can be dropped.",
    ),
    "bundle-document": Note(
        "A document of the bundle is about another job", "context.json and job.yaml of one bundle belong together."
    ),
    "bundle-file-changed": Note("A file of the bundle was changed", "Its receipt holds another hash."),
    "bundle-file-missing": Note(
        "A file of the bundle is missing", "Receipts answer for exactly the files of the bundle."
    ),
    "bundle-file-unknown": Note("A file of the bundle has no receipt", "Nobody answers for it, so it cannot be there."),
    "cancelled-empty": Note(
        "A cancelled run has a manifest and no receipt",
        "Its log entry names a manifest only where attempts had been made.",
    ),
    "cancelled-verdict": Note(
        "A cancelled run has a verdict", "What was stopped is not compared: its bundle holds no `diff.json`."
    ),
    "cells-too-many": Note(
        "A job plans more cells than any verifier counts",
        "The number is bounded, so that a registry cannot exhaust its readers.",
    ),
    "cid-wrong": Note(
        "The bundle has another CID than was logged",
        "The CID is computed from the folder's bytes; one of them was changed.",
    ),
    "context-wrong": Note(
        "The run's context is not what the log says of it", "Run, job, start and root follow from the log."
    ),
    "derivation-failed": Note(
        "A run cannot be judged again",
        "The classifier ends with an error on this bundle, so no verdict could have come of it.",
    ),
    "diff-wrong": Note(
        "The verdict does not follow from the answers",
        "diff.json is a pure function of the bundle; deriving it again gives other bytes.",
    ),
    "file-changed": Note("A file of the run was changed", "The manifest lists the SHA-256 of each of the run's files."),
    "file-missing": Note(
        "A file of the run is missing", "The manifest lists every file of the run; this one is not here."
    ),
    "file-unlisted": Note(
        "A file of the run is in no manifest",
        "Everything in the run's folder is listed, but the manifest and the proof.",
    ),
    "grade-too-low": Note(
        "A region rests on weaker evidence than you ask for",
        "`verify --production --grade` names the weakest that you accept.",
    ),
    "manifest-wrong": Note(
        "The manifest is not the one that was logged",
        "The run's log entry holds the manifest's hash, and the manifest names run, job and CID.",
    ),
    "network-refused": Note(
        "A run was made on a network that you do not accept", "`verify --production --network NAME` says which count."
    ),
    "output-changed": Note("An answer is not the one that was received", "Its receipt holds another hash."),
    "page-missing": Note(
        "A derived page is missing", "Each job with an ended run has its history, and the registry its index."
    ),
    "page-wrong": Note(
        "A page does not follow from what it shows",
        "Pages are derived from the log and the runs; deriving this one again gives other bytes.",
    ),
    "receipt-cells": Note(
        "A receipt's cells are not those that were planned",
        "Each attempt has exactly the cells that the job plans and that attempts before it left open.",
    ),
    "receipt-image": Note(
        "A receipt names another image than the job", "What ran is one of the forms that the job gives, by digest."
    ),
    "receipt-key": Note(
        "A receipt was signed with a key that does not count",
        "The key must be the receipt key of the runner that took the run, alive when it was published.",
    ),
    "receipt-key-unknown": Note(
        "A receipt was signed with an unknown key",
        "Only receipt keys in registry/keys/runners, entered into the log, count.",
    ),
    "receipt-malformed": Note(
        "A receipt cannot be read",
        "Receipts are Sigstore bundles with one DSSE envelope around an in-toto statement, printed in one way only.",
    ),
    "receipt-misplaced": Note(
        "A receipt stands under the name of another attempt",
        "Its path says target, region, slot and number of the attempt that it is about.",
    ),
    "receipt-region": Note(
        "A receipt is about another region than its place", "Requested region and evidence must fit the attempt's own."
    ),
    "receipt-signature": Note(
        "The signature of a receipt does not hold", "The receipt was changed after it was signed."
    ),
    "receipt-simulated": Note(
        "A receipt hides that it was simulated",
        "The local executor and a devnet are always simulated, and their receipts say so.",
    ),
    "receipt-subjects": Note(
        "A receipt answers for other files than there are",
        "Its subjects are the transcript and the outputs of its own attempt, with their hashes.",
    ),
    "receipt-too-large": Note(
        "A receipt is larger than any receipt", "Its size is bounded, so that reading it cannot exhaust anyone."
    ),
    "result-malformed": Note(
        "An executor's result fits no receipt",
        "What an executor reports is checked before it is signed; this cannot be said in a receipt.",
    ),
    "run-simulated": Note("A run was simulated", "`verify --production` accepts only runs on a network that you name."),
    "seed-wrong": Note(
        "A cell was asked with another seed",
        "Seeds follow from the log's root at the run's start, so that nobody could choose them.",
    ),
    "superseded-empty": Note(
        "An abandoned start left a manifest and no receipt",
        "It is logged only where its runner had made attempts.",
    ),
    "superseded-verdict": Note(
        "What an abandoned start left has a verdict",
        "The run is another runner's then, and nothing is compared: there is no `diff.json`.",
    ),
    "times-disordered": Note(
        "Times of a receipt are not in order",
        "Start, queued, agreed, started, finished, and the end of the lease follow each other.",
    ),
}
