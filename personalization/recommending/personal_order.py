"""Search results in the order for one person, and why each of them was moved up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Protocol

import numpy as np
from django.conf import settings

from personalization.recommending import rerank
from personalization.signals.affinity import Affinities
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory

OFTEN = 2
"""Purchases from which something is bought often."""


class Result(Protocol):
    """What the order looks at in a search result."""

    @property
    def sku(self) -> str: ...
    @property
    def brand(self) -> str | None: ...
    @property
    def category(self) -> str | None: ...
    @property
    def score(self) -> float: ...
    @property
    def is_pinned(self) -> bool: ...


@dataclass(frozen=True)
class Ordered:
    """The places of the results in their new order, and the reasons for each result that is liked, by its SKU."""

    places: list[int]
    reasons: dict[str, list[str]]


def ordered(results: Sequence[Result], memory: Memory, now: datetime, page: int) -> Ordered | None:
    """The results for one person; None when nothing is known of them.

    Args:
        now: in the time zone in which the reasons tell days.
        page: results on a page.
    """
    if not memory.products:
        return None
    affinities = memory.affinities(now.timestamp(), settings.RERANK_PROFILE)
    best = max((result.score for result in results), default=0.0) or 1.0
    candidates = [
        rerank.Candidate(
            min(max(result.score / best, 0.0), 1.0),
            affinities.liking(result.sku, result.brand, result.category),
            result.is_pinned,
        )
        for result in results
    ]
    told = Reasons(memory, affinities, now.tzinfo)
    reasons = {result.sku: told.of(result.sku, result.brand) for result in results}
    return Ordered(rerank.order(candidates, page), {sku: why for sku, why in reasons.items() if why})


@dataclass(frozen=True)
class Reasons:
    """What is remembered, as sentences to the shopper."""

    memory: Memory
    affinities: Affinities
    zone: tzinfo | None

    def of(self, product: str, brand: str | None) -> list[str]:
        """At most one reason for the product itself and one for its brand."""
        if product in self.affinities.disliked:
            return []
        return [why for why in (self._of_product(product), self._of_brand(brand)) if why]

    def _of_product(self, product: str) -> str | None:
        times, last = self._bought.get(product, (0, 0))
        if times >= OFTEN:
            return f"You bought this {times} times; last on {self._day(last)}"
        if times:
            return f"You bought this on {self._day(last)}"
        return "You showed an interest in this" if product in self.affinities.products else None

    def _of_brand(self, brand: str | None) -> str | None:
        if brand is None or self._brands.get(brand, 0) < OFTEN:
            return None
        return f"You often buy {brand}"

    @cached_property
    def _bought(self) -> dict[str, tuple[int, int]]:
        """How often each product was bought, and the second of the last time."""
        purchases, place = self.memory.of(Signal.PURCHASE)
        size = len(self.memory.products)
        times = np.bincount(place, minlength=size)
        last = np.zeros(size, np.int64)
        np.maximum.at(last, place, purchases["second"].astype(np.int64))
        rows = zip(self.memory.products, times.tolist(), last.tolist(), strict=True)
        return {row.product_id: (count, second) for row, count, second in rows if count}

    @cached_property
    def _brands(self) -> dict[str, int]:
        """Purchases of each brand."""
        sums: dict[str, int] = {}
        for row in self.memory.products:
            if row.brand and row.product_id in self._bought:
                sums[row.brand] = sums.get(row.brand, 0) + self._bought[row.product_id][0]
        return sums

    def _day(self, second: int) -> str:
        at = datetime.fromtimestamp(second, self.zone)
        return f"{at.day} {at:%B}"
