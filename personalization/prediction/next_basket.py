"""What a shopper buys next: candidates in the order of a score, each term of which is its own explanation.

Learned weights when there are any, else a closed form that needs none. Neither is the preference score of a profile.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from personalization.prediction import evidence
from personalization.prediction.associations import Associations
from personalization.prediction.counters import SLOW, Floats, Record, decayed
from personalization.prediction.evidence import Evidence
from personalization.prediction.histories import Numbers
from personalization.prediction.logistic import Weights
from personalization.prediction.product_statistics import Products

CELLS = 2_000_000


@dataclass(frozen=True)
class BasketWeights:
    """One set for products the shopper has bought, one for those they have not; both score in log odds."""

    own: Weights
    new: Weights


@dataclass(frozen=True)
class Shop:
    """All that a prediction reads, as it stood at one moment."""

    record: Record
    products: Products
    tables: Associations


def closed_form(found: Evidence, shop: Shop) -> Floats:
    """(decayed + 4 item rate) / (decayed exposure + 4) + .1 x association (x .2 if own) + .2 trend."""
    return np.asarray(np.sum(list(closed_terms(found, shop).values()), axis=0))


def closed_terms(found: Evidence, shop: Shop) -> dict[str, Floats]:
    """The three terms of the closed form."""
    own, counters = found.is_own, shop.record.counters
    row, orders = found.row[own], shop.record.orders[found.shopper[own]]
    passed = orders - 1 - counters.last[row]
    exposure = (1 - SLOW ** (orders - counters.first[row])) / (1 - SLOW)
    habit = np.zeros(len(own))
    habit[own] = decayed(counters.slow[row], SLOW, passed) + 4 * shop.products.rate[found.product[own]]
    habit[own] /= exposure + 4
    return {
        "habit": habit,
        "association": 0.1 * found.support[:, 0] * np.where(own, 0.2, 1),
        "trend": 0.2 * shop.products.trend[found.product],
    }


def scores(found: Evidence, shop: Shop, weights: BasketWeights | None) -> Floats:
    """Higher is likelier; log odds when the weights are learned."""
    if weights is None:
        return closed_form(found, shop)
    scored = np.zeros(len(found.product))
    scored[found.is_own] = weights.own.scores(evidence.own_features(found, shop.record, shop.products))
    scored[~found.is_own] = weights.new.scores(evidence.new_features(found, shop.record, shop.products))
    return scored


def terms(found: Evidence, shop: Shop, weights: BasketWeights | None, place: int) -> dict[str, float]:
    """What each term adds to the score of one candidate."""
    chosen = slice(place, place + 1)
    one = Evidence(found.shopper[chosen], found.product[chosen], found.row[chosen], found.support[chosen])
    if weights is None:
        return {name: float(values[0]) for name, values in closed_terms(one, shop).items()}
    if one.is_own[0]:
        return weights.own.terms(evidence.own_features(one, shop.record, shop.products)[0])
    return weights.new.terms(evidence.new_features(one, shop.record, shop.products)[0])


def predicted(
    shop: Shop, shoppers: Numbers, weights: BasketWeights | None, items: int = 20
) -> Iterator[tuple[int, Numbers]]:
    """(shopper, products best first) for each of these shoppers."""
    for some in parts(shoppers, shop.record.products):
        found = evidence.gathered(shop.record, shop.products, shop.tables, some)
        yield from ranked(found, scores(found, shop, weights), some, items)


def ranked(
    found: Evidence, scored: Floats, shoppers: Numbers, items: int = 20
) -> Iterator[tuple[int, Numbers]]:
    """(shopper, products best first) for each of the shoppers whose candidates were scored."""
    best = np.lexsort((found.product, -scored, found.shopper))
    starts = np.searchsorted(found.shopper[best], np.sort(shoppers))
    ends = np.r_[starts[1:], len(best)]
    for shopper, start, end in zip(np.sort(shoppers), starts, ends, strict=True):
        yield int(shopper), found.product[best[start : min(end, start + items)]]


def parts(shoppers: Numbers, products: int) -> Iterator[Numbers]:
    """As many at a time as fit into the memory that one part may take."""
    size = max(1, min(256, CELLS // max(products, 1)))
    for begin in range(0, len(shoppers), size):
        yield shoppers[begin : begin + size]
