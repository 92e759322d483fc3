"""The examples of `docs/formats.md`, derived from each other: a small registry and its first runs.

The page's prose and its JobSpec are written by people. Every other named block follows from the JobSpec and the test
keys, so that a changed model means `python -m tests.formats_page`, not a chase for digests.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from runner.formats import log, note, proof, sshsig
from runner.formats.receipt import seal
from runner.ipfs import unixfs
from runner.model import (
    Cell,
    Checkpoint,
    DiffReport,
    LogEntry,
    Manifest,
    Receipt,
    Run,
    Settlement,
    TrustList,
    canonical,
    sha256,
)
from runner.model import entry as e
from runner.model.run import run_id, seed
from runner.model.settlement import Paid
from runner.money.ledger import attempt_lines, settlement_line
from runner.registry.initialise import registry_files, sign_trust
from runner.registry.trust import trust_list
from tests import documents, make
from tests.make import ORIGIN

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats.md"
JOB = "registry/jobs/alice/capitals/who.yaml"
STEM = "smollm2.EU.1.1"
RECEIPT = f"bundle/receipts/{STEM}.sigstore.json"
DUE = ("2026-11-23T03:00:00Z", "2026-11-30T03:00:00Z", "2026-12-07T03:00:00Z")
REGIONS = {"EU": ("DE", "FR", "NL"), "US": ("US",), "APAC": ("JP", "SG")}
INVOICE = "5f0c9f0e-2f4b-4f6e-9d57-3c0e4a8d1b22"
ANSWER = b"I am SmolLM2, a small language model.\n"
TRANSCRIPT = canonical({"lines": [], "request": {}, "stderr": ""})

_BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rewritten(page: str) -> str:
    """The page with every named block as it should be."""
    jobs = [match[3] for match in _BLOCK.finditer(page) if match[2] == JOB]
    shown = examples(jobs[0].encode())

    def block(match: re.Match[str]) -> str:
        raw = shown[match[2]].decode()
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False) + "\n" if match[1] == "json" else raw
        return f"```{match[1]} {match[2]}\n{text}```"

    return _BLOCK.sub(block, page)


def registry() -> dict[str, bytes]:
    """The registry's files without the job, with money to spend, signed by anna alone."""
    files = registry_files(
        origin=ORIGIN,
        branch="main",
        maintainers={name: make.key(name).public for name in ("anna", "ben")},
        threshold=2,
        contributors={"alice": make.key("alice").public},
        runners={"runner-1": (make.key("git").public, make.key("receipt").public)},
        log_public=make.key("log").public,
        regions=REGIONS,
    )
    policy = files["registry/policy.yaml"].decode()
    for name, amount in (("job", "2"), ("ownerMonth", "10"), ("month", "20")):
        policy = policy.replace(f'  {name}:\n    GLM: "0"\n', f'  {name}:\n    GLM: "{amount}"\n')
    files["registry/policy.yaml"] = policy.encode()
    listed = TrustList.from_bytes(files["registry/trust.json"], "trust.json").files
    files["registry/trust.json"] = trust_list({path: files[path] for path in listed}, ORIGIN, 1)
    signature = sign_trust(files["registry/trust.json"], ORIGIN, make.key("anna"))
    return {**files, "registry/trust.sigs/anna.sig": signature}


def examples(job: bytes) -> dict[str, bytes]:
    """Name of a block to the bytes of the file that it shows."""
    trusted = registry()
    entries = [*_keys(trusted["registry/trust.json"]), _start(job, DUE[0])]
    start = len(entries) - 1
    run = Run(
        run=run_id(job, DUE[0]), job=JOB, sha256=sha256(job), due=DUE[0], start=start, root=_log(entries)[1].root.hex()
    )
    receipt = _receipt(run)
    signature = sshsig.sign(make.key("alice"), job, f"jobspec.v1@{ORIGIN}")
    bundle = {
        "context.json": run.canonical(),
        "diff.json": DiffReport.from_json(documents.diffreport() | {"run": run.run}).canonical(),
        "job.yaml": job,
        "job.yaml.sig": signature,
        "outputs/smollm2/who/EU/1-1.txt": ANSWER,
        f"receipts/{STEM}.sigstore.json": seal(receipt, make.key("receipt")),
        f"transcripts/{STEM}.json": TRANSCRIPT,
    }
    cid = unixfs.folder_cid(bundle)
    digests = {f"bundle/{path}": sha256(raw) for path, raw in bundle.items()}
    manifest = Manifest(run=run.run, job=JOB, cid=cid, classifier="lexical/2", renderer="markdown/2", files=digests)
    entries.append(e.RunEnd(run=run.run, start=start, cid=cid, manifest=sha256(manifest.canonical())))
    published = _proof(entries)
    settlement = _settlement(run, receipt)
    start_entry = entries[start]
    assert isinstance(start_entry, e.Start)
    ledger = attempt_lines(start, start_entry, {STEM: receipt}) + settlement_line(start_entry, settlement)
    entries += _later(job, run, settlement, len(entries))
    return {
        **trusted,
        JOB: job,
        f"{JOB}.sig": signature,
        "reports/log": b"".join(entry.canonical() + b"\n" for entry in entries),
        "reports/log/checkpoint": _checkpoint(entries),
        "bundle/context.json": bundle["context.json"],
        "statement": receipt.canonical(),
        RECEIPT: bundle[f"receipts/{STEM}.sigstore.json"],
        "bundle/diff.json": bundle["diff.json"],
        "manifest.json": manifest.canonical(),
        "proof.tlog": published,
        "settlement": settlement.canonical(),
        "reports/ledger/2026-11.jsonl": ledger,
    }


def _keys(trust: bytes) -> list[LogEntry]:
    holders: list[tuple[e.Role, str, str]] = [
        ("maintainer", "anna", "anna"),
        ("maintainer", "ben", "ben"),
        ("contributor", "alice", "alice"),
        ("runner-git", "runner-1", "git"),
        ("runner-receipt", "runner-1", "receipt"),
    ]
    added = [e.KeyAdd(role=role, principal=who, key=_line(name)) for role, who, name in holders]
    return [e.Genesis(serial=1, trust=sha256(trust), threshold=2), *added]


def _start(job: bytes, due: str) -> e.Start:
    run = run_id(job, due)
    at = due.replace("00Z", "04Z")
    return e.Start(
        job=JOB, sha256=sha256(job), revision=1, run=run, due=due, runner="runner-1", at=at, lease=3900, reserved="1.5"
    )


def _settlement(run: Run, receipt: Receipt) -> Settlement:
    """What that one attempt came to."""
    said = receipt.predicate
    assert said.provider.agreement is not None
    paid = Paid(
        region="EU",
        slot=1,
        n=1,
        provider=said.provider.id,
        payee=said.provider.payee,
        agreement=said.provider.agreement,
        invoice=said.cost.invoice,
        asked=said.cost.observed,
        amount=said.cost.observed,
        owed="0.0171",
        at="2026-11-23T03:10:20Z",
    )
    platform = "erc20-hoodi-tglm"
    return Settlement(
        run=run.run, start=run.start, network="devnet", platform=platform, amount=paid.amount, agreements=(paid,)
    )


def _later(job: bytes, run: Run, settlement: Settlement, size: int) -> list[LogEntry]:
    """What may happen after a run was published, one entry of each type that is still to be shown."""
    cancelled, abandoned = (run_id(job, due) for due in DUE[1:])
    return [
        _start(job, DUE[1]),
        e.Cancelled(run=cancelled, start=size, at="2026-11-30T03:04:10Z"),
        _start(job, DUE[2]),
        e.Abandoned(run=abandoned, start=size + 2, at="2026-12-07T04:20:00Z"),
        e.Superseded(run=abandoned, start=size + 2, cid=make.CID, manifest=sha256(b"the manifest of what was left")),
        e.Settlement(run=run.run, start=run.start, amount=settlement.amount, record=sha256(settlement.canonical())),
        e.Rescore(run=run.run, classifier="lexical/2", manifest=sha256(b"the other manifest")),
        e.Withdraw(run=run.run, output=sha256(ANSWER)),
        e.Trust(serial=2, trust=sha256(b"the next trust list"), threshold=2),
        e.KeyRevoke(key=_line("alice"), suspect_from=size),
        e.Retire(job=JOB, revision=1),
    ]


def _receipt(run: Run) -> Receipt:
    data = documents.receipt()
    names = (f"transcripts/{STEM}.json", TRANSCRIPT), ("outputs/smollm2/who/EU/1-1.txt", ANSWER)
    data["subject"] = [{"name": name, "digest": {"sha256": sha256(raw)}} for name, raw in names]
    predicate = data["predicate"]
    predicate["job"] = {"path": JOB, "digest": {"sha256": run.sha256}}
    predicate["attempt"]["run"] = run.run
    predicate["executor"] = {"kind": "golem", "version": "yagna 0.17.6", "network": "devnet", "simulated": True}
    predicate["provider"] = {
        "id": "0x75a6f0c2d8a1b3e4f5061728394a5b6c7d8e9f00",
        "name": "fra-1",
        "payee": "0x0f9e8d7c6b5a493827160514e3f2d1c0b9a87f6e",
        "agreement": sha256(b"agreement"),
        "activity": sha256(b"activity")[:32],
    }
    predicate["region"] |= {"grade": "egress+rtt", "evidence": "seen from DE, 12 ms from our vantage fra"}
    predicate["cost"] = {"currency": "GLM", "reserved": "0.03", "observed": "0.0167", "invoice": INVOICE}
    predicate["usage"] = {"cpu-ms": 5100, "duration-ms": 600_412}
    at = (("queued", "00:05"), ("agreed", "00:06"), ("started", "00:07"))
    moments = {name: f"2026-11-23T03:{time}Z" for name, time in at}
    predicate["times"] = {**moments, "finished": "2026-11-23T03:10:07Z", "durationMs": 600_412}
    for result in predicate["cells"]:
        cell = Cell(target="smollm2", prompt=result["prompt"], region="EU", slot=1, replica=result["replica"])
        result["seed"] = seed(run, cell, "shared")
    predicate["cells"][0]["output"] = sha256(ANSWER)
    return Receipt.from_json(data)


def _log(entries: list[LogEntry]) -> tuple[dict[str, bytes], log.Appended]:
    added = log.append({}.get, 0, [entry.canonical() for entry in entries])
    return {path: raw for path, raw in added.tiles.items() if raw is not None}, added


def _checkpoint(entries: list[LogEntry]) -> bytes:
    added = _log(entries)[1]
    return note.sign(note.checkpoint_text(Checkpoint(ORIGIN, added.size, added.root)), ORIGIN, make.key("log"))


def _proof(entries: list[LogEntry]) -> bytes:
    """That the last entry stands in the log of these."""
    last = len(entries) - 1
    path = log.inclusion(_log(entries)[0].get, last, len(entries))
    return proof.write_proof(last, path, _checkpoint(entries))


def _line(name: str) -> str:
    return sshsig.public_line(make.key(name).public)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
