"""The three tables that the next basket is told from; rebuilt at night, read in a request."""

from dataclasses import dataclass

import numpy as np

from personalization.prediction import cooccurrence
from personalization.prediction.cooccurrence import Groups, Neighbours, Support
from personalization.prediction.histories import Histories, Numbers


@dataclass(frozen=True)
class Associations:
    alike: Neighbours
    """What shoppers of the product buy as well; a shopper of many products says less about each two of them."""
    basket: Neighbours
    """What is in the same basket."""
    following: Neighbours
    """What is in the shopper's next basket."""


def built(histories: Histories, least_shoppers: int = 1) -> Associations:
    """The tables, without pairs that fewer shoppers than that bought together."""
    products = len(histories.products)
    shoppers = _of_shoppers(histories)
    distinct = np.diff(shoppers.starts)
    weights = 1 / np.sqrt(np.maximum(distinct, 1))
    weights /= weights[distinct > 0].mean() if distinct.any() else 1
    groups, follower, owner = owned_baskets(histories)
    after = cooccurrence.shifted(groups, follower)
    each = Support(np.arange(len(histories.shoppers)), least_shoppers)
    owners = Support(owner, least_shoppers)
    return Associations(
        cooccurrence.neighbours(
            shoppers, shoppers, products, weights=weights, shrink=5, top=100, support=each
        ),
        cooccurrence.neighbours(groups, groups, products, support=owners),
        cooccurrence.neighbours(groups, after, products, top=100, support=owners),
    )


def _of_shoppers(histories: Histories) -> Groups:
    products = max(len(histories.products), 1)
    shopper, product = np.divmod(np.unique(histories.shopper * products + histories.product), products)
    return cooccurrence.grouped(shopper, product, len(histories.shoppers))


def baskets(histories: Histories) -> tuple[Groups, Numbers]:
    """The baskets, and for each the number of its shopper's next, or -1."""
    groups, follower, _ = owned_baskets(histories)
    return groups, follower


def owned_baskets(histories: Histories) -> tuple[Groups, Numbers, Numbers]:
    """The baskets, and for each the number of its shopper's next, or -1, and its shopper."""
    longest = int(histories.order.max(initial=0)) + 2
    names, group = np.unique(histories.shopper * longest + histories.order, return_inverse=True)
    groups = cooccurrence.grouped(group, histories.product, len(names))
    place = np.minimum(np.searchsorted(names, names + 1), max(len(names) - 1, 0))
    return groups, np.where(names[place] == names + 1, place, -1), names // longest
