"""Price bounds in a query: `under 5`, `less than $5`, `between 3 and 6`, `moins de 5 $`.

A number alone bounds a price only after words that speak of a ceiling; a floor, and words that are used of other
things too ("over 50", "up to 12"), need the currency beside it. `under 5 g`, `kids under 5` are no price.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from leafloaf.storefront.intent.numbers import NUMBER, UNITS, number

CURRENCY = r"(?:dollars?|bucks?|cad|usd|euros?|piastres?)"
OTHER_MEASURES = (
    "mg calories? cals? kcal carbs? net pct percent years? yrs? ans months? mois minutes? mins? min "
    "hours? ingredients? servings? inch(?:es)? cm grams? people points? s days?"
)
NO_MEASURE = rf"(?! (?:{'|'.join([*OTHER_MEASURES.split(), *UNITS])})\b)(?![\w.])"
PLAIN = rf"({NUMBER})(?: {CURRENCY})?{NO_MEASURE}"
MONEY = rf"(?:{CURRENCY} ({NUMBER})|({NUMBER}) {CURRENCY}){NO_MEASURE}"
ANY = rf"(?:{CURRENCY} )?{PLAIN}"
LEAD = (
    "(?:(?:(?:that|which) (?:costs?|is|are|cost)|(?:qui )?coutent?|priced?|costing|prix|price|"
    "for|at|a|pour|"
    r"worth|something|is|are) ){0,3}"
)
UNDER = (
    r"(?:under|below|beneath|less th[ae]n|lower than|cheaper than|no more than|not more than|not over|"
    r"moins cher que|moins (?:de|que)|en dessous de|en bas de|sous|pas plus (?:de|que))"
)
UP_TO = r"(?:up to|at most|max(?:imum)?(?: of| de)?|within|jusqu a|budget(?: of| de)?)"
OVER = (
    r"(?:over|above|more than|at least|min(?:imum)?(?: of| de)?|from|starting at|plus (?:de|que)|au moins|"
    r"a partir de|au dessus de)"
)
OR_LESS = r"(?:or (?:less|under|below|cheaper)|and (?:under|below|less)|max(?:imum)?|tops|at most|ou moins)"

BETWEEN = re.compile(rf"{LEAD}(?:between|entre) {ANY} (?:and|et|to|a) {ANY}")
RANGE = re.compile(
    f"{LEAD}(?:(?:from|de) )?(?:{CURRENCY} ({NUMBER}) (?:to|a) {ANY}|({NUMBER})(?: {CURRENCY})? "
    f"(?:to|a) {MONEY})"
)
CEILINGS = (
    re.compile(rf"{LEAD}\b{UNDER} {ANY}"),
    re.compile(rf"{LEAD}\b{UP_TO} {MONEY}"),
    re.compile(rf"{LEAD}\b{MONEY} {OR_LESS}\b"),
    re.compile(rf"\b({NUMBER}) or (?:less|under|cheaper)$"),
)
FLOORS = (
    re.compile(rf"{LEAD}\b{OVER} {MONEY}"),
    re.compile(rf"{LEAD}\b{MONEY} (?:or (?:more|over)|ou plus)\b"),
)
AGES = re.compile(
    r"\b(?:kids?|child|children|toddlers?|bab(?:y|ies)|ages?|aged|women|woman|men|adults?|"
    "enfants?|ans|years?|"
    r"infants?|babies|size|sizes)$"
)
CUE = re.compile(
    r"\b(?:under|below|beneath|less|lower|cheaper|more|over|above|moins|sous|plus|dessous|bas|"
    "between|entre|to|a|"
    "most|max|maximum|within|jusqu|budget|least|min|minimum|from|starting|partir|dessus|tops|"
    r"dollars?|bucks?|euros?)\b"
)
SYMBOL = re.compile(r"[$€£]")
LESS_SIGN = re.compile(r"<=?")
DASH = re.compile(r"(?<=\d) ?[-–—] ?(?=\$? ?\d)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds found, and the words without them."""

    low: Decimal | None
    high: Decimal | None
    rest: str


def spell_out(query: str) -> str:
    """The query with signs of money in words, which normalising would lose."""
    if not any(sign in query for sign in "$€£<"):
        return query
    return SYMBOL.sub(" dollars ", LESS_SIGN.sub(" under ", DASH.sub(" to ", query)))


def find(words: str) -> Bounds:
    """The price bounds in words that were spelled out and normalised."""
    if not CUE.search(words):
        return Bounds(None, None, words)
    for pattern in (BETWEEN, RANGE):
        if match := pattern.search(words):
            lowest, highest = sorted(_values(match))
            return Bounds(lowest, highest, _without(words, match))
    low, words = _one(FLOORS, words)
    high, words = _one(CEILINGS, words)
    return Bounds(low, high, words)


def _one(patterns: tuple[re.Pattern[str], ...], words: str) -> tuple[Decimal | None, str]:
    for pattern in patterns:
        match = pattern.search(words)
        if match and not AGES.search(words[: match.start()].rstrip()):
            return _values(match)[0], _without(words, match)
    return None, words


def _values(match: re.Match[str]) -> list[Decimal]:
    numbers = [number(group) for group in match.groups() if group]
    return [Decimal(str(value)) for value in numbers if value is not None]


def _without(words: str, match: re.Match[str]) -> str:
    return " ".join(f"{words[: match.start()]} {words[match.end() :]}".split())
