"""`beacon devnet up|down|status`: a Golem network on this machine, to try the Golem executor on."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.commands.places import cache_folder
from runner.edges.devnet.faults import KINDS
from runner.edges.devnet.net import EACH, Devnet, default_providers
from runner.errors import Environment, Usage

devnet = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="A Golem network on this machine: the real yagna daemon on loopback, with providers of ours.",
)

FolderOption = Annotated[
    Path | None, typer.Option("--dir", help="Its folder; default: BEACON_DEVNET, else `devnet` in the cache.")
]
_PROVIDER = re.compile(r"([a-z0-9][a-z0-9-]{0,30}):([A-Z]{2})")
_COUNTRY = re.compile(r"[A-Z]{2}")


@devnet.command()
def up(
    folder: FolderOption = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:COUNTRY", help="A provider; may be given again. Default: 9 of them."),
    ] = None,
    countries: Annotated[
        str, typer.Option(help="Countries of the default providers, three in each, separated by commas.")
    ] = "DE,US,SG",
    as_json: JsonFlag = False,
) -> None:
    """Start it; it stays until `beacon devnet down`. The first time makes identities, which takes some seconds more."""
    _supported()
    providers = _providers(provider or [], countries)
    net = Devnet.up(devnet_folder(folder), cache_folder(), providers)
    if as_json:
        put_json(net.facts, "devnet")
        return
    for one in net.facts["providers"]:
        line(f"{_who(one)} {one['id']}")
    note(f"the daemon serves at {net.facts['apiUrl']}; its key and all else: {net.folder}/devnet.json")


@devnet.command()
def down(folder: FolderOption = None, as_json: JsonFlag = False) -> None:
    """Stop it: agreements are ended and billed first. Nothing is done where none runs."""
    net = Devnet.running(devnet_folder(folder))
    if net is not None:
        net.down()
    if as_json:
        put_json({"running": False, "stopped": net is not None}, "devnet")
    elif net is None:
        note("no devnet runs")
    else:
        line("stopped")


@devnet.command()
def status(folder: FolderOption = None, as_json: JsonFlag = False) -> None:
    """What runs: the daemon, each provider, its faults, agreements and invoices."""
    net = Devnet.running(devnet_folder(folder))
    found = net.status() if net else None
    if as_json:
        put_json({"running": net is not None, **(found or {}), **({"facts": net.facts} if net else {})}, "devnet")
        return
    if net is None or found is None:
        line("no devnet runs")
        return
    pid = net.facts["pids"]["yagna"]["pid"]
    line(f"yagna serves at {net.facts['apiUrl']} (pid {pid})" if found["daemon"] else "yagna is stopped")
    for one in found["providers"]:
        counts = [f"{len(one[kind])} {kind}" for kind in ("agreements", "activities", "invoices") if one.get(kind)]
        faults = [f"fault {fault['kind']}" for fault in one["faults"]]
        line(f"{_who(one)} {', '.join(counts + faults) or 'idle'}")


@devnet.command()
def fault(
    provider: Annotated[str, typer.Argument(help="A provider's name, such as de-1; `none` takes all faults away.")],
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")] = "",
    times: Annotated[int | None, typer.Option(min=1, help="How often it strikes; default: until cleared.")] = None,
    chance: Annotated[float, typer.Option(min=0, max=1, help="The share of occasions at which it strikes.")] = 1.0,
    options: Annotated[str, typer.Option(metavar="JSON", help='The kind\'s options: {"factor": 1000}.')] = "{}",
    folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a provider fail, or lie, to see what the runner makes of it. The runner is not told."""
    net = Devnet.running(devnet_folder(folder))
    if net is None:
        raise Environment("devnet-absent", "no devnet runs", "beacon devnet up")
    if provider == "none":
        net.clear_faults()
    else:
        try:
            chosen = json.loads(options)
            if not isinstance(chosen, dict):
                raise ValueError
        except ValueError:
            raise Usage("devnet-fault", f"{options!r} is no JSON object", 'such as {"seconds": 30}') from None
        net.fault(provider, kind, times, chance, **chosen)
    if as_json:
        put_json({"running": True, "provider": provider, "fault": None if provider == "none" else kind}, "devnet")


def _who(one: Mapping[str, Any]) -> str:
    return f"{one['name']:<12} {one['country']}  {one['address']:<14}"


def devnet_folder(chosen: Path | None) -> Path:
    """Where a devnet's files are: as told, else BEACON_DEVNET, else in the cache."""
    named = os.environ.get("BEACON_DEVNET")
    return chosen or (Path(named) if named else cache_folder() / "devnet")


def _supported() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Environment(
            "devnet-unsupported",
            f"the yagna daemon comes for Linux on x86-64, and this is {sys.platform} on {platform.machine()}",
            "use the local executor: a policy without `golem`",
        )


def _providers(named: list[str], countries: str) -> tuple[tuple[str, str], ...]:
    """(name, country) of each. Raises `Usage`."""
    if not named:
        wanted = countries.split(",")
        if not all(map(_COUNTRY.fullmatch, wanted)):
            raise Usage("devnet-providers", f"{countries!r} is no list of countries", "two capital letters each: DE,US")
        return default_providers(tuple(dict.fromkeys(wanted)), EACH)
    found = []
    for text in named:
        match = _PROVIDER.fullmatch(text)
        if match is None:
            raise Usage("devnet-providers", f"{text!r} is no provider", "NAME:COUNTRY, such as de-1:DE")
        found.append((match[1], match[2]))
    return tuple(found)
