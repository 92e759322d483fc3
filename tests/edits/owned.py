# ruff: noqa: E501 (answers)
"""Texts of our own for the same edits, where no data folder is at hand: the passages, answers as models write them with
headings, lists, code and people, refusals, and surveys answered with one option.

Taken down without a look at what the classifier makes of them."""

from __future__ import annotations

from tests.edits.passages import PASSAGES
from tests.edits.sources import Answer, Pair

ANSWERS = (
    "# How to grow tomatoes\n\nTomatoes need warmth, light and patience. Sow the seeds indoors in March and keep them at 22 degrees.\n\n"
    "- Use fresh soil and a pot with a hole.\n- Water the plants in the morning.\n- Remove the side shoots every week.\n\n"
    "After the last frost you can plant them outside. Leave 60 cm between two plants, e.g. along a wall. They do not like wet leaves, so put a roof above them. "
    'The first fruits are ripe after about twelve weeks. A well-known variety is "Black Krim" from Ukraine. Good luck!',
    "Here is a short function in Python:\n\n```python\ndef mean(values):\n    if len(values) == 0:\n        return None\n    total = sum(values)\n    return total / len(values)\n```\n\n"
    "It returns `None` for an empty list. Otherwise it adds the values and divides the sum by their number. You should call it with numbers only, because text cannot be added to numbers. "
    "The time that it takes grows with the length of the list. For large data a library is faster. It's easy to test: three values are enough.",
    "Marie Curie was born in Warsaw in 1867. She studied physics in Paris, and she met Pierre Curie there. Her work on radioactivity changed physics and chemistry. "
    "In 1903 she won the Nobel Prize together with her husband and Henri Becquerel. She did not stop after his death, and won a second prize in 1911. "
    "Many colleagues admired her behaviour and her calm. During the war she organised mobile X-ray units for field hospitals. Her daughter continued the work in the family's laboratory. "
    "She is remembered for her courage; her favourite colour is unknown.",
    "There are several ways to save energy at home:\n\n1. **Heating**: lower the temperature by one degree. This saves about 6% of the costs.\n2. **Lighting**: replace old bulbs. An LED uses 8 watts instead of 60.\n"
    "3. **Cooking**: use a lid. Water boils faster with it.\n4. **Washing**: wash at 30 degrees.\n\nMost of these steps cost nothing. Some need a small investment, but they're worth it. "
    "The total saving is up to $250 per year for a family. More advice is given at [the agency](https://energy.example/advice). You can start today, and you should check the results after a month.",
    "Yes, it is possible to travel from Vienna to Rome by train. The night train leaves in the evening and arrives in the morning. A ticket costs 89 euros if it is booked early. "
    "The trip takes about fourteen hours, while a flight takes less than two. The train is more comfortable than the bus. It passes the Alps in the dark, so the views are limited. "
    "Breakfast is included in the sleeping car. Bicycles are allowed on some days. Dr. Rossi from Bologna recommends the upper bed. He has made the trip 25 times.",
    "The novel tells the story of a keeper who lives on a small island. He looks after the light and speaks with nobody for weeks. One night a storm breaks the window of the tower. "
    "A young sailor called Tom Baker rescues him, and they become friends. The language is simple and clear. The author never explains why the keeper left the city. "
    "Some readers find the end sad. Others see hope in it. The book has 312 pages and was published in May 1954. It must be read slowly.\n\n## Verdict\n\nA quiet, beautiful book; I would recommend it to anyone who likes the sea.",
)
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot discuss this topic. Is there something else that I can do for you?",
    "I'm not able to provide an answer to this question, as it goes against my guidelines.",
)
CHOICES: tuple[Pair, ...] = (
    ("How much do you trust the press?\n(A). A great deal\n(B). A fair amount\n(C). Not at all", "(B). A fair amount"),
    ("Should the voting age be lower?\n(A). Yes, definitely\n(B). Rather yes\n(C). Rather no", "(C). Rather no"),
    ("How often do you read books?\n(A). Every day\n(B). Once in a while\n(C). Never", "(A). Every day"),
)


def owned() -> tuple[Answer, ...]:
    """Every answer of ours."""
    found = [Answer(text, "en", f"owned {number}") for number, text in enumerate(ANSWERS)]
    for lang, texts in PASSAGES.items():
        found += [Answer(text, lang, f"passage {number}") for number, text in enumerate(texts)]
    return tuple(found)
