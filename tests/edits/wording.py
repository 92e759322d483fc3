# ruff: noqa: E501 (tables of words)
"""Edits that leave every statement as it was, or nearly: wording, spelling, order, one plain sentence."""

from __future__ import annotations

import random
import re

from tests.edits.looks import ITEMS, pair
from tests.edits.passages import REFUSALS
from tests.edits.sources import Pair, Source, carried, kind, plain, prose, sentences, swap_words

BRITISH = {
    "color": "colour", "colors": "colours", "center": "centre", "organize": "organise", "organized": "organised", "organization": "organisation",
    "favorite": "favourite", "behavior": "behaviour", "analyze": "analyse", "realize": "realise", "recognize": "recognise", "labor": "labour",
    "honor": "honour", "defense": "defence", "traveled": "travelled", "traveling": "travelling", "gray": "grey", "program": "programme",
    "theater": "theatre", "neighbor": "neighbour", "flavor": "flavour", "emphasize": "emphasise", "prioritize": "prioritise", "fulfill": "fulfil",
}  # fmt: skip
SYNONYMS = {
    "en": {
        "important": "significant", "big": "large", "large": "big", "help": "assist", "show": "display", "begin": "start", "start": "begin",
        "quickly": "rapidly", "often": "frequently", "use": "employ", "uses": "employs", "provide": "offer", "provides": "offers", "ensure": "guarantee",
        "difficult": "hard", "hard": "difficult", "also": "additionally", "create": "make", "creates": "makes", "various": "several",
        "however": "nevertheless", "therefore": "thus", "many": "numerous", "enjoy": "like", "beautiful": "lovely", "choose": "pick",
        "needs": "requires", "popular": "well-liked", "quiet": "calm", "cheap": "inexpensive", "reach": "attain", "small": "little", "sad": "unhappy",
        "happy": "glad", "essential": "crucial", "crucial": "essential", "issue": "matter", "people": "persons", "road": "street", "house": "home",
    },
    "de": {
        "wichtig": "bedeutend", "gern": "häufig", "ruhigen": "stillen", "stillen": "ruhigen", "vorsichtig": "behutsam", "billig": "günstig",
        "geringer": "kleiner", "loben": "schätzen", "freundliche": "nette", "reisen": "fahren", "anfangs": "zunächst", "mögen": "schätzen",
        "entworfen": "geplant", "genügt": "reicht", "bedecken": "verdecken", "nur": "lediglich", "etwa": "ungefähr", "erreicht": "trifft",
    },
    "zh": {
        "重要": "关键", "受欢迎": "流行", "安静": "宁静", "便宜": "低廉", "喜欢": "喜爱", "称赞": "赞扬", "轻轻": "慢慢", "规划": "筹划", "负责": "主管",
        "许多": "很多", "认为": "觉得", "大约": "约", "开设": "设立", "创立": "创办", "保存": "存放", "需要": "要有", "应该": "应当",
    },
}  # fmt: skip
FUNCTION = {
    "en": {"that": "which", "which": "that", "such as": "like", "in order to": "to", "a": "the", "this": "that", "so": "and so", "on": "upon",
           "to": "so as to", "because": "since", "while": "whilst", "these": "those"},
    "de": {"weil": "da", "bevor": "ehe", "und": "sowie", "durch": "über", "noch immer": "immer noch", "seit": "schon seit"},
    "zh": {"因为": "由于", "和": "与", "并": "并且", "然后": "接着", "而且": "并且", "否则": "不然", "可能": "也许", "仍然": "依然", "一直": "始终", "都": "均", "就": "便"},
}  # fmt: skip
CONTRACTIONS = {
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't", "are not": "aren't", "was not": "wasn't", "cannot": "can't",
    "will not": "won't", "should not": "shouldn't", "it is": "it's", "you are": "you're", "I am": "I'm", "could not": "couldn't", "have not": "haven't",
    "would not": "wouldn't", "we are": "we're", "you will": "you'll",
}  # fmt: skip
HYPHENS = {"e-mail": "email", "well-known": "well known", "long-term": "long term", "high-quality": "high quality", "co-operation": "cooperation",
           "decision-making": "decision making", "real-time": "real time", "Push-ups": "Push ups", "push-ups": "pushups", "low-impact": "low impact",
           "well-being": "wellbeing", "up-to-date": "up to date", "self-care": "self care", "non-violent": "nonviolent"}  # fmt: skip
ABBREVIATED = {"for example": "e.g.", "that is": "i.e.", "and so on": "etc.", "Doctor": "Dr.", "versus": "vs.", "approximately": "approx.",
               "United States": "US", "United Kingdom": "UK", "zum Beispiel": "z. B.", "das heißt": "d. h."}  # fmt: skip
ADDED = {
    "en": ("They walked slowly along the river and enjoyed the evening.", "It is worth taking a moment to think about this.",
           "This makes a real difference in daily life.", "People often talk about it with their friends."),
    "de": ("Das macht im Alltag wirklich Freude.", "Viele Leute sprechen gern mit Freunden darüber.", "Es lohnt sich, darüber nachzudenken."),
    "zh": ("人们常常和朋友谈起这件事。", "这在日常生活中很有意义。", "值得花时间好好想想。"),
}  # fmt: skip
CLOSING = {
    "en": ("I hope this helps!", "Let me know if you have any questions.", "Feel free to ask for more details.", "Would you like to know more?",
           "I hope this information helps! Please let me know if you need anything else."),
    "de": ("Ich hoffe, das hilft!", "Bei Fragen melde dich gern.", "Möchtest du mehr wissen?"),
    "zh": ("希望这对您有帮助！", "如有疑问，请随时告诉我。", "您想了解更多吗？"),
}  # fmt: skip
OPENING = {
    "en": (
        "Certainly! Here is an answer.",
        "Sure! Here you go:",
        "Of course. Let me explain.",
        "Great question!",
        "Here's what I can tell you:",
    ),
    "de": ("Gerne! Hier ist die Antwort.", "Natürlich:", "Gute Frage!"),
    "zh": ("当然可以！以下是回答：", "好的。", "好问题！"),
}
APOLOGY = {
    "en": ("I'm sorry to hear that. Here is what can help.", "Sorry for the confusion! Here is the full answer.", "I apologize for my earlier mistake. Here it is again:"),
    "de": ("Entschuldige die Verwirrung! Hier ist die ganze Antwort.", "Das tut mir leid für dich. Hier ist die Antwort."),
    "zh": ("抱歉让您久等了。以下是完整的回答：", "很遗憾听到这个消息。下面是答案："),
}  # fmt: skip
DISCLAIMER = {
    "en": ("As an AI, I have no personal opinions, but here is what is known.", "As an AI language model, I don't have feelings, but I can explain it.",
           "I'm not a doctor or a lawyer, but here is some general information."),
    "de": ("Als KI habe ich keine eigene Meinung, aber so viel ist bekannt.",),
    "zh": ("作为人工智能，我没有个人观点，但可以说明如下。",),
}  # fmt: skip
MODAL = {
    "en": {
        "must": "may",
        "will": "might",
        "should": "could",
        "can": "might",
        "always": "usually",
        "are": "may be",
        "is": "may be",
    },
    "de": {"muss": "kann", "soll": "könnte", "wird": "könnte"},
    "zh": {"必须": "可以", "会": "可能会", "应该": "也许可以"},
}
FORMS = {
    "number-form": (("1,000", "1000"), ("25%", "25 percent"), ("1,250,000", "1250000"), ("12,500", "12 500"), ("50 %", "50%"), ("7.0", "7"), ("10k", "10,000")),
    "number-word-form": (("twelve", "12"), ("three", "3"), ("twenty", "20"), ("seven", "7"), ("one hundred", "100"), ("fifteen", "15")),
    "unit-form": (("5 km", "5 kilometres"), ("20 kg", "20kg"), ("3 hours", "3 hrs"), ("30 min", "30 minutes"), ("2 litres", "2 l"), ("40 °C", "40 degrees Celsius"), ("6 feet", "6 ft")),
}  # fmt: skip
QUANTITY = {
    "en": ("There were {v} in all.", "The whole of it came to {v} that year."),
    "de": ("Es waren insgesamt {v}.",),
    "zh": ("总共有 {v}。",),
}
PLAIN = {"en": ("It was {v}.", "They called it {v} that day."), "de": ("Es hieß {v}.",), "zh": ("它叫做 {v}。",)}


def by_table(
    name: str, tables: dict[str, dict[str, str]], most: int = 1, reverse: bool = False, small: bool = False
) -> None:
    """A kind that replaces words by a table."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        table = tables.get(source.lang, {})
        if source.lang == "zh":
            words = [word for word in table if word in source.text]
            return (
                pair(source.text, source.text.replace(word := chance.choice(words), table[word], 1)) if words else None
            )
        if reverse and chance.random() < 0.5:
            table = {new: old for old, new in table.items()}
        if most > 1 and len(source.text) < 400:
            return pair(source.text, swap_words(chance, source.text, table, 1, small))
        return pair(source.text, swap_words(chance, source.text, table, most, small))


by_table("spelling", {"en": BRITISH}, 3, reverse=True)
by_table("synonym", SYNONYMS, 3, small=True)
by_table("function-word", FUNCTION)
by_table("contraction", {"en": CONTRACTIONS}, 2, reverse=True)
by_table("hyphen", {"en": HYPHENS}, reverse=True)
by_table("abbreviation", {"en": ABBREVIATED, "de": ABBREVIATED}, reverse=True, small=True)
by_table("modality", MODAL)


@kind("typo")
def typo(chance: random.Random, source: Source) -> Pair | None:
    words = re.findall(r"(?<= )[a-zäöü]{6,}(?=[ ,.])", source.text)
    if not words:
        return None
    word = chance.choice(words)
    at = chance.randrange(1, len(word) - 2)
    return pair(
        source.text, source.text.replace(f" {word}", f" {word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}", 1)
    )


@kind("diacritics")
def diacritics(chance: random.Random, source: Source) -> Pair | None:
    if source.lang == "de":
        table = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
        chosen = chance.sample(sorted(table), chance.randint(1, len(table)))
        return pair(source.text, source.text.translate(str.maketrans({letter: table[letter] for letter in chosen})))
    if source.lang == "zh":
        return None
    one, two = chance.choice(
        (("café", "cafe"), ("naïve", "naive"), ("résumé", "resume"), ("jalapeño", "jalapeno"), ("fiancée", "fiancee"))
    )
    return carried(chance, source, PLAIN, (f"a {one}", f"a {two}"))


@kind("emoji-added")
def emoji_added(chance: random.Random, source: Source) -> Pair | None:
    parts = sentences(source.text, source.lang)
    for at in chance.sample(range(len(parts)), min(len(parts), chance.randint(1, 3))):
        parts[at] = chance.choice("😀🎉✅🚀🌟💡👍") + " " + parts[at]
    return pair(source.text, "".join(parts))


@kind("emoji-changed")
def emoji_changed(chance: random.Random, source: Source) -> Pair | None:
    one, two = chance.sample("👍👎✅❌😀😡", 2)
    return f"{source.text} {one}", f"{source.text} {two}"


for _name, _pairs in FORMS.items():

    @kind(_name)
    def form(chance: random.Random, source: Source, pairs: tuple[Pair, ...] = _pairs) -> Pair | None:
        one, two = chance.choice(pairs) if chance.random() < 0.5 else tuple(reversed(chance.choice(pairs)))
        return carried(chance, source, QUANTITY, (f"{one}", f"{two}")) if source.lang == "en" else None


@kind("link-dropped")
def link_dropped(chance: random.Random, source: Source) -> Pair | None:
    word = {"en": "the guide", "de": "die Anleitung", "zh": "指南"}[source.lang]
    url = chance.choice(["https://example.org/guide", "https://docs.example.com/a/b?c=d", "http://example.net"])
    return carried(
        chance,
        source,
        {"en": ("See {v} for more.",), "de": ("Mehr dazu: {v}.",), "zh": ("请参阅{v}。",)},
        (f"[{word}]({url})", word),
    )


@kind("sentence-plain-dropped")
def sentence_plain_dropped(chance: random.Random, source: Source) -> Pair | None:
    parts = prose(source, 7 if source.lang != "en" else 8)
    chosen = [
        n for n, part in enumerate(parts or []) if plain(part, source.lang) and len(part) < 0.16 * len(source.text)
    ]
    at = chance.choice(chosen) if chosen else None
    return None if at is None or parts is None else pair(source.text, _without(parts, at))


def _without(parts: list[str], at: int) -> str:
    """The text without a sentence; where it ended a paragraph, the paragraph still ends."""
    end = parts[at][len(parts[at].rstrip()) :]
    before = "".join(parts[:at])
    return (before.rstrip() + end if "\n" in end else before) + "".join(parts[at + 1 :])


@kind("sentence-plain-added")
def sentence_plain_added(chance: random.Random, source: Source) -> Pair | None:
    parts = prose(source, 7)
    if not parts:
        return None
    ends = [n for n, part in enumerate(parts, 1) if part.rstrip()[-1:] in (".", "。", "!")]
    if not ends:
        return None
    at, space = chance.choice(ends), "" if source.lang == "zh" else " "
    added = chance.choice(ADDED[source.lang])
    end = parts[at - 1][len(parts[at - 1].rstrip()) :]
    return source.text, "".join(parts[:at]).rstrip() + space + added + (end or space) + "".join(parts[at:])


@kind("sentence-order")
def sentence_order(chance: random.Random, source: Source) -> Pair | None:
    parts = prose(source, 7 if source.lang != "en" else 8)
    chosen = [
        n for n in range(1, len(parts or []) - 2) if parts and all(plain(parts[m], source.lang) for m in (n, n + 1))
    ]
    if not parts or not chosen:
        return None
    at = chance.choice(chosen)
    one, two = parts[at], parts[at + 1]
    if "\n" in one or "\n" in two:
        return None
    return pair(source.text, "".join([*parts[:at], two, one, *parts[at + 2 :]]))


@kind("paragraph-order")
def paragraph_order(chance: random.Random, source: Source) -> Pair | None:
    parts = source.text.split("\n\n")
    if (
        len(parts) < 4
        or "```" in source.text
        or re.search(r"^\d+[.)]", source.text, re.MULTILINE)
        or max(map(len, parts[1:-1])) * 4 > len(source.text)
        or min(map(len, parts)) < 20
    ):
        return None
    at = chance.randrange(1, len(parts) - 2)
    parts[at], parts[at + 1] = parts[at + 1], parts[at]
    return pair(source.text, "\n\n".join(parts))


@kind("list-order")
def list_order(chance: random.Random, source: Source) -> Pair | None:
    items = list(ITEMS[source.lang])
    other = items[:]
    one, two = chance.sample(range(4), 2)
    other[one], other[two] = other[two], other[one]
    before, after = ("\n".join(f"- {item}" for item in some) for some in (items, other))
    return f"{source.text}\n\n{before}", f"{source.text}\n\n{after}"


def worded(name: str, texts: dict[str, tuple[str, ...]], front: bool) -> None:
    """A kind that puts a phrase before or behind a full answer."""

    @kind(name)
    def make(chance: random.Random, source: Source) -> Pair | None:
        phrase = chance.choice(texts[source.lang])
        if len(source.text) < (130 if source.lang == "zh" else 400):
            return None
        return source.text, f"{phrase}\n\n{source.text}" if front else f"{source.text}\n\n{phrase}"


worded("closing-added", CLOSING, False)
worded("opening-added", OPENING, True)
worded("apology-added", APOLOGY, True)
worded("disclaimer-added", DISCLAIMER, True)


@kind("tail-cut")
def tail_cut(chance: random.Random, source: Source) -> Pair | None:
    parts = prose(source, 7 if source.lang != "en" else 8)
    if not parts or not plain(parts[-1], source.lang) or len(parts[-1]) > 0.2 * len(source.text):
        return None
    last = parts[-1]
    return pair(source.text, "".join(parts[:-1]) + last[: chance.randrange(len(last) // 4, len(last) - 3)].rstrip())


@kind("refusal-reworded")
def refusal_reworded(chance: random.Random, source: Source) -> Pair | None:
    one, two = chance.sample(REFUSALS[source.lang], 2)
    return one, two
