"""What purchases hint of a household: how many people, small children, pets. Guesses, each with its reason.

A hint is told only to who asked for it, and never more surely than `MOST_CONFIDENCE`: who buys cat food may feed a
neighbour's cat.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from personalization.signals.decay import DAY

RECENT_DAYS = 90
LEAST_ORDERS, LEAST_DAYS = 4, 28
"""Orders, and days from the first of them, before their size says how many live of them."""
UNITS = 10.0
"""What one person buys in a week, roughly, if all comes from one shop."""
MOST_PEOPLE = 8
LEAST_TIMES = 2
MOST_CONFIDENCE = 0.8
SHELVES = {
    "children": re.compile(
        r"\b(baby|babies|infants?|toddlers?|diapers?|kids|children|bébés?|couches|enfants?)\b", re.I
    ),
    "pets": re.compile(r"\b(pets?|dogs?|cats?|chiens?|chats?|animaux)\b", re.I),
}


@dataclass(frozen=True)
class Bought:
    """One line of an order; the moment in seconds since 1970."""

    second: int
    quantity: float
    category: str | None


@dataclass(frozen=True)
class Hint:
    """What may be so (`size`, `children`, `pets`), how sure that is from 0 to 1, and what it was told from."""

    about: str
    value: int | bool
    confidence: float
    because: str


def hints(lines: Sequence[Bought], now: float) -> list[Hint]:
    """From the purchases of the last days; nothing where they do not tell."""
    recent = [line for line in lines if 0 <= now - line.second <= RECENT_DAYS * DAY]
    found = [_size(recent, now), *(_on_shelves(name, words, recent) for name, words in SHELVES.items())]
    return [hint for hint in found if hint]


def _size(lines: Sequence[Bought], now: float) -> Hint | None:
    orders = len({line.second for line in lines})
    days = (now - min((line.second for line in lines), default=now)) / DAY
    if orders < LEAST_ORDERS or days < LEAST_DAYS:
        return None
    weekly = sum(line.quantity for line in lines) / days * 7
    size = min(max(round(weekly / UNITS), 1), MOST_PEOPLE)
    because = f"About {weekly:.0f} units a week over {orders} orders; one person buys some {UNITS:.0f}"
    return Hint("size", size, _confidence(orders, 12) / 2, because)


def _on_shelves(about: str, words: re.Pattern[str], lines: Iterable[Bought]) -> Hint | None:
    found = [line for line in lines if line.category and words.search(line.category)]
    orders = len({line.second for line in found})
    if orders < LEAST_TIMES:
        return None
    shelf = max(
        sorted({line.category for line in found if line.category}),
        key=lambda one: sum(line.category == one for line in found),
    )
    return Hint(about, True, _confidence(orders, 2), f"Bought from {shelf} in {orders} orders")


def _confidence(times: int, half: int) -> float:
    """Rises with the times it was seen; half of the most at `half`."""
    return round(MOST_CONFIDENCE * times / (times + half), 2)
