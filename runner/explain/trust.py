"""Codes of `registry/keyfiles.py` and `registry/trust.py`: whose key counts, and who answers for it."""

from __future__ import annotations

from runner.explain.entry import Entry

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIABXM0xdm7B9IBRsS0x3fEgniPR/trfxdLnShbsEJvJX"
_SPACE = 'namespaces="jobspec.v1@example.org/beacon/log"'

ENTRIES = {
    "key-duplicate": Entry(
        "words",
        "A key that is listed twice",
        "Each key has one holder, or nobody could say who signed.",
        f"alice {_SPACE} {_KEY}\nbob {_SPACE} {_KEY}",
        f"alice {_SPACE} {_KEY}",
    ),
    "key-line-malformed": Entry(
        "words",
        "A line that other tools would read differently",
        "OpenSSH skips a line that it cannot read without a word, and what cannot be seen cannot be reviewed. Key "
        "files are UTF-8 with spaces and LF only.",
        f"alice<TAB>{_SPACE} {_KEY}<CR>",
        f"alice {_SPACE} {_KEY}",
    ),
    "key-namespace": Entry(
        "words",
        "A key without the namespace of its role",
        "The namespace says what a signature is for. Without it, a contributor's signature could pass for a "
        "maintainer's.",
        f"alice {_KEY}",
        f"alice {_SPACE} {_KEY}",
    ),
    "key-option": Entry(
        "words",
        "An option that does not count here",
        "Dates are compared with a time that the signer wrote, so they protect nobody; revocation goes by the log. "
        "The one option is namespaces.",
        f'alice {_SPACE},valid-before="20300101" {_KEY}',
        f"alice {_SPACE} {_KEY}",
    ),
    "key-returned": Entry(
        "words",
        "A key that left, or changed its role or holder",
        "In the log a key has one life: from its key-add to its key-revoke, in one role, for one holder.",
        "bob's key, revoked at entry 12, stands in registry/keys/allowed_signers again",
        "a new key, made with `beacon keygen`",
    ),
    "key-shared": Entry(
        "words",
        "One key in two roles",
        "Keys have roles and are never shared between them: who steals one must not get the other.",
        "the same key in registry/keys/root and registry/keys/allowed_signers",
        "a key for each, made with `beacon keygen`",
    ),
    "principal-malformed": Entry(
        "words",
        "A name that cannot be a principal",
        "A principal is the name of a folder below registry/jobs/: lower-case letters, digits and inner hyphens. "
        "Patterns and lists of names would let one line speak for many people.",
        f"alice@example.org {_SPACE} {_KEY}",
        f"alice {_SPACE} {_KEY}",
    ),
    "revoked-index": Entry(
        "words",
        "A revoked key without the index of the first doubt",
        "What the key signed before that log entry still counts. If nothing is doubtful, write the log's size.",
        f"{_KEY} stolen",
        f"{_KEY} suspectFrom=12 stolen",
    ),
    "revoked-listed": Entry(
        "words",
        "A revoked key that is still listed",
        "A key counts or is revoked. Remove it from the file where it still stands.",
        "alice's key in registry/keys/allowed_signers and in registry/keys/revoked",
        "alice's key in registry/keys/revoked alone",
    ),
    "threshold-malformed": Entry(
        "words",
        "The threshold is not written plainly",
        "The first line of registry/keys/root says how many maintainers must sign the trust list, from 1 to 16.",
        "#threshold=2",
        "# threshold: 2",
    ),
    "threshold-unreachable": Entry(
        "words",
        "A threshold above the number of maintainers",
        "Then no trust list could ever count. Several keys of one maintainer are one maintainer.",
        "# threshold: 3, above the keys of anna and ben",
        "# threshold: 2, above the keys of anna and ben",
    ),
    "trust-file-missing": Entry(
        "words",
        "A file that decides who is trusted is missing",
        "policy.yaml and the files of keys/ must exist as plain files; one without keys holds comments only.",
        "registry/keys/revoked removed, because nobody is revoked",
        "registry/keys/revoked with a comment line only",
    ),
    "trust-missing": Entry(
        "words",
        "There is no trust list",
        "registry/trust.json holds the digests of the policy and the key files; without it nobody answers for them.",
        "a registry without registry/trust.json",
        "beacon trust anna --key KEY, and a pull request with the two files that it writes",
    ),
    "trust-origin": Entry(
        "words",
        "The trust list is another log's",
        "The origin is part of every signature's namespace and is fixed for the life of the log.",
        "log.origin changed in registry/policy.yaml",
        "log.origin as it was when the log began",
    ),
    "trust-serial": Entry(
        "words",
        "The trust list is not newer than the log's",
        "An old list with old signatures must not come back, so each list has a higher serial.",
        "registry/trust.json restored from an older commit",
        "the list written anew with `beacon trust NAME --key KEY`",
    ),
    "trust-stale": Entry(
        "words",
        "The trust list does not fit the files",
        "A file was added, removed or changed after the maintainers signed its digest.",
        "registry/policy.yaml changed in a pull request, registry/trust.json not",
        "both changed, and signed by the maintainers: `beacon trust NAME --key KEY`",
    ),
    "trust-threshold": Entry(
        "words",
        "Too few maintainers signed the trust list",
        "As many maintainers of registry/keys/root must sign as its first line says.",
        "# threshold: 2, and registry/trust.sigs/anna.sig alone",
        "registry/trust.sigs/anna.sig and ben.sig, made by `beacon trust NAME --key KEY`, the second with --keep",
    ),
    "trust-threshold-previous": Entry(
        "words",
        "Too few of the maintainers until now signed the new trust list",
        "New maintainers, and a new threshold, are chosen by those before: their threshold must sign too.",
        "carl and dora replace anna and ben, and sign alone",
        "anna and ben sign the list that names carl and dora, too",
    ),
    "vkey-name": Entry(
        "words",
        "The log's key has another name than the log",
        "The log signs under its origin, which registry/policy.yaml names.",
        "registry/keys/log.vkey: example.com/other+33d7b496+AeHT…",
        "registry/keys/log.vkey: the origin, then the key's id and the key",
    ),
}
