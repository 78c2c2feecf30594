"""A query's words, each with the words that stand for it: synonyms and compounds. Knows no database."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import TypeVar

from leafloaf.catalog.synonyms import Replaced
from leafloaf.catalog.text import MARKS, UNITS, normalise, tokens
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

    `is_purpose` is a word after the thing itself that says whom or what it is for; `factor` is the word's own.
    `in_phrase` are those of the others that mean it beside the rest of a phrase alone, as drink in *oat drink* means
    milk: how common they are by themselves says nothing of how telling the word is.
    """

    word: str
    weight: float
    is_head: bool = False
    is_purpose: bool = False
    factor: float = 1.0
    others: list[tuple[str, float, str]] = field(default_factory=list)
    in_phrase: frozenset[str] = frozenset()


def of(
    words: Sequence[str], replaced: Sequence[Replaced], asked: Vocabulary, accented: Collection[str] = ()
) -> list[Slot]:
    """The slots of the words that mean something, with their synonyms and compounds.

    A small word that was written with an accent and has a synonym by itself is no filler: *thé noir* is tea.
    """
    known = {own for each in replaced for own, _ in each.alike}
    kept = {
        *meaning(words),
        *(word for word in accented if word in words and asked.words[word].term in known),
    }
    head = _head(words, kept)
    purpose = _purpose(words, head, replaced, asked)
    slots: list[Slot] = []
    place = 0
    for each in [*replaced, Replaced(len(words), len(words), ())]:
        between = [at for at in range(place, each.start) if words[at] in kept]
        slots += [Slot(words[at], weight(words, at), at == head, at > purpose) for at in between]
        inside = [at for at in range(each.start, each.stop) if words[at] in kept]
        own = [Slot(words[at], weight(words, at), at == head, at > purpose) for at in inside]
        slots += _side_by_side(own, each, asked) if own else []
        place = each.stop
    _add_compounds(slots, asked)
    return _distinct(slots)


def accented(query: str) -> frozenset[str]:
    """The words that were written with an accent."""
    pieces = [piece for piece in query.split() if MARKS.search(unicodedata.normalize("NFD", piece))]
    return frozenset(word for piece in pieces for word in tokens(normalise(piece)))


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


def _side_by_side(own: list[Slot], replaced: Replaced, asked: Vocabulary) -> list[Slot]:
    """The slots of a phrase with each phrase that stands for it laid along them.

    A word that both phrases have stays where it is, one that means the same goes there, the others go to the other
    slots in order: *oat milk* has oat beside the avoine of *lait d'avoine*, not beside lait. A phrase of more words
    than there are slots divides them. One with a word that no product has stands for nothing here, nor does one that
    has all the words already: whatever is a breakfast cereal is a cereal, and not all for breakfast is one.
    """
    phrases = _standing(own, replaced, asked)
    slots = _divided(own, max([len(own), *(len(words) for words, _ in phrases)]))
    stems = [asked.words[slot.word].term for slot in slots]
    same = [{other for word, other in replaced.alike if word == stem} for stem in stems]
    for words, terms in sorted(phrases, key=lambda each: {*stems, *chain(*same)}.isdisjoint(each[1])):
        for at, nth in _laid(stems, terms, same):
            _put(slots[at], words[nth], asked)
            if len(slots) > 1 and (stems[at], terms[nth]) not in replaced.alike:
                slots[at].in_phrase |= {words[nth]}
            same[at].add(terms[nth])  # and so says where the words of the next phrase belong
    return slots


def _standing(
    own: Iterable[Slot], replaced: Replaced, asked: Vocabulary
) -> list[tuple[list[str], list[str]]]:
    """The phrases that stand for the slots here, each as its words and their stems."""
    said = {asked.words[slot.word].term for slot in own}
    phrases = [
        (words, [asked.words[word].term for word in words])
        for words in map(meaning, replaced.replacements)
        if all(map(asked.products, words))
    ]
    return [(words, terms) for words, terms in phrases if not said <= set(terms)]


def _divided(own: Sequence[Slot], count: int) -> list[Slot]:
    """As many slots; the weight stays the same together."""
    share = len(own) / count
    return [
        replace(slot, weight=slot.weight * share, others=[]) for slot, _ in _paired(own, list(range(count)))
    ]


def _put(slot: Slot, word: str, asked: Vocabulary) -> None:
    """A synonym beside the slot's own word, or before it: in English texts *the* says less of thé than tea does."""
    is_filler = slot.word in FILLERS
    slot.factor = SYNONYM_FACTOR if is_filler else 1.0
    trust = SYNONYM_FACTOR if asked.products(slot.word) and not is_filler else 1.0
    slot.others.append((word, trust, "synonym"))


def _laid(
    own: Sequence[str], theirs: Sequence[str], same: Sequence[Collection[str]]
) -> list[tuple[int, int]]:
    """Which slot each word of a phrase goes to, as places in both, which are given by their stems.

    `same` are the stems that mean the same as each slot's own.
    """
    free = [at for at, stem in enumerate(own) if stem not in theirs] or list(range(len(own)))
    moved = [nth for nth, stem in enumerate(theirs) if stem not in own] or list(range(len(theirs)))
    beside: dict[int, int] = {}
    for nth in moved:
        if home := [at for at in free if at not in beside and theirs[nth] in same[at]]:
            beside[home[0]] = nth
    left = [at for at in free if at not in beside]
    rest = [nth for nth in moved if nth not in beside.values()]
    return [*beside.items(), *(_paired(left or free, rest or moved) if left or rest else ())]


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
