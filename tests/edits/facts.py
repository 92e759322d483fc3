# ruff: noqa: E501 (tables of words)
"""Edits that change a fact: numbers, dates, units, yes and no, names, order of words that matters."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta

from tests.edits.clocks import disturbed
from tests.edits.looks import CODE, pair
from tests.edits.sources import MAKERS, Pair, Source, carried, kind, swap_words

FACT = {
    "en": (
        "The bridge was finished at {v}.",
        "According to the report it was {v} in the end.",
        "We measured {v} there.",
    ),
    "de": ("Laut dem Bericht waren es {v}.", "Gemessen wurde {v}."),
    "zh": ("根据报告，结果是{v}。", "测得的数值为{v}。"),
}
EVENT = {
    "en": ("The bridge was opened on {v}.", "She was born on {v} in a small village.", "The treaty was signed on {v}."),
    "de": ("Die Brücke wurde am {v} eröffnet.", "Sie wurde am {v} in einem kleinen Dorf geboren."),
    "zh": ("大桥于{v}通车。", "她出生于{v}。"),
}


def _other(chance: random.Random, number: int) -> int:
    """Another number of about that size."""
    return chance.choice(
        [new for new in (number + 1, number + 3, number * 2, abs(number - 2), number + 10) if new != number]
    )


def _valued(name: str, carriers: dict[str, tuple[str, ...]], *values: Callable[[random.Random], Pair]) -> None:
    """A kind whose fact stands in a sentence of ours."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        one, two = chance.choice(values)(chance)
        return None if one == two else carried(chance, source, carriers, (one, two))


@kind("number")
def number(chance: random.Random, source: Source) -> Pair | None:
    hits = [
        hit
        for hit in re.finditer(r"(?<![\w.,:/-])\d{1,4}(?![\w:/-]|[.,]\d)", source.text)
        if not re.match(r"\s*$", source.text[source.text.rfind("\n", 0, hit.start()) + 1 : hit.start()])
    ]
    if source.lang == "zh":
        hits = list(re.finditer(r"\d{1,4}", source.text))
    if not hits:
        return None
    hit = chance.choice(hits)
    return source.text, source.text[: hit.start()] + str(_other(chance, int(hit.group()))) + source.text[hit.end() :]


WORDED = {
    "en": {"two": "three", "three": "four", "four": "five", "five": "seven", "six": "eight", "seven": "nine", "ten": "twelve", "twelve": "twenty",
           "million": "billion", "hundreds": "thousands", "twice": "three times", "half": "a third", "double": "triple"},
    "de": {"zwei": "drei", "drei": "vier", "zehn": "zwölf", "zwölf": "zwanzig", "Millionen": "Milliarden"},
}  # fmt: skip


@kind("number-word")
def number_word(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, swap_words(chance, source.text, WORDED.get(source.lang, {})))


@kind("number-cjk")
def number_cjk(chance: random.Random, source: Source) -> Pair | None:
    table = {
        "十个国家": "九个国家",
        "三百万": "五百万",
        "两平方米": "三平方米",
        "十二年": "二十年",
        "每年清洗一次": "每年清洗两次",
        "几个": "十个",
        "12万": "20万",
    }
    words = [word for word in table if word in source.text]
    return pair(source.text, source.text.replace(word := chance.choice(words), table[word])) if words else None


def _two(show: Callable[[int], str], least: int, most: int) -> Callable[[random.Random], Pair]:
    def values(chance: random.Random) -> Pair:
        one, two = chance.sample(range(least, most), 2)
        return show(one), show(two)

    return values


_valued(
    "number-money",
    FACT,
    _two(lambda n: f"${n}", 2, 900),
    _two(lambda n: f"{n} euros", 2, 900),
    _two(lambda n: f"€{n}.50", 2, 90),
    _two(lambda n: f"${n:,}", 1000, 99999),
    _two(lambda n: f"{n} USD", 2, 900),
    _two(lambda n: f"£{n} million", 2, 90),
)
_valued(
    "number-percent",
    FACT,
    _two(lambda n: f"{n}%", 1, 99),
    _two(lambda n: f"{n} percent", 1, 99),
    _two(lambda n: f"{n}.5 %", 1, 99),
)
_valued(
    "number-version",
    dict.fromkeys(FACT, ("Python {v}", "{v}"))
    | {"en": ("It needs Python {v} at least.", "Version {v} is the newest.")},
    _two(lambda n: f"3.{n}", 5, 15),
    _two(lambda n: f"v2.{n}.1", 1, 30),
    _two(lambda n: f"1.0.{n}", 1, 30),
)
_valued(
    "number-point",
    FACT,
    lambda c: (f"{(n := c.randrange(11, 99)) / 10} metres", f"{n} metres"),
    lambda c: (f"{(n := c.randrange(101, 989)) / 10}", f"{n / 100}"),
)
_valued(
    "number-sign",
    FACT,
    lambda c: (f"-{(n := c.randrange(2, 40))} degrees", f"{n} degrees"),
    lambda c: (f"{(n := c.randrange(2, 40))}", f"-{n}"),
    lambda c: (f"−{(n := c.randrange(2, 40))} °C", f"+{n} °C"),
)
_valued(
    "year",
    {
        "en": ("It was built in {v}.", "Since {v} nobody has lived there."),
        "de": ("Es wurde {v} gebaut.", "Seit {v} wohnt dort niemand."),
        "zh": ("它建于{v}年。", "自{v}年以来无人居住。"),
    },
    _two(str, 1500, 2030),
)


def _dates(form: str) -> Callable[[random.Random], Pair]:
    def values(chance: random.Random) -> Pair:
        one, two = (date(1900, 1, 1) + timedelta(days=chance.randrange(44000)) for _ in range(2))
        return one.strftime(form), two.strftime(form)

    return values


_valued(
    "date-text", EVENT, *map(_dates, ("%B %d, %Y", "%d %B %Y", "%d %b %Y", "%d.%m.%Y", "%d/%m/%Y", "%A, %B %d, %Y"))
)
_valued("date-iso", EVENT, _dates("%Y-%m-%d"))
MONTHS = ("January", "March", "April", "June", "July", "August", "October", "December")
_valued(
    "date-month",
    {"en": EVENT["en"], "de": EVENT["de"], "zh": EVENT["zh"]},
    lambda c: tuple(
        f"{m} {d}, {y}"
        for m, d, y in zip(c.sample(MONTHS, 2), [c.randrange(1, 30)] * 2, [c.randrange(1900, 2025)] * 2, strict=True)
    ),
)  # type: ignore[arg-type,return-value]
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Thursday", "Saturday"),
    "de": ("Montag", "Dienstag", "Donnerstag", "Samstag"),
    "zh": ("星期一", "星期二", "星期四", "星期六"),
}
DAY = {
    "en": ("The shop is closed on {v}.", "We meet every {v} evening."),
    "de": ("Das Geschäft ist am {v} geschlossen.",),
    "zh": ("商店{v}休息。",),
}


@kind("weekday")
def weekday(chance: random.Random, source: Source) -> Pair | None:
    one, two = chance.sample(WEEKDAYS[source.lang], 2)
    return carried(chance, source, DAY, (one, two))


TRAIN = {
    "en": ("The train leaves at {v} from the north station.", "School begins at {v} every day."),
    "de": ("Der Zug fährt um {v} Uhr ab.",),
    "zh": ("火车{v}出发。",),
}
_valued(
    "clock-fact",
    TRAIN,
    lambda c: (f"{c.randrange(6, 11):02d}:15", f"{c.randrange(12, 22)}:40"),
    lambda c: (f"{c.randrange(6, 11)}:15 am", f"{c.randrange(1, 11)}:40 pm"),
)
BAKE = {
    "en": ("Bake the cake for {v}.", "Walk for {v} every morning.", "Let it rest for {v} before you go on."),
    "de": ("Den Kuchen {v} backen.",),
    "zh": ("把蛋糕烤{v}。",),
}
_valued(
    "duration-fact",
    BAKE,
    _two(lambda n: f"{n} minutes", 5, 90),
    _two(lambda n: f"{n} hours", 2, 24),
    _two(lambda n: f"{n} seconds", 10, 90),
    _two(lambda n: f"{n} min", 5, 90),
)
_valued(
    "unit",
    {"en": ("The road is {v} long in all.", "You need {v} of it."), "de": ("Es sind {v}.",), "zh": ("一共{v}。",)},
    *(
        lambda c, one=one, two=two: (f"{(n := c.randrange(2, 90))} {one}", f"{n} {two}")
        for one, two in (
            ("km", "miles"),
            ("mg", "g"),
            ("minutes", "hours"),
            ("metres", "feet"),
            ("kg", "pounds"),
            ("euros", "dollars"),
            ("ml", "l"),
            ("kilometers", "meters"),
            ("days", "weeks"),
        )
    ),
)
_valued(
    "colour-hex",
    dict.fromkeys(FACT, ("Set the colour to {v}.", "color: {v};")),
    lambda c: (f"#{c.randrange(16**6):06x}", f"#{c.randrange(16**6):06x}"),
    lambda c: ("#ff0000", "#00ff00"),
)

OPERATORS = (
    (" < ", " > "),
    (" + ", " - "),
    (" == ", " != "),
    (" >= ", " <= "),
    (" * ", " / "),
    (" and ", " or "),
    (" && ", " || "),
)
FORMULAS = ("if a{v}b:\n    return a", "total = price{v}tax", "while left{v}right:\n    step()", "x{v}y")


@kind("operator")
def operator(chance: random.Random, source: Source) -> Pair | None:
    (one, two), formula = chance.choice(OPERATORS), chance.choice(FORMULAS)
    opening = chance.choice(["```python\n{}\n```", "```\n{}\n```", "{}"])
    return tuple(f"{source.text}\n\n{opening.format(formula.replace('{v}', sign))}" for sign in (one, two))  # type: ignore[return-value]


NEGATED = {
    "en": {"is": "is not", "are": "are not", "was": "was not", "can": "cannot", "should": "should not", "will": "will not", "could": "could not", "has been": "has not been", "must": "must not"},
    "de": {"ist": "ist nicht", "wird": "wird nicht", "sollte": "sollte nicht", "liegen": "liegen nicht", "kann": "kann nicht", "muss": "muss nicht", "wurde": "wurde nicht"},
    "zh": {"可以": "不可以", "需要": "不需要", "应该": "不应该", "喜欢": "不喜欢", "很便宜": "不便宜", "很重要": "不重要", "很受欢迎": "不受欢迎", "必须": "不必"},
}  # fmt: skip


def _replace(chance: random.Random, source: Source, table: dict[str, str]) -> str | None:
    if source.lang != "zh":
        return swap_words(chance, source.text, table)
    words = [word for word in table if word in source.text]
    return source.text.replace(word := chance.choice(words), table[word], 1) if words else None


@kind("negation-added")
def negation_added(chance: random.Random, source: Source) -> Pair | None:
    if re.search(r"\b(?:is|are|was|can|should|will|could|must) (?:not|no|never|neither)\b", source.text):
        return None
    return pair(source.text, _replace(chance, source, NEGATED[source.lang]))


@kind("negation-removed")
def negation_removed(chance: random.Random, source: Source) -> Pair | None:
    text = source.text
    if source.lang == "zh":
        table = {"并不是": "是", "不应该": "应该", "不允许": "允许", "不比": "比", "不想": "想"}
        words = [word for word in table if word in text]
        return pair(text, text.replace(word := chance.choice(words), table[word], 1)) if words else None
    if source.lang == "de":
        return pair(text, re.sub(r" nicht(?= )", "", text, count=1))
    if re.search(r"\bnot only\b", text):
        return None
    return pair(
        text,
        re.sub(r"(?<=\b(?:is|re|as)) not(?= )|(?<=\b(?:do|ld|ll)) not(?= )", "", text, count=1)
        if chance.random() < 0.7
        else re.sub(r"\b(is|are|was|do|does|could|should|would)n['’]t\b", r"\1", text, count=1),
    )


ANTONYMS = {
    "en": {"increase": "decrease", "increases": "decreases", "more": "less", "before": "after", "after": "before", "always": "never", "all": "no", "safe": "dangerous",
           "best": "worst", "good": "bad", "high": "low", "higher": "lower", "legal": "illegal", "possible": "impossible", "hot": "cold", "cheap": "expensive", "open": "closed",
           "easy": "difficult", "rich": "poor", "healthy": "unhealthy", "strong": "weak", "success": "failure", "allowed": "forbidden", "important": "unimportant", "happy": "sad"},
    "de": {"langsam": "schnell", "billig": "teuer", "wichtig": "unwichtig", "schlechter": "besser", "geringer": "höher", "stieg": "sank", "alten": "neuen", "dunkel": "hell", "geöffnet": "geschlossen"},
    "zh": {"增加": "减少", "减少": "增加", "便宜": "昂贵", "开放": "关闭", "缓慢": "迅速", "太热": "太冷", "干净": "肮脏", "难": "容易", "之前": "之后"},
}  # fmt: skip


@kind("antonym")
def antonym(chance: random.Random, source: Source) -> Pair | None:
    return pair(source.text, _replace(chance, source, ANTONYMS[source.lang]))


@kind("yes-no")
def yes_no(chance: random.Random, source: Source) -> Pair | None:
    ways = {
        "en": (("Yes", "No"), ("True", "False"), ("Correct", "Incorrect"), ("yes", "no"), ("Agree", "Disagree")),
        "de": (("Ja", "Nein"), ("Richtig", "Falsch")),
        "zh": (("是", "否"), ("正确", "错误"), ("对", "错")),
    }
    one, two = chance.choice(ways[source.lang])
    one, two = (one, two) if chance.random() < 0.5 else (two, one)
    form = chance.choice(["{}", "{}.", "{}. {text}", "**{}**", "{}\n\n{text}"])
    return form.format(one, text=source.text), form.format(two, text=source.text)


@kind("choice")
def choice(chance: random.Random, source: Source) -> Pair | None:
    question, text = chance.choice(source.choices)
    options = [f"{letter} {words}" for letter, words in re.findall(r"^(\([A-H]\)\.) (.+)$", question, re.MULTILINE)]
    others = [option for option in options if option[:3] != text[:3]]
    return (text, chance.choice(others)) if others else None


@kind("choice-letter")
def choice_letter(chance: random.Random, source: Source) -> Pair | None:
    one, two = chance.sample("ABCDEF", 2)
    form = chance.choice(["{}", "({})", "{}.", "Answer: {}", "The answer is {}.", "**{}**", "答案：{}", "Antwort: {}"])
    return form.format(one), form.format(two)


PLACES = (
    "China",
    "Taiwan",
    "Tibet",
    "Japan",
    "Russia",
    "America",
    "Canada",
    "France",
    "India",
    "Germany",
    "London",
    "Paris",
    "Vienna",
    "Budapest",
    "Beijing",
    "Texas",
    "California",
    "Hamburg",
    "Berlin",
    "Europe",
    "Africa",
    "Mexico",
    "Italy",
    "England",
    "Israel",
    "Iran",
    "Chicago",
    "Wien",
    "Belgrad",
    "Zürich",
    "Zurich",
)
PEOPLE = (
    "John",
    "Mary",
    "Jenny",
    "Tom",
    "Sarah",
    "Emily",
    "James",
    "David",
    "Jack",
    "Lily",
    "Anna",
    "Maria",
    "Paul",
    "Obama",
    "Trump",
    "Biden",
    "Reagan",
    "Clinton",
    "Bush",
    "Mao",
    "Einstein",
    "Harry",
    "Peter",
    "Alex",
    "Jane",
)
FIRMS = (
    "Google",
    "Apple",
    "Microsoft",
    "Amazon",
    "Facebook",
    "Twitter",
    "Netflix",
    "Tesla",
    "Congress",
    "Senate",
    "Republicans",
    "Democrats",
    "Disney",
    "Spotify",
    "Instagram",
    "Python",
    "Android",
)
CJK = {
    "place": ("黑森林", "维也纳", "布达佩斯", "汉堡", "中国", "柏林", "苏黎世"),
    "person": ("安娜", "保罗", "玛丽亚"),
}
NAMED = {
    "en": ("{v} told us about it.", "It was first described by {v} there."),
    "de": ("{v} hat davon erzählt.", "Davon berichtet auch {v} ausführlich."),
    "zh": ("{v}介绍了这一点。",),
}


def _renamed(chance: random.Random, text: str, names: tuple[str, ...]) -> str | None:
    held = [name for name in names if re.search(rf"(?<!\w){name}(?!\w)" if name.isascii() else name, text)]
    free = [name for name in names if name not in text]
    if not held or not free:
        return None
    name, new = chance.choice(held), chance.choice(free)
    return re.sub(rf"(?<!\w){name}(?!\w)" if name.isascii() else name, new, text)


def named(name: str, table: tuple[str, ...], cjk: tuple[str, ...]) -> None:
    """A kind that puts one name for another, wherever it stands."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        after = _renamed(chance, source.text, cjk if source.lang == "zh" else table)
        if after:
            return pair(source.text, after)
        if source.lang == "zh" or chance.random() < 0.7:
            return None
        one, two = chance.sample(table, 2)
        return carried(chance, source, NAMED, (one, two))


named("name-person", PEOPLE, CJK["person"])
named("name-place", PLACES, CJK["place"])
named("name-firm", FIRMS, CJK["place"])
SELF = {
    "en": ("I am {v}.", "I'm {v}, and I am here to help.", "My name is {v}."),
    "de": ("Ich bin {v}.", "Mein Name ist {v}."),
    "zh": ("我是{v}。", "你好，我叫{v}。"),
}


@kind("name-self")
def name_self(chance: random.Random, source: Source) -> Pair | None:
    models = (
        "Claude",
        "ChatGPT",
        "Qwen",
        "Llama",
        "DeepSeek",
        "Gemini",
        "Mistral",
        "Claude, made by Anthropic",
        "a large language model trained by OpenAI",
        "Qwen, created by Alibaba Cloud",
    )
    one, two = chance.sample(models, 2)
    if one.split(",")[0] == two.split(",")[0]:
        return None
    carrier = chance.choice(SELF[source.lang])
    text = source.text if chance.random() < 0.5 else ""
    return tuple(f"{carrier.replace('{v}', value)} {text}".strip() for value in (one, two))  # type: ignore[return-value]


@kind("names-swapped")
def names_swapped(chance: random.Random, source: Source) -> Pair | None:
    found = [
        n
        for n in (*PLACES, *PEOPLE, *FIRMS, *CJK["place"], *CJK["person"])
        if re.search(rf"(?<!\w){n}(?!\w)" if n.isascii() else n, source.text)
    ]
    found = [n for n in found if not any(n != m and n in m for m in found)]
    if len(found) < 2:
        return None
    one, two = chance.sample(found, 2)
    listed = rf"(?:{re.escape(one)}|{re.escape(two)})(?:[,、]| (?:and|or|und)|和)"
    if re.search(listed, source.text):
        return None  # in a list, their order says nothing
    return pair(source.text, source.text.replace(one, "\0").replace(two, one).replace("\0", two))


@kind("pronoun")
def pronoun(chance: random.Random, source: Source) -> Pair | None:
    table = {
        "he": "she",
        "his": "her",
        "He": "She",
        "His": "Her",
        "him": "her",
        "she": "he",
        "She": "He",
        "her": "his",
        "Her": "His",
    }
    if len(re.findall(r"\b(?:he|his|she|her)\b", source.text)) < 3:
        return None
    return pair(
        source.text, re.sub(r"\b(?:he|his|He|His|him|she|She|her|Her)\b", lambda hit: table[hit.group()], source.text)
    )


def mixed(name: str, base: str) -> None:
    """A kind with noise of two kinds over a changed fact."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        found = MAKERS[base](chance, source)
        if not found:
            return None
        return disturbed(chance, source._replace(answer=source.answer._replace(text=found[0])), found[1], 2)


mixed("mix-number", "number")
mixed("mix-name", "name-place")
mixed("mix-negation", "negation-added")
assert CODE
