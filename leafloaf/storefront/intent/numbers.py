"""Amounts in a query: `2 litres of`, `2x`, `x2`, `a dozen`, `half a kilo de`, `500g`, and words for numbers.

Everything here reads normalised words (leafloaf.catalog.text).
"""

import re
from dataclasses import dataclass

ENGLISH = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen "
    "eighteen nineteen twenty"
)
FRENCH = "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
NUMBERS: dict[str, int] = (
    {word: value for value, word in enumerate(ENGLISH.split(), 1)}
    | {word: value for value, word in enumerate(FRENCH.split(), 1)}
    | {
        "une": 1,
        "vingt": 20,
        "thirty": 30,
        "trente": 30,
        "forty": 40,
        "fifty": 50,
        "hundred": 100,
        "cent": 100,
    }
)
ARTICLES = frozenset({"a", "an", "un", "une"})
UNITS: dict[str, str] = {
    spelling: unit
    for unit, spellings in {
        "l": "l litre litres liter liters ltr",
        "ml": "ml millilitre millilitres milliliters",
        "g": "g gr gram grams gramme grammes",
        "kg": "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes",
        "oz": "oz ounce ounces once onces",
        "lb": "lb lbs pound pounds livre livres",
        "gal": "gal gallon gallons",
        "pint": "pint pints pinte pintes",
        "pack": "pack packs pk packet packets package packages paquet paquets",
        "bottle": "bottle bottles bouteille bouteilles",
        "can": "can cans canette canettes tin tins conserve conserves",
        "bag": "bag bags sac sacs",
        "box": "box boxes boite boites",
        "carton": "carton cartons",
        "bunch": "bunch bunches botte bottes",
        "jar": "jar jars bocal bocaux",
        "loaf": "loaf loaves miche miches",
        "case": "case cases caisse caisses",
        "roll": "roll rolls rouleau rouleaux",
        "tub": "tub tubs",
        "head": "head heads",
        "piece": "piece pieces morceau morceaux",
        "slice": "slice slices tranche tranches",
        "tray": "tray trays",
        "container": "container containers contenant contenants",
        "jug": "jug jugs",
        "ct": "ct count",
    }.items()
    for spelling in spellings.split()
}
DOZENS = frozenset({"dozen", "dozens", "douzaine", "douzaines"})
OF = frozenset({"of", "de", "d", "du", "des"})
# What begins with a number and is no amount of anything.
NUMBERED = ("7 up", "3 musketeers", "5 gum", "5 hour", "100 grand", "5 alive", "50 50", "1000 island")

NUMBER = r"(?:\d{1,4}(?:\.\d{1,2})?|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + r")"
"""A number in figures or in a word, as a pattern."""
AMOUNT = (
    f"(?:(?:an? |une? )?(?:half (?:an? )?|demie? |couple )?(?:{NUMBER} )?(?:dozen|douzaine|couple)|{NUMBER})"
)
"""A number, or a dozen, half a dozen, two dozen, a couple."""
FIGURE = re.compile(r"\d{1,4}(?:\.\d{1,2})?")
JOINED = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)([a-z]+)")
TIMES = re.compile(r"x(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something, and the words that are left."""

    quantity: float | None
    unit: str | None
    rest: list[str]


def number(word: str) -> float | None:
    """The number that a word is, whole where it can be."""
    if word in NUMBERS:
        return NUMBERS[word]
    return whole(float(word)) if FIGURE.fullmatch(word) else None


def whole(value: float) -> float:
    return int(value) if value == int(value) else value


def leading(words: list[str]) -> Amount:
    """The amount at the beginning of `words`, or at the end as `x 2`."""
    if " ".join(words[:2]) in NUMBERED:
        return Amount(None, None, words)
    quantity, used = _count(words)
    if quantity is None:
        return _joined(words) or _multiplied(words)
    if used < len(words) and words[used] == "x":
        used += 1
    unit = UNITS.get(words[used]) if used < len(words) else None
    used += unit is not None
    rest = words[used:]
    if rest and rest[0] == "more":
        rest = rest[1:]
    return Amount(quantity, unit, _after_of(rest))


def sized(words: list[str]) -> tuple[float, str] | None:
    """The first number with a unit after it, anywhere: `basmati rice 5kg`."""
    for at, word in enumerate(words):
        if (joined := JOINED.fullmatch(word)) and (unit := UNITS.get(joined[2])):
            return whole(float(joined[1])), unit
        if at and (unit := UNITS.get(word)) and (value := number(words[at - 1])) is not None:
            return value, unit
    return None


def _count(words: list[str]) -> tuple[float | None, int]:
    """The number that `words` begin with, and how many words it takes."""
    first, second, third = [*words, "", "", ""][:3]
    has_article = first in ARTICLES
    head, following, at = (second, third, 1) if has_article else (first, second, 0)
    if head in {"half", "demi", "demie"}:
        at += 1 + (following in ARTICLES)
        named = words[at] if at < len(words) else ""
        return (6, at + 1) if named in DOZENS else (0.5, at) if named in UNITS else (None, 0)
    if head in {"couple", "pair"}:
        return 2, at + 1
    if head in DOZENS:
        return 12, at + 1
    if head in UNITS and has_article:
        return 1, at
    value = number(head)
    if value is None or (first == "un" and not has_article):
        return None, 0
    if head in {"un", "une"} and following not in UNITS:
        return None, 0
    return (value * 12, at + 2) if following in DOZENS else (value, at + 1)


def _joined(words: list[str]) -> Amount | None:
    """`500g of beef`, `2x milk`."""
    match = JOINED.fullmatch(words[0]) if words else None
    if match and (match[2] == "x" or match[2] in UNITS):
        return Amount(whole(float(match[1])), UNITS.get(match[2]), _after_of(words[1:]))
    return None


def _multiplied(words: list[str]) -> Amount:
    """`oat milk x2`, `oat milk x 2`, `oat milk 2x`."""
    last = words[-1] if words else ""
    if len(words) > 2 and words[-2] == "x" and (value := number(last)) is not None:
        return Amount(value, None, words[:-2])
    if len(words) > 1 and (match := TIMES.fullmatch(last) or re.fullmatch(r"(\d{1,3})x", last)):
        return Amount(int(match[1]), None, words[:-1])
    return Amount(None, None, words)


def _after_of(words: list[str]) -> list[str]:
    return words[1:] if words and words[0] in OF else words
