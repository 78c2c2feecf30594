"""Which words of the catalogue a misspelt word may stand for. Arithmetic only: no database, no Django."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_ERRORS = 2
SHORTEST_FOR_TWO_ERRORS = 5
SHORTEST = 3
ALTERNATIVES = 6
FURTHEST_BEHIND = 1.0
"""An alternative whose cost is so much above the best one's is left out."""
SKELETON_BONUS = 0.3
FIRST_LETTER_COST = 0.5
TRANSPOSED_COST = 0.7
COMMON_BONUS = 0.18
"""For each power of ten of products that have the word."""
UNFINISHED_COST, LETTER_COST, NOT_LAST_COST = 0.5, 0.12, 0.5
"""A word that stops short, each letter that it lacks, and that more words come after it."""
JOINED_COST = 1.5
VOWELS = re.compile("[aeiouyh]")
DOUBLED = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a typed word may stand for and what taking it so costs (0 is the same word)."""

    words: tuple[str, ...]
    cost: float
    origin: str


def errors_allowed(word: str) -> int:
    if len(word) < SHORTEST:
        return 0
    return MOST_ERRORS if len(word) >= SHORTEST_FOR_TWO_ERRORS else 1


def misspelt(word: str, candidates: Iterable[tuple[str, int]], most: int) -> Iterator[Alternative]:
    """Those of the candidates (word, products that have it) within so many errors."""
    for candidate, products in candidates:
        errors = distance(word, candidate, most)
        if errors is not None and candidate != word:
            yield Alternative((candidate,), cost(word, candidate, errors, products), "spelling")


def unfinished(word: str, candidates: Iterable[tuple[str, int]], *, is_last: bool) -> Iterator[Alternative]:
    """The candidates begin with the word."""
    for candidate, products in candidates:
        price = UNFINISHED_COST + LETTER_COST * (len(candidate) - len(word)) - common(products)
        yield Alternative((candidate,), price + (0 if is_last else NOT_LAST_COST), "beginning")


def joined(parts: tuple[str, str], products: int) -> Alternative:
    """Two words written as one; `products` have the rarer one."""
    return Alternative(parts, JOINED_COST - common(products), "compound")


def likeliest(alternatives: Iterable[Alternative]) -> list[Alternative]:
    """The few cheapest, each word once."""
    first: dict[tuple[str, ...], Alternative] = {}
    for each in sorted(alternatives, key=lambda each: (each.cost, each.words)):
        first.setdefault(each.words, each)
    priced = list(first.values())
    return [each for each in priced if each.cost <= priced[0].cost + FURTHEST_BEHIND][:ALTERNATIVES]


def common(products: int) -> float:
    return COMMON_BONUS * math.log10(1 + products)


def cost(word: str, candidate: str, errors: float, products: int) -> float:
    """Errors, less what makes them likely: the same consonants, the same first letter, a common word."""
    price = errors - common(products)
    if skeleton(word) == skeleton(candidate):
        price -= SKELETON_BONUS
    if word[0] != candidate[0]:
        price += FIRST_LETTER_COST
    return price


def skeleton(word: str) -> str:
    """The consonants in order, doubled ones once: what people keep when they misspell."""
    return word[0] + VOWELS.sub("", DOUBLED.sub(r"\1", word)[1:])


def distance(left: str, right: str, most: int) -> float | None:
    """Optimal string alignment: inserted, left out, changed and transposed letters; None when above `most`."""
    if abs(len(left) - len(right)) > most:
        return None
    before: list[float] = []
    above: list[float] = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row: list[float] = [i]
        for j, b in enumerate(right, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b and a != b:
                best = min(best, before[j - 2] + TRANSPOSED_COST)
            row.append(best)
        if min(row) > most and min(above) > most:
            return None
        before, above = above, row
    return above[-1] if above[-1] <= most else None
