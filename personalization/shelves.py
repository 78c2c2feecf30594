"""What the catalogue says of whole shelves: which labels their products carry, and what they cost.

Labels are read once for each version of the catalogue and kept in the process.
"""

from collections.abc import Iterable
from functools import lru_cache

from leafloaf.catalog import version
from leafloaf.lib import statements
from personalization import diet
from personalization.diet import Shelves

LABELLED = """
SELECT category.path, product.dietary::text[], count(*)
FROM catalog_product AS product LEFT JOIN catalog_category AS category ON category.id = product.category_id
GROUP BY category.path, product.dietary
"""
PRICES = """
SELECT category.path, array_agg(offer.price::float8)
FROM catalog_category AS category
JOIN catalog_product AS product ON product.category_id = category.id
JOIN catalog_offer AS offer ON offer.product_id = product.id
WHERE category.path = ANY (%s::text[]) AND offer.price IS NOT NULL
GROUP BY category.path
"""


def labels() -> Shelves:
    """How many of each shelf carry each label, as the catalogue is now."""
    return _labels(version.current())


@lru_cache(maxsize=2)
def _labels(of_version: str) -> Shelves:
    return diet.shelves(statements.fetch(LABELLED))


def prices(paths: Iterable[str]) -> dict[str, list[float]]:
    """What the products of each of these shelves cost."""
    return dict(statements.fetch(PRICES, [list(paths)]))
