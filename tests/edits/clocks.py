"""Edits of what differs in every call: times, ids, durations, addresses. Both sides hold one, each its own."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from tests.edits import looks
from tests.edits.sources import MAKERS, Pair, Source, carried, kind

MADE = {
    "en": (
        "Generated at {v}",
        "[{v}] Answer:",
        "Timestamp: {v}",
        "(Last updated: {v})",
        "Current time: {v}",
        "Created: {v}",
        "{v}",
    ),
    "de": ("Erstellt am {v}", "Stand: {v}", "Zeitstempel: {v}", "(Zuletzt aktualisiert: {v})", "{v}"),
    "zh": ("生成时间：{v}", "（更新于 {v}）", "时间戳：{v}", "当前时间：{v}", "{v}"),
}
IDS = {
    "en": ("Request ID: {v}", "id={v}", "[{v}]", "Trace: {v}", "(reference {v})", "Your session is {v}.", "{v}"),
    "de": ("Anfrage-ID: {v}", "Kennung: {v}", "[{v}]", "(Referenz {v})"),
    "zh": ("请求ID：{v}", "编号：{v}", "[{v}]", "（参考 {v}）"),
}
ADDRESSES = {
    "en": ("Served by {v}", "Host: {v}", "Connected to {v}.", "Your address is {v}.", "[{v}]"),
    "de": ("Server: {v}", "Verbunden mit {v}.", "Ihre Adresse ist {v}."),
    "zh": ("服务器：{v}", "您的地址是 {v}。", "已连接到 {v}"),
}
TOOK = {
    "en": (
        "Answered in {v}",
        "(took {v})",
        "Response time: {v}",
        "Latency: {v}",
        "Elapsed: {v}",
        "Generated in {v}.",
        "Finished after {v}",
    ),
    "de": ("Dauer: {v}", "(hat {v} gedauert)", "Antwortzeit: {v}", "Erzeugt in {v}"),
    "zh": ("耗时：{v}", "（用时 {v}）", "响应时间：{v}", "生成耗时 {v}"),
}
Value = Callable[[random.Random], str]


def moment(chance: random.Random) -> datetime:
    """A time of the last few years, in some zone."""
    zone = chance.choice([UTC, UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-5))])
    return datetime(2023, 1, 1, tzinfo=zone) + timedelta(microseconds=chance.randrange(4 * 365 * 86400 * 10**6))


def digits(chance: random.Random, number: int, letters: str = "0123456789abcdef") -> str:
    """So many letters of an alphabet."""
    return "".join(chance.choice(letters) for _ in range(number))


def clocked(name: str, carriers: dict[str, tuple[str, ...]], *values: Value) -> None:
    """An edit kind: the same carrier, the same writing, two values."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        value = chance.choice(values)
        one, two = value(chance), value(chance)
        return None if one == two else carried(chance, source, carriers, (one, two))


def stamp(name: str, *formats: str) -> None:
    """A kind of timestamps, by the formats of strftime; %~ is the zone with a colon, %^ milliseconds."""

    def value(form: str) -> Value:
        def show(chance: random.Random) -> str:
            when = moment(chance)
            zone = when.strftime("%z")
            form_ = form.replace("%~", f"{zone[:3]}:{zone[3:]}").replace("%^", f"{when.microsecond // 1000:03d}")
            return when.strftime(form_)

        return show

    clocked(name, MADE, *map(value, formats))


stamp(
    "stamp-iso",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%^Z",
    "%Y-%m-%dT%H:%M:%S%~",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S,%^",
)
stamp(
    "stamp-mail",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
)
stamp("stamp-ctime", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y", "%a %d %b %H:%M:%S UTC %Y")
stamp("stamp-log", "%d/%b/%Y:%H:%M:%S %z", "%b %d %H:%M:%S", "%Y-%m-%d %H:%M:%S,%^ INFO")
stamp(
    "stamp-us",
    "%m/%d/%Y, %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%b %d, %Y at %I:%M %p",
    "%B %d, %Y at %I:%M %p UTC",
    "%B %d, %Y %H:%M:%S",
    "%B %d, %Y, %H:%M",
    "%A, %B %d, %Y %I:%M %p",
)
stamp(
    "stamp-eu",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M Uhr",
    "%d.%m.%Y, %H:%M:%S",
    "%d.%m.%Y um %H:%M Uhr",
    "%d-%m-%Y %H:%M:%S",
    "%d %B %Y, %H:%M",
)
stamp("stamp-cjk", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日%H时%M分", "%Y年%m月%d日 %H时%M分%S秒")
stamp("stamp-basic", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S%z", "%Y%m%d-%H%M%S", "%Y%m%d%H%M%S")
clocked(
    "stamp-epoch",
    MADE,
    lambda c: str(c.randrange(1600000000, 1799999999)),
    lambda c: str(c.randrange(1600000000000, 1799999999999)),
    lambda c: f"{c.randrange(1600000000, 1799999999)}.{c.randrange(10**6):06d}",
)
DAYS = {
    "en": ("Generated on {v}", "Last updated: {v}", "Date: {v}", "Today's date: {v}"),
    "de": ("Erstellt am {v}", "Stand: {v}", "Datum: {v}"),
    "zh": ("生成日期：{v}", "更新日期：{v}", "日期：{v}"),
}
clocked(
    "stamp-day",
    DAYS,
    *(
        lambda c, f=form: moment(c).strftime(f)
        for form in ("%Y-%m-%d", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y", "%m/%d/%Y")
    ),
)
CLOCKS = {
    "en": ("Generated at {v}", "Time: {v}", "[{v}]", "Current time: {v}"),
    "de": ("Uhrzeit: {v}", "Erstellt um {v}", "[{v}]"),
    "zh": ("当前时间：{v}", "生成时间：{v}", "[{v}]"),
}
clocked(
    "stamp-clock",
    CLOCKS,
    *(lambda c, f=form: moment(c).strftime(f) for form in ("%H:%M:%S", "%I:%M:%S %p", "%H:%M:%S UTC")),
    lambda c: f"{moment(c):%H:%M:%S}.{c.randrange(1000):03d}",
)


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
clocked(
    "id-uuid",
    IDS,
    lambda c: str(_uuid(c)),
    lambda c: str(_uuid(c)).upper(),
    lambda c: f"{{{_uuid(c)}}}",
    lambda c: f"urn:uuid:{_uuid(c)}",
    lambda c: _uuid(c).hex,
)
clocked(
    "id-hex",
    IDS,
    lambda c: digits(c, 64),
    lambda c: digits(c, 40),
    lambda c: digits(c, 32),
    lambda c: digits(c, 24),
    lambda c: digits(c, 16),
    lambda c: f"sha256:{digits(c, 64)}",
    lambda c: f"0x{digits(c, 40)}",
    lambda c: f"0x{digits(c, 64)}",
    lambda c: digits(c, 32).upper(),
    lambda c: f"md5:{digits(c, 32)}",
)
clocked(
    "id-request",
    IDS,
    *(
        lambda c, p=prefix: p + digits(c, 24, ALNUM)
        for prefix in (
            "req_",
            "chatcmpl-",
            "msg_",
            "call_",
            "resp_",
            "run_",
            "thread_",
            "sess_",
            "session-",
            "toolu_",
            "cmpl-",
            "gen-",
        )
    ),
    lambda c: f"00-{digits(c, 32)}-{digits(c, 16)}-01",
    lambda c: f"Root=1-{digits(c, 8)}-{digits(c, 24)}",
)
clocked("id-ulid", IDS, lambda c: "01" + digits(c, 24, CROCKFORD))
clocked(
    "id-cid",
    IDS,
    lambda c: "bafy" + digits(c, 55, "abcdefghijklmnopqrstuvwxyz234567"),
    lambda c: "Qm" + digits(c, 44, ALNUM.translate({48: None, 79: None, 73: None, 108: None})),
    lambda c: "bafkrei" + digits(c, 52, "abcdefghijklmnopqrstuvwxyz234567"),
    lambda c: "ipfs://bafy" + digits(c, 55, "abcdefghijklmnopqrstuvwxyz234567"),
)
LONG = {
    "en": ("ID: {v}", "Request ID: {v}", "order id {v}", "Message ID: {v}"),
    "de": ("ID: {v}", "Kennung: {v}", "Anfrage-ID: {v}"),
    "zh": ("编号：{v}", "请求ID：{v}", "ID：{v}"),
}
clocked("id-snowflake", LONG, lambda c: str(c.randrange(10**16, 10**19)))
COMMITS = {
    "en": ("Built from commit {v}", "(commit {v})", "Commit: {v}"),
    "de": ("Commit {v}", "(Stand: Commit {v})"),
    "zh": ("commit {v}", "（commit {v}）"),
}
clocked(
    "id-commit",
    COMMITS,
    lambda c: digits(c, 7),
    lambda c: digits(c, 8),
    lambda c: digits(c, 40),
    lambda c: digits(c, 12),
)
clocked(
    "id-etag",
    dict.fromkeys(MADE, ("ETag: {v}", "etag: {v}")),
    lambda c: f'W/"{digits(c, 10)}"',
    lambda c: f'"{digits(c, 32)}"',
    lambda c: f'"{digits(c, 13)}-{digits(c, 5)}"',
)
OBJECTS = dict.fromkeys(MADE, ("Result: {v}", "It prints {v}.", "{v}"))
clocked(
    "id-pointer",
    OBJECTS,
    lambda c: f"<object object at 0x7f{digits(c, 10)}>",
    lambda c: f"<__main__.Box object at 0x7f{digits(c, 10)}>",
    lambda c: f"<function area at 0x{digits(c, 12)}>",
)
FILES = {
    "en": ("Saved to {v}", "File: {v}"),
    "de": ("Gespeichert in {v}", "Datei: {v}"),
    "zh": ("已保存到 {v}", "文件：{v}"),
}
clocked(
    "id-temporary",
    FILES,
    lambda c: f"/tmp/tmp{digits(c, 8, 'abcdefghijklmnopqrstuvwxyz0123456789_')}",
    lambda c: f"/tmp/tmp{digits(c, 8, 'abcdefghijklmnopqrstuvwxyz0123456789_')}/out.txt",
    lambda c: f"/var/folders/{digits(c, 2)}/{digits(c, 30)}/T/x.txt",
    lambda c: f"/tmp/pytest-{c.randrange(1, 999)}/out.log",
)
clocked(
    "took",
    TOOK,
    lambda c: f"{c.uniform(0.1, 90):.2f} s",
    lambda c: f"{c.uniform(0.1, 90):.1f} seconds",
    lambda c: f"{c.randrange(3, 9000)} ms",
    lambda c: f"{c.randrange(3, 9000)}ms",
    lambda c: f"{c.randrange(1, 59)}m {c.randrange(1, 59)}s",
    lambda c: f"00:{c.randrange(60):02d}:{c.randrange(60):02d}",
    lambda c: f"{c.uniform(0.1, 90):.3f}s",
    lambda c: f"{c.randrange(3, 999)} µs",
)
clocked(
    "address-ipv4",
    ADDRESSES,
    lambda c: ".".join(str(c.randrange(1, 255)) for _ in range(4)),
    lambda c: ".".join(str(c.randrange(1, 255)) for _ in range(4)) + f":{c.randrange(1024, 65535)}",
    lambda c: f"10.{c.randrange(255)}.{c.randrange(255)}.0/24",
    lambda c: f"http://192.168.{c.randrange(255)}.{c.randrange(255)}:{c.randrange(1024, 9999)}/",
)
clocked(
    "address-ipv6",
    ADDRESSES,
    lambda c: ":".join(digits(c, 4) for _ in range(8)),
    lambda c: f"2001:db8::{digits(c, 4)}",
    lambda c: f"fe80::{digits(c, 4)}:{digits(c, 4)}:{digits(c, 4)}:{digits(c, 4)}",
    lambda c: f"[2001:db8:{digits(c, 3)}::{digits(c, 2)}]:{c.randrange(1024, 65535)}",
)
clocked(
    "address-mac",
    ADDRESSES,
    lambda c: ":".join(digits(c, 2) for _ in range(6)),
    lambda c: "-".join(digits(c, 2).upper() for _ in range(6)),
)
clocked(
    "address-host",
    ADDRESSES,
    lambda c: f"ip-10-{c.randrange(255)}-{c.randrange(255)}-{c.randrange(255)}",
    lambda c: f"worker-{digits(c, 9)}-{digits(c, 5, 'bcdfghjklmnpqrstvwxz2456789')}",
    lambda c: f"ip-10-{c.randrange(255)}-{c.randrange(255)}-{c.randrange(255)}.ec2.internal",
    lambda c: f"{digits(c, 12)}",
)

QUIET = (
    "space-inside",
    "space-trailing",
    "space-ends",
    "unicode-zero-width",
    "unicode-bidi",
    "punctuation-end",
    "quotes-curly",
    "markup-bold",
    "markup-italic",
    "space-nobreak",
    "markup-heading",
    "stamp-iso",
    "stamp-us",
    "id-uuid",
    "id-request",
    "took",
    "address-ipv4",
    "id-hex",
    "stamp-mail",
    "case-word",
)


def disturbed(chance: random.Random, source: Source, after: str, number: int) -> Pair | None:
    """(source's text with what noise needs, `after` with the same noise changed): kinds of noise one upon the other."""
    before = source.text
    for name in chance.sample(QUIET, number):
        mark = chance.getrandbits(64)
        one = MAKERS[name](random.Random(mark), source._replace(answer=source.answer._replace(text=before)))
        two = MAKERS[name](random.Random(mark), source._replace(answer=source.answer._replace(text=after)))
        if one and two:
            before, after = one[0], two[1]
    return looks.pair(before, after)


@kind("mix-noise")
def mix_noise(chance: random.Random, source: Source) -> Pair | None:
    found = disturbed(chance, source, source.text, chance.randint(2, 4))
    return found if found and re.search(r"\w", found[1]) else None
