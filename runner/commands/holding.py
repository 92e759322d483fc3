"""What the verbs that pin share: the targets that are meant, what is known of them, and bundles out of a clone."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.commands.places import cache_folder
from runner.edges.ipfs.results import Results
from runner.errors import Unverified, Usage
from runner.ipfs import keeping, pinning
from runner.ipfs.pinning import Account, Bundle, Record
from runner.ipfs.unixfs import Graph, folder_cid, folder_graph
from runner.model.policy import FolderTarget, KuboTarget, PinTarget, Policy, ServiceTarget
from runner.ports import PinFailed, Pinner, Snapshot
from runner.rendering.neutral import terminal
from runner.state import State

if TYPE_CHECKING:
    from runner.edges.ipfs.kubo import Kubo

NOTHING = folder_cid({})
"""The empty folder, which everybody has."""
KINDS = ("kubo", "ipfshttpclient", "folder")


class Target(NamedTuple):
    """A target by name. `identity` is its kind and address: what the cache knows it by. `place` is a folder's path,
    None where this machine was not told; `lacking` says what would tell it."""

    name: str
    identity: str
    policy: PinTarget
    place: Path | None = None
    lacking: str = ""


class Aim(NamedTuple):
    """Where bundles are to be held."""

    targets: Sequence[Target]
    at_least: int
    verify_days: int = 30


def aim(policy: Policy, to: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Aim | None:
    """The targets that a person names (`KIND=ADDRESS`), else those of the policy; None where it names none. Raises
    `Usage`."""
    if to:
        named = [_named(one) for one in to]
        return Aim(named, len(named))
    asked = policy.pinning
    if asked is None:
        return None
    return Aim(
        [_of_policy(name, one, environ) for name, one in asked.targets.items()], asked.at_least, asked.verify_days
    )


def known(state: State, meant: Aim, wanted: Sequence[Bundle] | None = None) -> Sequence[Account]:
    """What the cache knows of each bundle. Asks nobody."""
    records = Results(cache_folder(), state.policy.log.origin).read()
    identities = {target.name: target.identity for target in meant.targets}
    found = pinning.accounts(pinning.bundles(state.history) if wanted is None else wanted, identities, records)
    lacking = {target.name: target.lacking for target in meant.targets if target.lacking}
    return [
        one._replace(
            records={
                name: record._replace(why=lacking[name]) if name in lacking else record
                for name, record in one.records.items()
            }
        )
        for one in found
    ]


def of_run(state: State, run: str) -> Account | None:
    """Where a run's own bundle is kept, by the cache; None where it has none, or the policy names no target."""
    meant = aim(state.policy)
    wanted = [one for one in pinning.bundles(state.history) if one.run == run and not one.late]
    return known(state, meant, wanted)[0] if meant and wanted else None


def bring(
    state: State,
    meant: Aim,
    accounts: Sequence[Account],
    stop: threading.Event,
    tell: Callable[[Record], None],
    backoff: pinning.Backoff,
    environ: Mapping[str, str] = os.environ,
) -> Sequence[Account]:
    """Bring every bundle to every target, as far as it goes now; the accounts afterwards."""
    results = Results(cache_folder(), state.policy.log.origin)

    def record(one: Record) -> None:
        results.put(one)
        tell(one)

    setting = keeping.Setting(
        now=lambda: int(time.time()),
        wait=stop.wait,
        chance=random.random,
        backoff=backoff,
        fresh=meant.verify_days * pinning.DAY,
    )
    with pinners(meant, environ) as targets:
        return keeping.keep(accounts, targets, keeping.Work(graphs(state.snapshot), record, setting))


def graphs(snapshot: Snapshot) -> Callable[[Bundle], Graph]:
    """Bundles out of a commit, one thread at a time; a few are remembered. Raises `Unverified` where a bundle is not
    there, or not the one that the log names."""
    alone = threading.Lock()

    @lru_cache(maxsize=16)
    def read(bundle: Bundle) -> Graph:
        folder = f"{bundle.folder}/bundle"
        files = snapshot.read_all(list(snapshot.files(folder)))
        graph = folder_graph({path.removeprefix(f"{folder}/"): raw for path, raw in files.items()})
        if graph.cid != bundle.cid:
            raise Unverified(
                "bundle-cid-wrong",
                f"{folder} has the CID {graph.cid}; the log says {bundle.cid}",
                "`beacon verify` tells more; restore it from another clone, or `beacon fetch` it",
            )
        return graph

    def one(bundle: Bundle) -> Graph:
        with alone:
            return read(bundle)

    return one


def answers(meant: Aim) -> Iterator[tuple[str, str, str]]:
    """Each target: its name, what it is, and why it cannot be used now, or nothing. Asks it one short question."""
    with pinners(meant) as targets:
        for target in meant.targets:
            why = target.lacking
            try:
                if target.name in targets:
                    targets[target.name].standings([NOTHING])
            except PinFailed as error:
                why = error.why
            yield target.name, target.identity, why


@contextmanager
def pinners(meant: Aim, environ: Mapping[str, str] = os.environ) -> Iterator[Mapping[str, Pinner]]:
    """The adapters. Nothing is reached for before they are used."""
    made: dict[str, Pinner] = {}
    try:
        for target in meant.targets:
            if not target.lacking:
                made[target.name] = _pinner(target, environ)
        yield made
    finally:
        for one in made.values():
            one.close()


def held_lines(account: Account) -> Iterator[str]:
    """Where a bundle is held and where it is not, by what is known; still to be neutralised."""
    for name, record in account.records.items():
        yield f"{name}: {told(record)}"


def as_data(record: Record) -> dict[str, Any]:
    """A record as JSON data. Moments are Unix seconds."""
    return {"stage": record.stage, "at": record.at, "fetchedBack": record.held or None, "why": record.why or None}


def told(record: Record) -> str:
    """A record in words."""
    day = time.strftime("%Y-%m-%d", time.gmtime(record.held))
    stages = {
        "held": f"held, fetched back {day}",
        "lied": "LIED",
        "lost": f"LOST, held on {day}",
        "pinned": "says that it keeps it, not fetched back yet",
        "pending": "is fetching it",
    }
    said = stages.get(record.stage, "not held yet")
    return f"{said} ({record.why})" if record.why else said


def _named(text: str) -> Target:
    kind, _, address = text.partition("=")
    if kind not in KINDS or not address:
        raise Usage("pin-target", f"{text!r} is no target", f"KIND=ADDRESS, where KIND is {', '.join(KINDS)}")
    if kind == "folder":
        place = Path(address).absolute()
        return Target(terminal(text), f"folder {place}", FolderTarget(kind="folder"), place)
    try:
        policy = KuboTarget.from_json({"kind": kind, "url": address})
    except ValueError:
        raise Usage("pin-target", f"{address!r} is no address of a node", "http://127.0.0.1:5001") from None
    return Target(text, f"{kind} {address}", policy)


def _of_policy(name: str, asked: PinTarget, environ: Mapping[str, str]) -> Target:
    if isinstance(asked, FolderTarget):
        found = environ.get(_variable(name, "PATH"))
        place = Path(found).absolute() if found else None
        return Target(name, f"folder {place}", asked, place, "" if place else f"set {_variable(name, 'PATH')}")
    return Target(name, f"{asked.kind} {asked.url}", asked)


def _variable(name: str, what: str) -> str:
    return f"BEACON_PIN_{name.upper().replace('-', '_')}_{what}"


def _pinner(target: Target, environ: Mapping[str, str]) -> Pinner:
    asked, name = target.policy, target.name
    token = environ.get(_variable(name, "TOKEN"))
    if isinstance(asked, FolderTarget):
        from runner.edges.ipfs.folder import Folder

        assert target.place is not None, "targets that lack something are left out"
        return Folder(target.place)
    if isinstance(asked, ServiceTarget):
        from runner.edges.ipfs.service import Service

        origin = _kubo(asked.origin, environ.get(_variable(name, "ORIGIN_TOKEN")))
        return Service(asked.url, token, origin, asked.gateway)
    if asked.kind == "kubo":
        return _kubo(asked.url, token)
    from runner.edges.ipfs.legacy import Legacy

    return Legacy(asked.url, token)


def _kubo(url: str, token: str | None) -> Kubo:
    from runner.edges.ipfs.kubo import Kubo

    return Kubo(url, token)
