"""What one person is likely to buy next, by what the shop has learned, with the reasons for each product."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property

import numpy as np

from personalization.learning.learned import Learned
from personalization.prediction import evidence, logistic, next_basket
from personalization.prediction.counters import QUICK, SLOW, Floats, decayed
from personalization.prediction.evidence import Evidence
from personalization.prediction.histories import Numbers
from personalization.prediction.next_basket import BasketWeights, Shop
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory

OFTEN, LEAST_ORDERS = 0.5, 3
"""A product in so many of the orders since the first with it, if those are enough, is told as a share of them."""
WORDS = {
    "alike": "Shoppers who buy {} buy this too",
    "basket": "Often bought with {}",
    "following": "Others buy this after {}",
}
"""What each table of associations says of a product beside one of the person's own."""
POPULAR_TERMS = frozenset({"trend", "popularity", "shoppers", "item rate"})
ASSOCIATED_TERMS = frozenset({"association", *evidence.ASSOCIATED})


@dataclass(frozen=True)
class Predictions:
    """The candidates of one person, the most probable first."""

    memory: Memory
    shop: Shop
    found: Evidence
    weights: BasketWeights | None
    skus: list[str]
    chances: list[float]
    """Of each candidate in the next basket; without learned weights a score from 0 to 1."""
    is_own: list[bool]
    """Whether it was bought before."""

    def reasons(self, place: int, zone: tzinfo) -> list[str]:
        """Why a candidate is among them: its rhythm, what it goes with, or that others like it."""
        if self.is_own[place]:
            return [self._rhythm(place, zone), *self._share(place)]
        terms = next_basket.terms(self.found, self.shop, self.weights, place)
        popular = sum(terms.get(name, 0.0) for name in POPULAR_TERMS)
        associated = sum(terms.get(name, 0.0) for name in ASSOCIATED_TERMS)
        nearest = self._nearest(int(self.found.product[place]))
        return [nearest] if nearest and (associated > 0 or popular <= 0) else ["Popular with other shoppers"]

    def _rhythm(self, place: int, zone: tzinfo) -> str:
        counters, row = self.shop.record.counters, self.found.row[place]
        last = self._last(place, zone)
        days = counters.last_day[row] - counters.first_day[row]
        if counters.count[row] < 2 or not days:
            return f"You bought this on {last}"
        cycle = max(round(float(days / (counters.count[row] - 1))), 1)
        return f"You buy this about every {f'{cycle} days' if cycle > 1 else 'day'}; last on {last}"

    def _share(self, place: int) -> list[str]:
        record, row = self.shop.record, self.found.row[place]
        count, orders = int(record.counters.count[row]), int(record.orders[0] - record.counters.first[row])
        is_often = orders >= LEAST_ORDERS and count >= OFTEN * orders
        return [f"In {count} of your last {orders} orders"] if is_often else []

    def _last(self, place: int, zone: tzinfo) -> str:
        """The day of the last purchase where the shop is; with the year unless it is that of the last order."""
        at = datetime.fromtimestamp(self._seconds[self.skus[place]], zone)
        latest = datetime.fromtimestamp(max(self._seconds.values()), zone)
        return f"{at.day} {at:%B}" if at.year == latest.year else f"{at.day} {at:%B} {at.year}"

    @cached_property
    def _seconds(self) -> dict[str, int]:
        """When each product was bought last."""
        bought, place = self.memory.of(Signal.PURCHASE)
        by_time = np.argsort(bought["second"], kind="stable")
        rows = self.memory.products
        seconds = zip(place[by_time].tolist(), bought["second"][by_time].tolist(), strict=True)
        return {rows[row].product_id: second for row, second in seconds}

    def _nearest(self, product: int) -> str | None:
        """What is said of the product of the person's own that says most for this one."""
        best, said = 0.0, None
        for name, words in WORDS.items():
            table = getattr(self.shop.tables, name)
            known = self._items < len(table.product)
            items, share = self._items[known], self._share_of_items[known]
            amount = ((table.product[items] == product) * table.similarity[items]).sum(1) * share
            if len(amount) and amount.max() > best:
                best, item = float(amount.max()), int(items[amount.argmax()])
                said = words.format(self._names[item]) if item in self._names else said
        return said

    @cached_property
    def _items(self) -> Numbers:
        """The numbers of the person's own products."""
        return self.shop.record.product

    @cached_property
    def _share_of_items(self) -> Floats:
        record = self.shop.record
        passed = record.orders[0] - 1 - record.counters.last
        lately, always = (
            decayed(sums, decay, passed)
            for sums, decay in ((record.counters.quick, QUICK), (record.counters.slow, SLOW))
        )
        return np.asarray(lately / max(lately.sum(), 1e-12) + always / max(always.sum(), 1e-12))

    @cached_property
    def _names(self) -> dict[int, str]:
        """The names of the person's own products by number, of those that the catalogue still has."""
        names = {row.product_id: row.name for row in self.memory.products}
        own = {
            int(product): names.get(sku)
            for product, sku, own in zip(self.found.product, self.skus, self.is_own, strict=True)
            if own
        }
        return {number: name for number, name in own.items() if name}


def of(memory: Memory, shop: Learned) -> Predictions | None:
    """The predictions for a person; None for who has bought nothing."""
    if not len(memory.of(Signal.PURCHASE)[1]):
        return None
    read, names = shop.shop_of(memory)
    found = evidence.gathered(read.record, read.products, read.tables, np.zeros(1, np.int64))
    scores = next_basket.scores(found, read, shop.basket_weights)
    chances = np.clip(scores, 0, 1) if shop.basket_weights is None else logistic.probability(scores)
    best = np.lexsort((found.product, -chances))
    found = Evidence(found.shopper[best], found.product[best], found.row[best], found.support[best])
    return Predictions(
        memory, read, found, shop.basket_weights, [names[product] for product in found.product.tolist()],
        chances[best].tolist(), found.is_own.tolist(),
    )  # fmt: skip
