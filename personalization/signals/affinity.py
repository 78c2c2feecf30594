"""How much a person likes each product, brand and category: the sum of what the signals still say, from 0 to 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from personalization.signals.decay import Floats

SEPARATOR = " > "
BRAND, CATEGORY = 0.4, 0.1
"""What liking a product's brand, or its shelf, counts for against liking the product itself."""


@dataclass(frozen=True)
class Affinities:
    """Preference scores; who is not in it scores 0."""

    products: dict[str, float]
    brands: dict[str, float]
    categories: dict[str, float]
    """By path; a shelf's score includes those of the shelves in it."""
    disliked: frozenset[str] = frozenset()
    """Products that were rated low, with nothing said for them since."""

    def liking(self, product: str, brand: str | None, category: str | None) -> float:
        """How much a product is liked for itself, for its brand and for its shelf: -1, or 0 to 1."""
        if product in self.disliked:
            return -1.0
        unmoved = 1 - self.products.get(product, 0.0)
        unmoved *= 1 - BRAND * self.brands.get(brand or "", 0.0)
        return 1 - unmoved * (1 - CATEGORY * self.categories.get(category or "", 0.0))


def measured(
    strengths: Floats, place: np.ndarray, products: Sequence[str], brands: Sequence[str | None],
    categories: Sequence[str | None], disliked: frozenset[str] = frozenset(),
    is_saturating: bool = False,
) -> Affinities:  # fmt: skip
    """From what each mark says, the place of its product, and what is known of the product at each place.

    Sums stop at 1, or come nearer to it all the time.
    """
    scores = saturated if is_saturating else capped
    sums = np.bincount(place, strengths, minlength=len(products)).tolist()
    by_brand: dict[str, float] = {}
    by_category: dict[str, float] = {}
    for total, brand, category in zip(sums, brands, categories, strict=True):
        if brand:
            by_brand[brand] = by_brand.get(brand, 0.0) + total
        for path in paths(category):
            by_category[path] = by_category.get(path, 0.0) + total
    by_product = dict(zip(products, sums, strict=True))
    return Affinities(scores(by_product), scores(by_brand), scores(by_category), disliked)


def capped(sums: dict[str, float]) -> dict[str, float]:
    """Scores from 0 to 1, without those of 0."""
    return {key: min(total, 1.0) for key, total in sums.items() if total > 0}


def saturated(sums: dict[str, float]) -> dict[str, float]:
    """The same, coming nearer to 1 all the time: who bought more often keeps the higher score."""
    return {key: 1 - exp(-total) for key, total in sums.items() if total > 0}


def paths(category: str | None) -> list[str]:
    """`Dairy > Milk` and `Dairy`."""
    if not category:
        return []
    levels = category.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(len(levels), 0, -1)]
