"""The order of a page for one person: what they like moves up, so far and no further.

A permutation of the candidates. Nobody rises more than `UP` places or falls more than `DOWN`, a clear match never
leaves the page it stood on, what staff pinned stays where it is, and without likings nothing moves at all.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

UP, DOWN = 10, 4
CLEAR = 0.8
"""Of the best match's score: from there on a match is clear."""
WEIGHT = 0.3
"""What the greatest liking adds to a score, which is 1 for the best match."""


@dataclass(frozen=True)
class Candidate:
    """One result in the order without a person; `score` is 0 to 1, `liking` -1 to 1."""

    score: float
    liking: float = 0.0
    is_pinned: bool = False


def order(candidates: Sequence[Candidate], page: int) -> list[int]:
    """The places of the candidates in their new order.

    Args:
        page: results on a page.
    """
    if not any(candidate.liking for candidate in candidates if not candidate.is_pinned):
        return list(range(len(candidates)))
    free = [place for place, candidate in enumerate(candidates) if not candidate.is_pinned]
    moved = iter(_order([candidates[place] for place in free], _deadlines(candidates, free, page)))
    return [place if candidate.is_pinned else free[next(moved)] for place, candidate in enumerate(candidates)]


def _deadlines(candidates: Sequence[Candidate], free: Sequence[int], page: int) -> list[int]:
    """The last turn of each that is free to move, counted among those."""
    turns = []
    for turn, place in enumerate(free):
        latest = turn + DOWN
        if candidates[place].score >= CLEAR:
            latest = min(latest, bisect_left(free, (place // page + 1) * page) - 1)
        turns.append(latest)
    return turns


def _order(candidates: Sequence[Candidate], deadlines: Sequence[int]) -> list[int]:
    """At each turn the best of those that may rise so far, unless others have to come first to be in time."""
    values = [candidate.score + WEIGHT * candidate.liking for candidate in candidates]
    waiting = sorted(range(len(candidates)), key=lambda one: (deadlines[one], one))
    placed = []
    for turn in range(len(candidates)):
        urgent = next(
            (count for count, one in enumerate(waiting) if deadlines[one] == turn + count), len(waiting) - 1
        )
        allowed = [one for one in waiting[: urgent + 1] if one <= turn + UP]
        best = max(allowed, key=lambda one: (values[one], -one))
        waiting.remove(best)
        placed.append(best)
    return placed
