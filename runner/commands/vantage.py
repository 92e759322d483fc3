"""The verb `vantage`: a place of ours for cells to call, so that a runner elsewhere sees where they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Annotated

import typer

from runner.commands.console import JsonFlag, line, note, put_json
from runner.errors import Usage

TOKEN = "BEACON_VANTAGE_TOKEN"  # noqa: S105 - the name of a variable


def vantage(
    listen: Annotated[str, typer.Option(help="HOST:PORT for cells; port 0 takes a free one.")] = "0.0.0.0:7070",
    name: Annotated[str, typer.Option(help="What policy and receipts call it.")] = "vantage",
    control: Annotated[
        str, typer.Option(help="HOST:PORT for runners. Plain HTTP: put a proxy with TLS before it, or a tunnel.")
    ] = "127.0.0.1:7071",
    as_json: JsonFlag = False,
) -> int:
    """Answer calls of cells until stopped, and tell runners who show the token where they came from."""
    token = os.environ.get(TOKEN, "")
    if len(token) < 16:
        hint = f"{TOKEN}=$(openssl rand -hex 32), the same for the runner"
        raise Usage("vantage-token", f"{TOKEN} must hold a secret of at least 16 characters", hint)
    return asyncio.run(_serve(_place(listen), _place(control), name, token, as_json))


async def _serve(listen: tuple[str, int], control: tuple[str, int], name: str, token: str, as_json: bool) -> int:
    from runner.edges.golem.vantage import Vantage, serve_control

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(Vantage(*listen))
        port = await stack.enter_async_context(serve_control(place, *control, token))
        facts = {"name": name, "listen": f"{place.host}:{place.port}", "control": f"{control[0]}:{port}"}
        if as_json:
            put_json(facts, "vantage")
        else:
            line(f"{name} listens on {facts['listen']} for cells, on {facts['control']} for runners")
        await stopped.wait()
    note("stopped")
    return 0


def _place(text: str) -> tuple[str, int]:
    """HOST:PORT, an IPv6 address in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise Usage("vantage-place", f'"{text}" is not HOST:PORT', "0.0.0.0:7070, or [::]:7070")
    return host.removeprefix("[").removesuffix("]"), int(port)
