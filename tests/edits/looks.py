"""Edits that change how an answer looks: spaces, Unicode, punctuation, case, markup."""

from __future__ import annotations

import html
import random
import re
import textwrap
import unicodedata

from tests.edits.sources import Pair, Source, kind


def sprinkle(chance: random.Random, text: str, what: str, pattern: str = r" ", share: float = 0.15) -> str | None:
    """Replace a share of the matches, at least one, by one of the words of `what` (separated by |)."""
    hits = list(re.finditer(pattern, text))
    if not hits:
        return None
    chosen = {hit.start() for hit in chance.sample(hits, max(1, int(len(hits) * share)))}
    return re.sub(pattern, lambda hit: chance.choice(what.split("|")) if hit.start() in chosen else hit.group(), text)


def pair(before: str, after: str | None) -> Pair | None:
    """Both, where something changed."""
    return None if after is None or after == before else (before, after)


@kind("same")
def same(chance: random.Random, source: Source) -> Pair | None:
    return source.text, source.text


@kind("space-inside")
def space_inside(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, sprinkle(chance, source.text, "  |   ", r"(?<=\S) (?=\S)"))


@kind("space-trailing")
def space_trailing(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, "\n".join(line + chance.choice(["", " ", "  ", "\t"]) for line in source.text.split("\n")))


@kind("space-ends")
def space_ends(chance: random.Random, source: Source) -> Pair | None:
    return source.text, chance.choice(["\n", "\n\n", " ", "  \n"]) + source.text + chance.choice(["\n", "\n\n\n", " "])


@kind("space-paragraphs")
def space_paragraphs(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    return pair(text, text.replace("\n\n", chance.choice(["\n\n\n", "\n", "\n\n\n\n"]))) if "```" not in text else None


@kind("space-wrapped")
def space_wrapped(chance: random.Random, source: Source) -> Pair | None:
    if source.lang == "zh" or re.search(r"^\s*([-*•|#>]|\d+[.)]|```)", source.text, re.MULTILINE):
        return None
    wrapped = (textwrap.fill(part, 72, break_on_hyphens=False) for part in source.text.split("\n\n"))
    return pair(source.text, "\n\n".join(wrapped))


@kind("space-crlf")
def space_crlf(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, source.text.replace("\n", "\r\n"))


@kind("space-tabs")
def space_tabs(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    return pair(text, text.replace("\n   ", "\n\t") if "\n   " in text else "\t" + text.replace(": ", ":\t"))


@kind("space-nobreak")
def space_nobreak(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, sprinkle(chance, source.text, "\u00a0|\u202f|\u2009|\u3000", r"(?<=\S) (?=\S)"))


@kind("space-cjk")
def space_cjk(chance: random.Random, source: Source) -> Pair | None:
    text = re.sub(r"([\u4e00-\u9fff]) ?([A-Za-z0-9]+) ?([\u4e00-\u9fff])", r"\1 \2 \3", source.text)
    return pair(source.text, text) if source.lang == "zh" else None


@kind("unicode-nfd")
def unicode_nfd(chance: random.Random, source: Source) -> Pair | None:
    text = (
        source.text
        if source.lang != "en"
        else source.text
        + chance.choice(
            ["\n\nThe café was named after Zoë.", "\n\nA naïve résumé, he said.", "\n\nThe jalapeño was hot."]
        )
    )
    return pair(text, unicodedata.normalize("NFD", text))


@kind("unicode-fullwidth")
def unicode_fullwidth(chance: random.Random, source: Source) -> Pair | None:
    pattern = chance.choice([r"\d+", r"\b[A-Z][a-z]+\b"])
    hits = re.findall(pattern, source.text)
    if not hits:
        return None
    word = chance.choice(hits)
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in word if letter.isascii())
    return pair(source.text, source.text.replace(word, wide, 1)) if word.isascii() else None


@kind("unicode-ligature")
def unicode_ligature(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, source.text.replace("ffi", "ﬃ").replace("fi", "ﬁ").replace("fl", "ﬂ").replace("ff", "ﬀ"))


@kind("unicode-zero-width")
def unicode_zero_width(chance: random.Random, source: Source) -> Pair | None:
    return pair(
        source.text, sprinkle(chance, source.text, "\u200b|\u200c|\u200d|\u00ad|\ufeff|\u2060", r"(?<=\w)(?=\w)", 0.02)
    )


@kind("unicode-bidi")
def unicode_bidi(chance: random.Random, source: Source) -> Pair | None:
    mark, end = chance.choice(
        [("\u200e", ""), ("\u200f", ""), ("\u202a", "\u202c"), ("\u2066", "\u2069"), ("\u202b", "\u202c")]
    )
    return source.text, f"{mark}{source.text}{end}" if chance.random() < 0.5 else source.text.replace(
        " ", f" {mark}", 3
    ) + mark


@kind("unicode-ansi")
def unicode_ansi(chance: random.Random, source: Source) -> Pair | None:
    words = source.text.split(" ")
    at = chance.randrange(len(words))
    words[at] = f"\x1b[{chance.choice(['1', '31', '1;32', '38;5;208', '4'])}m{words[at]}\x1b[0m"
    return source.text, " ".join(words)


@kind("quotes-curly")
def quotes_curly(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    if "“" in text or "’" in text:
        return pair(text, text.translate(str.maketrans("“”‘’", "\"\"''")))
    return pair(text, re.sub(r'"([^"\n]+)"', r"“\1”", re.sub(r"(?<=\w)'(?=\w)", "’", text)))


@kind("quotes-other")
def quotes_other(chance: random.Random, source: Source) -> Pair | None:
    text = (
        source.text
        if '"' in source.text
        else source.text
        + "\n\n"
        + {
            "en": 'They call it "the long way home" there.',
            "de": 'Man nennt es dort "den langen Heimweg".',
            "zh": '人们称之为"回家的路"。',
        }[source.lang]
    )
    opening, closing = chance.choice(
        [("«", "»"), ("„", "“"), ("»", "«"), ("‹", "›"), ("『", "』"), ("「", "」"), ("``", "''")]
    )
    return pair(text, re.sub(r'"([^"\n]+)"', rf"{opening}\1{closing}", text))


@kind("dashes")
def dashes(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    if "—" in text or "–" in text:
        return pair(text, re.sub("[—–]", chance.choice(["-", "--", "–", "—"]), text))
    return (
        pair(text, re.sub(r"(?<=\w), (?=\w)", f" {chance.choice('—–-')} ", text, count=1))
        if False
        else (f"{text} That is all - for now.", f"{text} That is all {chance.choice(['—', '–', '--'])} for now.")
    )


@kind("ellipsis")
def ellipsis(chance: random.Random, source: Source) -> Pair | None:
    text = (
        source.text
        if "..." in source.text
        else source.text + {"en": " And so on...", "de": " Und so weiter...", "zh": "等等..."}[source.lang]
    )
    return pair(text, text.replace("...", "…"))


@kind("punctuation-end")
def punctuation_end(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    return (
        (text, text[:-1])
        if text[-1] in ".。" and text[-2] != "."
        else (text, text + ".")
        if text[-1].isalpha()
        else None
    )


@kind("punctuation-comma")
def punctuation_comma(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    if source.lang == "zh":
        return pair(text, text.replace("，", "", 1))
    if re.search(r"\w, and ", text):
        return pair(text, text.replace(", and ", " and ", 1))
    return pair(text, re.sub(r"(?<=[a-z]) (and|which|but|und|der|die) ", r", \1 ", text, count=1))


@kind("punctuation-exclaim")
def punctuation_exclaim(chance: random.Random, source: Source) -> Pair | None:
    return pair(
        source.text,
        sprinkle(chance, source.text, "！" if source.lang == "zh" else "!", r"(?<=[a-z]{4})\.(?=\s+[A-Z])|。"),
    )


@kind("punctuation-cjk")
def punctuation_cjk(chance: random.Random, source: Source) -> Pair | None:
    return pair(
        source.text,
        source.text.translate(str.maketrans({"，": ", ", "。": ". ", "：": ": ", "（": "(", "）": ")", "、": ", "})),
    )


@kind("case-all")
def case_all(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, source.text.lower() if chance.random() < 0.6 else source.text.upper())


@kind("case-word")
def case_word(chance: random.Random, source: Source) -> Pair | None:
    words = re.findall(r"(?<= )[a-zäöü]{4,}(?= )", source.text)
    for word in (chosen := chance.sample(words, min(len(words), 2))):
        source = source._replace(
            answer=source.answer._replace(text=source.text.replace(f" {word} ", f" {word.upper()} ", 1))
        )
    return (
        None
        if not chosen
        else (
            re.sub("|".join(f" {w.upper()} " for w in chosen), lambda hit: hit.group().lower(), source.text),
            source.text,
        )
    )


HEADINGS = {
    "en": ("What to know first", "A short overview"),
    "de": ("Was man wissen sollte", "Ein kurzer Überblick"),
    "zh": ("简要概述", "首先要知道的事"),
}


@kind("case-heading")
def case_heading(chance: random.Random, source: Source) -> Pair | None:
    title = chance.choice(HEADINGS[source.lang])
    return pair(
        f"## {title}\n\n{source.text}",
        f"## {chance.choice([title.title(), title.upper(), title.lower()])}\n\n{source.text}",
    )


@kind("entities")
def entities(chance: random.Random, source: Source) -> Pair | None:
    text = source.text + "\n\n" + chance.choice(["Salt & pepper, R&D and so on.", "Here a < b holds, and b > c."])
    return pair(text, html.escape(text, quote=chance.random() < 0.5))


def word_of(chance: random.Random, source: Source) -> str | None:
    """A word or short phrase to dress up."""
    words = re.findall(
        r"[\u4e00-\u9fff]{2,4}" if source.lang == "zh" else r"(?<= )[^\W\d_]{4,}(?: [^\W\d_]{3,})?(?=[ ,.])",
        source.text,
    )
    return chance.choice(words) if words else None


@kind("markup-bold")
def markup_bold(chance: random.Random, source: Source) -> Pair | None:
    if "**" in source.text:
        return pair(source.text, source.text.replace("**", ""))
    word = word_of(chance, source)
    return pair(source.text, source.text.replace(word, f"**{word}**", 1)) if word else None


@kind("markup-italic")
def markup_italic(chance: random.Random, source: Source) -> Pair | None:
    word, mark = word_of(chance, source), "*" if source.lang == "zh" else chance.choice("*_")
    return pair(source.text, source.text.replace(word, f"{mark}{word}{mark}", 1)) if word else None


@kind("markup-strong-underscore")
def markup_strong_underscore(chance: random.Random, source: Source) -> Pair | None:
    word = word_of(chance, source)
    if not word or source.lang == "zh":
        return None
    text = source.text if "**" in source.text else source.text.replace(word, f"**{word}**", 1)
    return pair(text, text.replace("**", "__"))


@kind("markup-code")
def markup_code(chance: random.Random, source: Source) -> Pair | None:
    word = word_of(chance, source)
    return pair(source.text, source.text.replace(word, f"`{word}`", 1)) if word else None


@kind("markup-heading")
def markup_heading(chance: random.Random, source: Source) -> Pair | None:
    title = chance.choice(HEADINGS[source.lang])
    styles = [
        f"# {title}",
        f"## {title} ##",
        f"**{title}**",
        f"{title}\n{'=' * len(title)}",
        f"{title}\n{'-' * len(title)}",
        title,
        f"**{title}:**",
    ]
    one, two = chance.sample(styles, 2)
    return f"{one}\n\n{source.text}", f"{two}\n\n{source.text}"


@kind("markup-heading-level")
def markup_heading_level(chance: random.Random, source: Source) -> Pair | None:
    title = chance.choice(HEADINGS[source.lang])
    return f"## {title}\n\n{source.text}", f"{chance.choice(['#', '###', '####'])} {title}\n\n{source.text}"


BULLET = re.compile(r"^( *)([-*+•]) (?=\S)", re.MULTILINE)
NUMBERED = re.compile(r"^( *)(\d{1,2})\. (?=\S)", re.MULTILINE)
ITEMS = {
    "en": (
        "a warm coat for the evening",
        "shoes that keep out the rain",
        "something to read on the way",
        "a small bottle of water",
    ),
    "de": (
        "ein warmer Mantel für den Abend",
        "Schuhe gegen den Regen",
        "etwas zu lesen für unterwegs",
        "eine Flasche Wasser",
    ),
    "zh": ("晚上穿的暖和大衣", "防雨的鞋子", "路上看的书", "一小瓶水"),
}


def listed(chance: random.Random, source: Source, numbers: bool) -> str:
    """The answer with a list: its own, or one of ours behind it."""
    if len((NUMBERED if numbers else BULLET).findall(source.text)) >= 2:
        return source.text
    lines = [f"{number}. {item}" if numbers else f"- {item}" for number, item in enumerate(ITEMS[source.lang], 1)]
    return source.text + "\n\n" + "\n".join(lines)


@kind("markup-bullets")
def markup_bullets(chance: random.Random, source: Source) -> Pair | None:
    text = listed(chance, source, False)
    return pair(text, BULLET.sub(rf"\1{chance.choice('*+•-–')} ", text))


@kind("markup-numbering")
def markup_numbering(chance: random.Random, source: Source) -> Pair | None:
    text = listed(chance, source, True)
    return pair(text, NUMBERED.sub(chance.choice([r"\1\2) ", r"\1(\2) "]), text))


@kind("markup-numbers-bullets")
def markup_numbers_bullets(chance: random.Random, source: Source) -> Pair | None:
    text = listed(chance, source, True)
    return pair(text, NUMBERED.sub(rf"\1{chance.choice('-*•')} ", text))


@kind("markup-list-indent")
def markup_list_indent(chance: random.Random, source: Source) -> Pair | None:
    text = listed(chance, source, chance.random() < 0.5)
    return pair(
        text, re.sub(r"^(?=[-*+•] \S|\d{1,2}\. \S)", chance.choice(["  ", "   ", " "]), text, flags=re.MULTILINE)
    )


@kind("markup-fence")
def markup_fence(chance: random.Random, source: Source) -> Pair | None:
    return (
        None
        if "```" in source.text
        else (source.text, f"```{chance.choice(['', 'text', 'markdown', 'md'])}\n{source.text}\n```")
    )


CODE = (
    "def area(r):\n    return 3.14 * r * r",
    "for item in basket:\n    print(item)",
    "let total = 0;\ntotal += price;",
    "SELECT name FROM users WHERE age > 30;",
)


@kind("markup-fence-style")
def markup_fence_style(chance: random.Random, source: Source) -> Pair | None:
    code, text = chance.choice(CODE), source.text
    one, two = chance.sample([("```", ""), ("```python", "```"), ("~~~", "~~~"), ("````", "````"), ("```js", "```")], 2)
    return tuple(f"{text}\n\n{a}\n{code}\n{b or a}" for a, b in (one, two))  # type: ignore[return-value]


@kind("markup-quote")
def markup_quote(chance: random.Random, source: Source) -> Pair | None:
    return (
        (source.text, "\n".join(f"> {line}".rstrip() for line in source.text.split("\n")))
        if "```" not in source.text
        else None
    )


@kind("markup-rule")
def markup_rule(chance: random.Random, source: Source) -> Pair | None:
    return pair(
        source.text,
        source.text.replace("\n\n", f"\n\n{chance.choice(['---', '***', '___', '* * *'])}\n\n", chance.randint(1, 3)),
    )


@kind("markup-html")
def markup_html(chance: random.Random, source: Source) -> Pair | None:
    text, word = source.text, word_of(chance, source)
    ways = [
        text if not word else text.replace(word, f"<b>{word}</b>", 1),
        text if not word else text.replace(word, f"<em>{word}</em>", 1),
        "".join(f"<p>{part}</p>\n" for part in text.split("\n\n")),
        text.replace("\n", "<br>\n"),
        text.replace("\n\n", "\n\n<hr/>\n\n"),
        f'<div class="answer">{text}</div>',
    ]
    return pair(text, chance.choice(ways))


@kind("markup-table")
def markup_table(chance: random.Random, source: Source) -> Pair | None:
    one = "| name | size |\n|---|---|\n| oak | tall |\n| hazel | small |"
    two = chance.choice(
        [
            "| name  | size  |\n|:------|------:|\n| oak   | tall  |\n| hazel | small |",
            "name | size\n--- | ---\noak | tall\nhazel | small",
            "|name|size|\n|:-:|:-:|\n|oak|tall|\n|hazel|small|",
        ]
    )
    return f"{source.text}\n\n{one}", f"{source.text}\n\n{two}"


@kind("markup-escape")
def markup_escape(chance: random.Random, source: Source) -> Pair | None:
    text = source.text + chance.choice(
        ["\n\nUse snake_case for the file_name.", "\n\nSee item 1. and the note (below).", "\n\nIt costs $5 a month!"]
    )
    tail = text.rfind("\n\n")
    return text, text[:tail] + re.sub(r"([_.()$!])", r"\\\1", text[tail:])


@kind("markup-maths")
def markup_maths(chance: random.Random, source: Source) -> Pair | None:
    formula = chance.choice(["E = mc^2", "x^2 + y^2 = z^2", "a_1 + a_2", "F = m a"])
    one, two = chance.sample([f"${formula}$", rf"\({formula}\)", f"$${formula}$$", rf"\[{formula}\]"], 2)
    return f"{source.text}\n\nThe formula is {one} here.", f"{source.text}\n\nThe formula is {two} here."


@kind("choice-style")
def choice_style(chance: random.Random, source: Source) -> Pair | None:
    text = chance.choice(source.choices)[1]
    letter, words = text[1], text[5:].rstrip(".")
    one, two = chance.sample(
        [
            f"({letter}). {words}",
            f"({letter}) {words}.",
            f"{letter}. {words}",
            f"{letter}) {words}",
            f"**({letter}) {words}**",
        ],
        2,
    )
    return one, two
