"""A query's words, each with the words that stand for it: synonyms and compounds. Knows no database."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from leafloaf.catalog.synonyms import Replaced
from leafloaf.catalog.text import UNITS
from leafloaf.catalog.vocabulary import Vocabulary

# Words that say nothing about a product; a query of nothing else keeps them.
FILLER_WORDS = "a an and for in of on some the to with au aux d de des du en et l la le les pour qu un une"
FILLERS = frozenset(FILLER_WORDS.split())
# What follows one of these says more about the thing than what it is.
PREPOSITION_WORDS = "with in for from of without de d du des au aux avec sans pour"
PREPOSITIONS = frozenset(PREPOSITION_WORDS.split())
# Whom or what a thing is for says less than what it is: snacks for kids are snacks.
PURPOSES = frozenset({"for", "pour"})
VAGUE = frozenset({"something", "anything", "stuff", "things", "thing"})
UNIT_WORDS = (
    "pct gallon gallons litre litres liter liters ounce ounces gram grams pound pounds kilo kilos pack packs count "
    "quart quarts pint pints dozen"
)
MEASURES = frozenset([*UNITS.split("|"), *UNIT_WORDS.split()])
NUMBER = re.compile(r"[0-9.]+(pct|x)?")

QUANTITY_WEIGHT = 0.35
NUMBER_WEIGHT = 0.5
PURPOSE_WEIGHT = 0.5
SYNONYM_FACTOR = 0.8
COMPOUND_FACTOR = 0.9

Left = TypeVar("Left")
Right = TypeVar("Right")


@dataclass(slots=True)
class Slot:
    """A word of the query; `others` are words that stand for it: word, factor, origin.

    `is_purpose` is a word after the thing itself that says whom or what it is for.
    """

    word: str
    weight: float
    is_head: bool = False
    is_purpose: bool = False
    others: list[tuple[str, float, str]] = field(default_factory=list)


def of(words: Sequence[str], replaced: Sequence[Replaced], asked: Vocabulary) -> list[Slot]:
    """The slots of the words that mean something, with their synonyms and compounds."""
    kept = frozenset(meaning(words))
    head = _head(words, kept)
    purpose = _purpose(words, head, replaced, asked)
    slots: list[Slot] = []
    place = 0
    for each in [*replaced, Replaced(len(words), len(words), ())]:
        between = [at for at in range(place, each.start) if words[at] in kept]
        slots += [Slot(words[at], weight(words, at), at == head, at > purpose) for at in between]
        inside = [at for at in range(each.start, each.stop) if words[at] in kept]
        own = [Slot(words[at], weight(words, at), at == head, at > purpose) for at in inside]
        slots += _side_by_side(own, each.replacements, asked) if own else []
        place = each.stop
    _add_compounds(slots, asked)
    return _distinct(slots)


def meaning(words: Sequence[str]) -> list[str]:
    """The words without fillers, unless there are no others."""
    return [word for word in words if word not in FILLERS] or list(words)


def weight(words: Sequence[str], at: int) -> float:
    """A quantity weighs little: the shop may have the thing in another size."""
    word = words[at]
    if word in MEASURES:
        return QUANTITY_WEIGHT
    if NUMBER.fullmatch(word):
        is_measured = not word.isdigit() or (at + 1 < len(words) and words[at + 1] in MEASURES)
        return QUANTITY_WEIGHT if is_measured else NUMBER_WEIGHT
    return 1.0


def _head(words: Sequence[str], kept: Collection[str]) -> int | None:
    """Where the thing itself is named: the last word that is no quantity, before any preposition."""
    stop = next((at for at, word in enumerate(words) if at and word in PREPOSITIONS), len(words))
    places = [
        at for at in range(stop) if words[at] in kept and words[at] not in VAGUE and weight(words, at) == 1.0
    ]
    return places[-1] if places else None


def _purpose(words: Sequence[str], head: int | None, replaced: Iterable[Replaced], asked: Vocabulary) -> int:
    """Where a purpose begins to be said; past the end when none is, or when the shop has no such thing."""
    if head is None or not (
        asked.products(words[head]) or any(each.start <= head < each.stop for each in replaced)
    ):
        return len(words)
    return next((at for at in range(head + 1, len(words)) if words[at] in PURPOSES), len(words))


def weigh_purposes(slots: Iterable[Slot]) -> None:
    """Words for a purpose weigh less. After doubts are settled, which concern words of full weight alone."""
    for slot in slots:
        if slot.is_purpose:
            slot.weight *= PURPOSE_WEIGHT


def _side_by_side(own: list[Slot], replacements: Iterable[Sequence[str]], asked: Vocabulary) -> list[Slot]:
    """The slots of a phrase with each phrase that stands for it laid along them.

    A word that both phrases have stays where it is, the others go to the other slots in order. A phrase of more words
    than there are slots divides them. One with a word that no product has stands for nothing here.
    """
    phrases = [meaning(phrase) for phrase in replacements]
    here = [phrase for phrase in phrases if all(map(asked.products, phrase))]
    count = max([len(own), *map(len, here)])
    share = len(own) / count
    slots = [
        replace(slot, weight=slot.weight * share, others=[]) for slot, _ in _paired(own, list(range(count)))
    ]
    stems = {asked.words[slot.word].term for slot in slots}
    for phrase in here:
        terms = {asked.words[word].term for word in phrase}
        free = [slot for slot in slots if asked.words[slot.word].term not in terms] or slots
        moved = [word for word in phrase if asked.words[word].term not in stems] or phrase
        for slot, word in _paired(free, moved):
            slot.others.append((word, SYNONYM_FACTOR if asked.products(slot.word) else 1.0, "synonym"))
    return slots


def _paired(left: Sequence[Left], right: Sequence[Right]) -> list[tuple[Left, Right]]:
    """Both sequences stretched to the length of the longer one."""
    count = max(len(left), len(right))
    return [(left[n * len(left) // count], right[n * len(right) // count]) for n in range(count)]


def _add_compounds(slots: list[Slot], asked: Vocabulary) -> None:
    for left, right in pairwise(slots):
        joined = left.word + right.word
        if asked.products(joined) and not NUMBER.fullmatch(left.word):
            left.others.append((joined, COMPOUND_FACTOR, "compound"))
            right.others.append((joined, COMPOUND_FACTOR, "compound"))


def _distinct(slots: list[Slot]) -> list[Slot]:
    """A word that is said twice counts once."""
    first: dict[tuple[str, tuple[str, ...]], Slot] = {}
    for slot in slots:
        kept = first.setdefault((slot.word, tuple(other for other, _, _ in slot.others)), slot)
        kept.is_head |= slot.is_head
    return list(first.values())
