"""Codes of the log: its files, its order, and who may write it. Found by runners and by `beacon verify`."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "anchor-malformed": Note(
        "What --trust gives is no anchor",
        "An anchor is the SHA-256 of the first trust list, a plus sign, and the log's verifier key.",
    ),
    "checkpoint-malformed": Note(
        "A checkpoint is not origin, size and root",
        "A C2SP checkpoint has exactly these three lines, and each is printed in one way only.",
    ),
    "checkpoint-missing": Note("There is no checkpoint", "Without it nobody signed what the log holds."),
    "checkpoint-origin": Note(
        "A checkpoint is of another log",
        "The origin is the log's name; a checkpoint of one log says nothing of another.",
    ),
    "commit-foreign": Note(
        "Somebody else than a runner changed reports/",
        "Only commits signed with the git key of a runner in the log may.",
    ),
    "commit-key": Note(
        "A commit was signed with a runner's key that does not count",
        "The key must be in the log before, and not revoked.",
    ),
    "commit-malformed": Note("A commit cannot be read", "It has other headers than git writes, or several signatures."),
    "commit-unsigned": Note("A commit is not signed", "Whoever writes reports/ signs the commit with SSH."),
    "consistency-wrong": Note(
        "A newer log does not contain the older one",
        "A consistency proof must lead from both roots to one tree; here something was rewritten.",
    ),
    "document-malformed": Note(
        "A document lacks a field, or holds a wrong one",
        "Documents that runners write fit their schema exactly: `beacon schema`.",
    ),
    "due-wrong": Note(
        "A run's due time is none of its schedule",
        "A scheduled run is due when its cron expression says so, and is not taken before.",
    ),
    "end-too-early": Note(
        "A run ended before it could",
        "Abandoning has to wait for the end of the lease, and publishing comes after the start.",
    ),
    "end-twice": Note("A start has two ends", "Each start ends once: published, cancelled or abandoned."),
    "end-without-start": Note("An end belongs to no open start", "It names the index of the start that it ends."),
    "entry-malformed": Note(
        "A log entry cannot be read", "Entries are canonical JSON of at most 512 bytes, of a type that is known."
    ),
    "generation-wrong": Note(
        "A start has the wrong generation", "Each start of a run after an abandoned one counts one more, up to three."
    ),
    "genesis-foreign": Note(
        "The log begins with another trust list than you trust",
        "Entry 0 holds the digest of the first trust list, to which your anchor must be equal.",
    ),
    "genesis-misplaced": Note(
        "The genesis is not entry 0, or not alone", "A log begins once, with the trust list on which everything rests."
    ),
    "inclusion-wrong": Note(
        "A proof does not lead from the entry to the root",
        "An inclusion proof hashes the entry up to the signed root; this one ends elsewhere.",
    ),
    "job-differs": Note(
        "A start is about other bytes than the job's", "It holds path, hash and revision of the job at its commit."
    ),
    "job-key": Note(
        "A job was signed with a key that does not count",
        "The key must be one of the owner's, in the log before the job was taken, and not revoked.",
    ),
    "job-key-new": Note(
        "A job and its key entered the log together",
        "A key counts from the next commit on, so that nobody brings a key and uses it in one step.",
    ),
    "job-misplaced": Note(
        "A job stands under another name than its own", "owner, suite and name in the file are those of its path."
    ),
    "job-missing": Note(
        "A job or its signature is missing", "The files that a start is about stand in the tree of its commit."
    ),
    "key-entries-incomplete": Note(
        "Keys of a new trust list are missing from the log",
        "A trust list and the key entries that follow from it enter the log together.",
    ),
    "key-file-malformed": Note(
        "A key file cannot be read",
        "The key files are read again by rules written apart from the runner's; this line has no place in them.",
    ),
    "key-suspect-from": Note(
        "A revocation names another index than the maintainers",
        "registry/keys/revoked says from which entry on a key is doubtful.",
    ),
    "key-untrusted": Note(
        "A key entry rests on no key file", "Only keys in files that the maintainers signed come and go in the log."
    ),
    "last-seen-foreign": Note(
        "The checkpoint seen last is not of this log",
        "What was seen is kept outside the clone; another log under the same origin is a fork.",
    ),
    "lease-short": Note(
        "A lease is shorter than the job's total limit",
        "The lease covers the whole run, so that nobody takes it over while it executes.",
    ),
    "log-engines-disagree": Note(
        "Two programs find different roots for one log",
        "pymerkle hashes the same tiles independently; one of the two is wrong, so nothing is signed.",
    ),
    "log-file-extra": Note(
        "A file stands in the log's folder that is not part of it",
        "A log of this size consists of exactly its checkpoint, tiles and entries.",
    ),
    "log-file-missing": Note("A file of the log is missing", "A log of this size consists of exactly these files."),
    "log-forked": Note(
        "Two checkpoints of one size have different roots",
        "Somebody was shown another log than others: the log's key signed twice, or was stolen.",
    ),
    "log-inconsistent": Note(
        "What would be signed does not extend the signed log",
        "A log only grows; a checkpoint that says otherwise is never signed.",
    ),
    "log-not-grown": Note(
        "A commit changes reports/ without a new log entry",
        "The runner writes reports/ only together with the entries that say what it did.",
    ),
    "log-root-wrong": Note(
        "The entries do not have the checkpoint's root", "The checkpoint signs one root; other entries cannot have it."
    ),
    "log-shrunk": Note(
        "A commit holds a shorter log than its parent", "Entries were taken back, which a log never does."
    ),
    "log-tile-malformed": Note(
        "A file of the log has an impossible size",
        "A full tile holds 256 hashes, a partial one as many as its name says.",
    ),
    "log-tile-missing": Note(
        "A file of the log is missing", "Every tile and entry of a log stays for ever; a log never loses files."
    ),
    "log-tile-wrong": Note(
        "A tile does not follow from the log's entries",
        "Tiles are hashes of entries (RFC 9162); an entry or a tile was altered after it was written.",
    ),
    "merge-changes-reports": Note(
        "A merge changes reports/",
        "A merge takes reports/ from the parent with the longest log; only runners change it.",
    ),
    "not-canonical": Note(
        "A document is not written in its one canonical form",
        "What is signed or hashed has one spelling (RFC 8785, defaults written out); another could hide a difference.",
    ),
    "note-malformed": Note(
        "A signed note cannot be read", "Checkpoints are C2SP signed notes, printed in one way only."
    ),
    "note-signature-wrong": Note(
        "The signature of a note does not hold",
        "The text was changed after it was signed, or the key is another one of the same name.",
    ),
    "note-unsigned": Note(
        "No known key signed the note", "A checkpoint counts only with the signature of the log's own key."
    ),
    "nothing-to-verify": Note("There is nothing to verify", "The branch has no commit."),
    "proof-checkpoint": Note(
        "A proof carries another checkpoint", "It is proved under the checkpoint of the commit that published the run."
    ),
    "proof-index": Note(
        "A proof is about another entry", "proof.tlog proves the entry that ended this run, and no other."
    ),
    "proof-malformed": Note(
        "A proof cannot be read", "It is a C2SP tlog-proof: index, hashes and a checkpoint, printed in one way only."
    ),
    "proof-missing": Note(
        "A run has no proof", "Each run carries proof.tlog, so that it can be checked without the whole log."
    ),
    "rescore-twice": Note(
        "A classifier judged a run for the second time",
        "It judges a run once: when the run is published, or in one later entry. A runner could pick among verdicts.",
        "compare both judgements; ask whoever runs this registry",
    ),
    "rescore-without-run": Note(
        "A later judgement is about a run that was not published before",
        "Only what stands in the log, with its evidence, can be judged again.",
        "trust neither the judgement nor the runner that signed it",
    ),
    "retire-wrong": Note(
        "A job was retired that stands, or with another revision",
        "`retire` is logged when the file is gone, with the last revision that the log knows.",
    ),
    "run-differs": Note("A run was taken again for another job", "The run's id belongs to one job, whoever takes it."),
    "run-misnamed": Note(
        "A run does not have the id of its job", "The id is the SHA-256 of the job's bytes and the due time."
    ),
    "run-repeated": Note(
        "A run was begun after it was over", "A run is published once, so that it cannot be repeated until it pleases."
    ),
    "start-runner": Note(
        "A run was taken in another runner's name",
        "The commit that holds the start must be signed with the git key of the runner that it names.",
    ),
    "start-twice": Note(
        "A run was begun while it was open", "A run has one holder at a time; another start needs an end before it."
    ),
    "superseded-too-late": Note(
        "What a start left was published after its settlement",
        "A settlement is held against the receipts that stand before it, so none may follow.",
        "trust neither of them; ask whoever runs this registry",
    ),
    "superseded-twice": Note(
        "What a start left was published twice",
        "An abandoned start leaves its attempts once; a runner could add to them until they please.",
    ),
    "superseded-without-end": Note(
        "Something was left of a start that was not abandoned",
        "Only a start that ended as `abandoned` before leaves attempts; others publish them with their end.",
    ),
    "time-impossible": Note("A time is in no calendar", "Times are RFC 3339, in UTC and whole seconds."),
    "trust-differs": Note(
        "A trust entry says something else than the files",
        "Digest, serial and threshold are those of the registry at the same commit.",
    ),
    "trust-vkey": Note("The trusted files name another log key", "The log's key is fixed for the life of the log."),
    "vkey-foreign": Note(
        "The registry names another log key than you trust",
        "The root of trust is yours: a registry cannot bring its own.",
    ),
    "vkey-malformed": Note(
        "A verifier key cannot be read", "It is one line: name, plus sign, key id, plus sign, base64 of the key."
    ),
}
