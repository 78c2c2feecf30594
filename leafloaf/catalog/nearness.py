"""Which of the best keyword matches say the query as it is said: garlic bread before bread with garlic.

Arithmetic only: no database, no Django.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

PAIR_BONUS = 0.1
"""What a product gains that has every pair of neighbouring words of the query side by side, in order."""


def bonus(groups: Sequence[frozenset[str]], name: Sequence[str]) -> float:
    """The factor for a name, given as terms, from the query's groups of terms in their order."""
    pairs = list(pairwise(groups))
    if not pairs:
        return 1.0
    beside = list(pairwise(name))
    held = sum(any(a in left and b in right for a, b in beside) for left, right in pairs)
    return 1 + PAIR_BONUS * held / len(pairs)


def reordered(
    scores: Sequence[tuple[int, float]], names: Mapping[int, Sequence[str]], groups: Sequence[frozenset[str]]
) -> list[tuple[int, float]]:
    """The products with their scores and bonuses, best first."""
    raised = [(pk, score * bonus(groups, names[pk])) for pk, score in scores]
    return sorted(raised, key=lambda pair: (-pair[1], pair[0]))
