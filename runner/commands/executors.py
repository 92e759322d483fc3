"""Which executor a registry's policy asks for: this machine's sandbox, or a Golem network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runner.commands.places import cache_folder
from runner.edges import orphans
from runner.edges.golem import images
from runner.edges.local import LocalExecutor
from runner.model import Policy
from runner.model.jobspec import Container
from runner.ports import Emit, Executor, Snapshot
from runner.registry import load_policy, load_providers

if TYPE_CHECKING:
    from runner.edges.golem.executor import GolemExecutor


def refusal(policy: Policy) -> Callable[[Container], str | None]:
    """Why a target could not run, without reaching for anything but this machine."""
    golem = policy.golem
    if golem is None:
        return LocalExecutor(cache_folder(), policy.local.serve).refuses
    return lambda target: images.refuses(target, golem)


@contextmanager
def executing(snapshot: Snapshot, state: Path, emit: Emit, environ: Mapping[str, str]) -> Iterator[Executor]:
    """The executor, after sweeping up what a killed one left behind. `snapshot` is the branch's head, `state` the
    folder for what must outlive this process."""
    policy = load_policy(snapshot)
    with golem_executor(snapshot, state, emit, environ) as golem:
        if golem is None:
            orphans.sweep(cache_folder())
            yield LocalExecutor(cache_folder(), policy.local.serve)
            return
        if golem.remembered():
            golem.sweep()
        yield golem


@contextmanager
def golem_executor(
    snapshot: Snapshot, state: Path, emit: Emit, environ: Mapping[str, str] = os.environ
) -> Iterator[GolemExecutor | None]:
    """The executor on the policy's Golem network, None where it names none. Reaches for nothing before it is used."""
    policy = load_policy(snapshot)
    if policy.golem is None:
        yield None
        return
    from runner.edges.golem.executor import GolemExecutor, Setting
    from runner.providers.reputation import read

    setting = Setting(
        policy=policy.golem,
        regions=policy.regions,
        state=state,
        cache=cache_folder(),
        known=load_providers(snapshot),
        history=read(snapshot, policy.golem.network, datetime.now(UTC)),
        environ=environ,
    )
    with GolemExecutor(setting, emit) as executor:
        yield executor


def app_keys(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """What opens the operator's daemon, and must never be published."""
    key = environ.get("YAGNA_APPKEY", "")
    return (key.encode(),) if len(key) >= 8 else ()  # a shorter word would be found in innocent text
