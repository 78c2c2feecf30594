"""How good a fit is, by what was held back from it: each shopper's last order, and everybody's last thirty days.

The same question is put to this fit, to the weights in use and to the closed form, over the same counters and tables,
so that their figures can be compared. The weights in use may have seen some of what is asked; this fit has not.
"""

from dataclasses import asdict, dataclass

import numpy as np

from personalization.prediction import (
    cadence,
    evidence,
    next_basket,
    product_statistics,
    reorder,
    reorder_training,
    training,
)
from personalization.prediction.accuracy import auc, calibration_error
from personalization.prediction.counters import Floats, Record, order_from_end, until
from personalization.prediction.histories import Histories, Numbers
from personalization.prediction.next_basket import BasketWeights
from personalization.prediction.reorder import Reorders
from personalization.prediction.reorder_training import ReorderWeights

AT = 10
MOST_ASKED = 4000
DAYS = 30
LEAST_PAIRS = 100
"""Fewer products with a rhythm say nothing of a probability."""

FIT, IN_USE, CLOSED_FORM = "this fit", "in use", "closed form"
Figures = dict[str, dict[str, float]]
"""For each of the three: figure by name."""


@dataclass(frozen=True)
class BasketFigures:
    recall: float
    """Of the order's products, the share among the first ten."""
    hits: float
    """The share of shoppers of whose order at least one product is among the first ten (PHR)."""


@dataclass(frozen=True)
class ReorderFigures:
    auc: float
    """Of a purchase within 7 days."""
    error: float
    """How far p7, p14, p30 and confidence are from what came true, on average of the four."""


def baskets(lines: Histories, in_use: BasketWeights | None, least_shoppers: int) -> Figures:
    """Recall and hits at ten of each shopper's last order, of some shoppers; nothing when nobody has ordered twice."""
    past, target = until(lines, 1), order_from_end(lines, 0)
    asked = np.flatnonzero(lines.orders > 1)
    asked = asked[:: max(1, -(-len(asked) // MOST_ASKED))]
    if not len(asked):
        return {}
    shop = training.shop_of(past, least_shoppers)
    contenders = {
        FIT: training.learned(past, least_shoppers),
        IN_USE: in_use,
        CLOSED_FORM: None,
    }
    found: dict[str, list[tuple[int, Numbers]]] = {name: [] for name in contenders}
    for some in next_basket.parts(asked, len(lines.products)):
        candidates = evidence.gathered(shop.record, shop.products, shop.tables, some)
        for name, weights in contenders.items():
            scored = next_basket.scores(candidates, shop, weights)
            found[name] += next_basket.ranked(candidates, scored, some, AT)
    wanted = np.unique(target.shopper * shop.record.products + target.product)
    return {
        name: asdict(_basket_figures(rankings, wanted, target, shop.record))
        for name, rankings in found.items()
    }


def _basket_figures(
    rankings: list[tuple[int, Numbers]], wanted: Numbers, target: Histories, record: Record
) -> BasketFigures:
    sizes = np.bincount(target.shopper, minlength=len(record.orders))
    hits = [
        np.isin(who * record.products + items, wanted, assume_unique=True).sum() for who, items in rankings
    ]
    shares = [count / sizes[who] for count, (who, _) in zip(hits, rankings, strict=True)]
    return BasketFigures(float(np.mean(shares)), float(np.mean(np.array(hits) > 0)))


def reorders(lines: Histories, in_use: ReorderWeights | None) -> Figures:
    """How well the purchases of the last days are told from before; nothing when there are too few to tell."""
    day = int(lines.day.max()) - DAYS
    if day <= lines.day.min():
        return {}
    record = reorder.remembered(lines, day)
    rhythms = cadence.rhythms(record, product_statistics.measured(record), day)
    if len(rhythms.row) < LEAST_PAIRS:
        return {}
    took = waits(lines, record, rhythms.row, day)
    contenders = {FIT: reorder_training.learned(lines, day), IN_USE: in_use, CLOSED_FORM: None}
    return {
        name: asdict(_reorder_figures(reorder.predicted(record, rhythms, day, weights), took, day))
        for name, weights in contenders.items()
    }


def _reorder_figures(found: Reorders, took: Floats, day: int) -> ReorderFigures:
    wait = found.next_expected - day
    known = wait <= DAYS
    errors = [calibration_error(chance, took <= days) for days, chance in found.within.items()]
    if known.any():
        errors.append(calibration_error(found.confidence[known], (took <= wait)[known]))
    return ReorderFigures(auc(found.within[7], took <= 7), float(np.mean(errors)))


def waits(lines: Histories, record: Record, rows: Numbers, day: int) -> Floats:
    """Days from a day to the next purchase of each of these rows of a record; inf where there was none."""
    future = lines.only(lines.day > day)
    key = future.shopper * record.products + future.product
    by_day = np.lexsort((future.day, key))
    keys, first = np.unique(key[by_day], return_index=True)
    if not len(keys):
        return np.full(len(rows), np.inf)
    wanted = record.shopper[rows] * record.products + record.product[rows]
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    came = future.day[by_day[first[place]]] - day
    return np.where(keys[place] == wanted, came.astype(float), np.inf)
