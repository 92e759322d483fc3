"""The files of `registry/keys/`: whose key counts for what, as people write it.

    root              `# threshold: 2`, then allowed_signers lines of the maintainers      trust.v1@<origin>
    allowed_signers   contributors                                                         jobspec.v1@<origin>
    runners           runners: a key for commits, another for receipts                     git, receipt.v1@<origin>
    revoked           public keys that no longer count, with the log index of the first doubt
    log.vkey          the log's C2SP verifier key, under the origin's name

The first three are OpenSSH allowed_signers files (ssh-keygen(1), ALLOWED SIGNERS), so that `ssh-keygen -Y verify` and
git's `gpg.ssh.allowedSignersFile` take them as they are; `revoked` is what `ssh-keygen -Y verify -r` and
`gpg.ssh.revocationFile` take. Those tools skip a line that they cannot read, without a word: here it is a problem.

A key has one role and one holder. Whether the maintainers signed these files is judged in `registry/trust.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runner.errors import Problem, Unverified
from runner.formats import note, sshsig
from runner.model.canonical import ID_PATTERN
from runner.model.entry import MAX_THRESHOLD, Role

FOLDER = "registry/keys"
ROOT, CONTRIBUTORS, RUNNERS, REVOKED, LOG = (
    f"{FOLDER}/{name}" for name in ("root", "allowed_signers", "runners", "revoked", "log.vkey")
)
PATHS = (ROOT, CONTRIBUTORS, RUNNERS, REVOKED, LOG)

_ID = re.compile(ID_PATTERN)
_BROKEN = "\N{REPLACEMENT CHARACTER}"
_THRESHOLD = re.compile(r"# threshold: ([1-9][0-9]?)")
_OPTION = re.compile(r'namespaces="([^"]*)"')
_SUSPECT = re.compile(r"suspectFrom=(0|[1-9][0-9]{0,14})( .*)?")


class Key(NamedTuple):
    """One public key (32 bytes), what it is for, and who holds it."""

    role: Role
    principal: str
    public: bytes


class KeyFiles(NamedTuple):
    """What the key files say. `revoked` maps a key to the log index from which on it is doubtful."""

    threshold: int
    keys: tuple[Key, ...]
    revoked: Mapping[bytes, int]
    log_vkey: str


class _Line(NamedTuple):
    path: str
    number: int
    text: str


def namespaces(origin: str) -> Mapping[str, Mapping[str, Role]]:
    """Path to the signature namespaces that its keys may have, and the role that each gives."""
    return {
        ROOT: {f"trust.v1@{origin}": "maintainer"},
        CONTRIBUTORS: {f"jobspec.v1@{origin}": "contributor"},
        RUNNERS: {"git": "runner-git", f"receipt.v1@{origin}": "runner-receipt"},
    }


def signer_line(principal: str, namespace: str, public: bytes) -> str:
    """One line of an allowed_signers file, with its line feed."""
    return f'{principal} namespaces="{namespace}" {sshsig.public_line(public)}\n'


def parse(files: Mapping[str, bytes], origin: str) -> tuple[KeyFiles, list[Problem]]:
    """What the files say, as far as they can be read, and every mistake in them. Files that are missing are empty."""
    reader = _Reader(origin)
    threshold = reader.threshold(files.get(ROOT, b""))
    for path, roles in namespaces(origin).items():
        reader.signers(files.get(path, b""), path, roles)
    reader.log(files.get(LOG, b""))
    reader.revoked(files.get(REVOKED, b""))
    maintainers = {key.principal for key in reader.keys if key.role == "maintainer"}
    if not reader.problems and threshold > len(maintainers):
        message = f"{threshold} maintainers must sign, but only {len(maintainers)} are listed"
        reader.problems.append(Problem(ROOT, 1, 1, "threshold-unreachable", message, "lower it, or list more of them"))
    return KeyFiles(threshold, tuple(reader.keys), reader.suspect, reader.vkey), reader.problems


class _Reader:
    """Reads file after file, and remembers where each key stood first."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.problems: list[Problem] = []
        self.keys: list[Key] = []
        self.suspect: dict[bytes, int] = {}
        self.vkey = ""
        self._first: dict[bytes, tuple[str, str, _Line]] = {}

    def threshold(self, raw: bytes) -> int:
        """The number in the first line of `root`."""
        first = raw.partition(b"\n")[0].decode(errors="replace")
        if (match := _THRESHOLD.fullmatch(first)) and int(match[1]) <= MAX_THRESHOLD:
            return int(match[1])
        message = "the first line does not say how many maintainers must sign"
        hint = f"write `# threshold: 2`, with a number from 1 to {MAX_THRESHOLD}"
        self._add(_Line(ROOT, 1, first), 1, "threshold-malformed", message, hint)
        return 1

    def signers(self, raw: bytes, path: str, roles: Mapping[str, Role]) -> None:
        """An allowed_signers file."""
        for line in self._lines(raw, path):
            principal, _, rest = line.text.partition(" ")
            options, _, key = rest.partition(" ")
            if options == sshsig.KEY_TYPE:
                options, key = "", rest
            before = len(self.problems)
            if not _ID.fullmatch(principal):
                message = f'"{principal}" is not a principal: lower-case letters, digits and hyphens between them'
                self._add(line, 1, "principal-malformed", message, "use the name of the folder below registry/jobs/")
            role = self._role(line, len(principal) + 2, options, roles)
            public = self._public(line, len(line.text) - len(key) + 1, key)
            if role is None or public is None or len(self.problems) > before:
                continue
            if self._is_new(line, public, role, principal):
                self.keys.append(Key(role, principal, public))

    def log(self, raw: bytes) -> None:
        """The log's verifier key."""
        line = _Line(LOG, 1, raw.partition(b"\n")[0].decode(errors="replace"))
        try:
            key = note.parse_vkey(raw.decode(errors="replace"))
        except Unverified as error:
            self._add(line, 1, error.code, error.message, error.hint)
            return
        if key.name != self.origin:
            message = f'the key is that of "{key.name}", but the policy\'s log has the origin "{self.origin}"'
            self._add(line, 1, "vkey-name", message, "the log signs under its origin; both are fixed for its life")
        self._is_new(line, key.public, "log", key.name)
        self.vkey = line.text

    def revoked(self, raw: bytes) -> None:
        """Public keys, each with `suspectFrom=<log index>`. Read last: a revoked key stands in no other file."""
        for line in self._lines(raw, REVOKED):
            words = line.text.split(" ", 2)
            public = self._public(line, 1, " ".join(words[:2]))
            comment = words[2] if len(words) > 2 else ""
            match = _SUSPECT.fullmatch(comment)
            if match is None:
                message = "a revoked key needs the log index of the first entry that it may have signed in other hands"
                hint = (
                    "write `suspectFrom=<index>` after the key, then any words; the log's size if nothing is doubtful"
                )
                self._add(line, len(line.text) - len(comment) + 1, "revoked-index", message, hint)
            elif public is not None and self._is_new(line, public, "revoked", ""):
                self.suspect[public] = int(match[1])

    def _lines(self, raw: bytes, path: str) -> Iterator[_Line]:
        """The lines that say something: not empty, no comment, nothing in them that a reader could not see."""
        for number, content in enumerate(raw.removesuffix(b"\n").split(b"\n"), 1):
            line = _Line(path, number, content.decode(errors="replace"))
            if hidden := _hidden(line.text):
                message = "a tab, a carriage return, or another character that cannot be seen, or no UTF-8"
                hint = "write plain text, with spaces and LF only"
                self._add(line, hidden, "key-line-malformed", message, hint)
            elif line.text and not line.text.startswith("#"):
                yield line

    def _role(self, line: _Line, column: int, options: str, roles: Mapping[str, Role]) -> Role | None:
        """The role that the namespace gives."""
        expected = " or ".join(f'namespaces="{name}"' for name in roles)
        match = _OPTION.fullmatch(options)
        if match and match[1] in roles:
            return roles[match[1]]
        if match or not options:
            message = f'the namespace "{match[1]}" is not for this file' if match else "the key has no namespace"
            self._add(line, column, "key-namespace", message, f"write {expected} between principal and key")
        else:
            message = f"{options} is not the one option that is known here"
            hint = f"write {expected} and nothing else: dates are the signer's own, and revocation goes by the log"
            self._add(line, column, "key-option", message, hint)
        return None

    def _public(self, line: _Line, column: int, text: str) -> bytes | None:
        try:
            return sshsig.parse_public_line(text)
        except Unverified as error:
            self._add(line, column, error.code, error.message, error.hint)
            return None

    def _is_new(self, line: _Line, public: bytes, role: str, principal: str) -> bool:
        """Whether no other line has this key."""
        known_role, known_principal, known = self._first.setdefault(public, (role, principal, line))
        if known is line:
            return True
        where = f"{sshsig.fingerprint(public)} stands in {known.path}:{known.number} already"
        if role == known_role:
            self._add(line, 1, "key-duplicate", where, "remove one of the two lines")
        elif role == "revoked":
            self._add(line, 1, "revoked-listed", f"{where}, but is revoked here", "remove the line there")
        else:
            hint = "keys have one role and are never shared: make another with `beacon keygen`"
            self._add(line, 1, "key-shared", f"{where}, as {known_role} key of {known_principal}", hint)
        return False

    def _add(self, line: _Line, column: int, code: str, message: str, hint: str) -> None:
        """A mistake that reaches from a column to the line's end."""
        width = max(1, len(line.text) - column + 1)
        self.problems.append(Problem(line.path, line.number, column, code, message, hint, line.text, width))


def _hidden(text: str) -> int:
    """The column of the first character that cannot be seen or was no UTF-8; 0 where there is none."""
    if text.isprintable() and _BROKEN not in text:
        return 0
    return next(column for column, letter in enumerate(text, 1) if letter == _BROKEN or not letter.isprintable())
