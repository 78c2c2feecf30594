"""One list of two: relative score fusion.

Each list's scores are stretched so that its best is 1 and its last is 0, weighted, and added; a product in one list
only has nothing from the other. Knows no Django and no search.
"""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Scored = Iterable[tuple[Key, float]]


def fuse(keyword: Scored[Key], semantic: Scored[Key], alpha: float) -> list[tuple[Key, float]]:
    """Products of both lists, best first, scores from 0 to 1; `alpha` is the weight of the semantic one.

    With 0 or 1 the products are those of the one list. Those of equal score stand as they stood in the keyword list,
    then the semantic one.
    """
    weighted = [(keyword, 1 - alpha), (semantic, alpha)]
    scores: dict[Key, float] = {}
    for scored, weight in weighted:
        if weight > 0:
            for key, score in relative(scored).items():
                scores[key] = scores.get(key, 0.0) + weight * score
    return sorted(((key, min(1.0, score)) for key, score in scores.items()), key=lambda pair: -pair[1])


def relative(scored: Scored[Key]) -> dict[Key, float]:
    """Scores between 0, the least, and 1, the greatest; all of them 1 when they are the same."""
    raw = dict(scored)
    if not raw:
        return {}
    least, greatest = min(raw.values()), max(raw.values())
    span = greatest - least
    return {key: (score - least) / span if span > 0 else 1.0 for key, score in raw.items()}
