"""A requestor on yapapi's mid level alone (`yapapi.rest`), to see the devnet as any requestor would."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

from runner.edges.devnet.net import Devnet
from runner.edges.devnet.runtimes import WRAPPER
from runner.ipfs.unixfs import folder_cid
from runner.wrapped import encode

CAPTURE = {
    "stdout": {"atEnd": {"format": "str"}},
    "stderr": {"atEnd": {"tail": 65536, "format": "str"}},
}


def publish(net: Devnet, files: Mapping[str, bytes]) -> str:
    """Put a benchmark's folder where the providers fetch it; the task package that names it."""
    cid = folder_cid(files)
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w") as archive:
        for name, raw in sorted(files.items()):
            item = tarfile.TarInfo(name)
            item.size = len(raw)
            archive.addfile(item, io.BytesIO(raw))
    Path(net.facts["imagesDir"], f"{cid}.tar").write_bytes(spool.getvalue())
    return f"beacon:source:{cid}:{net.facts['imagesUrl']}/{cid}.tar"


def call(command: Sequence[str], stdin: bytes = b"", **options: Any) -> dict[str, Any]:
    """The exe-script command that runs a benchmark below the wrapper."""
    environment = options.pop("environment", {})
    pieces = encode(command, environment, stdin, options.pop("seconds", 30), 1 << 20, **options)
    return {"run": {"entry_point": WRAPPER, "args": list(pieces), "capture": CAPTURE}}


def shell(script: str) -> dict[str, Any]:
    """The exe-script command that runs a line of shell in the sandbox."""
    return {"run": {"entry_point": "/bin/sh", "args": ["-c", script], "capture": CAPTURE}}


class Result(NamedTuple):
    """One command's result, as the daemon gives it."""

    ok: bool
    stdout: str | None
    stderr: str | None
    message: str | None


class Requestor:
    """Hires one provider at a time. Use as a context; leaves no demand, agreement or allocation open."""

    def __init__(self, net: Devnet) -> None:
        self._facts = net.facts
        self._ids = {one["name"]: one["id"] for one in net.facts["providers"]}

    async def __aenter__(self) -> Requestor:
        self._stack = AsyncExitStack()
        enter = self._stack.enter_async_context
        with warnings.catch_warnings():  # yapapi and its certifi use what Python and setuptools deprecate
            warnings.simplefilter("ignore")
            from yapapi.config import ApiConfig
            from yapapi.rest import Activity, Configuration, Market, Payment

            configuration = Configuration(ApiConfig(app_key=self._facts["appKey"], api_url=self._facts["apiUrl"]))
            self.market = Market(await enter(configuration.market()))
            self.payment = Payment(await enter(configuration.payment()))
            self.activity = Activity(await enter(configuration.activity()))
        allocation = self.payment.new_allocation(
            1, payment_platform="erc20-hoodi-tglm", payment_address=await self._address()
        )
        self.allocation = await self._stack.enter_async_context(allocation)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.aclose()

    async def _address(self) -> str:
        found = [one.address async for one in self.payment.accounts() if one.network == "hoodi"]
        return found[0]

    async def hire(
        self, provider: str, package: str, runtime: str = "beacon-sandbox", seconds: float = 60, **more: Any
    ) -> Any:
        """An agreement that was confirmed, with a provider by name; None where it was not, or nobody answered within
        so many seconds. `more` are properties of the demand."""
        decoration = await self.payment.decorate_demand([self.allocation.id])
        properties = {
            "golem.srv.comp.expiration": int((time.time() + 1200) * 1000),
            "golem.node.debug.subnet": self._facts["subnet"],
            "golem.srv.comp.task_package": package,
            "golem.com.payment.chosen-platform": "erc20-hoodi-tglm",
            **{item.key: item.value for item in decoration.properties},
            **more,
        }
        wanted = (f"(golem.runtime.name={runtime})", f"(golem.node.debug.subnet={self._facts['subnet']})")
        constraints = f"(&{''.join([*wanted, *decoration.constraints])})"
        async with self.market.subscribe(properties, constraints) as subscription:
            try:
                async with asyncio.timeout(seconds):
                    async for proposal in subscription.events():
                        if proposal.issuer != self._ids[provider]:
                            continue
                        if not proposal.is_draft:
                            await proposal.respond(properties, constraints)
                            continue
                        agreement = await proposal.create_agreement()
                        return agreement if await agreement.confirm() else None
            except TimeoutError:
                return None

    async def run(self, agreement: Any, *commands: Mapping[str, Any]) -> list[Result]:
        """Deploy, start and run in an activity of its own, which is destroyed; the results of all commands."""
        async with await self.activity.new_activity(agreement.id) as activity:
            self.last = activity
            return await self.script(activity, {"deploy": {}}, {"start": {"args": []}}, *commands)

    async def script(self, activity: Any, *commands: Mapping[str, Any]) -> list[Result]:
        """A script's results, up to the first command that failed."""
        results = await self.events(activity, *commands)
        return [Result(one.result == "Ok", one.stdout, one.stderr, one.message) for one in results]

    async def events(self, activity: Any, *commands: Mapping[str, Any]) -> list[Any]:
        """A script's results as the daemon gives them. A 408 is no failure: the provider was too busy to say, and is
        asked again, for a minute and a half at most."""
        from ya_activity import ApiException

        results: list[Any] = []
        batch = await activity._api.call_exec(activity.id, _script(commands))
        async with asyncio.timeout(90):
            while not (results and results[-1].is_batch_finished):
                try:
                    ask = activity._api.get_exec_batch_results
                    results = await ask(activity.id, batch, timeout=1, _request_timeout=6)
                except ApiException as error:
                    if error.status != 408:
                        raise
        return results

    async def end(self, agreement: Any) -> None:
        """Terminate it."""
        await agreement.terminate({"message": "done", "golem.requestor.code": "Success"})

    async def invoice(self, agreement: Any, seconds: float = 5) -> Any:
        """The invoice of an agreement, None where none comes in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [one async for one in self.payment.invoices() if one.agreement_id == agreement.id]
            if found:
                return found[0]
            await asyncio.sleep(0.1)
        return None


def _script(commands: Sequence[Mapping[str, Any]]) -> Any:
    from ya_activity.models import ExeScriptRequest

    return ExeScriptRequest(text=json.dumps(commands))
