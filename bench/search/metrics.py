"""How good a ranked page is, given the grades of the products that somebody judged; others have grade 0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PAGE = 10


@dataclass(frozen=True, slots=True)
class Scores:
    """One query on one engine; `empty` is 1 when it found nothing at all."""

    ndcg: float
    recall: float
    reciprocal_rank: float
    empty: float


def scores(page: Sequence[str], grades: Mapping[str, int]) -> Scores:
    page = page[:PAGE]
    wanted = relevant(grades)
    return Scores(ndcg(page, grades), recall(page, wanted), reciprocal_rank(page, wanted), float(not page))


def relevant(grades: Mapping[str, int]) -> set[str]:
    """What counts as found: at least half of the highest grade that the query has."""
    best = max(grades.values(), default=0)
    return {sku for sku, grade in grades.items() if grade > 0 and 2 * grade >= best}


def ndcg(page: Sequence[str], grades: Mapping[str, int]) -> float:
    """Discounted gain, the grade itself being the gain (as trec_eval has it), as a share of the best page's."""
    ideal = gain(sorted(grades.values(), reverse=True)[:PAGE])
    return gain([grades.get(sku, 0) for sku in page]) / ideal if ideal else 0.0


def gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))


def recall(page: Sequence[str], wanted: set[str]) -> float:
    """The share of what a page can hold: ten found of forty are all that fit."""
    return len(wanted.intersection(page)) / min(PAGE, len(wanted)) if wanted else 0.0


def reciprocal_rank(page: Sequence[str], wanted: set[str]) -> float:
    return next((1 / place for place, sku in enumerate(page, 1) if sku in wanted), 0.0)
