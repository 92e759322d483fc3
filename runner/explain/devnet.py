"""Codes of the devnet: the yagna daemon on loopback and our providers."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "devnet-broken": Note(
        "The devnet does not start",
        "The process that holds the providers left before all was up; the message holds its last words.",
        "read the log that the hint names; beacon devnet up starts afresh",
    ),
    "devnet-fault": Note(
        "The devnet cannot be told to have this fault",
        "Its kind, an option or the provider's name is not known to it.",
        "beacon devnet status lists the providers; the message lists the kinds",
    ),
    "devnet-gone": Note(
        "The devnet does not answer", "It was stopped or killed since it was started.", "beacon devnet up"
    ),
    "devnet-providers": Note(
        "The devnet's providers cannot be placed",
        "Each has a name of its own, and a country of two letters.",
        "give --provider NAME:COUNTRY, such as de-1:DE",
    ),
    "devnet-running": Note(
        "A devnet runs already", "A folder holds one devnet at a time.", "beacon devnet down, or another folder"
    ),
    "devnet-unsupported": Note(
        "There is no devnet on this platform",
        "The yagna daemon comes as a program for Linux on x86-64.",
        "use the local executor: a policy without `golem`",
    ),
    "yagna-broken": Note(
        "The yagna daemon does not start or does not do as it is told",
        "The message holds the daemon's own last words.",
        "read the log that the hint names",
    ),
    "yagna-missing": Note(
        "There is no yagna daemon on this machine",
        "The devnet runs the real one, from the package golem-node.",
        "on Linux x86-64: pip install 'beacon-runner[devnet]'",
    ),
}
