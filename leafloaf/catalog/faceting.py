"""How many of the matching products each category, brand and dietary mark has."""

import json
from dataclasses import dataclass

MOST_VALUES = 20


@dataclass(frozen=True, slots=True)
class Facet:
    value: str
    count: int


Facets = dict[str, list[Facet]]


def columns(count: str) -> str:
    """Three columns over the CTEs `matched` (brand_id, category_id, in_category, of_brand, dietary) and `kept`.

    `count` counts the products of several rows.
    """
    return f"""
       (SELECT json_agg(f) FROM (
            SELECT split_part(c.path, ' > ', 1) AS value, sum(m.count)::integer AS count
            FROM (SELECT category_id, {count} AS count FROM matched WHERE of_brand GROUP BY 1) AS m
            JOIN catalog_category c ON c.id = m.category_id
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}) AS f)::text,
       (SELECT json_agg(f) FROM (
            SELECT b.name AS value, m.count
            FROM (SELECT brand_id, {count} AS count FROM matched WHERE in_category GROUP BY 1) AS m
            JOIN catalog_brand b ON b.id = m.brand_id
            ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}) AS f)::text,
       (SELECT json_agg(f) FROM (
            SELECT mark AS value, {count} AS count FROM kept, unnest(dietary) AS mark
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}) AS f)::text
"""  # noqa: S608 (a number of ours)


COUNTED = columns("count(*)")


def none() -> Facets:
    return {"category": [], "brand": [], "dietary": []}


def read(category: str | None, brand: str | None, dietary: str | None) -> Facets:
    """The facets from the three columns of `COUNTED`."""
    counted = {"category": category, "brand": brand, "dietary": dietary}
    return {name: [Facet(**row) for row in json.loads(rows or "[]")] for name, rows in counted.items()}
