"""Codes of `registry/documents.py`, `registry/jobrules.py` and `registry/content.py`: what a document says."""

from __future__ import annotations

from runner.explain.entry import Entry

_CID = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def _container(image: str) -> str:
    target = f"kind: container\n      name: smollm2\n      image: {image}\n      command: [python]\n"
    return f"spec:\n  targets:\n    - {target}"


def _service(kind: str, provider: str) -> str:
    return (
        f"spec:\n  targets:\n    - kind: {kind}\n      name: small\n      provider: {provider}\n      model: small-1\n"
    )


def _prompt(text: str) -> str:
    return f'spec:\n  prompts:\n    - {{id: who, text: "{text}"}}\n'


ENTRIES = {
    "alpha-range": Entry(
        "job",
        "The accepted chance of a false alarm is out of range",
        "alpha is the accepted chance of calling regions different when they are not. At 0 nothing is ever found, "
        "above 0.2 nothing found means anything.",
        'spec:\n  compare: {alpha: "0.5"}\n',
        'spec:\n  compare: {alpha: "0.05"}\n',
    ),
    "benchmark-cid": Entry(
        "job",
        "The benchmark's files are not those that the job names",
        "The job is signed for one exact folder. Files of registry/benchmarks/ changed, or the CID was copied wrongly; "
        "`beacon image cid FOLDER` prints the folder's own.",
        _container(f"{{source: {{benchmark: echo, cid: {_CID[:-1]}a}}}}"),
        _container(f"{{source: {{benchmark: echo, cid: {_CID}}}}}"),
    ),
    "benchmark-missing": Entry(
        "job",
        "There is no such benchmark",
        "A source image is a folder of registry/benchmarks/ in the same commit.",
        _container(f"{{source: {{benchmark: ehco, cid: {_CID}}}}}"),
        _container(f"{{source: {{benchmark: echo, cid: {_CID}}}}}"),
    ),
    "budget-exceeded": Entry(
        "job",
        "More money than the policy allows",
        "registry/policy.yaml caps one run, one owner in a month and everybody in a month. A currency "
        "without a cap for one run may not be spent at all.",
        'spec:\n  budget: {total: "5000", perRegion: "10"}\n',
        'spec:\n  budget: {total: "5", perRegion: "2"}\n',
    ),
    "budget-order": Entry(
        "job",
        "A region may spend more than the run",
        "perRegion is the part of total that one region may spend, so it cannot be more.",
        'spec:\n  budget: {total: "1", perRegion: "2"}\n',
        'spec:\n  budget: {total: "3", perRegion: "1"}\n',
    ),
    "cap-exceeded": Entry(
        "job",
        "More than the policy allows one job",
        "registry/policy.yaml caps providers, answers, seconds, memory and more. Ask for less, or ask the maintainers.",
        "spec:\n  limits: {memoryMiB: 65536}\n",
        "spec:\n  limits: {memoryMiB: 2048}\n",
    ),
    "cid-invalid": Entry(
        "job",
        "Not the CID of a folder",
        "A folder is named by its CIDv1 (dag-pb, SHA-256, base32), 59 characters that begin with bafy.",
        _container("{source: {benchmark: echo, cid: QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG}}"),
        _container(f"{{source: {{benchmark: echo, cid: {_CID}}}}}"),
    ),
    "country-invalid": Entry(
        "job",
        "Not a country's code",
        "Countries are their two capital letters of ISO 3166-1.",
        "spec:\n  regions: [{name: EU, countries: [Germany]}, {name: US}, {name: APAC}]\n",
        "spec:\n  regions: [{name: EU, countries: [DE]}, {name: US}, {name: APAC}]\n",
    ),
    "country-unknown": Entry(
        "job",
        "The country is not one of the region's",
        "registry/policy.yaml says which countries make up a region.",
        "spec:\n  regions: [{name: EU, countries: [SG]}, {name: US}, {name: APAC}]\n",
        "spec:\n  regions: [{name: EU, countries: [DE]}, {name: US}, {name: APAC}]\n",
    ),
    "decimal-invalid": Entry(
        "job",
        "Not a decimal number",
        "Amounts are decimal numbers in quotes, without sign, exponent or thousands separators.",
        'spec:\n  budget: {total: "1,50"}\n',
        'spec:\n  budget: {total: "1.50"}\n',
    ),
    "digest-invalid": Entry(
        "words",
        "Not a SHA-256",
        "A digest is written as 64 digits of lower-case hex, as sha256sum prints it.",
        "files: {registry/policy.yaml: E3B0C442}",
        "files: {registry/policy.yaml: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}",
    ),
    "field-missing": Entry(
        "policy",
        "A field is missing",
        "The field has no default, so somebody has to decide. `beacon schema` lists every field.",
        "log: {branch: main}\n",
        "log: {origin: example.org/beacon/log, branch: main}\n",
    ),
    "field-unknown": Entry(
        "job",
        "A field that nobody reads",
        "A misspelt field would silently do nothing, so unknown ones are refused.",
        "spec:\n  retrys: 2\n",
        "spec:\n  retries: 2\n",
    ),
    "id-duplicate": Entry(
        "job",
        "A name stands twice",
        "Names of targets, prompts and regions are parts of the paths of answers; two answers would share one.",
        "spec:\n  prompts: [{id: who, text: Who?}, {id: who, text: What?}]\n",
        "spec:\n  prompts: [{id: who, text: Who?}, {id: what, text: What?}]\n",
    ),
    "id-invalid": Entry(
        "job",
        "Not an id",
        "Ids become paths, so they hold a to z, 0 to 9 and inner hyphens only: no two differ in case or look alike.",
        "spec:\n  prompts: [{id: Who_are_you, text: Who?}]\n",
        "spec:\n  prompts: [{id: who-are-you, text: Who?}]\n",
    ),
    "image-digest-missing": Entry(
        "job",
        "An image without its digest",
        "A tag can point to another image tomorrow; a digest cannot.",
        _container('{oci: "docker.io/acme/who:latest"}'),
        _container(f'{{oci: "docker.io/acme/who@sha256:{"0" * 64}"}}'),
    ),
    "image-empty": Entry(
        "job",
        "An image without any form",
        "An image names at least one of oci, gvmi and source, or there is nothing to run.",
        _container("{}"),
        _container(f"{{gvmi: {'a' * 56}}}"),
    ),
    "image-refused": Entry(
        "job",
        "The policy does not allow this image",
        "registry/policy.yaml lists the prefixes of images that may run (images.oci); a prefix ends where a part of "
        "the name does.",
        _container(f'{{oci: "docker.io/acme-evil/who@sha256:{"0" * 64}"}}'),
        _container(f'{{oci: "docker.io/acme/who@sha256:{"0" * 64}"}}'),
    ),
    "image-source-refused": Entry(
        "words",
        "The policy does not run sources",
        "Folders of registry/benchmarks/ run only where registry/policy.yaml says images.sources: true.",
        "image: {source: …} under a policy with images: {sources: false}",
        "image: {oci: …}",
    ),
    "limits-order": Entry(
        "job",
        "The run ends before an attempt can",
        "totalSeconds is the time of the whole run, retries included; runSeconds that of one attempt.",
        "spec:\n  limits: {runSeconds: 600, totalSeconds: 60}\n",
        "spec:\n  limits: {runSeconds: 600, totalSeconds: 3600}\n",
    ),
    "name-mismatch": Entry(
        "job",
        "The job's name is not the file's",
        "A job says itself where it belongs, so that a signed file cannot be put elsewhere.",
        "metadata: {name: what}\n",
        "metadata: {name: who}\n",
    ),
    "owner-mismatch": Entry(
        "job",
        "The job's owner is not the folder's",
        "A job says itself whose it is, so that a signed file cannot be put into somebody else's folder.",
        "metadata: {owner: bob}\n",
        "metadata: {owner: alice}\n",
    ),
    "personal-data": Entry(
        "job",
        "This looks like personal data",
        "Prompts and titles are published for ever, in a public repository. Use made-up values; addresses under "
        "example.org are accepted.",
        _prompt("Write to jane.doe@gmail.com"),
        _prompt("Write to jane.doe@example.org"),
    ),
    "region-name-invalid": Entry(
        "job",
        "Not a region's name",
        "Regions are written in capital letters and digits, with at most one hyphen.",
        "spec:\n  regions: [{name: europe}, {name: US}, {name: APAC}]\n",
        "spec:\n  regions: [{name: EU}, {name: US}, {name: APAC}]\n",
    ),
    "region-unknown": Entry(
        "job",
        "The policy has no such region",
        "registry/policy.yaml names the regions of this registry and their countries.",
        "spec:\n  regions: [{name: EU}, {name: US}, {name: APCA}]\n",
        "spec:\n  regions: [{name: EU}, {name: US}, {name: APAC}]\n",
    ),
    "regions-too-few": Entry(
        "job",
        "Fewer regions than minRegions",
        "A verdict needs minRegions observed regions (3 by default); this job could only ever be insufficient.",
        "spec:\n  regions: [{name: EU}, {name: US}]\n",
        "spec:\n  regions: [{name: EU}, {name: US}]\n  minRegions: 2\n",
    ),
    "schedule-invalid": Entry(
        "job",
        "Not a schedule",
        "A schedule is a cron expression of five fields in UTC: minute, hour, day of month, month, day of week.",
        'spec:\n  schedule: "every monday"\n',
        'spec:\n  schedule: "0 3 * * 1"\n',
    ),
    "schedule-too-often": Entry(
        "job",
        "Due more often than the policy allows",
        "registry/policy.yaml sets the shortest time between two runs (minIntervalSeconds).",
        'spec:\n  schedule: "*/5 * * * *"\n',
        'spec:\n  schedule: "0 */6 * * *"\n',
    ),
    "secret-found": Entry(
        "job",
        "This looks like a secret",
        "A registry is public, comments too, and git forgets nothing. Revoke the secret now, then remove it: what "
        "was pushed is known.",
        _prompt("Use AKIA" + "ABCDEFGHIJKLMNOP"),
        _prompt("Use the key that you were given"),
    ),
    "service-refused": Entry(
        "job",
        "The policy does not allow this service",
        "registry/policy.yaml lists the providers of model services that may be called (services).",
        _service("service", "unheard-of"),
        _service("service", "openrouter"),
    ),
    "suite-mismatch": Entry(
        "job",
        "The job's suite is not its folder",
        "metadata.suite is the folder between the owner's and the file, and is left out where there is none.",
        "metadata: {suite: nightly}\n",
        "metadata: {owner: alice}\n",
    ),
    "text-refused": Entry(
        "job",
        "The policy refuses this text",
        "registry/policy.yaml lists texts that prompts may not hold (content.refusePrompts), in upper or lower case.",
        _prompt("This is Confidential"),
        _prompt("This is public"),
    ),
    "value-length": Entry(
        "job",
        "Too short or too long",
        "Texts and lists have bounds; `beacon schema` lists them.",
        "spec:\n  prompts: []\n",
        "spec:\n  prompts: [{id: who, text: Who?}]\n",
    ),
    "value-pattern": Entry(
        "job",
        "A text that is not of the wanted form",
        "The message shows the form as a regular expression; `beacon schema` describes the field.",
        _container("{gvmi: abc}"),
        _container(f"{{gvmi: {'a' * 56}}}"),
    ),
    "value-range": Entry(
        "job",
        "A number out of range",
        "Numbers have bounds that no policy can widen; `beacon schema` lists them.",
        "spec:\n  retries: 50\n",
        "spec:\n  retries: 2\n",
    ),
    "value-type": Entry(
        "job",
        "A value of another type",
        "Quotes make a text, and a text is no number. Nothing is converted silently.",
        'spec:\n  retries: "2"\n',
        "spec:\n  retries: 2\n",
    ),
    "value-unknown": Entry(
        "job",
        "Not one of the allowed values",
        "The field takes one of a few words; the message lists them.",
        _service("servcie", "openrouter"),
        _service("service", "openrouter"),
    ),
}
