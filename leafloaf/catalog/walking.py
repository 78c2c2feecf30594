"""The first products of a large shop, as the filters leave them: along an index, or of one shelf, brand or mark."""

from leafloaf.catalog.filters import AFFORDABLE, IN_CATEGORY, OF_BRAND, SUITING, Filters
from leafloaf.catalog.scoring import Sort
from leafloaf.lib import statements

FEW, MANY = 3000, 50_000
"""So many products of a category are gathered and put in order; of more, an index soon meets enough. Of a brand or mark
more are gathered: a brand's names stand together, and an index by name may come to them last."""

NAMED = 'left(s.name_key, 64) COLLATE "C", s.product_id'
# What comes first, and what comes after it when that is too little; each with its order.
PARTS = {
    Sort.RELEVANCE: [("coalesce(o.in_stock, true)", NAMED), ("NOT coalesce(o.in_stock, true)", NAMED)],
    Sort.NAME: [("true", NAMED)],
    Sort.PRICE_ASC: [("o.price IS NOT NULL", "o.price, o.product_id"), ("o.price IS NULL", NAMED)],
    Sort.PRICE_DESC: [
        ("o.price IS NOT NULL", "o.price DESC, o.product_id DESC"),
        ("o.price IS NULL", NAMED),
    ],
}
PART = """
SELECT s.product_id FROM {source}
WHERE {part} AND {suiting} AND {affordable} AND {in_category} AND {of_brand}
ORDER BY {order} LIMIT %(limit)s
"""
ALONG = "catalog_productsearch s LEFT JOIN catalog_offer o ON o.product_id = s.product_id"
# An inner join where the price leads, or its index would be of no use.
BY_PRICE = "catalog_offer o JOIN catalog_productsearch s ON s.product_id = o.product_id"
# Each product of a shelf, a brand or a mark is looked up: OFFSET 0 keeps the planner from reading whole tables.
GATHERED = """
({ids} OFFSET 0) AS p
CROSS JOIN LATERAL (SELECT * FROM catalog_productsearch AS s WHERE s.product_id = p.id OFFSET 0) AS s
LEFT JOIN LATERAL (SELECT * FROM catalog_offer AS o WHERE o.product_id = p.id OFFSET 0) AS o ON true
"""
OF_CATEGORIES = """
SELECT p.id FROM catalog_product p WHERE p.category_id = ANY (ARRAY(
    SELECT c.id FROM catalog_category c, unnest(%(categories)s::text[]) AS wanted
    WHERE position(' > ' || wanted || ' > ' IN ' > ' || c.path_key || ' > ') > 0))
"""
OF_BRANDS = """
SELECT p.id FROM catalog_product p WHERE p.brand_id = ANY (ARRAY(
    SELECT b.id FROM catalog_brand b WHERE b.name_key = ANY (%(brands)s::text[])))
"""
OF_MARKS = (
    "SELECT m.product_id AS id FROM catalog_productsearch m WHERE m.dietary_keys @> %(dietary)s::text[]"
)


def first(filters: Filters, sort: Sort, *, limit: int, expected: int) -> list[int]:
    """The first `limit` products; about `expected` are left by the filters in all."""
    source = _gathered(filters, expected)
    ids: list[int] = []
    for part, order in PARTS[sort][: 1 if filters.in_stock and sort is Sort.RELEVANCE else None]:
        along = BY_PRICE if order.startswith("o.price") else ALONG
        statement = PART.format(
            source=source or along,
            part=part,
            order=order,
            suiting=SUITING,
            affordable=AFFORDABLE,
            in_category=IN_CATEGORY,
            of_brand=OF_BRAND,
        )
        values = filters.values() | {"limit": limit - len(ids)}
        ids += [pk for (pk,) in statements.fetch(statement, values)]
        if len(ids) == limit:
            break
    return ids


def _gathered(filters: Filters, expected: int) -> str | None:
    """Where the products come from that a filter leaves; None when they are too many, or all."""
    by_filter = (
        (filters.brand, OF_BRANDS, MANY),
        (filters.category, OF_CATEGORIES, FEW),
        (filters.dietary, OF_MARKS, MANY),
    )
    found = next(((ids, most) for asked, ids, most in by_filter if asked), None)
    return GATHERED.format(ids=found[0]) if found and expected <= found[1] else None
