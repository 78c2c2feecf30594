"""Which products go together: in one basket, with one shopper, in the basket after.

`sim(i, j) = common / (n_i^a n_j^(1-a) + shrink)`: a cosine that rare pairs
cannot top by chance, as they do the plain lift.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from personalization.prediction.counters import Floats, totals
from personalization.prediction.histories import Numbers

SHRINK = 10
MOST_PRODUCTS = 20_000
"""A product rarer than so many others has too few companions to tell, and its row would cost as much as any."""
CELLS = 4_000_000


@dataclass(frozen=True)
class Groups:
    """Baskets or shoppers: each has the items from `starts[g]` to `starts[g + 1]`."""

    starts: Numbers
    items: Numbers


@dataclass(frozen=True)
class Support:
    """Whose each group is, and from how many different owners on a pair is told: what one did is nobody else's."""

    owner: Numbers
    least: int


@dataclass(frozen=True)
class Neighbours:
    """The nearest products of each, best first; a similarity of 0 fills the row."""

    product: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float32]


def grouped(group: Numbers, items: Numbers, groups: int) -> Groups:
    """Items by the number of the group they are in."""
    by_group = np.lexsort((items, group))
    return Groups(np.searchsorted(group[by_group], np.arange(groups + 1)), items[by_group])


def shifted(groups: Groups, follower: Numbers) -> Groups:
    """For each group the items of another one, or none where the follower is -1."""
    begin = np.where(follower < 0, 0, groups.starts[follower])
    size = np.where(follower < 0, 0, groups.starts[follower + 1] - begin)
    return Groups(np.r_[0, np.cumsum(size)], groups.items[runs(begin, size)])


def runs(begin: Numbers, size: Numbers) -> Numbers:
    """begin[0], begin[0] + 1, … (size[0] of them), begin[1], …"""
    shift = np.repeat(begin - np.r_[0, np.cumsum(size)[:-1]], size) if len(size) else begin
    return np.asarray(shift + np.arange(len(shift)))


def neighbours(
    left: Groups,
    right: Groups,
    products: int,
    *,
    weights: Floats | None = None,
    exponent: float = 0.5,
    shrink: float = SHRINK,
    top: int = 50,
    support: Support | None = None,
) -> Neighbours:
    """For each product in a left group those in the right group of the same number, by smoothed cosine."""
    weight = np.ones(len(left.starts) - 1) if weights is None else weights
    sizes = np.bincount(left.items, np.repeat(weight, np.diff(left.starts)), minlength=products)
    chosen = np.sort(np.argsort(-sizes, kind="stable")[:MOST_PRODUCTS])
    chosen = chosen[sizes[chosen] > 0]
    width = min(top, max(len(chosen) - 1, 0))
    found = Neighbours(np.zeros((products, width), np.int32), np.zeros((products, width), np.float32))
    if width:
        left_size, right_size = sizes[chosen] ** exponent, sizes[chosen] ** (1 - exponent)
        for rows, common in _counts(left, right, weight, chosen, products, support):
            common /= left_size[rows, None] * right_size[None] + shrink
            common[np.arange(len(rows)), rows] = 0
            best = np.argpartition(-common, width - 1, axis=1)[:, :width]
            found.product[chosen[rows]] = chosen[best]
            found.similarity[chosen[rows]] = np.take_along_axis(common, best, 1)
    return found


def _counts(
    left: Groups, right: Groups, weight: Floats, chosen: Numbers, products: int, support: Support | None
) -> Iterator[tuple[Numbers, Floats]]:
    """(places in `chosen`, how often each goes with each of the chosen), a block of rows at a time."""
    place = np.full(products, -1)
    place[chosen] = np.arange(len(chosen))
    group = np.repeat(np.arange(len(left.starts) - 1), np.diff(left.starts))
    row = place[left.items]
    by_row = np.lexsort((group, row))
    by_row = by_row[row[by_row] >= 0]
    row, group = row[by_row], group[by_row]
    size = np.diff(right.starts)[group]
    starts = np.searchsorted(row, np.arange(len(chosen) + 1))
    work = np.r_[0, np.cumsum(np.r_[0, np.cumsum(size)][starts[1:]] - np.r_[0, np.cumsum(size)][starts[:-1]])]
    begin = 0
    while begin < len(chosen):
        end = int(np.searchsorted(work, work[begin] + CELLS, side="right")) - 1
        end = max(begin + 1, min(end, begin + max(1, CELLS // len(chosen)), len(chosen)))
        part = slice(starts[begin], starts[end])
        companion = place[right.items[runs(right.starts[group[part]], size[part])]]
        key = np.repeat(row[part] - begin, size[part]) * len(chosen) + companion
        amount = np.repeat(weight[group[part]], size[part])
        known = companion >= 0
        table = totals(key[known], amount[known], (end - begin) * len(chosen))
        if support is not None and support.least > 1:
            owner = np.repeat(support.owner[group[part]], size[part])[known]
            table[_owners(key[known], owner, len(table)) < support.least] = 0
        yield np.arange(begin, end), table.reshape(end - begin, len(chosen))
        begin = end


def _owners(key: Numbers, owner: Numbers, length: int) -> Numbers:
    """How many different owners each key has."""
    many = int(owner.max(initial=0)) + 1
    pairs = np.sort(key * many + owner)
    is_other = np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)]
    return np.bincount(pairs[is_other] // many, minlength=length)


def gathered(
    found: Neighbours, shopper: Numbers, items: Numbers, share: Floats, shape: tuple[int, int]
) -> Floats:
    """`sum_i share_i sim(i, j)` for every shopper and product j, from the items of each shopper."""
    key = shopper[:, None] * shape[1] + found.product[items]
    amount = share[:, None] * found.similarity[items]
    return totals(key.ravel(), amount.ravel(), shape[0] * shape[1]).reshape(shape)
