"""Codes of the Golem executor: yagna, its app key, money, the journal."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "amount-malformed": Note(
        "This is no amount of GLM", "It is a decimal number above 0, with a point.", "beacon doctor --amount 0.5"
    ),
    "devnet-absent": Note(
        "There is no devnet to run on",
        "The policy's network is `devnet`, and no devnet describes itself on this machine (BEACON_DEVNET).",
        "beacon devnet up",
    ),
    "golem-busy": Note(
        "Another Beacon works with this identity",
        "Two of them would end each other's agreements, so one at a time holds the journal's lock.",
        "wait for it, or give this one an identity of its own: yagna id create",
    ),
    "golem-daemon": Note(
        "The yagna daemon does not answer",
        "Everything on Golem goes through it: market, activities, payments.",
        "yagna service run, or beacon devnet up; YAGNA_API_URL says where it is; beacon doctor",
    ),
    "golem-funds": Note(
        "The daemon sets no money aside",
        "The account's balance, less what other allocations hold, does not cover the region's budget.",
        "yagna payment status; yagna payment fund; beacon sweep releases what was left behind",
    ),
    "golem-image": Note(
        "The devnet has not got the image",
        "A Golem VM image is fetched from the devnet's folder of images, under its SHA3-224.",
        "copy it there as <hash>.gvmi, or give the image in the form `source` too",
    ),
    "golem-invoice": Note(
        "No disputed invoice has this id",
        "Only invoices that asked for more than was owed wait for a person's word.",
        "beacon sweep --dry-run lists them",
    ),
    "golem-journal": Note(
        "A journal of money cannot be read",
        "It says what a runner opened and owes. Nothing is guessed in its place.",
        "look at the file; restore it from a backup, or move it away: beacon sweep ends what it does not explain",
    ),
    "golem-key": Note(
        "The yagna daemon refuses the app key, or there is none",
        "Whoever holds the key acts for the identity and spends its money.",
        "yagna app-key create beacon --id <identity>; set YAGNA_APPKEY",
    ),
    "golem-library": Note(
        "The library yapapi cannot be imported",
        "It needs the extra `golem`, and a setuptools that still has pkg_resources.",
        "pip install 'beacon-runner[golem]'",
    ),
    "sweep-options": Note(
        "These options exclude each other",
        "A sweep does everything; --pay and --dismiss decide about one invoice, --dry-run does nothing.",
        "give one of them",
    ),
}
