"""`registry/providers.yaml`: judged like every document, all mistakes at once; absent is fine."""

from __future__ import annotations

import pytest

from runner import registry
from runner.errors import Invalid
from tests import documents
from tests.conftest import ROOT
from tests.registries import JOB, POLICY, Files, Keys, data, dump, signed

GOOD = documents.providerlist()
NODE = next(iter(GOOD["providers"]))


def files(providers: bytes | None) -> Files:
    found = {**signed({JOB: dump(data())}), "registry/policy.yaml": dump(POLICY)}
    found |= {"registry/benchmarks/echo/benchmark.py": b"print('echo')\n"}
    return Files(found | ({} if providers is None else {"registry/providers.yaml": providers}))


def test_known_nodes_are_read() -> None:
    known = registry.load_providers(files(dump(GOOD)))
    assert known[NODE].country == "DE"
    assert known[NODE].network == "192.0.2.0/24"
    assert not registry.load(files(dump(GOOD)), Keys()).problems
    assert registry.load_providers(files(None)) == {}


def test_a_large_list_is_read_in_time() -> None:
    many = {f"0x{number:040x}": GOOD["providers"][NODE] for number in range(600)}
    assert len(registry.load_providers(files(dump(GOOD | {"providers": many})))) == 600


def test_every_mistake_is_told_at_once_and_jobs_stand_for_themselves() -> None:
    wrong = {
        "0xAB": GOOD["providers"][NODE],
        NODE: {"country": "Germany", "seen": "22.11.2026", "network": "192.0.2.7", "payee": "0x1", "evidence": ""},
    }
    judged = registry.load(files(dump(GOOD | {"providers": wrong})), Keys())
    assert sorted(problem.code for problem in judged.problems) == [
        "account-invalid",
        "account-invalid",
        "country-invalid",
        "day-invalid",
        "network-invalid",
        "value-length",
    ]
    assert {problem.path for problem in judged.problems} == {"registry/providers.yaml"}
    assert JOB in judged.jobs


def test_an_account_without_quotes_is_a_number() -> None:
    raw = dump(GOOD).replace(f'"{NODE}"'.encode(), NODE.encode())
    with pytest.raises(Invalid) as error:
        registry.load_providers(files(raw))
    assert error.value.code == "yaml-ambiguous"


def test_the_example_of_the_docs_is_a_list() -> None:
    page = (ROOT / "docs/formats.md").read_text()
    example = page.partition("## ProviderList\n")[2].partition("```yaml\n")[2].partition("```\n")[0]
    known = registry.load_providers(files(example.encode()))
    assert set(next(iter(known.values())).to_json()) == set(GOOD["providers"][NODE])
