"""One full document of each kind, with every optional field, as JSON data."""

from __future__ import annotations

from typing import Any

from runner.formats import sshsig
from runner.model import Receipt, TrustList, sha256
from runner.model import entry as e
from tests import make

JOB = "registry/jobs/alice/capitals/who.yaml"
RUN = sha256(b"run")
DIGEST = sha256(b"some bytes")
KEY = sshsig.public_line(make.key("alice").public)


def people() -> dict[str, Any]:
    """Documents that people write: schema name to data."""
    return {"jobspec": jobspec(), "policy": policy(), "providerlist": providerlist()}


def canonical() -> dict[str, Any]:
    """Documents that are canonical JSON, without log entries: schema name to data."""
    return {
        "diffreport": diffreport(),
        "manifest": manifest(),
        "receipt": receipt(),
        "run": run(),
        "settlement": settlement(),
        "trustlist": trustlist(),
    }


def providerlist() -> dict[str, Any]:
    known = {
        "country": "DE",
        "evidence": "relay address in an MMDB of 2026-11-01",
        "seen": "2026-11-22",
        "payee": "0x" + "cd" * 20,
        "network": "192.0.2.0/24",
    }
    return {"apiVersion": "beacon/v1", "kind": "ProviderList", "providers": {"0x" + "ab" * 20: known}}


def jobspec() -> dict[str, Any]:
    container = make.job_data()["spec"]["targets"][0]
    forms = {"oci": f"ghcr.io/example/smollm2:1@sha256:{DIGEST}", "gvmi": "ab" * 28}
    service = {"kind": "service", "name": "api", "provider": "example", "model": "m-1", "parameters": {"top-k": 5}}
    return {
        "apiVersion": "beacon/v1",
        "kind": "JobSpec",
        "metadata": {
            "owner": "alice",
            "suite": "capitals",
            "name": "who",
            "title": "Who are you?",
            "labels": {"topic": "identity"},
            "revision": 1,
        },
        "spec": {
            "targets": [
                container | {"image": container["image"] | forms, "parameters": {"max-tokens": 48, "raw": False}},
                service,
            ],
            "prompts": [{"id": "who", "text": "Who are you?"}, {"id": "name", "text": "Your name?"}],
            "regions": [{"name": "EU", "countries": ["DE", "FR"]}, {"name": "US"}, {"name": "APAC"}],
            "minRegions": 3,
            "sampling": {"providers": 3, "replicas": 2, "seeds": "shared"},
            "limits": {
                "queueSeconds": 300,
                "startSeconds": 120,
                "runSeconds": 600,
                "totalSeconds": 3600,
                "memoryMiB": 2048,
                "cpus": 1,
                "outputKiB": 64,
            },
            "retries": 1,
            "budget": {"currency": "GLM", "total": "3.5", "perRegion": "1.2"},
            "schedule": "0 3 * * 1",
            "priority": 0,
            "minGrade": "claimed",
            "publish": "full",
            "compare": {"ignore": ["As an AI,"], "similarity": "lexical", "alpha": "0.05"},
        },
    }


def policy() -> dict[str, Any]:
    return {
        "apiVersion": "beacon/v1",
        "kind": "Policy",
        "log": {"origin": make.ORIGIN, "branch": "main"},
        "regions": {"EU": ["DE", "FR"], "US": ["US"], "APAC": ["JP", "SG"]},
        "images": {"oci": ["ghcr.io/example/"], "sources": True},
        "services": ["example"],
        "caps": {
            "providers": 8,
            "replicas": 16,
            "prompts": 50,
            "answers": 5000,
            "totalSeconds": 14400,
            "memoryMiB": 8192,
            "cpus": 4,
            "outputKiB": 256,
            "retries": 5,
        },
        "budgets": {"job": {"GLM": "5"}, "ownerMonth": {"GLM": "20"}, "month": {"GLM": "100"}},
        "minIntervalSeconds": 3600,
        "content": {"refusePrompts": ["BEGIN OPENSSH PRIVATE KEY"]},
        "golem": {
            "network": "polygon",
            "driver": "erc20",
            "subnet": "public",
            "images": "https://images.example.org/{hash}.gvmi",
            "prices": {"start": "0", "hour": "0.05", "cpuHour": "0.1"},
            "vantages": [{"name": "fra", "region": "EU", "host": "fra.example.org", "port": 7070, "maxRttMs": 40}],
        },
        "local": {"serve": {JOB: {"APAC": {"parameters": {"system": "Answer in capitals."}}}}},
    }


def trustlist() -> dict[str, Any]:
    files = {"registry/policy.yaml": DIGEST, "registry/keys/root": DIGEST}
    return TrustList.from_json(
        {"apiVersion": "beacon/v1", "kind": "TrustList", "origin": make.ORIGIN, "serial": 1, "files": files}
    ).to_json()


def run() -> dict[str, Any]:
    return make.run().to_json() | {"job": JOB, "due": "2026-11-22T03:00:00Z"}


def receipt() -> dict[str, Any]:
    stem = "smollm2.EU.1.1"
    output = "outputs/smollm2/who/EU/1-1.txt"
    predicate = {
        "job": {"path": JOB, "digest": {"sha256": DIGEST}},
        "attempt": {"run": RUN, "target": "smollm2", "region": "EU", "slot": 1, "n": 1},
        "status": "partial",
        "reason": "one cell ran out of time",
        "exitCode": 0,
        "executor": {
            "kind": "local",
            "version": "0.1.0",
            "network": "none",
            "simulated": True,
            "altered": False,
            "sandbox": "bubblewrap 0.11.0",
            "interpreter": "CPython 3.11.7",
            "packages": {"xllamacpp": "0.2.4"},
            "cpu": "Example CPU @ 2.40GHz",
        },
        "image": {"form": "source", "digest": make.CID},
        "region": {
            "requested": "EU",
            "observed": "EU",
            "country": "DE",
            "grade": "claimed",
            "evidence": "a label: the local executor has no regions",
            "network": "192.0.2.0/24",
            "asn": 64500,
            "source": "Example-Country (MMDB)",
            "sourceDate": "2026-11-01",
            "vantage": "fra",
            "rttUs": 12000,
        },
        "provider": {"id": "local-EU-1", "name": "this machine", "agreement": "a-1", "activity": "b-1"},
        "times": {
            "queued": "2026-11-22T03:00:01Z",
            "agreed": "2026-11-22T03:00:02Z",
            "started": "2026-11-22T03:00:03Z",
            "finished": "2026-11-22T03:00:09Z",
            "durationMs": 6412,
        },
        "cells": [
            {
                "prompt": "who",
                "replica": 1,
                "seed": 1234567,
                "status": "ok",
                "output": DIGEST,
                "ms": 900,
                "finish": "stop",
            },
            {"prompt": "who", "replica": 2, "seed": 7654321, "status": "timeout", "reason": "600 s were over"},
        ],
        "usage": {"cpu-ms": 5100},
        "cost": {"currency": "GLM", "reserved": "0", "observed": "0"},
        "runner": {"version": "0.1.0", "commit": "0123456789abcdef0123456789abcdef01234567"},
    }
    subject = [
        {"name": f"transcripts/{stem}.json", "digest": {"sha256": DIGEST}},
        {"name": output, "digest": {"sha256": DIGEST}},
    ]
    return Receipt.from_json({"subject": subject, "predicate": predicate}).to_json()


def diffreport() -> dict[str, Any]:
    p = {"count": 1, "of": 280, "exact": True}
    spread = {"least": 70_000, "median": 90_000, "greatest": 120_000, "pairs": 12}
    test = {
        "kind": "global",
        "regions": ["EU", "US", "APAC"],
        "region": "APAC",
        "statistic": 310_000,
        "p": p,
        "significant": True,
    }
    region = {
        "region": "EU",
        "verdict": "same",
        "planned": 6,
        "answered": 5,
        "failures": {"timeout": 1},
        "providers": 3,
        "control": spread,
        "others": spread,
    }
    sample = {
        "prompt": "who",
        "a": {"region": "EU", "slot": 1, "replica": 1},
        "b": {"region": "APAC", "slot": 2, "replica": 1},
        "distance": 410_000,
        "pairClass": "major",
        "kinds": ["content"],
        "reasons": ["numbers differ"],
        "classes": {"identical": 1, "major": 11},
    }
    return {
        "apiVersion": "beacon/v1",
        "kind": "DiffReport",
        "run": RUN,
        "job": JOB,
        "classifier": "lexical/2",
        "verdict": "major",
        "notObserved": [],
        "simulated": True,
        "grade": "claimed",
        "design": {
            "seeds": "shared",
            "alpha": "0.05",
            "regions": ["EU", "US", "APAC"],
            "minRegions": 3,
            "providers": 3,
            "replicas": 2,
            "prompts": ["who"],
            "smallestP": p,
        },
        "targets": [
            {
                "target": "smollm2",
                "verdict": "major",
                "named": ["APAC"],
                "eachOther": [],
                "separable": True,
                "reasons": [],
                "tests": [test],
                "regions": [region, region | {"region": "US"}, region | {"region": "APAC", "verdict": "major"}],
                "matrix": [[90_000, 95_000, 410_000], [95_000, 80_000, 400_000], [410_000, 400_000, None]],
                "samples": [sample],
                "detectable": 150_000,
            }
        ],
    }


def manifest() -> dict[str, Any]:
    return {
        "apiVersion": "beacon/v1",
        "kind": "Manifest",
        "run": RUN,
        "job": JOB,
        "cid": make.CID,
        "profile": "unixfs-v1-2025",
        "classifier": "lexical/2",
        "renderer": "markdown/2",
        "files": {"README.md": DIGEST, "bundle/job.yaml": DIGEST},
    }


def settlement() -> dict[str, Any]:
    paid = {
        "region": "EU",
        "slot": 1,
        "n": 2,
        "provider": "0x75a6",
        "payee": "0x0f9e",
        "agreement": DIGEST,
        "invoice": "i-1",
        "asked": "0.5",
        "amount": "0",
        "owed": "0.1",
        "at": "2026-11-22T04:00:00Z",
        "why": "0.1 GLM were owed at most",
    }
    return {
        "apiVersion": "beacon/v1",
        "kind": "Settlement",
        "run": RUN,
        "start": 5,
        "network": "polygon",
        "platform": "erc20-polygon-glm",
        "currency": "GLM",
        "amount": "0",
        "agreements": [paid],
    }


def ledger() -> list[dict[str, Any]]:
    """One line of each kind."""
    both = {"v": 1, "run": RUN, "start": 5, "owner": "alice", "job": JOB}
    attempt = {
        "type": "attempt",
        "at": "2026-11-22T03:10:00Z",
        "target": "smollm2",
        "region": "EU",
        "slot": 1,
        "n": 2,
        "network": "polygon",
        "simulated": False,
        "provider": "0x75a6",
        "payee": "0x0f9e",
        "country": "DE",
        "grade": "egress",
        "status": "failed",
        "code": "budget",
        "cells": 2,
        "answered": 0,
        "ms": 6412,
        "reserved": "0.2",
        "cost": "0.1",
        "agreement": DIGEST,
        "invoice": "i-1",
    }
    paid = {
        "type": "settlement",
        "at": "2026-11-22T04:00:00Z",
        "runner": "runner-1",
        "network": "polygon",
        "reserved": "3.5",
        "asked": "0.5",
        "amount": "0",
        "agreements": settlement()["agreements"],
    }
    return [both | attempt, both | paid]


def entries() -> list[e.LogEntry]:
    """Log entries of every type and form."""
    start = e.Start(
        job=JOB,
        sha256=DIGEST,
        revision=1,
        run=RUN,
        due="2026-11-22T03:00:00Z",
        runner="runner-1",
        at="2026-11-22T03:00:00Z",
        lease=3900,
        reserved="3.5",
    )
    return [
        e.Genesis(serial=1, trust=DIGEST, threshold=2),
        e.KeyAdd(role="contributor", principal="alice", key=KEY),
        start,
        e.RunEnd(run=RUN, start=2, cid=make.CID, manifest=DIGEST),
        e.Settlement(run=RUN, start=5, amount="0.84", record=DIGEST),
        e.Rescore(run=RUN, classifier="lexical/2", manifest=DIGEST),
        e.Withdraw(run=RUN, output=DIGEST),
        e.Cancelled(run=RUN, start=2, at="2026-11-22T03:00:00Z"),
        e.Cancelled(run=RUN, start=2, at="2026-11-22T03:00:00Z", cid=make.CID, manifest=DIGEST),
        e.Abandoned(run=RUN, start=2, at="2026-11-22T03:00:00Z"),
        e.Trust(serial=2, trust=DIGEST, threshold=2),
        e.KeyRevoke(key=KEY, suspect_from=2),
        e.Retire(job=JOB, revision=1),
    ]
