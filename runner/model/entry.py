"""LogEntry and Checkpoint: what was said, in which order. The index of an entry is the only clock that counts.

An entry is stored as its RFC 8785 bytes, at most 512 of them. Every `start` gets exactly one end: a `run`,
`cancelled` or `abandoned` entry that names its index. After an `abandoned` there may be one `superseded`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias, TypeGuard

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from runner.errors import Unverified
from runner.model.canonical import (
    MAX_INTEGER,
    Cid,
    Count,
    Decimal,
    Document,
    Id,
    Instant,
    JobPath,
    Sha256,
    first_mistake,
    from_canonical,
)

MAX_ENTRY = 512
_TOGETHER = 256

Role = Annotated[
    Literal["maintainer", "contributor", "runner-git", "runner-receipt"],
    Field(description="What the key may sign: trust lists, JobSpecs, commits, receipts"),
]
PublicKey = Annotated[
    str,
    Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]{68}$", description="OpenSSH public key, Ed25519, without comment"),
]


MAX_THRESHOLD = 16
Threshold = Annotated[
    int, Field(ge=1, le=MAX_THRESHOLD, description="Maintainers whose signatures the next trust list needs")
]


_TAG = Field(description="Which kind of entry this is")


class _Entry(Document):
    v: Literal[1] = Field(1, description="Version of this format")


class Genesis(_Entry):
    """Index 0: the trust list that everything rests on."""

    type: Annotated[Literal["genesis"], _TAG] = "genesis"
    serial: Count = Field(description="The trust list's serial")
    trust: Sha256 = Field(description="SHA-256 of `registry/trust.json`")
    threshold: Threshold


class Trust(_Entry):
    """A later trust list."""

    type: Annotated[Literal["trust"], _TAG] = "trust"
    serial: Count = Field(description="The trust list's serial")
    trust: Sha256 = Field(description="SHA-256 of `registry/trust.json`")
    threshold: Threshold


class KeyAdd(_Entry):
    """A key counts for entries after this one."""

    type: Annotated[Literal["key-add"], _TAG] = "key-add"
    role: Role
    principal: Id
    key: PublicKey


class KeyRevoke(_Entry):
    """A key no longer counts; from `suspectFrom` on it may have been in other hands."""

    type: Annotated[Literal["key-revoke"], _TAG] = "key-revoke"
    key: PublicKey
    suspect_from: Count = Field(description="Log index: what the key signed from there on is doubtful")


class Start(_Entry):
    """A runner takes a run: the claim, its lease, and what it reserves."""

    type: Annotated[Literal["start"], _TAG] = "start"
    job: JobPath
    sha256: Sha256 = Field(description="Of the JobSpec's bytes")
    revision: int = Field(ge=1, le=2**31 - 1, description="The JobSpec's revision")
    run: Sha256
    due: Instant | None = Field(None, description="When the schedule asked for this run; absent for a one-off job")
    runner: Id = Field(description="Principal of the runner that takes it, of `registry/keys/runners`")
    at: Instant = Field(description="When the runner says it took the run")
    lease: int = Field(
        ge=1, le=MAX_INTEGER, description="Seconds, from `at`; nothing is begun that cannot end within them"
    )
    generation: int = Field(1, ge=1, le=3, description="Which runner in turn takes this run")
    reserved: Decimal = Field("0", description="The most that the run may cost, in GLM")


class RunEnd(_Entry):
    """A run was published."""

    type: Annotated[Literal["run"], _TAG] = "run"
    run: Sha256
    start: Count = Field(description="Log index of the `start` that this ends")
    cid: Cid = Field(description="UnixFS CID of the folder `bundle/`")
    manifest: Sha256 = Field(description="SHA-256 of `manifest.json`")


class Cancelled(_Entry):
    """A run was stopped because its job was removed or its owner asked. Attempts that were made left receipts."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"cid": ["manifest"], "manifest": ["cid"]}},
    )

    type: Annotated[Literal["cancelled"], _TAG] = "cancelled"
    run: Sha256
    start: Count = Field(description="Log index of the `start` that this ends")
    at: Instant
    cid: Cid | None = Field(None, description="UnixFS CID of the folder `bundle/`; absent where nothing was published")
    manifest: Sha256 | None = Field(None, description="SHA-256 of `manifest.json`; there if and only if `cid` is")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cid is None) != (self.manifest is None):
            raise ValueError("cid and manifest stand together or not at all")
        return self


class Abandoned(_Entry):
    """A start whose lease ran out. With generation 3 the run is over; before, another start follows."""

    type: Annotated[Literal["abandoned"], _TAG] = "abandoned"
    run: Sha256
    start: Count = Field(description="Log index of the `start` that this ends")
    at: Instant


class Superseded(_Entry):
    """What the runner of an abandoned start had made of it: attempts with receipts, and no part in any verdict."""

    type: Annotated[Literal["superseded"], _TAG] = "superseded"
    run: Sha256
    start: Count = Field(description="Log index of the abandoned `start` whose attempts these are")
    cid: Cid = Field(description="UnixFS CID of the folder `superseded/<start>/bundle/`")
    manifest: Sha256 = Field(description="SHA-256 of `superseded/<start>/manifest.json`")

    @property
    def folder(self) -> str:
        """Where it stands, below the run's folder."""
        return f"superseded/{self.start}"


class Retire(_Entry):
    """A job's file was removed: neither this revision nor a lower one is ever taken again."""

    type: Annotated[Literal["retire"], _TAG] = "retire"
    job: JobPath
    revision: int = Field(ge=1, le=2**31 - 1, description="The last one that was asked for")


class Rescore(_Entry):
    """A published run was judged again by a newer classifier."""

    type: Annotated[Literal["rescore"], _TAG] = "rescore"
    run: Sha256
    classifier: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}/[0-9]{1,6}$")] = Field(
        description="Name and version of the code that judged"
    )
    manifest: Sha256 = Field(description="SHA-256 of `rescored/<classifier>/manifest.json`")

    @property
    def folder(self) -> str:
        """Where the judgement stands, below the run's folder: the classifier's name with `-` for `/`."""
        return f"rescored/{self.classifier.replace('/', '-')}"


class Withdraw(_Entry):
    """An output may no longer be checked, because it may no longer be shown."""

    type: Annotated[Literal["withdraw"], _TAG] = "withdraw"
    run: Sha256
    output: Sha256 = Field(description="SHA-256 of the answer's bytes, as its receipt says")


class Settlement(_Entry):
    """What was paid for a start, once nothing of it is open any more."""

    type: Annotated[Literal["settlement"], _TAG] = "settlement"
    run: Sha256
    start: Count = Field(description="Log index of the `start` whose reservation this replaces")
    amount: Decimal = Field(description="In GLM")
    record: Sha256 = Field(description="SHA-256 of `reports/settlements/<run>-<start>.json`")


LogEntry: TypeAlias = Annotated[
    Genesis
    | Trust
    | KeyAdd
    | KeyRevoke
    | Start
    | RunEnd
    | Cancelled
    | Abandoned
    | Superseded
    | Retire
    | Rescore
    | Withdraw
    | Settlement,
    Field(discriminator="type"),
]
ENTRY: TypeAdapter[LogEntry] = TypeAdapter(LogEntry)


def bundled(end: RunEnd | Cancelled | Abandoned) -> TypeGuard[RunEnd | Cancelled]:
    """Whether an end published a bundle: every `run` does, and a `cancelled` whose attempts left receipts."""
    return isinstance(end, RunEnd) or (isinstance(end, Cancelled) and end.manifest is not None)


class Checkpoint(NamedTuple):
    """The size and root of a log (C2SP tlog-checkpoint, without its signatures). `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes


def parse_entries(raws: Iterable[bytes], first: int) -> Iterator[LogEntry]:
    """The entries that these bytes say, one after the other; `first` is the index of the first. Raises as
    `parse_entry` does, and reads many in little more than half of its time."""
    rest = iter(raws)
    while some := tuple(islice(rest, _TOGETHER)):
        yield from _together(some) or (parse_entry(raw, index) for index, raw in enumerate(some, first))
        first += len(some)


def _together(raws: Sequence[bytes]) -> Sequence[LogEntry]:
    """What bytes say that are all plainly in canonical form, none of them too long; nothing where one is not. Joined
    they may hold other borders than by themselves: that each is what its entry prints shows that they do not."""
    if max(map(len, raws)) > MAX_ENTRY:
        return ()
    try:
        found = _entries().validate_json(b"[%b]" % b",".join(raws), by_alias=True, by_name=False)
    except ValidationError:
        return ()
    return found if list(map(_plainly, found)) == list(raws) else ()


def parse_entry(raw: bytes, index: int) -> LogEntry:
    """The entry that these bytes say, or `Unverified` with its index.

    A log is read from its beginning each time, so what is plainly in canonical form is seen to be by printing it in a
    fifth of the time. For the rest, and for every refusal, RFC 8785 decides."""
    if len(raw) > MAX_ENTRY:
        raise Unverified("entry-malformed", f"log entry {index} has {len(raw)} bytes, more than {MAX_ENTRY}")
    with suppress(ValidationError):
        entry = ENTRY.validate_json(raw, by_alias=True, by_name=False)
        if _plainly(entry) == raw:
            return entry
    data = from_canonical(raw, f"log entry {index}")
    try:
        entry = ENTRY.validate_python(data, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Unverified("entry-malformed", f"log entry {index}: {first_mistake(error)}") from None
    if entry.canonical() != raw:
        raise Unverified("not-canonical", f"log entry {index} leaves out a default, or writes a null")
    return entry


_FORMS: dict[tuple[type, tuple[bool, ...]], tuple[str, Callable[[Mapping[str, object]], object]]] = {}


def _plainly(entry: LogEntry) -> bytes:
    """The canonical bytes of an entry whose texts hold nothing that JSON escapes, which no entry's do. Bytes that equal
    these, and were read as this entry, are canonical: a text stands there just as it was read."""
    values = entry.__dict__
    kind = type(entry), tuple([value is None for value in values.values()])
    form = _FORMS.get(kind)
    if form is None:
        fields = sorted((field.alias or name, name) for name, field in kind[0].model_fields.items())
        there = [(alias, name) for alias, name in fields if values[name] is not None]
        members = [f'"{alias}":' + ('"%s"' if isinstance(values[name], str) else "%s") for alias, name in there]
        form = _FORMS[kind] = "{" + ",".join(members) + "}", itemgetter(*[name for _, name in there])
    return (form[0] % form[1](values)).encode()


@cache
def _entries() -> TypeAdapter[list[LogEntry]]:
    return TypeAdapter(list[LogEntry])
