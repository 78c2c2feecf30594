"""The published methods, written anew from their papers: each gives a score to every product for some shoppers.

UP-CF@r: Faggioli, Polato, Aiolli 2020. TIFU-KNN: Hu, He, Gao, Zhang 2020. Frequencies: Li and others 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personalization.prediction.cooccurrence import runs
from personalization.prediction.counters import Floats
from personalization.prediction.histories import Histories, Numbers

Scorer = Callable[[Numbers], Floats]
ASSUMED_DAYS = 7
"""Between two orders of a history without days, for the founding formula."""
NEIGHBOURS = 300


@dataclass(frozen=True)
class Vectors:
    """A value a shopper and product, by shopper."""

    starts: Numbers
    product: Numbers
    value: Floats
    shape: tuple[int, int]

    def rows(self, shoppers: Numbers) -> tuple[Numbers, Numbers]:
        """(places in this, which of the shoppers each is of)."""
        size = self.starts[shoppers + 1] - self.starts[shoppers]
        return runs(self.starts[shoppers], size), np.repeat(np.arange(len(shoppers)), size)

    def dense(self, shoppers: Numbers) -> Floats:
        rows, local = self.rows(shoppers)
        key = local * self.shape[1] + self.product[rows]
        size = len(shoppers) * self.shape[1]
        return np.bincount(key, self.value[rows], minlength=size).reshape(len(shoppers), -1)

    def bytes_each(self) -> float:
        return 8 * len(self.product) / self.shape[0]


def vectors(past: Histories, value: Floats) -> Vectors:
    """The sum of the lines' values."""
    shape = (len(past.shoppers), len(past.products))
    keys, place = np.unique(past.shopper * shape[1] + past.product, return_inverse=True)
    shopper, product = np.divmod(keys, shape[1])
    starts = np.searchsorted(shopper, np.arange(shape[0] + 1))
    return Vectors(starts, product, np.bincount(place, value, minlength=len(keys)), shape)


def popularity(past: Histories) -> Floats:
    """Below one, so that it only fills up and breaks ties."""
    count = np.bincount(past.product, minlength=len(past.products))
    return count / (count.max() + 1)


def g_top(past: Histories) -> tuple[Scorer, float]:
    popular = popularity(past)
    return lambda shoppers: np.tile(popular, (len(shoppers), 1)), 0.0


def p_top(past: Histories) -> tuple[Scorer, float]:
    counts = vectors(past, np.ones(len(past.product)))
    return counts.dense, counts.bytes_each()


def gp_top(past: Histories) -> tuple[Scorer, float]:
    counts, popular = vectors(past, np.ones(len(past.product))), popularity(past)
    return lambda shoppers: counts.dense(shoppers) + popular, counts.bytes_each()


def seed(past: Histories) -> tuple[Scorer, float]:
    """A purchase is 1, 0.85 of it is left a day later, the sum is capped at 1; popularity fills up."""
    day = past.day if past.is_dated else past.order * ASSUMED_DAYS
    now = np.zeros(len(past.shoppers))
    np.maximum.at(now, past.shopper, day)
    decayed = vectors(past, 0.85 ** (now[past.shopper] - day))
    popular = popularity(past) * 1e-12
    return lambda shoppers: np.minimum(decayed.dense(shoppers), 1) + popular, decayed.bytes_each()


def tifuknn(
    past: Histories, own: float, group: int = 7, within: float = 0.9, between: float = 0.7
) -> tuple[Scorer, float]:
    """`own` of the own vector and the rest of the mean of the nearest; baskets decay inside groups, and groups do."""
    orders = past.orders[past.shopper]
    groups = -(-orders // group)
    from_end = orders - 1 - past.order
    weight = (
        within ** (from_end % group) * between ** (from_end // group) / groups / np.minimum(group, orders)
    )
    made = vectors(past, weight)
    norm = _summed(made, made.value**2)
    postings = _by_product(made)

    def scored(shoppers: Numbers) -> Floats:
        dot = _products(made, postings, shoppers, made.value)
        near = 2 * dot - norm[None]
        near[np.arange(len(shoppers)), shoppers] = -np.inf
        best = np.argpartition(-near, min(NEIGHBOURS, near.shape[1] - 1), axis=1)[:, :NEIGHBOURS]
        theirs = _weighted(made, best, np.full(best.shape, 1 / best.shape[1]))
        return own * made.dense(shoppers) + (1 - own) * theirs + 1e-9 * popularity(past)

    return scored, made.bytes_each()


def up_cf(
    past: Histories, recent: int = 10, locality: int = 10, asymmetry: float = 0.25
) -> tuple[Scorer, float]:
    """Recent shares of all shoppers by asymmetric cosine to the power of `locality`; the nearest 300 carry the sum."""
    orders = past.orders[past.shopper]
    is_recent = past.order >= orders - recent
    share = vectors(past, is_recent / np.minimum(orders, recent))
    held = Vectors(share.starts, share.product, np.ones(len(share.product)), share.shape)
    size = np.maximum(np.diff(held.starts), 1).astype(float)
    postings = _by_product(held)

    def scored(shoppers: Numbers) -> Floats:
        common = _products(held, postings, shoppers, held.value)
        common /= size[shoppers, None] ** asymmetry * size[None] ** (1 - asymmetry)
        best = np.argpartition(-common, min(NEIGHBOURS, common.shape[1] - 1), axis=1)[:, :NEIGHBOURS]
        near = np.take_along_axis(common, best, 1) ** locality
        return _weighted(share, best, near) + 1e-12 * popularity(past)

    return scored, share.bytes_each()


def _summed(made: Vectors, value: Floats) -> Floats:
    owner = np.repeat(np.arange(made.shape[0]), np.diff(made.starts))
    return np.bincount(owner, value, minlength=made.shape[0])


def _by_product(made: Vectors) -> tuple[Numbers, Numbers, Floats]:
    """(starts by product, shoppers, values)."""
    owner = np.repeat(np.arange(made.shape[0]), np.diff(made.starts))
    order = np.lexsort((owner, made.product))
    starts = np.searchsorted(made.product[order], np.arange(made.shape[1] + 1))
    return starts, owner[order], made.value[order]


def _products(
    made: Vectors, postings: tuple[Numbers, Numbers, Floats], shoppers: Numbers, value: Floats
) -> Floats:
    """The scalar products of some shoppers with all."""
    starts, owner, other = postings
    rows, local = made.rows(shoppers)
    size = starts[made.product[rows] + 1] - starts[made.product[rows]]
    found = runs(starts[made.product[rows]], size)
    key = np.repeat(local, size) * made.shape[0] + owner[found]
    amount = np.repeat(value[rows], size) * other[found]
    whole = np.bincount(key, amount, minlength=len(shoppers) * made.shape[0])
    return whole.reshape(len(shoppers), -1)


def _weighted(made: Vectors, near: Numbers, weight: Floats) -> Floats:
    """The weighted sum of the neighbours' vectors."""
    rows, which = made.rows(near.ravel())
    key = (which // near.shape[1]) * made.shape[1] + made.product[rows]
    amount = weight.ravel()[which] * made.value[rows]
    return np.bincount(key, amount, minlength=len(near) * made.shape[1]).reshape(len(near), -1)
