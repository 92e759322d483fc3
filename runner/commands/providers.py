"""The verb `providers`: list, explain, scan. Whose machines are known, where they are, and how well they served."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.operate import RepoOption, now
from runner.commands.places import cache_folder, checkout, opened, top
from runner.errors import Usage
from runner.model.policy import Golem, Prices
from runner.model.providers import KnownProvider
from runner.money import caps
from runner.providers import roster
from runner.providers.reputation import History, read
from runner.providers.selection import Score, score
from runner.registry import PROVIDERS, load_policy, load_providers
from runner.rendering.neutral import terminal

providers = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Whose machines are known, where, and how well they served."
)

NetworkOption = Annotated[
    str | None, typer.Option(help="The Golem network whose history counts; default: the policy's.")
]


class _Desk(NamedTuple):
    """What a registry's branch says of providers."""

    golem: Golem | None
    known: Mapping[str, KnownProvider]
    history: History

    def nodes(self) -> list[str]:
        """Every node that list or ledger name."""
        return sorted({*self.known, *self.history.by_id})

    def score(self, node: str) -> Score:
        """By what it took so far: there is no offer here."""
        entry = self.known.get(node)
        prices = self.golem.prices if self.golem else Prices.from_json({})
        return score(self.history.of(node, entry.payee if entry else None), None, caps(prices))


@contextmanager
def _at_head(repo: Path, network: str | None) -> Iterator[_Desk]:
    with opened(top(repo)) as repository:
        snapshot = repository.snapshot(repository.head())
        golem = load_policy(snapshot).golem
        which = network or (golem.network if golem else None)
        history = read(snapshot, which, now()) if which else History()
        yield _Desk(golem, load_providers(snapshot), history)


@providers.command("list")
def list_(repo: RepoOption = Path(), network: NetworkOption = None, as_json: JsonFlag = False) -> None:
    """Who is known, by the maintainers' list and by the ledger: country, record, score; best first."""
    with _at_head(repo, network) as desk:
        rows = sorted((_facts(desk, node) for node in desk.nodes()), key=lambda row: (-row["score"], row["node"]))
    if as_json:
        put_json({"providers": rows}, "providers")
        return
    if not rows:
        note("nobody: there is no registry/providers.yaml, and no attempt on this network was published")
        return
    line(f"{'node':<42}  {'country':<7}  {'attempts':>8}  {'reliability':>11}  {'score':>5}")
    for row in rows:
        reliability = f"{row['reliability']:.2f}" if row["attempts"] else "new"
        country = row["country"] or ",".join(row["seenIn"]) or "?"
        line(
            terminal(f"{row['node']:<42}  {country:<7}  {row['attempts']:>8}  {reliability:>11}  {row['score']:>5.2f}")
        )


@providers.command("explain")
def explain(
    node: Annotated[str, typer.Argument(help="A node, by the first digits of its id.")],
    repo: RepoOption = Path(),
    network: NetworkOption = None,
    as_json: JsonFlag = False,
) -> None:
    """What is known of one provider, and what its score is made of."""
    with _at_head(repo, network) as desk:
        found = [one for one in desk.nodes() if one.startswith(node.lower())]
        if len(found) != 1:
            told = f"{len(found)} nodes begin" if found else "no node begins"
            raise Usage("provider-unknown", f"{told} with {node}", "`beacon providers list` shows them all")
        facts, judged = _facts(desk, found[0]), desk.score(found[0])
    if as_json:
        put_json(facts, "provider")
        return
    line(terminal(facts["node"]))
    if facts["country"]:
        line(terminal(f"  listed in {facts['country']}, seen {facts['seen']}: {facts['evidence']}"))
        line(terminal(f"  payee {facts['payee'] or 'not listed'}, network {facts['network'] or 'not listed'}"))
    else:
        line("  not in registry/providers.yaml: its own claim is all that is known before it is hired")
    line(f"  {facts['attempts']} attempts counted, the last {facts['last'] or 'never'}")
    if facts["seenIn"]:
        line(terminal(f"  our vantages saw its traffic leave from {', '.join(facts['seenIn'])}"))
    for code, count in facts["codes"].items():
        line(f"  {count} x {terminal(code)}")
    line(f"  score {judged.total:.2f}, which counts as {judged.step} of 20:")
    for part in judged.parts:
        line(f"    {part.name:<11}  {part.share:.2f} x {part.weight:.2f}  {terminal(part.why)}")


@providers.command("scan")
def scan(
    repo: RepoOption = Path(),
    seconds: Annotated[float, typer.Option(min=1, max=300, help="How long to listen for offers.")] = 20.0,
    relay: Annotated[str | None, typer.Option(help="URL of a relay that lists nodes: http://HOST:9000")] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write; default: the clone's own list.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at the market without hiring anybody, and write a new registry/providers.yaml for a pull request."""
    from runner.edges.golem.connection import find
    from runner.edges.golem.geoip import GeoIp

    root = checkout(repo)
    with _at_head(root, None) as desk:
        if desk.golem is None:
            raise Usage("network-missing", "registry/policy.yaml names no Golem network", "add `golem: {network: …}`")
        connection = find(desk.golem, os.environ, cache_folder())
        geoip = GeoIp.open(connection.mmdb)
        seen, met = asyncio.run(_look(connection, seconds, relay, geoip))
        proposal = roster.propose(desk.known, met, desk.history, geoip.source, now().date().isoformat())
    target = output or root / PROVIDERS
    if not dry_run:
        target.write_bytes(roster.render(proposal.providers))
    if as_json:
        put_json(
            {
                "offers": len(seen.offers),
                "unreadable": seen.unreadable,
                "nodes": [one._asdict() for one in met],
                "changes": list(proposal.changes),
                "providers": {node: entry.to_json() for node, entry in proposal.providers.items()},
                "written": None if dry_run else str(target),
            },
            "scan",
        )
        return
    for one in met:
        line(f"{terminal(one.node)}  {terminal(one.name):<24}  claims {terminal(one.claim or 'nothing')}")
    for change in proposal.changes:
        line(terminal(change))
    note(f"{len(seen.offers)} offers of {len(met)} nodes; {seen.unreadable} could not be read")
    note("nothing was written" if dry_run else f"wrote {target}: look at it, and open a pull request")


async def _look(connection: Any, seconds: float, relay: str | None, geoip: Any) -> tuple[Any, list[roster.Met]]:
    from runner.edges.golem import scan as market

    seen = await market.look(connection, seconds)
    addresses = await market.relayed(relay, {offer.node for offer in seen.offers}) if relay else {}
    return seen, market.met(seen, addresses, geoip)


def _facts(desk: _Desk, node: str) -> dict[str, Any]:
    """One provider as JSON."""
    entry, judged = desk.known.get(node), desk.score(node)
    record = desk.history.of(node, entry.payee if entry else None)
    return {
        "node": node,
        "country": entry.country if entry else None,
        "evidence": entry.evidence if entry else None,
        "seen": entry.seen if entry else None,
        "payee": entry.payee if entry else None,
        "network": entry.network if entry else None,
        "attempts": record.attempts,
        "reliability": round(record.reliability, 4),
        "contradictions": record.contradictions,
        "seenIn": list(record.countries),
        "last": record.last,
        "codes": dict(record.codes),
        "score": round(judged.total, 4),
        "parts": [part._asdict() | {"share": round(part.share, 4)} for part in judged.parts],
    }
