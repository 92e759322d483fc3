"""Codes of money: budgets, settlements and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "agreement-differs": Note(
        "A settlement tells an agreement otherwise than its receipt",
        "Region, attempt, provider, payee, network and invoice stand in both, and the receipt was signed first.",
    ),
    "agreement-foreign": Note(
        "An agreement belongs to another start",
        "One agreement is made for one start of a run, so that it can be paid from one budget only.",
    ),
    "agreement-twice": Note(
        "An agreement is settled twice", "What was accepted for it would count twice, and so would what was owed."
    ),
    "agreement-unsettled": Note(
        "A receipt saw a cost that the settlement leaves out",
        "Each agreement that cost something stands in the settlement of its start, with what was accepted for it.",
    ),
    "budget-too-small": Note(
        "A region could not pay for one attempt",
        "At the policy's prices and the job's limits an attempt may cost more than the job lets a region spend, so no "
        "provider would be hired.",
        "raise spec.budget, or lower spec.limits: startSeconds and runSeconds are paid for, by cpus",
    ),
    "cost-unreserved": Note(
        "An attempt cost something that nobody reserved",
        "Money is spent only for a start that reserved it, so that the policy's caps count it.",
    ),
    "ledger-missing": Note(
        "A month of the ledger is missing",
        "Attempts on a paid network, and settlements, have their lines in reports/ledger/<YYYY-MM>.jsonl.",
    ),
    "ledger-wrong": Note(
        "A month of the ledger does not follow from the evidence",
        "Each of its lines is derived from a receipt or a settlement, in the order of the log.",
    ),
    "limits-too-long": Note(
        "An attempt would outlast its agreement",
        "Providers on Golem refuse agreements of more than half an hour, so Beacon asks for 25 minutes at most: "
        "waiting for a provider, starting and running have to fit into them.",
        "lower queueSeconds, startSeconds or runSeconds: together they may be 1440",
    ),
    "settlement-changed": Note(
        "A settlement's record was changed", "The settlement's log entry holds the SHA-256 of its record."
    ),
    "settlement-differs": Note(
        "A settlement does not agree with itself",
        "Log entry and record name one start and one amount, which is the sum of what was accepted.",
    ),
    "settlement-missing": Note(
        "A settlement has no record", "Each settlement's record stands in reports/settlements/<run>-<start>.json."
    ),
    "settlement-over-reserved": Note(
        "A run cost more than its start reserved",
        "The start reserves the worst case, and the caps of the policy count on it.",
    ),
    "settlement-overpaid": Note(
        "More was accepted than was asked, or owed",
        "At most what an invoice asks for is accepted, and at most the agreed prices times the runner's own clock.",
    ),
    "settlement-too-early": Note(
        "A start was settled before it ended", "What an open start will have cost cannot be known."
    ),
    "settlement-twice": Note(
        "A start was settled twice", "One settlement takes the place of what the start reserved; a second could hide."
    ),
    "settlement-without-start": Note(
        "A settlement belongs to no start that reserved money",
        "Money is spent only for a start that reserved it before.",
    ),
}
