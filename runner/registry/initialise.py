"""A fresh registry: the files with which `beacon init` and the demo begin, and the maintainers' signature of them.

Pure: keys and names go in, files come out; nothing is made up, nothing is read. The policy's comments and
`registry/README.md` are the first documentation that contributors and maintainers of a new registry see.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner.formats import note, sshsig
from runner.ports import Signer
from runner.registry.keyfiles import CONTRIBUTORS, LOG, REVOKED, ROOT, RUNNERS, signer_line
from runner.registry.trust import POLICY, TRUST, namespace, trust_list

REGIONS: Mapping[str, tuple[str, ...]] = {
    "EU": tuple("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()),  # noqa: SIM905 - one line reads best
    "US": ("US",),
    "APAC": tuple("AU HK ID IN JP KR MY NZ PH SG TH TW VN".split()),  # noqa: SIM905 - as above
}
"""The member states of the European Union; the United States; large countries and hubs of Asia and the Pacific."""

_ATTRIBUTES = """\
# What is signed or hashed is bytes: git must not convert line ends, and never merge the log.
registry/** -text
reports/** -text
reports/log/** -merge
"""

_POLICY = """\
# What this registry allows. A change counts once the maintainers have signed it: `beacon trust NAME`.
# Every field: `beacon schema policy`, or docs/formats.md of Beacon Runner.
apiVersion: beacon/v1
kind: Policy

log:
  # The log's name, fixed for its whole life: it is part of every signature's namespace.
  origin: {origin}
  # The branch that the runner writes.
  branch: {branch}

# What a job may name as a region, and the countries (ISO 3166-1) whose providers count as being there.
# Quotes keep YAML from reading "NO" as false.
regions:
{regions}

images:
  # Container images may come from names that begin like one of these.
  oci: []
  # Whether folders of registry/benchmarks/ may run, in a sandbox on the runner's own machine.
  sources: true

# Providers of model services that jobs may call.
services: []

# The most that one job may ask for.
caps:
  providers: 8
  replicas: 16
  prompts: 50
  answers: 5000
  totalSeconds: 14400
  memoryMiB: 8192
  cpus: 4
  outputKiB: 256
  retries: 5

# Money, as decimal numbers in quotes. "0" keeps every paid provider out; raise it when you want them.
budgets:
  job:
    GLM: "0"
  ownerMonth:
    GLM: "0"
  month:
    GLM: "0"

# The Golem network that runs the jobs (docs/golem.md). Without it they run in a sandbox on the runner's own machine,
# and everything says SIMULATED. Prices are the most that a provider may ask for, in GLM.
# golem:
#   network: polygon
#   images: https://images.example.org/{{hash}}.gvmi
#   prices: {{start: "0", hour: "0.05", cpuHour: "0.1"}}

# Where bundles are kept, besides this repository (docs/ipfs.md): `beacon pin`. Tokens and folders come from the
# environment of the machine, as BEACON_PIN_OWN_TOKEN and BEACON_PIN_BACKUP_PATH here.
# pinning:
#   atLeast: 2
#   targets:
#     own: {{kind: kubo, url: "http://127.0.0.1:5001"}}
#     backup: {{kind: folder}}

# The shortest time between two scheduled runs of one job.
minIntervalSeconds: 3600

# When runs may start: in the minutes that one of these cron expressions names, UTC. Without it, always.
# windows: ["* 20-23 * * 1-5", "* * * * 0,6"]

# Texts that no prompt may hold.
content:
  refusePrompts:
    - BEGIN OPENSSH PRIVATE KEY
    - BEGIN RSA PRIVATE KEY
"""

_README = """\
# This registry

A job asks the same questions of an AI model in several regions. You propose it by pull request; when it is merged, the
runner runs it, compares the answers, and publishes what it found in [reports/](../reports/). Nobody edits `reports/`.

## Submit a job

1. Make a signing key, once, and keep the private half: `beacon keygen alice` (or `ssh-keygen -t ed25519 -f alice`).
2. Let a maintainer add the public half to [keys/allowed_signers](keys/allowed_signers), in a pull request of its own:
   a key counts for jobs that are merged after it.
3. Write `registry/jobs/alice/my-first-job.yaml`. The folder is your name, the file is the job's.
   Its `budget` is the most that one run may cost, within the caps of [policy.yaml](policy.yaml).
4. Try it: `beacon run registry/jobs/alice/my-first-job.yaml` runs it on your machine and publishes nothing.
5. Sign the finished file: `beacon sign registry/jobs/alice/my-first-job.yaml --key alice`, or without Beacon Runner

   ```
   ssh-keygen -Y sign -f alice -n jobspec.v1@{origin} registry/jobs/alice/my-first-job.yaml
   ```
6. `beacon validate` says every mistake with its line. Then open a pull request with both files.

What you publish stays: prompts and answers can be read by everybody, for ever. Raise `metadata.revision` and sign again
to change a job; remove both files to retire it.

## What stands here

| path | what it is | who changes it |
|---|---|---|
| `jobs/OWNER/[SUITE/]NAME.yaml` and `.yaml.sig` | jobs and their signatures | their owners |
| `benchmarks/NAME/` | source of benchmarks | anybody, by pull request |
| `policy.yaml` | regions, caps, budgets, the Golem network and its prices | maintainers |
| `providers.yaml` | Golem nodes that are known, and where they are; may be absent | maintainers |
| `keys/` | whose key counts for what | maintainers |
| `trust.json`, `trust.sigs/` | digests of policy and keys, signed by the maintainers | `beacon trust NAME` |
| `suspended` | paths of jobs that must not run now, one a line | maintainers |
"""


def registry_files(
    *,
    origin: str,
    branch: str,
    maintainers: Mapping[str, bytes],
    threshold: int,
    contributors: Mapping[str, bytes],
    runners: Mapping[str, tuple[bytes, bytes]],
    log_public: bytes,
    regions: Mapping[str, tuple[str, ...]] = REGIONS,
) -> Mapping[str, bytes]:
    """Path to bytes of a fresh registry, all but the maintainers' signatures of `registry/trust.json` (`sign_trust`).

    Names map to public keys of 32 bytes; a runner has two, for commits and for receipts. What is wrong in the
    arguments, such as one key in two roles, `runner.registry.trust.read_trust` finds in the files."""
    texts = {
        POLICY: _POLICY.format(origin=origin, branch=branch, regions=_regions(regions)),
        ROOT: f"# threshold: {threshold}\n"
        "# Maintainers: so many of them, as the first line says, sign trust.json.\n"
        + "".join(signer_line(name, namespace(origin), public) for name, public in maintainers.items()),
        CONTRIBUTORS: "# Contributors: the name is the folder below registry/jobs/.\n"
        + "".join(signer_line(name, f"jobspec.v1@{origin}", public) for name, public in contributors.items()),
        RUNNERS: "# Runners: each has a key for its commits and another for its receipts.\n"
        + "".join(
            signer_line(name, "git", git) + signer_line(name, f"receipt.v1@{origin}", receipt)
            for name, (git, receipt) in runners.items()
        ),
        REVOKED: "# Keys that no longer count, one a line: ssh-ed25519 AAAA... suspectFrom=<log index> any words\n"
        "# suspectFrom is the first log entry that the key may have signed in other hands.\n",
        LOG: note.vkey(origin, log_public) + "\n",
    }
    covered = {path: text.encode() for path, text in texts.items()}
    return {
        ".gitattributes": _ATTRIBUTES.encode(),
        "registry/README.md": _README.format(origin=origin).encode(),
        **covered,
        TRUST: trust_list(covered, origin, serial=1),
    }


def sign_trust(trust_json: bytes, origin: str, signer: Signer) -> bytes:
    """A maintainer's signature of a trust list, for `registry/trust.sigs/<principal>.sig`."""
    return sshsig.sign(signer, trust_json, namespace(origin))


def _regions(regions: Mapping[str, tuple[str, ...]]) -> str:
    return "\n".join(f"  {name}: [{_quoted(countries)}]" for name, countries in regions.items())


def _quoted(countries: tuple[str, ...]) -> str:
    return ", ".join(f'"{country}"' for country in countries)
