"""The verb `doctor`: everything that a runner on this machine needs, one line each, and how to mend what is wrong."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from runner.commands import holding
from runner.commands.console import JsonFlag, line, paint, put_json
from runner.commands.executors import golem_executor
from runner.commands.operate import RepoOption
from runner.commands.places import cache_folder, opened, state_folder, top
from runner.edges import sandbox, vitals
from runner.edges.golem.preflight import Check
from runner.edges.keys import load_keys
from runner.errors import BeaconError, Environment, Usage
from runner.model import Policy
from runner.ports import Snapshot
from runner.registry import load_policy
from runner.rendering.neutral import terminal

MARKS = {True: ("ok", "ok"), False: ("wrong", "error"), None: ("note", "dim")}


def doctor(
    repo: RepoOption = Path(),
    keys: Annotated[Path | None, typer.Option(help="Folder with the runner's keys; default: BEACON_KEYS.")] = None,
    amount: Annotated[
        str, typer.Option(help="GLM to set aside, for a moment, to see whether the funds are there.")
    ] = "0.01",
    health: Annotated[
        Path | None, typer.Option(help="Only this: whether the daemon that keeps this file is alive.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Look at everything that a runner on this machine needs. Exit 4 where something needed is wrong."""
    if health is not None:
        return _tell([Check("beacon daemon", *vitals.judged(health, datetime.now(UTC)))], as_json)
    glm = _glm(amount)
    checks = [_python(), _tried("git", _git)]
    try:
        with opened(top(repo)) as repository:
            snapshot = repository.snapshot(repository.head())
            checks += _of_registry(snapshot, keys, glm)
    except (Usage, Environment) as error:  # what it needs besides a registry is told all the same
        checks += [Check("registry", False, error.message, error.hint), _keys(keys), *_sandbox()]
    return _tell(checks, as_json)


def _tell(checks: Sequence[Check], as_json: bool) -> int:
    wrong = [check for check in checks if check.ok is False]
    if as_json:
        put_json({"ok": not wrong, "checks": [check._asdict() for check in checks]}, "doctor")
    else:
        for check in checks:
            word, colour = MARKS[check.ok]
            line(f"{paint(f'{word:<5}', colour)} {check.name}: {terminal(check.said)}")
            if check.ok is not True and check.mend:
                line(f"      help: {terminal(check.mend)}")
    return 4 if wrong else 0


def _of_registry(snapshot: Snapshot, keys: Path | None, amount: Decimal) -> Iterator[Check]:
    try:
        policy = load_policy(snapshot)
    except BeaconError as error:
        yield Check("policy", False, error.message, error.hint)
        return
    yield Check("policy", True, f"log {policy.log.origin}, branch {policy.log.branch}")
    yield _keys(keys)
    if policy.golem is None or policy.golem.network == "devnet":
        yield from _sandbox()
    yield from _targets(policy)
    if policy.golem is None:
        yield Check("golem", None, "not used: the policy names no network, jobs run in this machine's sandbox")
        return
    try:
        with golem_executor(snapshot, state_folder(), lambda _: None, os.environ) as executor:
            assert executor is not None
            yield from executor.preflight(amount)
    except BeaconError as error:
        yield Check("golem", False, error.message, error.hint)


def _glm(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise Usage("amount-malformed", f"{text!r} is no amount of GLM", "--amount 0.5")
    return amount


def _python() -> Check:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check("python", supported, platform.python_version(), "use Python 3.11, 3.12 or 3.13")


def _git() -> Check:
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)  # noqa: S607
    return Check("git", True, said.stdout.strip().removeprefix("git version "))


def _tried(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (OSError, subprocess.CalledProcessError) as error:
        return Check(name, False, str(error), f"install {name}")


def _keys(folder: Path | None) -> Check:
    if folder is None and not any(name.startswith("BEACON_KEY") for name in os.environ):
        return Check("keys", None, "none given: this machine can plan and verify, not publish", "--keys or BEACON_KEYS")
    try:
        load_keys(folder, os.environ)
    except BeaconError as error:
        return Check("keys", False, error.message, error.hint)
    return Check("keys", True, "git, receipt and log")


def _targets(policy: Policy) -> Iterator[Check]:
    """Where bundles are to be kept. Nothing that a run needs: any machine can pin, later."""
    meant = holding.aim(policy)
    for name, place, why in holding.answers(meant) if meant else ():
        said = f"{place}: {why}" if why else f"{place} answers"
        yield Check(f"pin at {name}", None if why else True, said, "`beacon pin` brings bundles there once it does")


def _sandbox() -> Iterator[Check]:
    """Needed where jobs run on this machine: without Golem, or on a devnet."""
    try:
        found = sandbox.find()
        found.self_test()
        yield Check("sandbox", True, found.version())
    except BeaconError as error:
        yield Check("sandbox", False, error.message, error.hint)
    folder = cache_folder()
    yield Check("cache", None, str(folder))
