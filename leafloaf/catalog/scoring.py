"""The text of the statement that scores, filters, counts and orders; keyword.py says what it means."""

from enum import Enum, StrEnum, auto
from functools import cache

from leafloaf.catalog import faceting, shelves
from leafloaf.catalog.filters import AFFORDABLE, IN_CATEGORY, OF_BRAND, SUITING

NAMED = 100
"""Of how many matches, from the best, the names are read."""
MOST_PARTIAL = 200
"""How many products without all the words may follow."""


class Sort(StrEnum):
    RELEVANCE = "relevance"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    NAME = "name"


# With fewer full matches than this, the closest of the others follow. By price or name they would stand anywhere in
# between, so there they show only when nothing has all the words.
ENOUGH = {Sort.RELEVANCE: 10, Sort.PRICE_ASC: 1, Sort.PRICE_DESC: 1, Sort.NAME: 1}
ORDERS = {
    Sort.RELEVANCE: "score DESC, product_id",
    Sort.PRICE_ASC: "price ASC NULLS LAST, score DESC, product_id",
    Sort.PRICE_DESC: "price DESC NULLS LAST, score DESC, product_id",
    Sort.NAME: "name_key, score DESC, product_id",
}


class Reach(Enum):
    """Which postings are read: all; those of products that have the rarest group; of frequent terms the best ones."""

    ALL = auto()
    TOGETHER = auto()
    BEST = auto()


_POSTINGS = {
    Reach.ALL: "SELECT p.product_id, p.impact, w.grp, w.factor FROM wanted w JOIN catalog_posting p ON p.term = w.term",
    Reach.TOGETHER: """
        SELECT p.product_id, p.impact, w.grp, w.factor
        FROM (SELECT DISTINCT product_id FROM catalog_posting WHERE term = ANY (%(rarest)s::text[])) AS c
        CROSS JOIN wanted w
        JOIN catalog_posting p ON p.term = w.term AND p.product_id = c.product_id""",
    Reach.BEST: """
        SELECT p.product_id, p.impact, w.grp, w.factor
        FROM wanted w JOIN catalog_posting p ON p.term = w.term WHERE NOT w.is_frequent
        UNION ALL
        SELECT p.product_id, p.impact, w.grp, w.factor
        FROM wanted w JOIN catalog_posting p ON p.term = w.term AND p.is_best WHERE w.is_frequent""",
}


_ON_SHELF = (
    f"chosen.score * CASE WHEN s.category_id = ANY (%(shelves)s::bigint[]) THEN {shelves.FACTOR} ELSE 1 END"
)
_NEAR = """
    UNION ALL
    SELECT n.id, 0, 0, false, true FROM unnest(%(near)s::bigint[]) AS n (id)
    WHERE NOT EXISTS (SELECT FROM found f WHERE f.product_id = n.id)
"""
_UNFILTERED = """allowed AS (
    SELECT * FROM scored
), counted AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE is_full) AS "full" FROM scored
)"""
# The counting takes the filters that a facet leaves out as well: what is full is full for the shopper who set them.
_FILTERED = f"""allowed AS MATERIALIZED (
    SELECT x.*, {IN_CATEGORY} AND {OF_BRAND} AS is_inside
    FROM scored x
    CROSS JOIN LATERAL (SELECT * FROM catalog_productsearch AS s WHERE s.product_id = x.product_id OFFSET 0) AS s
    LEFT JOIN catalog_offer o ON o.product_id = x.product_id
    WHERE {SUITING} AND {AFFORDABLE}
), counted AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE is_full AND is_inside) AS "full" FROM allowed
)"""  # noqa: S608 (made of the constants of the filters)
ALLOWED = f"""
SELECT s.product_id FROM catalog_productsearch s LEFT JOIN catalog_offer o ON o.product_id = s.product_id
WHERE {SUITING} AND {AFFORDABLE} AND {IN_CATEGORY} AND {OF_BRAND} LIMIT %(limit)s
"""  # noqa: S608 (made of the constants of the filters)


@cache
def statement(
    groups: int, reach: Reach, filters: tuple[bool, bool], sort: Sort, has_near: bool, has_shelves: bool
) -> str:
    """The statement for so many groups; `filters` are whether there are any, and any on price or stock."""
    is_filtered, needs_offer = filters
    best = ",\n".join(f"max(factor * impact) FILTER (WHERE grp = {n}) AS s{n}" for n in range(groups + 1))
    total = " + ".join(f"coalesce(s{n}, 0)" for n in range(groups + 1))
    covered = " + ".join(
        f"CASE WHEN s{n} IS NULL THEN 0 ELSE (%(weights)s::real[])[{n + 1}] END" for n in range(groups)
    )
    mask = " | ".join(f"CASE WHEN s{n} IS NULL THEN 0 ELSE {1 << n} END" for n in range(groups))
    full = " AND ".join(f"s{n} IS NOT NULL" for n in range(groups))
    needs_offer |= sort in (Sort.PRICE_ASC, Sort.PRICE_DESC)
    return f"""
WITH wanted AS (
    SELECT * FROM unnest(%(terms)s::text[], %(groups)s::integer[], %(factors)s::real[], %(frequent)s::boolean[])
        AS w (term, grp, factor, is_frequent)
), found AS (
    SELECT product_id, {best} FROM ({_POSTINGS[reach]}) AS p GROUP BY product_id
), scored AS MATERIALIZED (
    SELECT product_id, ({total}) * ({covered or 0}) AS score, {mask or 0} AS mask, ({full or False}) AS is_full,
           false AS is_near
    FROM found
    {_NEAR if has_near else ""}
), {_FILTERED if is_filtered else _UNFILTERED}, chosen AS (
    SELECT product_id, score, mask FROM allowed WHERE is_full
    UNION ALL
    (SELECT product_id, score, mask FROM allowed
     WHERE NOT is_full AND NOT is_near AND (SELECT "full" FROM counted) < {ENOUGH[sort]}
     ORDER BY {"is_inside DESC," if is_filtered else ""} score DESC, product_id LIMIT {MOST_PARTIAL})
    {"UNION ALL SELECT product_id, score, mask FROM allowed WHERE is_near" if has_near else ""}
), matched AS MATERIALIZED (
    SELECT chosen.product_id, chosen.mask, s.brand_id, s.category_id, s.dietary,
           {_ON_SHELF if has_shelves else "chosen.score"} AS score,
           {"s.name_key" if sort is Sort.NAME else "NULL"} AS name_key,
           {"o.price" if needs_offer else "NULL"} AS price,
           {IN_CATEGORY if is_filtered else "true"} AS in_category,
           {OF_BRAND if is_filtered else "true"} AS of_brand
    FROM chosen
    CROSS JOIN LATERAL (
        SELECT brand_id, category_id, dietary{", name_key" if sort is Sort.NAME else ""}
        FROM catalog_productsearch AS s WHERE s.product_id = chosen.product_id OFFSET 0) AS s
    {"LEFT JOIN catalog_offer o ON o.product_id = chosen.product_id" if needs_offer else ""}
), kept AS (
    SELECT * FROM matched WHERE in_category AND of_brand
), shown AS (
    SELECT product_id, score, mask FROM kept ORDER BY {ORDERS[sort]} LIMIT %(limit)s
)
SELECT (SELECT count(*) FROM kept), (SELECT "full" FROM counted),
       ARRAY(SELECT product_id FROM shown), ARRAY(SELECT score FROM shown), ARRAY(SELECT mask FROM shown),
       ARRAY(SELECT (SELECT s.name_key FROM catalog_productsearch s WHERE s.product_id = n.product_id)
             FROM (SELECT product_id FROM shown LIMIT {NAMED}) AS n),
       {faceting.COUNTED}
"""  # noqa: S608 (made of the constants above)
