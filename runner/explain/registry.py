"""Codes of `runner/registry`, its `tree.py`, and `formats/sshsig.py`: where files stand, and who signed them."""

from __future__ import annotations

from runner.explain.entry import Entry

ENTRIES = {
    "file-mode": Entry(
        "words",
        "Not a plain file",
        "Only files of mode 100644 are read: a symbolic link would let one path speak for another, a submodule for "
        "another repository, and nothing in a registry is executed in place.",
        "120000 registry/jobs/alice/who.yaml -> ../bob/who.yaml",
        "100644 registry/jobs/alice/who.yaml",
    ),
    "file-unknown": Entry(
        "path",
        "A file that nothing reads",
        "A misnamed file would silently do nothing, so every file below registry/ has its place.",
        "registry/jobs/alice/who.yml\n",
        "registry/jobs/alice/who.yaml\n",
    ),
    "key-revoked": Entry(
        "words",
        "Signed with a revoked key",
        "registry/keys/revoked lists keys that may be in other hands. Sign again with a key that is not.",
        "who.yaml.sig made with a key of registry/keys/revoked",
        "beacon sign registry/jobs/alice/who.yaml, with a key of registry/keys/allowed_signers",
    ),
    "key-type-unsupported": Entry(
        "words",
        "Not an Ed25519 key",
        "One kind of key, judged by one library, leaves no room for two verifiers to disagree.",
        "ssh-keygen -t rsa",
        "ssh-keygen -t ed25519",
    ),
    "path-conflict": Entry(
        "path",
        "A suite and a job share a name",
        "Both would publish into the same folder of reports/.",
        "registry/jobs/alice/nightly.yaml\nregistry/jobs/alice/nightly/who.yaml\n",
        "registry/jobs/alice/nightly-all.yaml\nregistry/jobs/alice/nightly/who.yaml\n",
    ),
    "path-invalid": Entry(
        "path",
        "A path that no file may have",
        "Owners, suites and names are ids (a to z, 0 to 9, inner hyphens), at a fixed depth: no two paths "
        "differ only in case or in look-alike letters, and none leads elsewhere.",
        "registry/jobs/Alice/who.yaml\n",
        "registry/jobs/alice/who.yaml\n",
    ),
    "path-reserved": Entry(
        "path",
        "A reserved name",
        "reports/jobs/…/runs/ holds a job's runs, so nothing else may be called so.",
        "registry/jobs/alice/runs.yaml\n",
        "registry/jobs/alice/my-runs.yaml\n",
    ),
    "policy-missing": Entry(
        "words",
        "There is no policy",
        "Without registry/policy.yaml nobody has said what may run. `beacon init` writes one to begin with.",
        "a repository without registry/policy.yaml",
        "beacon init",
    ),
    "proposal-mixes-code": Entry(
        "words",
        "Code and registry change together",
        "A pull request is judged and planned by the code before it, so what is said of the registry may not hold "
        "after the merge.",
        "a pull request with runner/plan.py and registry/jobs/alice/who.yaml",
        "two pull requests, the code first",
    ),
    "proposal-mixes-keys": Entry(
        "words",
        "Keys and jobs in one pull request",
        "A job is judged by the keys and the policy that stand before it, so what lets it in cannot come with it; and "
        "who reviews a key asks other questions.",
        "a pull request with registry/keys/allowed_signers and registry/jobs/alice/who.yaml",
        "two pull requests, the key first",
    ),
    "proposal-too-long": Entry(
        "words",
        "More commits than are judged",
        "Each commit of a pull request stays in the history, where it is judged for ever, so each is looked at before.",
        "a pull request with 1,001 commits",
        "the same changes in one commit, or in a few",
    ),
    "proposal-touches-reports": Entry(
        "words",
        "A pull request changes reports/",
        "Only the runner writes there, and signs what it writes. `beacon verify` judges every commit, so one that "
        "is taken back by a later one is found all the same.",
        "a commit that edits reports/README.md, and another one that reverts it",
        "git rebase --interactive, without that commit; or all commits squashed into one",
    ),
    "signature-malformed": Entry(
        "words",
        "The signature cannot be read",
        "A .sig file holds one armored SSH signature, as `beacon sign` and `ssh-keygen -Y sign` write it.",
        "a file that was cut, or pasted with other line ends",
        "beacon sign registry/jobs/alice/who.yaml",
    ),
    "signature-missing": Entry(
        "words",
        "The job is not signed",
        "Only the folder's owner may ask for runs in their name; the signature beside the file shows that they do.",
        "registry/jobs/alice/who.yaml alone",
        "beacon sign registry/jobs/alice/who.yaml, which writes who.yaml.sig beside it",
    ),
    "signature-namespace": Entry(
        "words",
        "Signed for something else",
        "A signature names its purpose and this registry's log, so one made for another registry, or for a commit, "
        "does not hold here.",
        "ssh-keygen -Y sign -n git who.yaml",
        "ssh-keygen -Y sign -n jobspec.v1@ORIGIN who.yaml, with the origin that registry/policy.yaml names",
    ),
    "signature-orphan": Entry(
        "path",
        "A signature without its job",
        "The job was removed or renamed, and the signature was left.",
        "registry/jobs/alice/who.yaml.sig\n",
        "registry/jobs/alice/who.yaml\nregistry/jobs/alice/who.yaml.sig\n",
    ),
    "signature-wrong": Entry(
        "words",
        "The signature does not fit the bytes",
        "The file changed after it was signed, were it by one space or line end, or the signature is another file's.",
        "an edited who.yaml beside its old who.yaml.sig",
        "beacon sign registry/jobs/alice/who.yaml after every change",
    ),
    "signer-not-owner": Entry(
        "words",
        "Signed by somebody else",
        "The key is known, but it is not one of the folder's owner's.",
        "registry/jobs/alice/who.yaml, signed with bob's key",
        "registry/jobs/bob/who.yaml with owner: bob, or a signature of alice's",
    ),
    "signer-unknown": Entry(
        "words",
        "Signed with a key that nobody registered",
        "registry/keys/allowed_signers lists the contributors' keys. A new key is added by a pull request of its own, "
        "before the first job that it signs.",
        "a job and the key that signs it in one pull request",
        "the key first, the job when the key is in the log",
    ),
    "suspended-unknown": Entry(
        "words",
        "A suspended job that does not exist",
        "registry/suspended names jobs that must not run now. A misspelt line would suspend nothing.",
        "registry/jobs/alice/wo.yaml",
        "registry/jobs/alice/who.yaml",
    ),
    "window-invalid": Entry(
        "policy",
        "Not a window",
        "A window is a cron expression of five fields, in UTC: minute, hour, day of month, month, day of week. Runs "
        "start in the minutes that it names.",
        'windows: ["from 20 to 23"]\n',
        'windows: ["* 20-23 * * *"]\n',
    ),
}
