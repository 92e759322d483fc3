"""What differs in every call and says nothing: times, ids, digests, durations, addresses. Each is replaced by its kind.

A date alone is a fact ("opened on 5 March 1990"), unless its line says that it is a stamp ("Last updated: ..."); a date
with a time of day is a stamp. A duration is masked behind words that say that the answer took it, a short id behind
words that say that it is one. Every pattern is linear in its input: bounded or possessive repeats only.
"""

from __future__ import annotations

import re

_MONTH = (
    r"(?:Jan(?:uary?)?|Feb(?:ruary?)?|Mar(?:ch)?|M\u00e4rz|Apr(?:il)?|Ma[yi]|June?|Juni|July?|Juli|Aug(?:ust)?"
    r"|Sept?(?:ember)?|O[ck]t(?:ober)?|Nov(?:ember)?|De[cz](?:ember)?)\.?"
)
_WEEKDAY = (
    r"(?:Mon(?:day|tag)?|Tue(?:s|sday)?|Dienstag|Wed(?:nesday)?|Mittwoch|Thu(?:rs|rsday)?|Donnerstag"
    r"|Fri(?:day)?|Freitag|Sat(?:urday)?|Samstag|Sun(?:day)?|Sonntag)"
)
_NIGHT = r"(?: ?[AaPp]\.?[Mm]\.?)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|CES?T|[ECMP][SD]T|Uhr)(?![A-Za-z])| ?[+-][0-9]{2}:?[0-9]{2})?"
_CLOCK = rf"[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?{_NIGHT}{_ZONE}(?: INFO| WARN| ERROR| DEBUG)?"
_SECONDS = rf"[0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:[.,][0-9]{{1,9}})?{_NIGHT}{_ZONE}"
_DAY = (
    r"(?:[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2,4}"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}}|[0-9]{{1,2}}\.?[ /-]{_MONTH}[ /-][0-9]{{2,4}}"
    r"|[0-9]{4} ?\u5e74 ?[0-9]{1,2} ?\u6708 ?[0-9]{1,2} ?\u65e5)"
).replace(r"([./-])[0-9]{1,2}\1", r"(?:\.[0-9]{1,2}\.|/[0-9]{1,2}/|-[0-9]{1,2}-)")
_HAN_CLOCK = r"[0-9]{1,2} ?[\u65f6\u6642\u70b9\u9ede] ?[0-9]{1,2} ?\u5206(?: ?[0-9]{1,2} ?\u79d2)?"
_BASIC = (
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[T-]?(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
    r"(?:Z|[+-][0-9]{4})?(?![0-9A-Za-z])"
)
_TOOK = (
    r"(?:[0-9]{1,9}(?:[.,][0-9]{1,9})? ?(?:[mnu\u03bc\u00b5]?s|m?secs?|(?:milli|micro)?seconds?|Sekunden|\u6beb?\u79d2)"
    r"|[0-9]{1,3} ?m(?:in)? ?[0-9]{1,2}(?:\.[0-9]{1,6})? ?s|(?:[0-9]{1,2}:)?[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)"
    r"(?![A-Za-z0-9])"
)
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_HEX4 = r"[0-9a-fA-F]{1,4}"

_MADE = (
    r"(?:(?:last |zuletzt )?(?:generated|created|updated|modified|erstellt|erzeugt|aktualisiert)|timestamp|stand"
    r"|(?:current |local )?time|(?:today's )?date|as of|now|datum|uhrzeit|zeitstempel"
    r"|(?:\u751f\u6210|\u66f4\u65b0|\u5f53\u524d|\u521b\u5efa)(?:\u65f6\u95f4|\u65e5\u671f|\u4e8e)?|\u65f6\u95f4\u6233?"
    r"|\u65e5\u671f)"
)
_LASTED = (
    r"(?:(?:took|elapsed|latency|duration|(?:(?:response|run|elapsed|total|wall|processing) )?time|dauer|antwortzeit"
    r"|laufzeit|(?:\u751f\u6210)?\u8017\u65f6|\u7528\u65f6|\u5386\u65f6|\u54cd\u5e94\u65f6\u95f4)(?: of| is| was)?"
    r"|(?:answered|generated|finished|completed|processed|done|responded|ran|built|executed|served|returned|computed"
    r"|erzeugt|beantwortet|fertig) (?:in|after|nach)|hat)"
)
_CALLED = (
    r"(?:(?:(?:request|message|order|session|trace|span|run|job|task|user|response|correlation|anfrage|nachricht)"
    r"[- ])?id|uuid|guid|trace|session|reference|referenz|ref|kennung|nonce|fingerprint"
    r"|(?:\u8bf7\u6c42|\u4f1a\u8bdd|\u8ba2\u5355)id|\u7f16\u53f7|\u53c2\u8003)"
)

_LABELLED = re.compile(
    "|".join(
        (
            rf"(?P<label_time>(?:^|(?<=[(\[\n]))(?i:{_MADE})(?i: (?:at|on|am|um|is))?[ :=]{{1,3}})"
            rf"(?:{_DAY}|{_CLOCK})(?![0-9])",
            rf"(?P<label_duration>(?i:(?<![A-Za-z]){_LASTED})[:= ]{{1,3}}){_TOOK}",
        )
    ),
    re.MULTILINE,
)
_IDENTIFIED = re.compile(
    "|".join(
        (
            rf"(?P<label_id>(?<![A-Za-z])(?i:{_CALLED})(?i: is)?[ :=#]{{1,3}})"
            r"(?=[A-Za-z_-]{0,40}[0-9])(?:[0-9]{10,40}|[A-Za-z0-9_-]{12,80}+)(?![0-9A-Za-z])",
            r"(?P<label_commit>(?<![A-Za-z])(?i:commit|revision|sha|checksum)[ :#]{1,3})[0-9a-f]{7,40}(?![0-9A-Za-z])",
            r"(?P<label_etag>(?i:etag)\"?[ :=]{1,3})(?:W/)?\"[^\"\n]{1,80}\"",
            r"(?P<label_address>(?i:host|served by|connected to|server|verbunden mit|address is|adresse ist)[ :]{1,2}"
            r"|(?:\u670d\u52a1\u5668|\u5730\u5740\u662f|\u8fde\u63a5\u5230)[ :]{0,2})(?=[a-f]{0,12}[0-9])[0-9a-f]{12}"
            r"(?![0-9A-Za-z])",
        )
    )
)
_PLAIN = re.compile(r"(?:[^0-9A-Za-z/]++|[A-Za-z]{1,15}+(?![A-Za-z])|/(?!(?:tmp|var)/))*")
"""A line that holds no volatile value: no digit, no run of 16 letters, no path of temporary files."""
_KINDS = {
    "label_time": "time",
    "label_duration": "duration",
    "label_id": "id",
    "label_commit": "id",
    "label_etag": "id",
    "label_address": "address",
}

_ALONE = re.compile(
    "|".join(
        rf"(?P<{kind}>(?<![0-9A-Za-z_])(?:{'|'.join(patterns)}))"
        for kind, patterns in {
            "uuid": (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])",),
            "time": (
                rf"{_WEEKDAY},? (?:{_MONTH} [0-9]{{1,2}}|[0-9]{{1,2}} {_MONTH}) {_SECONDS}(?: [0-9]{{4}})?",
                rf"(?:{_WEEKDAY},? )?{_DAY}(?:T|,? |,? at |,? um |:)(?:{_CLOCK}|{_HAN_CLOCK})",
                rf"[0-9]{{4}} ?\u5e74 ?[0-9]{{1,2}} ?\u6708 ?[0-9]{{1,2}} ?\u65e5 ?(?:{_CLOCK}|{_HAN_CLOCK})",
                rf"{_MONTH} [0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?![0-9])",
                rf"(?<=\[){_SECONDS}(?=\])",
                _BASIC,
                r"1[5-9][0-9]{8}(?:[0-9]{3}){0,3}(?:\.[0-9]{1,9})?(?![0-9A-Za-z])",
            ),
            "id": (
                r"(?:req|request|run|trace|span|session|sess|msg|resp|chatcmpl|cmpl|call|toolu|task|job|gen|thread|asst"
                r"|conv|evt|batch|fp)[-_:](?=[A-Za-z_-]{0,80}[0-9]|(?=[A-Za-z]{16})[a-z]{0,80}[A-Z])[A-Za-z0-9_-]{8,}+",
                r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?![0-9A-Za-z])",
                r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?![0-9A-Za-z])",
                r"(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[a-z2-7]{50,80}|[0-7][0-9A-HJKMNP-TV-Z]{25})(?![0-9A-Za-z])",
                r"at 0x[0-9a-fA-F]{6,16}(?![0-9A-Za-z])",
            ),
            "hex": (r"(?:0x|(?=[0-9]{0,64}[a-fA-F]))[0-9a-fA-F]{16,}+(?![0-9A-Za-z])",),
            "address": (
                rf"{_BYTE}(?:\.{_BYTE}){{3}}(?:/[0-9]{{1,2}}|:[0-9]{{2,5}})?(?![0-9A-Za-z])",
                r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![0-9A-Za-z:])",
                r"(?:[0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}(?![0-9A-Za-z-])",
                rf"(?:{_HEX4}:){{7}}{_HEX4}(?![0-9A-Za-z:])",
                rf"(?=[0-9a-fA-F:]{{0,40}}[0-9])(?:{_HEX4}:){{1,6}}(?::{_HEX4}){{1,6}}(?![0-9A-Za-z:])",
                r"(?<=[0-9a-fA-F]\]):[0-9]{2,5}(?![0-9])",
                r"ip(?:-[0-9]{1,3}){4}(?:\.[a-z0-9-]{1,40}){0,4}",
                r"[a-z]{2,30}-[0-9a-f]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![0-9A-Za-z-])",
            ),
        }.items()
    )
    + r"|(?P<path>/(?:tmp|var/folders|var/tmp)/[A-Za-z0-9_./-]{1,200}+)",
)


def masked(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The text with each volatile value replaced by its kind, and the (kind, value) that were there."""
    found: list[tuple[str, str]] = []

    def alone(match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        found.append((kind, match[0]))
        return f" {kind} "

    def labelled(match: re.Match[str]) -> str:
        group = match.lastgroup or ""
        label = match[group]
        found.append((_KINDS[group], match[0][len(label) :]))
        return f"{label} {_KINDS[group]} "

    def line(text: str) -> str:
        # Long ids look like times where no label says what they are; a time with its date is longer than a label masks.
        return _LABELLED.sub(labelled, _ALONE.sub(alone, _IDENTIFIED.sub(labelled, text)))

    lines = text.split("\n")
    return "\n".join(one if _PLAIN.fullmatch(one) else line(one) for one in lines), tuple(found)
