"""The shop without a query: in stock first, then by name, or as it is sorted."""

from leafloaf.catalog import faceting
from leafloaf.catalog.filters import AFFORDABLE, IN_CATEGORY, OF_BRAND, SUITING, Filters
from leafloaf.catalog.keyword import Matches, Sort
from leafloaf.lib import statements

ORDERS = {
    Sort.RELEVANCE: "in_stock DESC, name_key, product_id",
    Sort.PRICE_ASC: "price ASC NULLS LAST, name_key, product_id",
    Sort.PRICE_DESC: "price DESC NULLS LAST, name_key, product_id",
    Sort.NAME: "name_key, product_id",
}
BROWSE = """
WITH matched AS MATERIALIZED (
    SELECT s.product_id, s.brand_id, s.category_id, s.dietary, s.name_key, o.price,
           coalesce(o.in_stock, true) AS in_stock, {in_category} AS in_category, {of_brand} AS of_brand
    FROM catalog_productsearch s LEFT JOIN catalog_offer o ON o.product_id = s.product_id
    WHERE {suiting} AND {affordable}
), kept AS (
    SELECT * FROM matched WHERE in_category AND of_brand
)
SELECT (SELECT count(*) FROM kept),
       ARRAY(SELECT product_id FROM kept ORDER BY {order} LIMIT %(limit)s),
       {facets}
"""


def run(filters: Filters, sort: Sort = Sort.RELEVANCE, *, limit: int) -> Matches:
    """The first `limit` products that the filters leave; all score alike."""
    statement = BROWSE.format(
        in_category=IN_CATEGORY,
        of_brand=OF_BRAND,
        suiting=SUITING,
        affordable=AFFORDABLE,
        order=ORDERS[sort],
        facets=faceting.COUNTED,
    )
    ((total, ids, *counted),) = statements.fetch(statement, filters.values() | {"limit": limit})
    return Matches(ids, [1.0] * len(ids), [0] * len(ids), [], total, total, faceting.read(*counted))
