"""What completes a basket: the products that are in one basket with what is in it, by smoothed asymmetric cosine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalization.prediction import associations, cooccurrence
from personalization.prediction.cooccurrence import Neighbours
from personalization.prediction.counters import Floats
from personalization.prediction.histories import Histories, Numbers

EXPONENT = 0.7
"""Of the product at hand; its companion's is what remains, so that what everybody buys is discounted less."""
TOP = 200
POPULARITY = 0.5
"""What a product's share of all baskets counts beside its associations."""


@dataclass(frozen=True)
class Companions:
    neighbours: Neighbours
    baskets: Floats
    """With each product in them."""
    total: int


def built(histories: Histories) -> Companions:
    groups, _ = associations.baskets(histories)
    products = len(histories.products)
    found = cooccurrence.neighbours(groups, groups, products, exponent=EXPONENT, top=TOP)
    baskets = np.bincount(histories.product, minlength=products).astype(float)
    return Companions(found, baskets, max(len(groups.starts) - 1, 1))


def scores(companions: Companions, basket: Numbers) -> Floats:
    """Of every product of the shop beside this basket."""
    shape = (1, len(companions.baskets))
    zero = np.zeros(len(basket), np.int64)
    near = cooccurrence.gathered(companions.neighbours, zero, basket, np.ones(len(basket)), shape)[0]
    return np.asarray(near + POPULARITY * companions.baskets / companions.total)


def ranked(companions: Companions, basket: Sequence[int], items: int = 20) -> list[int]:
    """The products that complete it, best first, none of its own."""
    scored = scores(companions, np.array(sorted(set(basket)), np.int64))
    scored[list(basket)] = -1
    count = min(items, len(scored) - len(set(basket)))
    return [int(item) for item in np.argsort(-scored, kind="stable")[:count]]
