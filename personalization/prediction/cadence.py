"""When a shopper buys a product again, told from the rhythm of their own purchases up to a day.

Every feature is the logarithm of a counter that a purchase updates in one step; `day` is the day that it is asked on.
"""

from dataclasses import dataclass

import numpy as np

from personalization.prediction.counters import DAILY, Floats, Record, decayed
from personalization.prediction.histories import Numbers
from personalization.prediction.product_statistics import Products

LEAST = 2
"""Purchases from which there is a rhythm."""
NAMES = (
    "cycle", "since last", "since last in cycles", "overdue", "spread", "count", "recent", "since first",
    "shopper's gap", "shopper away", "orders since", "share of orders", "product's rate", "product's popularity",
)  # fmt: skip


@dataclass(frozen=True)
class Rhythms:
    """One row a shopper and product that were together in at least two orders."""

    row: Numbers
    """The row of the counters."""
    cycle: Floats
    """Days between two purchases, on average."""
    waited: Floats
    """Days since the last."""
    features: Floats
    """The columns NAMES."""


def rhythms(record: Record, products: Products, day: int) -> Rhythms:
    """The rhythms as they stand at the end of the day."""
    counters = record.counters
    row = np.flatnonzero(counters.count >= LEAST)
    shopper, product, count = record.shopper[row], record.product[row], counters.count[row]
    span = counters.last_day[row] - counters.first_day[row]
    cycle = np.maximum(span / (count - 1), 0.5)
    waited = day - counters.last_day[row]
    spread = np.sqrt(np.maximum(counters.gap_squares[row] / (count - 1) - cycle**2, 0))
    orders = record.orders[shopper]
    gap = (record.last_day[shopper] - record.first_day[shopper] + 1) / orders
    features = np.column_stack((
        np.log(cycle), np.log1p(waited), np.log((waited + 1) / (cycle + 1)),
        np.maximum(np.log((waited + 1) / (cycle + 1)), 0), np.log1p(spread), np.log(count),
        np.log(decayed(counters.daily[row], DAILY, waited) + 1e-3), np.log1p(day - counters.first_day[row]),
        np.log(gap), np.log1p(day - record.last_day[shopper]), np.log1p(orders - 1 - counters.last[row]),
        np.log(count / orders), np.log(products.rate[product]), np.log(products.popularity[product]),
    ))  # fmt: skip
    return Rhythms(row, cycle, waited, features)


def plain_wait(found: Rhythms) -> Floats:
    """Days still to wait, before anything is learned: what is left of the cycle; once overdue, the longer the later."""
    return np.maximum(found.cycle - found.waited, np.maximum(found.cycle, found.waited) / 2)


def plain_chance(found: Rhythms, days: float | Floats) -> Floats:
    """The share bought within so many days when half are bought within the plain wait."""
    return np.asarray(1 - 0.5 ** (days / np.maximum(plain_wait(found), 0.5)))
