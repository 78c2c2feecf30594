"""Whether a person buys the cheap or the dear: the mean place of what they paid among the prices of the same shelf."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from personalization.prediction.counters import Floats

LEAST_PURCHASES = 5
LEAST_PRICES = 3
"""A shelf with fewer leaves no choice."""


def sensitivity(paid: Iterable[tuple[str, float]], prices: Mapping[str, Sequence[float]]) -> float | None:
    """0 for who always pays the most, 1 for who always pays the least; None when there is too little to tell.

    `paid` are (shelf, price) of each purchase, `prices` those of all products on each shelf.
    """
    shelves = {shelf: np.sort(np.asarray(all_of, float)) for shelf, all_of in prices.items()}
    places = [
        _place(price, shelves[shelf]) for shelf, price in paid if len(shelves.get(shelf, ())) >= LEAST_PRICES
    ]
    return float(np.mean(places)) if len(places) >= LEAST_PURCHASES else None


def _place(price: float, prices: Floats) -> float:
    """The share of the prices above this one, and half of those equal to it: the cheapest is 1, the dearest 0."""
    above = len(prices) - np.searchsorted(prices, price, "right")
    below = np.searchsorted(prices, price, "left")
    return float(above / (above + below)) if above + below else 0.5
