"""Dietary phrases, and the catalogue's marks that they ask for.

A phrase is a filter only when the catalogue uses the mark; otherwise it stays among the words. A phrase that is
negated ("non organic") or that names a product ("kosher salt") stays as well.
"""

import re
from collections.abc import Mapping

LACKS: dict[str, str] = {
    "gluten": "gluten|glutin|glutten",
    "lactose": "lactose",
    "dairy": "dairy|lait|produits laitiers",
    "nut": "nuts?|noix",
    "peanut": "peanuts?|arachides?",
    "soy": "soy|soya|soja",
    "egg": "eggs?|oeufs?",
    "sugar": "sugar|sucre",
    "grain": "grains?|cereales?",
    "wheat": "wheat|ble",
}
SPELLINGS: dict[str, str] = {
    "organic": "organic|organics|biologiques?|bio",
    "vegan": "vegan|veganes?|vegetaliens?|vegetaliennes?",
    "vegetarian": "vegetarian|vegetariens?|vegetariennes?",
    "halal": "halal|halaal",
    "kosher": r"(?:kosher|casher|cacher|cachere)(?! (?:salt|dill|pickles?|style|gelatin))",
    "fair trade": "fair ?trade|equitables?",
    "low sodium": (
        "low sodium|low in sodium|low salt|reduced sodium|faible (?:teneur )?en sodium|reduite? en sodium"
    ),
    "no added sugar": "no added sugars?|no sugar added|without added sugar|sans sucres? ajoutes?",
    "plant based": "plant based|a base de plantes|vegetale?s?",
    "keto": "keto|ketogenic|cetogene",
}
for _thing, _words in LACKS.items():
    SPELLINGS[f"{_thing} free"] = (
        f"(?:{_words}) ?free|(?:no|without(?: any)?|free (?:of|from)|sans) (?:{_words})(?! "
        "?(?:added|free|ajoute))"
    )


def patterns(marks: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    """What asks for each mark; `marks` leads from a mark's normalised words to the mark as the catalogue writes it."""
    longest_first = sorted(marks, key=len, reverse=True)
    return [
        (
            re.compile(rf"(?<!\bnot )(?<!\bnon )(?<!\bpas )\b(?:{SPELLINGS.get(key, re.escape(key))})\b"),
            marks[key],
        )
        for key in longest_first
        if key
    ]


def find(words: str, asked_by: list[tuple[re.Pattern[str], str]]) -> tuple[list[str], str]:
    """The marks that `words` ask for, in the order of the words, and the words without them."""
    found: list[tuple[int, str]] = []
    for pattern, mark in asked_by:
        if match := pattern.search(words):
            found.append((match.start(), mark))
            words = f"{words[: match.start()]}{' ' * (match.end() - match.start())}{words[match.end() :]}"
    return [mark for _, mark in sorted(found)], " ".join(words.split())
