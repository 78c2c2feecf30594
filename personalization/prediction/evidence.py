"""What speaks for each candidate of each shopper: the products they have bought, and the likeliest they have not."""

from dataclasses import dataclass

import numpy as np

from personalization.prediction import cooccurrence
from personalization.prediction.associations import Associations
from personalization.prediction.cooccurrence import runs
from personalization.prediction.counters import QUICK, SLOW, Floats, Record, decayed, totals
from personalization.prediction.histories import Numbers
from personalization.prediction.logistic import log_odds
from personalization.prediction.product_statistics import PRIOR, Products

NEW_CANDIDATES = 150


@dataclass(frozen=True)
class Evidence:
    """One row a candidate; `row` is the row of its counters, or -1 when it would be new to the shopper.

    The columns of `support` are what the three tables of association say of it, by all that the shopper buys and by
    what they bought last.
    """

    shopper: Numbers
    product: Numbers
    row: Numbers
    support: Floats

    @property
    def is_own(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.asarray(self.row >= 0)


def gathered(
    record: Record,
    products: Products,
    tables: Associations,
    shoppers: Numbers,
    fresh: int = NEW_CANDIDATES,
) -> Evidence:
    """The candidates of these shoppers."""
    size = record.starts[shoppers + 1] - record.starts[shoppers]
    rows, local = runs(record.starts[shoppers], size), np.repeat(np.arange(len(shoppers)), size)
    held = record.counters.count[rows] > 0
    rows, local = rows[held], local[held]
    support = _support(record, tables, shoppers, rows, local)
    new_local, new_product = _new(support, products, rows, local, record, fresh)
    everyone, product = np.r_[local, new_local], np.r_[record.product[rows], new_product]
    row = np.r_[rows, np.full(len(new_local), -1)]
    return Evidence(shoppers[everyone], product, row, support[:, everyone, product].T)


def _support(
    record: Record, tables: Associations, shoppers: Numbers, rows: Numbers, local: Numbers
) -> Floats:
    counters, found = record.counters, []
    passed = record.orders[shoppers[local]] - 1 - counters.last[rows]
    shape = (len(shoppers), record.products)
    shares = []
    for sums, decay in ((counters.slow, SLOW), (counters.quick, QUICK)):
        amount = decayed(sums[rows], decay, passed)
        whole = np.bincount(local, amount, minlength=len(shoppers))
        shares.append(amount / np.maximum(whole, 1e-12)[local])
    for table in (tables.alike, tables.basket, tables.following):
        for share in shares:
            told = (share > 1e-4) & (record.product[rows] < len(table.product))
            items = record.product[rows[told]]
            found.append(cooccurrence.gathered(table, local[told], items, share[told], shape))
    return np.stack(found)


def _new(
    support: Floats, products: Products, rows: Numbers, local: Numbers, record: Record, fresh: int
) -> tuple[Numbers, Numbers]:
    """The likeliest products that a shopper has not bought, by a rough sum."""
    rough = support[0] + support[1] / 2 + support[4] + support[5]
    rough = rough + 0.05 * products.trend / max(products.trend.max(initial=0), 1e-9)
    rough[local, record.product[rows]] = -1
    count = min(fresh, record.products)
    best = np.argpartition(-rough, count - 1, axis=1)[:, :count] if count else np.zeros((len(rough), 0), int)
    who = np.repeat(np.arange(len(rough)), count)
    is_new = rough[who, best.ravel()] >= 0
    return who[is_new], best.ravel()[is_new]


ASSOCIATED = ("alike", "alike now", "same basket", "same basket now", "next basket", "next basket now")
OWN = (
    "rate", "item rate", "decayed", "user rate", "trend", "brisk", "quick", "orders since", "count", "orders",
    "basket", "popularity", "bought once", "in last basket", "share", "due", "newness", "last basket", "days since",
    *ASSOCIATED,
)  # fmt: skip
NEW = (
    "item rate", "trend", "popularity", "user rate", "orders", "basket", "newness", "shoppers", "last basket",
    "variety", *ASSOCIATED,
)  # fmt: skip
"""The names of the terms of a score, of a product that the shopper has bought and of one they have not."""


def own_features(evidence: Evidence, record: Record, products: Products) -> Floats:
    """The columns OWN of the candidates that the shopper has bought."""
    own = evidence.is_own
    shopper, product, row = evidence.shopper[own], evidence.product[own], evidence.row[own]
    about, counters = _Shopper(record, products, shopper), record.counters
    count, first, last = counters.count[row], counters.first[row], counters.last[row]
    orders, item_rate = record.orders[shopper], products.rate[product]
    passed = orders - 1 - last
    gap = (last - first + 1 / np.maximum(item_rate, 0.01)) / count
    pace = (record.last_day[shopper] - record.first_day[shopper] + 1) / orders
    return np.column_stack((
        log_odds(personal_rate(count, first, orders, item_rate)), log_odds(item_rate),
        np.log1p(counters.slow[row]), log_odds(about.rate), _log(products.trend[product]),
        np.log1p(counters.brisk[row]), np.log1p(counters.quick[row]), np.log1p(passed), np.log1p(count),
        np.log1p(orders), about.basket, _log(products.popularity[product], 1e-6), count == 1, passed == 0,
        np.log1p(count / orders), np.log((passed + 1) / (gap + 1)), about.newness, about.last_basket,
        np.log1p((record.last_day[shopper] - counters.last_day[row]) / pace), _log(evidence.support[own]),
    ))  # fmt: skip


def new_features(evidence: Evidence, record: Record, products: Products) -> Floats:
    """The columns NEW of the candidates that would be new to the shopper."""
    new = ~evidence.is_own
    shopper, product = evidence.shopper[new], evidence.product[new]
    about = _Shopper(record, products, shopper)
    return np.column_stack((
        log_odds(products.rate[product]), _log(products.trend[product]), _log(products.popularity[product], 1e-6),
        log_odds(about.rate), np.log1p(record.orders[shopper]), about.basket, about.newness,
        _log(products.shoppers[product] / products.everyone, 1e-4), about.last_basket,
        np.log1p(about.distinct), _log(evidence.support[new]),
    ))  # fmt: skip


def personal_rate(count: Floats, first: Floats, orders: Floats, item_rate: Floats) -> Floats:
    """Of the shopper's orders after the first with it, the share with it, shrunk to the product's own rate."""
    return np.asarray((count - 1 + 4 * item_rate) / (orders - 1 - first + 4))


class _Shopper:
    """What the shopper's own habits say, repeated for each candidate."""

    def __init__(self, record: Record, products: Products, shopper: Numbers) -> None:
        who, back = np.unique(shopper, return_inverse=True)
        size = record.starts[who + 1] - record.starts[who]
        rows, local = runs(record.starts[who], size), np.repeat(np.arange(len(who)), size)
        rows, local = (values[record.counters.count[rows] > 0] for values in (rows, local))
        orders = np.maximum(record.orders[who], 1)

        def summed(values: Floats) -> Floats:
            return totals(local, values, len(who))

        first = record.counters.first[rows]
        rebuys, exposures = summed(record.counters.count[rows] - 1), summed(orders[local] - 1 - first)
        distinct = summed(np.ones(len(rows)))
        self.rate = ((rebuys + PRIOR * products.shop_rate) / (exposures + PRIOR))[back]
        self.distinct = distinct[back]
        met = summed((first > 0).astype(float))
        self.newness = np.log1p((met + 2 * products.shop_new) / (orders + 1))[back]
        self.basket = np.log1p(record.lines[shopper] / np.maximum(record.orders[shopper], 1))
        self.last_basket = np.log1p(record.last_size[shopper])


def _log(values: Floats, least: float = 1e-3) -> Floats:
    return np.asarray(np.log(values + least))
