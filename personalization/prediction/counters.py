"""What is remembered of a shopper and a product, each purchase a step that costs the same however long the history.

Decayed sums are kept as they stood at the last purchase and brought up to date when read: exact, nothing sweeps them.
All functions work on arrays: a row of one shopper in a request, every row of the shop at night.
"""

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from personalization.prediction.histories import Histories, Numbers

Floats = npt.NDArray[np.float64]

SLOW, BRISK, QUICK = 0.95, 0.8, 0.5
"""What a purchase still counts after one more order of the shopper."""
DAILY = 0.98
"""The same, after one more day."""


@dataclass
class Counters:
    """One row a shopper and product; a row of count 0 was never bought."""

    count: Floats
    first: Floats
    last: Floats
    first_day: Floats
    last_day: Floats
    slow: Floats
    brisk: Floats
    quick: Floats
    daily: Floats
    gap_squares: Floats
    """The sum of squared days between purchases; with first day, last day and count: their mean and spread."""

    @classmethod
    def empty(cls, rows: int) -> "Counters":
        return cls(*(np.zeros(rows) for _ in fields(cls)))

    def bought(self, rows: Numbers, order: Numbers, day: Numbers) -> None:
        """One purchase in each of these rows, all different, in the shopper's order of that number."""
        is_new = self.count[rows] == 0
        orders = np.where(is_new, 0, order - self.last[rows])
        days = np.where(is_new, 0, day - self.last_day[rows])
        for sums, decay, passed in (
            (self.slow, SLOW, orders),
            (self.brisk, BRISK, orders),
            (self.quick, QUICK, orders),
            (self.daily, DAILY, days),
        ):
            sums[rows] = sums[rows] * decay**passed + 1
        self.gap_squares[rows] += days**2
        self.first[rows] = np.where(is_new, order, self.first[rows])
        self.first_day[rows] = np.where(is_new, day, self.first_day[rows])
        self.count[rows] += 1
        self.last[rows], self.last_day[rows] = order, day


def decayed(sums: Floats, decay: float, passed: Floats) -> Floats:
    """A sum as it stands so many orders or days after its last purchase."""
    return np.asarray(sums * decay**passed)


def totals(place: Numbers, amounts: Floats, length: int) -> Floats:
    """The sum of the amounts at each place from 0 up to the length."""
    return np.bincount(place, amounts, minlength=length).astype(np.float64)


@dataclass
class Record:
    """All that is remembered at one moment: `starts` says where each shopper's rows begin; they go by product."""

    starts: Numbers
    shopper: Numbers
    product: Numbers
    products: int
    counters: Counters
    orders: Floats
    lines: Floats
    last_size: Floats
    first_day: Floats
    last_day: Floats

    @classmethod
    def blank(cls, histories: Histories) -> "Record":
        """Room for every pair of the histories, nothing counted yet."""
        shoppers, products = len(histories.shoppers), len(histories.products)
        pairs = np.unique(histories.shopper * products + histories.product)
        shopper, product = np.divmod(pairs, max(products, 1))
        starts = np.searchsorted(shopper, np.arange(shoppers + 1))
        zeros = (np.zeros(shoppers) for _ in range(5))
        return cls(starts, shopper, product, products, Counters.empty(len(pairs)), *zeros)

    @classmethod
    def at_once(cls, lines: Histories) -> "Record":
        """What `blank` and then `add` give, by direct sums: some fifteen steps, however long the history."""
        record = cls.blank(lines)
        if len(lines.shopper):
            record._sum(lines)
            record._count_orders(lines)
        return record

    def _sum(self, lines: Histories) -> None:
        key = lines.shopper * self.products + lines.product
        by_row = np.lexsort((lines.order, key))
        key, order, day = key[by_row], lines.order[by_row], lines.day[by_row]
        begin = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        size = np.diff(np.r_[begin, len(key)])
        end = begin + size - 1
        orders, days = np.repeat(order[end], size) - order, np.repeat(day[end], size) - day
        gaps = np.diff(day, prepend=0)
        gaps[begin] = 0
        counters = self.counters
        counters.count[:], counters.gap_squares[:] = size, np.add.reduceat(gaps**2, begin)
        counters.first[:], counters.last[:] = order[begin], order[end]
        counters.first_day[:], counters.last_day[:] = day[begin], day[end]
        for sums, decay, passed in (
            (counters.slow, SLOW, orders),
            (counters.brisk, BRISK, orders),
            (counters.quick, QUICK, orders),
            (counters.daily, DAILY, days),
        ):
            sums[:] = np.add.reduceat(decay**passed, begin)

    def add(self, lines: Histories) -> None:
        """Counts more lines, each shopper's orders later than what was counted before."""
        if not len(lines.shopper):
            return
        keys = self.shopper * self.products + self.product
        row = np.searchsorted(keys, lines.shopper * self.products + lines.product)
        by_row = np.lexsort((lines.order, row))
        nth = _nth(row[by_row])
        turns = np.argsort(nth, kind="stable")
        bounds = np.searchsorted(nth[turns], np.arange(nth.max() + 2))
        for begin, end in pairwise(bounds.tolist()):
            chosen = by_row[turns[begin:end]]
            self.counters.bought(row[chosen], lines.order[chosen], lines.day[chosen])
        self._count_orders(lines)

    def _count_orders(self, lines: Histories) -> None:
        shoppers, day = len(self.orders), lines.day.astype(float)  # `at` is slow where it has to convert
        here = np.flatnonzero(np.bincount(lines.shopper, minlength=shoppers))
        is_first = self.orders[here] == 0
        earliest = np.full(shoppers, np.inf)
        np.minimum.at(earliest, lines.shopper, day)
        self.first_day[here] = np.where(is_first, earliest[here], self.first_day[here])
        self.last_day[here[is_first]] = earliest[here[is_first]]
        np.maximum.at(self.last_day, lines.shopper, day)
        np.maximum.at(self.orders, lines.shopper, lines.order + 1.0)
        self.lines += np.bincount(lines.shopper, minlength=shoppers)
        is_last = lines.order == self.orders[lines.shopper] - 1
        sizes = np.bincount(lines.shopper[is_last], minlength=shoppers)
        self.last_size[here] = sizes[here]


def until(histories: Histories, left_out: int) -> Histories:
    """The histories without the last so many orders of each shopper."""
    return histories.only(histories.order < histories.orders[histories.shopper] - left_out)


def order_from_end(histories: Histories, place: int) -> Histories:
    """Of each shopper the one order with `place` orders after it."""
    return histories.only(histories.order == histories.orders[histories.shopper] - 1 - place)


def _nth(sorted_rows: Numbers) -> Numbers:
    """0 for the first of each row, 1 for the second, …"""
    place = np.arange(len(sorted_rows))
    is_first = np.r_[True, sorted_rows[1:] != sorted_rows[:-1]]
    return np.asarray(place - np.maximum.accumulate(np.where(is_first, place, 0)))
