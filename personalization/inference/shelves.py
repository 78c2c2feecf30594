"""What the catalogue says of whole shelves: which labels their products carry, what they cost, and a few of each.

Labels and the few are read once for each version of the catalogue and kept in the process.
"""

from collections.abc import Iterable
from functools import lru_cache

from leafloaf.catalog import version
from leafloaf.lib import statements
from personalization.inference import diet
from personalization.inference.diet import Shelves

LABELLED = """
SELECT category.path, product.dietary::text[], count(*)
FROM catalog_product AS product LEFT JOIN catalog_category AS category ON category.id = product.category_id
GROUP BY category.path, product.dietary
"""
SOME = """
SELECT sku FROM (
    SELECT sku, count(*) OVER shelf AS size, row_number() OVER (shelf ORDER BY product.id) AS place
    FROM (SELECT id, sku, category_id FROM catalog_product ORDER BY id LIMIT %(looked_at)s) AS product
    LEFT JOIN catalog_offer AS offer ON offer.product_id = product.id
    WHERE coalesce(offer.in_stock, true)
    WINDOW shelf AS (PARTITION BY category_id)
) AS shelved
WHERE place <= %(of_each)s ORDER BY place, size DESC, sku COLLATE "C" LIMIT %(most)s
"""
LOOKED_AT, OF_EACH, MOST = 2_000, 3, 200
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


def some_of_each() -> tuple[str, ...]:
    """SKUs in stock, one of each shelf in turn, the larger shelves first: what is shown before anybody did anything.

    Of the products that the shop has had for longest, so that a large catalogue takes no longer.
    """
    return _some_of_each(version.current())


@lru_cache(maxsize=2)
def _some_of_each(of_version: str) -> tuple[str, ...]:
    numbers = {"looked_at": LOOKED_AT, "of_each": OF_EACH, "most": MOST}
    return tuple(sku for (sku,) in statements.fetch(SOME, numbers))


def prices(paths: Iterable[str]) -> dict[str, list[float]]:
    """What the products of each of these shelves cost."""
    return dict(statements.fetch(PRICES, [list(paths)]))
