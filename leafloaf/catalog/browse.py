"""The shop without a query: in stock first, then by name, or as it is sorted.

A shop of some thousands of products is read as it stands. In a larger one an index leads to the first products, and
what there is on each shelf was counted last night.
"""

from leafloaf.catalog import deadline, faceting, walking
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
TALLIED = f"""
WITH matched AS MATERIALIZED (
    SELECT s.*, {IN_CATEGORY} AS in_category, {OF_BRAND} AS of_brand
    FROM (SELECT *, '' AS name_key FROM catalog_tally) AS s WHERE {SUITING}
), kept AS (
    SELECT * FROM matched WHERE in_category AND of_brand
)
SELECT (SELECT coalesce(sum(products), 0)::integer FROM kept), {faceting.columns("sum(products)")}
"""  # noqa: S608 (made of the constants of the filters)
HAS_TALLIES = "SELECT EXISTS (SELECT FROM catalog_tally)"


def run(filters: Filters, sort: Sort = Sort.RELEVANCE, *, limit: int) -> Matches:
    """The first `limit` products that the filters leave; all score alike."""
    deadline.plan_anew()
    if _is_countable(filters) and statements.fetch(HAS_TALLIES)[0][0]:
        return _walked(filters, sort, limit)
    return _read(filters, sort, limit)


def _is_countable(filters: Filters) -> bool:
    """Whether last night's counts say enough. They do not know what is in stock; most is, and the answer says so."""
    has_bound = (filters.price_min, filters.price_max) != (None, None)
    return not has_bound and filters.in_stock is not False and not filters.said


def _read(filters: Filters, sort: Sort, limit: int) -> Matches:
    statement = BROWSE.format(
        in_category=IN_CATEGORY,
        of_brand=OF_BRAND,
        suiting=SUITING,
        affordable=AFFORDABLE,
        order=ORDERS[sort],
        facets=faceting.COUNTED,
    )
    ((total, ids, *counted),) = statements.fetch(statement, filters.values() | {"limit": limit})
    return _matches(ids, total, faceting.read(*counted), is_estimated=False)


def _walked(filters: Filters, sort: Sort, limit: int) -> Matches:
    ((total, *counted),) = statements.fetch(TALLIED, filters.values())
    ids = walking.first(filters, sort, limit=limit, expected=total)
    total = len(ids) if len(ids) < limit else max(total, len(ids))
    return _matches(ids, total, faceting.read(*counted), is_estimated=True)


def _matches(ids: list[int], total: int, facets: faceting.Facets, *, is_estimated: bool) -> Matches:
    return Matches(ids, [1.0] * len(ids), [0] * len(ids), [], total, total, facets, is_estimated)
