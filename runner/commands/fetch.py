"""`beacon fetch`: get a bundle back by its CID or run, believing nobody, and verify what came."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from runner.commands import holding
from runner.commands.bundle import MIB, logged
from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.operate import RepoOption
from runner.commands.places import state_folder, top
from runner.commands.read import at_head
from runner.commands.verify import check, tell
from runner.edges.blockfile import BlockFile
from runner.edges.ipfs.gateway import Patience
from runner.edges.trees import TreeFiles, refuse_taken, write_graph
from runner.errors import BeaconError, Environment, Unverified, Usage
from runner.ipfs import car
from runner.ipfs.car import Limit
from runner.ipfs.dagpb import cid_text, parse_cid
from runner.ipfs.gather import Gathering
from runner.ipfs.pinning import Bundle, bundles
from runner.ipfs.unpack import Bounds
from runner.ports import PinFailed, Pinner
from runner.rendering.neutral import terminal
from runner.state import State
from runner.verify import parse_anchor, present
from runner.verify.alone import Alone, as_data, judge_alone

GATEWAYS = ("https://trustless-gateway.link", "https://ipfs.io", "https://dweb.link")
"""Public trustless gateways, where neither `--from` nor BEACON_GATEWAYS names others."""
_KUBO = "http://127.0.0.1:5001"

Most = Annotated[int, typer.Option("--most", metavar="MIB", min=1, help="The most to read and to write, in MiB.")]


class Sources(NamedTuple):
    """Whom to ask: places that hold bundles, one after the other, then gateways, together."""

    holders: Sequence[tuple[str, Pinner]]
    gateways: Sequence[str]


class Came(NamedTuple):
    """What was fetched. `troubles` says what was wrong with whom."""

    blocks: int
    troubles: dict[str, str]


def fetch(
    which: Annotated[str, typer.Argument(metavar="CID|RUN", help="A CID, or a run of the registry in --repo.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="WHERE",
            help="gateway[=URL], kubo[=URL], folder=PATH, or a target of the policy. Repeatable. "
            "Default: the policy's targets, then public gateways.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to make; default: named by the CID.")] = None,
    repo: RepoOption = Path(),
    trust: Annotated[str | None, typer.Option(help="As for `beacon verify`: <genesis sha256>+<log key>.")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Judge the bundle by itself, not its registry.")] = False,
    most: Most = 1024,
    seconds: Annotated[int, typer.Option(min=1, help="For all gateways together.")] = 120,
    as_json: JsonFlag = False,
) -> int:
    """Get a bundle from whoever has it. Every block is checked, so nobody has to be trusted; nothing is written unless
    all of it came. Then it is verified: with its registry where that is at hand, else as far as it goes alone."""
    anchor = parse_anchor(trust) if trust else None
    with _registry(repo, which) as state:
        named = _bundle(state, which)
        cid = named.cid if named else which
        target = out or Path(cid)
        _demand_cid(cid)
        refuse_taken(target)
        with _sources(sources or (), state) as found:
            came = _get(cid, found, target, Limit(most * MIB), Patience(whole=seconds), quiet=as_json)
    if named is None or alone:
        judged = judge_alone(TreeFiles(target)) if target.is_dir() else Alone(None, None, None, ())
        return _tell_alone(judged, cid, target, came, named, as_json)
    report = check(top(repo), anchor, state_folder())
    if as_json:
        put_json(_facts(cid, target, came, named) | {"verify": present.as_json(report)}, "fetch")
        return 0 if report.ok else 1
    line(str(target))
    note(f"the bundle of run {named.run[:12]}, byte for byte: the log names its CID. Its registry, verified:")
    return tell(report)


def _get(cid: str, found: Sources, target: Path, limit: Limit, patience: Patience, quiet: bool) -> Came:
    """Fetch and unpack. Raises `Environment` where nobody gives all of it."""
    from runner.edges.ipfs import gateway

    troubles: dict[str, str] = {}
    with BlockFile(target.absolute().parent) as store:
        gathering = Gathering(parse_cid(cid), store)
        for name, holder in found.holders:
            if not gathering.whole and (trouble := _take(cid, holder, gathering, limit)):
                troubles[name] = trouble
        if not gathering.whole and found.gateways:
            troubles |= gateway.fetch(gathering, found.gateways, limit, patience)
        if not gathering.whole:
            told = "; ".join(f"{name}: {why}" for name, why in troubles.items())
            hint = "name others with --from, or wait: any clone of the registry can pin it again (`beacon pin`)"
            raise Environment("fetch-failed", f"nobody gave all of {cid}, {gathering.count} blocks came: {told}", hint)
        if not quiet:
            for name, why in troubles.items():
                note(terminal(f"{name}: {why}"))
        write_graph(gathering.root, store.get, target, Bounds(limit.size))
        return Came(gathering.count, troubles)


def _take(cid: str, holder: Pinner, gathering: Gathering, limit: Limit) -> str | None:
    """All that a holder gives of a bundle. What was wrong, or None."""
    pieces = holder.fetch(cid)
    try:
        with ExitStack() as ends:
            ends.callback(getattr(pieces, "close", lambda: None))
            for block in car.read(pieces, limit)[1]:
                gathering.add(block)
                if gathering.whole:
                    return None
    except PinFailed as error:
        return error.why
    except Unverified as error:
        return error.message
    return "what it gave lacks blocks"


@contextmanager
def _sources(words: Sequence[str], state: State | None) -> Iterator[Sources]:
    """Whom these words mean. Nobody is reached for before it is used. Raises `Usage`."""
    gateways: list[str] = []
    holders: list[tuple[str, Pinner]] = []
    with ExitStack() as opened:
        for word in words or ([*_targets(state), "gateway"]):
            kind, _, address = word.partition("=")
            if kind == "gateway":
                gateways += [address] if address else os.environ.get("BEACON_GATEWAYS", "").split() or GATEWAYS
            elif kind in ("kubo", "folder") and (address or kind == "kubo"):
                holders.append((word, _holder(kind, address or _KUBO)))
            else:
                holders += opened.enter_context(_named(word, state)).items()
        for _, holder in holders:
            opened.callback(holder.close)
        yield Sources(holders, gateways)


def _holder(kind: str, address: str) -> Pinner:
    from runner.edges.ipfs.folder import Folder
    from runner.edges.ipfs.kubo import Kubo

    return Folder(Path(address)) if kind == "folder" else Kubo(address)


@contextmanager
def _named(name: str, state: State | None) -> Iterator[dict[str, Pinner]]:
    """The adapter of one of the policy's targets."""
    meant = holding.aim(state.policy) if state else None
    target = next((one for one in meant.targets if one.name == name), None) if meant else None
    if meant is None or target is None:
        hint = "gateway, gateway=URL, kubo, kubo=URL, folder=PATH, or the name of a target in the policy"
        raise Usage("fetch-source", f"nobody is called {name!r}", hint)
    if target.lacking:
        raise Environment("fetch-source", f"{name}: {target.lacking}", "see docs/ipfs.md")
    with holding.pinners(meant._replace(targets=[target])) as made:
        yield dict(made)


def _targets(state: State | None) -> list[str]:
    meant = holding.aim(state.policy) if state else None
    return [target.name for target in meant.targets if not target.lacking] if meant else []


@contextmanager
def _registry(repo: Path, which: str) -> Iterator[State | None]:
    """The state of the registry at hand, or None where there is none and a CID is asked for."""
    with ExitStack() as opened:
        try:
            state = opened.enter_context(at_head(repo))
        except BeaconError as error:
            if isinstance(error, Usage) and error.code == "not-a-repository":
                _demand_cid(which)
            elif not _is_cid(which):
                raise
            note(terminal(f"no registry at hand: {error.message}"))
            state = None
        yield state


def _demand_cid(which: str) -> None:
    """A CID that was typed, and not found in evidence. Raises `Usage`."""
    try:
        parse_cid(which)
    except Unverified as error:
        raise Usage(error.code, error.message, f"{error.hint}; or a run, in the clone of its registry") from None


def _bundle(state: State | None, which: str) -> Bundle | None:
    """The bundle that the log knows by this run or CID."""
    if not _is_cid(which) and state is not None:
        return logged(state, which)
    return next((one for one in bundles(state.history) if one.cid == which), None) if state else None


def _is_cid(text: str) -> bool:
    try:
        return cid_text(parse_cid(text)) == text
    except Unverified:
        return False


def _facts(cid: str, target: Path, came: Came, named: Bundle | None) -> dict[str, Any]:
    return {
        "cid": cid,
        "folder": str(target),
        "blocks": came.blocks,
        "troubles": came.troubles,
        "run": named.run if named else None,
    }


def _tell_alone(found: Alone, cid: str, target: Path, came: Came, named: Bundle | None, as_json: bool) -> int:
    if as_json:
        put_json(_facts(cid, target, came, named) | {"alone": as_data(found)}, "fetch")
    else:
        line(str(target))
        if found.run is not None:
            line(terminal(f"it calls itself run {found.run} of {found.job}"))
        for step in found.steps:
            for text in present.as_lines(step):
                line(terminal(text))
        line(terminal(f"{cid}: {found.last_line}"))
    return 0 if found.ok else 1
