"""What is asked of the market, and what is run on the provider. Pure text.

Demands: golemfactory/golem-architecture `standards/`; exe scripts: golemfactory/ya-client,
`model/src/activity/exe_script_command.rs`.
No file is transferred: the request goes in the arguments of the wrapper inside the image, the answer is what it prints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runner.model.jobspec import Limits

ENTRY_POINT = "/golem/run/beacon-run"
STDERR_TAIL = 65_536
JOURNAL, RUN, DEAL = "golem.beacon.journal", "golem.beacon.run", "golem.beacon.attempt"
VM, SOURCE = "vm", "beacon-sandbox"


class Package(NamedTuple):
    """What the provider is to fetch, and the runtime that runs it."""

    runtime: str
    task: str


def gvmi(digest: str, url: str) -> Package:
    """A Golem VM image by its SHA3-224."""
    return Package(VM, f"hash:sha3:{digest}:{url}")


def source(cid: str, url: str) -> Package:
    """A benchmark's folder by its CID: on a devnet only."""
    return Package(SOURCE, f"beacon:source:{cid}:{url}")


def properties(package: Package, subnet: str, expires: datetime, tags: Mapping[str, str]) -> dict[str, Any]:
    """A demand's properties, but for those of its payment."""
    said: dict[str, Any] = {
        "golem.srv.comp.expiration": int(expires.timestamp() * 1000),
        "golem.srv.caps.multi-activity": True,
        "golem.node.debug.subnet": subnet,
        "golem.srv.comp.task_package": package.task,
        **tags,
    }
    if package.runtime == VM:
        said["golem.srv.comp.vm.package_format"] = "gvmkit-squash"
    return said


def constraints(package: Package, subnet: str, limits: Limits, more: Sequence[str]) -> str:
    """What an offer has to be, in the market's LDAP-like language."""
    said = [
        f"(golem.runtime.name={package.runtime})",
        "(golem.com.pricing.model=linear)",
        f"(golem.node.debug.subnet={subnet})",
        f"(golem.inf.cpu.threads>={limits.cpus})",
        f"(golem.inf.mem.gib>={limits.memory_mi_b / 1024:g})",
        *more,
    ]
    return f"(&{''.join(said)})"


def negotiable(offered: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's own terms that end in `?` and concern how soon debit notes are accepted: taken as they are."""
    names = ("golem.com.payment.debit-notes.accept-timeout?", "golem.com.scheme.payu.debit-note.interval-sec?")
    return {name: offered[name] for name in names if type(offered.get(name)) is int and offered[name] > 0}


def deploy() -> str:
    """The script that fetches and starts the image."""
    return json.dumps([{"deploy": {}}, {"start": {"args": []}}])


def run(arguments: Sequence[str]) -> str:
    """The script that runs the wrapper once."""
    capture = {"stdout": {"atEnd": {"format": "str"}}, "stderr": {"atEnd": {"tail": STDERR_TAIL, "format": "str"}}}
    return json.dumps([{"run": {"entry_point": ENTRY_POINT, "args": list(arguments), "capture": capture}}])
