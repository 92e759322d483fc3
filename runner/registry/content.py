"""What must not be published: secrets, personal data, and what a policy refuses. Pure patterns over one text.

A registry is public and for ever, so a key that slips into a prompt is a key that is lost. Patterns are those that
the issuers document, each bounded so that hostile text costs linear time; numbers count only with their check digits.
A finding names the kind, never the text itself: messages end in public logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from runner.errors import Problem

SECRET_FOUND = "secret-found"  # noqa: S105 - the code of a problem
PUBLIC = "this looks like {}; whatever is here becomes public, for ever"
REVOKE = "revoke it now: it was written into a public repository"

_SECRETS: Mapping[str, str] = {
    "a private key": r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----",
    "an AWS access key": r"(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "a GitHub token": r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})",
    "a GitLab token": r"(?<![A-Za-z0-9])glpat-[\w-]{20}",
    "a Slack token": r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10}",
    "a Google API key": r"(?<![A-Za-z0-9])AIza[\w-]{35}",
    "a Hugging Face token": r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30}",
    "an API key (sk-…)": r"(?<![A-Za-z0-9_-])sk-[\w-]{20}",
    "a JSON Web Token": r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]",
}
# One of these stands in every secret: looking for them first spares nearly every text the patterns.
_SIGNS = (
    "PRIVATE KEY",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "AIza",
    "hf_",
    "sk-",
    "eyJ",
)

_WORD = re.compile(r"[\w.-]{8,}")

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])")
_PHONE = re.compile(r"(?<![\w+.])\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?![0-9])")
_CARD = re.compile(
    r"(?<![\w.+-])(?<![0-9] )"
    r"(?:[3-6][0-9]{12,18}|[3-6][0-9]{3}(?:[ -][0-9]{4}){3}|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5})"
    r"(?![ -]?[0-9]|\w)"
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_MADE_UP = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid)$")
# One of these stands in all personal data. Each by itself: a pattern that begins with one set of characters is looked
# for twice as fast as their union.
_PERSONAL_SIGNS = tuple(map(re.compile, ("@", r"\+[1-9]", "[0-9](?:[ -]?[0-9]){11}", "[A-Z][A-Z][0-9][0-9]")))


def suspicious(text: str) -> bool:
    """Whether a text can hold a secret or personal data at all. Cheap; holds for texts joined by line feeds too."""
    return any(map(text.__contains__, _SIGNS)) or any(sign.search(text) for sign in _PERSONAL_SIGNS)


def secrets(text: str) -> Iterator[str]:
    """The kinds of secrets in a text, each once."""
    return (kind for kind, pattern in _SECRETS.items() if re.search(pattern, text, re.ASCII))


def exposed(path: str, text: str) -> Iterator[Problem]:
    """Every secret in a file's text, each kind once in a line; in comments, keys and what no parser reads too."""
    if not any(map(text.__contains__, _SIGNS)):
        return
    for number, line in enumerate(text.split("\n"), 1):
        for kind, pattern in _SECRETS.items():
            if found := re.search(pattern, line, re.ASCII):
                width = len(found[0])
                yield Problem(path, number, found.start() + 1, SECRET_FOUND, PUBLIC.format(kind), REVOKE, width=width)


def disguised(value: str, text: str) -> Iterator[str]:
    """The kinds of secrets in a value that do not stand in its file's text as they are, but escaped or folded."""
    for kind, pattern in _SECRETS.items():
        if any(found[0] not in text for found in re.finditer(pattern, value, re.ASCII)):
            yield kind


def redacted(problems: Iterable[Problem], text: str) -> tuple[Problem, ...]:
    """Problems of a text that repeat none of its secrets: messages leave out its words, whole or cut, and no line of
    the text is shown, since the lines after a private key's first belong to it as well."""
    problems = tuple(problems)
    if all(problem.code != SECRET_FOUND for problem in problems):
        return problems
    hidden = " ".join(word for word in _WORD.findall(text) if any(secrets(word)))

    def shown(word: re.Match[str]) -> str:
        return "[a secret]" if word[0] in hidden or any(secrets(word[0])) else word[0]

    return tuple(
        one._replace(message=_WORD.sub(shown, one.message), help=_WORD.sub(shown, one.help), excerpt="")
        for one in problems
    )


def personal(text: str) -> Iterator[str]:
    """The kinds of personal data in a text, each once. Addresses under names kept for examples (RFC 2606) are not."""
    checks: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
        ("an e-mail address", _EMAIL, lambda match: not _MADE_UP.search(match[1])),
        ("a telephone number", _PHONE, lambda match: True),
        ("a payment card's number", _CARD, lambda match: _luhn(match[0])),
        ("an IBAN", _IBAN, lambda match: _iban(match[0])),
    )
    for kind, pattern, holds in checks:
        if any(holds(match) for match in pattern.finditer(text)):
            yield kind


def _luhn(number: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in reversed(number) if character.isdigit()]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


def _iban(text: str) -> bool:
    """Whether the words from the first on are an IBAN (ISO 13616): its remainder by 97 is 1."""
    words = text.split(" ")
    candidates = ("".join(words[:end]) for end in range(1, len(words) + 1))
    return any(
        15 <= len(iban) <= 34 and int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
        for iban in candidates
    )
