"""A list that is not all of one shelf, and in which what goes with the cart has its places."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW, MOST_OF_A_SHELF = 20, 3
"""Of the first so many at most so many are of one shelf, as long as others are left."""
EVERY = 4
"""Each so-manieth place is kept for what goes with the cart, as long as there is some."""


@dataclass(frozen=True)
class Candidate:
    """One product; a product without a shelf is like no other."""

    shelf: str | None
    is_complement: bool = False


def arranged(candidates: Sequence[Candidate], limit: int) -> list[int]:
    """The places of the chosen in the order to show, from candidates in the order of their scores."""
    left = list(range(len(candidates)))
    on_shelf: Counter[str | None] = Counter()
    chosen: list[int] = []

    def fits(place: int) -> bool:
        """A window that is over, or a shelf that has room in it."""
        shelf = candidates[place].shelf
        return len(chosen) >= WINDOW or shelf is None or on_shelf[shelf] < MOST_OF_A_SHELF

    while left and len(chosen) < limit:
        best = next(filter(fits, left), left[0])
        if (len(chosen) + 1) % EVERY == 0:
            complements = (place for place in left if candidates[place].is_complement)
            best = next(filter(fits, complements), best)
        left.remove(best)
        chosen.append(best)
        on_shelf[candidates[best].shelf] += 1
    return chosen
