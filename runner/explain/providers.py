"""Codes about providers: what comes back from their machines, where they are, and who is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Entry, Note

DOCUMENTS: Mapping[str, Entry] = {
    "account-invalid": Entry(
        "words",
        "Not a node or an account",
        "Nodes and the accounts that are paid are addresses on the chain. YAML takes one without quotes for a number, "
        "and the case of its letters is a checksum that nothing here reads: write it in quotes, in lower case.",
        "providers: {0x75A6F0: {country: DE}}",
        'providers: {"0x75a6f0c2d8a1b3e4f5061728394a5b6c7d8e9f00": {country: DE}}',
    ),
    "day-invalid": Entry(
        "words",
        "Not a day",
        "A day is written as year, month and day, in quotes: YAML versions read a plain date in different ways.",
        'seen: "22.11.2026"',
        'seen: "2026-11-22"',
    ),
    "network-invalid": Entry(
        "words",
        "Not a /24 or a /48",
        "Whole addresses of providers are not published; the network is enough to tell two of them apart.",
        "network: 192.0.2.77",
        'network: "192.0.2.0/24"',
    ),
}
"""Codes of `registry/providers.yaml`."""

ENTRIES: Mapping[str, Note] = {
    "geoip-missing": Note(
        "Nothing here tells the country of an address",
        "What vantages see are addresses; without an offline source of countries they prove nothing.",
        "point BEACON_GEOIP to an MMDB file, install Debian's tor-geoipdb, or the extra `golem`",
    ),
    "geoip-unreadable": Note(
        "The source of countries cannot be read",
        "A runner that took another source in silence would sign receipts on data that its operator did not choose.",
        "point BEACON_GEOIP to an MMDB file (MaxMind DB 2.0)",
    ),
    "market-unreadable": Note(
        "The market cannot be looked at",
        "The yagna daemon gave no answer, or another one than it should.",
        "see that it runs: `yagna service run`, or `beacon devnet up`",
    ),
    "provider-unknown": Note(
        "Nothing is known of such a provider",
        "Neither the maintainers' list nor the ledger has a node whose id begins so, or several have.",
        "`beacon providers list` shows them all",
    ),
    "network-missing": Note(
        "The policy names no Golem network",
        "A registry without one runs its jobs on this machine, so there is no market to look at.",
        "add `golem: {network: …}` to registry/policy.yaml",
    ),
    "relay-unreadable": Note(
        "A relay's listing of nodes cannot be read",
        "It is down, or something else answers at that address; without it addresses of nodes are not known.",
        "look at the URL, or leave --relay away",
    ),
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
    "vantage-full": Note(
        "A vantage waits for too many calls",
        "Nonces are kept for an hour, and their number is bounded.",
        "wait, or use a vantage of its own for each runner",
    ),
    "vantage-insecure": Note(
        "A vantage's control would be asked over plain HTTP",
        "What it tells ends up in signed receipts, and anybody between could have changed it.",
        "put a proxy with TLS before it, or reach it through an SSH tunnel",
    ),
    "vantage-listen": Note(
        "A vantage cannot listen where it was told to",
        "The address is not this machine's, or another program has the port.",
        "take another address or port",
    ),
    "vantage-place": Note("Not a place to listen at", "It takes an address and a port.", "0.0.0.0:7070, or [::]:7070"),
    "vantage-token": Note(
        "A vantage has no secret",
        "Only runners who know it may announce calls, and ask where they came from.",
        "BEACON_VANTAGE_TOKEN=$(openssl rand -hex 32), the same for the runner",
    ),
    "vantage-unreachable": Note(
        "A vantage elsewhere cannot be asked",
        "It is down, it has another token, or something else answers in its place.",
        "look at its machine; without it, attempts have weaker evidence of their region",
    ),
    "wrapped-malformed": Note(
        "What came back from a provider is no answer of the wrapper",
        "The wrapper prints one line of strict JSON; whatever else a provider returns cannot be told from a forgery.",
        "nothing: the attempt has failed, and the next one goes to another provider",
    ),
}
