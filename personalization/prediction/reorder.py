"""The next purchase of what a shopper buys again: the day expected, and how probable it is in a week, two, a month."""

from dataclasses import dataclass

import numpy as np

from personalization.prediction import cadence, product_statistics
from personalization.prediction.cadence import Rhythms
from personalization.prediction.counters import Floats, Record
from personalization.prediction.histories import Histories, Numbers
from personalization.prediction.product_statistics import Products
from personalization.prediction.reorder_training import HORIZONS, ReorderWeights


@dataclass(frozen=True)
class Reorders:
    """One row a shopper and product with at least two purchases; days are in the unit of the history."""

    shopper: Numbers
    product: Numbers
    cycle_days: Floats
    last_purchase: Numbers
    next_expected: Numbers
    confidence: Floats
    """The probability of a purchase by `next_expected`."""
    within: dict[int, Floats]


def expected(histories: Histories, day: int, weights: ReorderWeights | None) -> Reorders:
    """The predictions of this day, from the lines up to it."""
    record = remembered(histories, day)
    return of_record(record, product_statistics.measured(record), day, weights)


def of_record(record: Record, products: Products, day: int, weights: ReorderWeights | None) -> Reorders:
    """The predictions of this day, from what was known at the end of it."""
    return predicted(record, cadence.rhythms(record, products, day), day, weights)


def remembered(histories: Histories, day: int) -> Record:
    """What was known at the end of the day."""
    record = Record.blank(histories)
    record.add(histories.only(histories.day <= day))
    return record


def predicted(record: Record, found: Rhythms, day: int, weights: ReorderWeights | None) -> Reorders:
    """The predictions of these rhythms; without weights from the plain cycle."""
    wait = _wait(found, weights)
    if weights is None:
        within = {days: cadence.plain_chance(found, float(days)) for days in HORIZONS}
        confidence = cadence.plain_chance(found, wait)
    else:
        within = {days: chance.of(found.features) for days, chance in weights.within.items()}
        confidence = weights.by_then.of(found.features)
    return Reorders(
        record.shopper[found.row], record.product[found.row], found.cycle,
        record.counters.last_day[found.row].astype(np.int64), day + wait.astype(np.int64), confidence,
        _never_less(within),
    )  # fmt: skip


def _wait(found: Rhythms, weights: ReorderWeights | None) -> Floats:
    days = cadence.plain_wait(found) if weights is None else weights.days(found.features)
    return np.maximum(np.ceil(days), 0)


def _never_less(within: dict[int, Floats]) -> dict[int, Floats]:
    """A longer time is never given less than a shorter one."""
    risen: dict[int, Floats] = {}
    least: Floats | float = 0.0
    for days in sorted(within):
        least = risen[days] = np.maximum(within[days], least)
    return risen
