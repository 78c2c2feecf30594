"""Keyword search over the catalogue. Knows products and nothing of people.

All words of the query, the last one also as the beginning of a word, ranked by where they stand; when no product has
them all, any of them, those that have more of them first. An empty query browses: in stock first, then by name.

Facets count the whole match, not the page. Categories and brands leave their own filter out, so a shopper sees what
choosing another would give; dietary marks must all hold, so each count says what adding that mark would leave.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection

from leafloaf.catalog import products
from leafloaf.catalog.text import normalise

LONGEST_QUERY = 256
MOST_WORDS = 16
SHORTEST_PREFIX = 3

# Words that say nothing about a product; a query of nothing else keeps them.
FILLER_WORDS = "a an and for in of on some the to with au aux d de des du en et l la le les pour qu un une"
FILLERS = frozenset(FILLER_WORDS.split())


class Sort(StrEnum):
    RELEVANCE = "relevance"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a result must be. Names are compared without case, marks and punctuation.

    A category is a whole path or any level of it; of several categories or brands one is enough, dietary marks
    must all hold. A product without a price has no place in a price range.
    """

    category: str | Sequence[str] = ()
    brand: str | Sequence[str] = ()
    dietary: str | Sequence[str] = ()
    price_min: Decimal | float | None = None
    price_max: Decimal | float | None = None
    in_stock: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(products.Listing):
    """A product found; `score` is relative to the best of the whole match, `position` counts from 1."""

    product_id: int
    score: float
    position: int


@dataclass(frozen=True, slots=True)
class Facet:
    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    results: list[Hit] = field(default_factory=list)
    total: int = 0
    facets: dict[str, list[Facet]] = field(
        default_factory=lambda: {"category": [], "brand": [], "dietary": []}
    )
    corrected_query: str | None = None


# One statement finds, ranks, counts and makes the facets; the page's products are a second one. With %(every)s a
# product has all the words and `relevance` is its rank alone; without, whole words count first and rank divides ties.
MATCH = """
WITH term AS MATERIALIZED (
    SELECT to_tsquery('catalog_english', word) || prefix::tsquery AS query
    FROM unnest(%(words)s::text[], %(prefixes)s::text[]) AS t (word, prefix)
), matched AS MATERIALIZED (
    SELECT p.id, p.brand_id, p.category_id, p.dietary, s.name_key, o.price, coalesce(o.in_stock, true) AS in_stock,
           CASE WHEN %(browse)s THEN 1
                WHEN %(every)s THEN rank.value
                ELSE (SELECT count(*) FROM term WHERE s.document @@ term.query) - 1 + rank.value / (1 + rank.value)
           END AS relevance,
           %(categories)s::text[] = '{}' OR coalesce(p.category_id IN (
               SELECT c.id FROM catalog_category c, unnest(%(categories)s::text[]) AS wanted
               WHERE position(' > ' || wanted || ' > ' IN ' > ' || c.path_key || ' > ') > 0), false) AS in_category,
           %(brands)s::text[] = '{}' OR coalesce(p.brand_id IN (
               SELECT b.id FROM catalog_brand b WHERE b.name_key = ANY (%(brands)s::text[])), false) AS of_brand
    FROM catalog_productsearch s
    JOIN catalog_product p ON p.id = s.product_id
    LEFT JOIN catalog_offer o ON o.product_id = p.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN %(browse)s THEN 0 ELSE 0.1
             + ts_rank_cd('{0.16, 0.66, 1, 1}', s.document, {query}, 1)
             + CASE WHEN s.name_key = %(key)s THEN 3 WHEN starts_with(s.name_key, %(key)s) THEN 0.5 ELSE 0 END
             + CASE WHEN s.brand_key <> ''
                     AND position(' ' || s.brand_key || ' ' IN ' ' || %(key)s || ' ') > 0 THEN 1 ELSE 0 END
        END AS value) AS rank
    WHERE (%(browse)s OR s.document @@ {query})
      AND s.dietary_keys @> %(dietary)s::text[]
      AND (%(price_min)s::numeric IS NULL OR o.price >= %(price_min)s::numeric)
      AND (%(price_max)s::numeric IS NULL OR o.price <= %(price_max)s::numeric)
      AND (%(in_stock)s::boolean IS NULL OR coalesce(o.in_stock, true) = %(in_stock)s::boolean)
), kept AS (
    SELECT * FROM matched WHERE in_category AND of_brand
), shown AS (
    SELECT id, relevance FROM kept
    ORDER BY CASE WHEN %(sort)s = 'price_asc' THEN price END ASC NULLS LAST,
             CASE WHEN %(sort)s = 'price_desc' THEN price END DESC NULLS LAST,
             CASE WHEN %(sort)s = 'name' THEN name_key END,
             relevance DESC, in_stock DESC, name_key, id
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM kept),
       (SELECT max(relevance) FROM kept),
       ARRAY(SELECT id FROM shown),
       ARRAY(SELECT relevance FROM shown),
       (SELECT json_agg(f) FROM (
            SELECT split_part(c.path, ' > ', 1) AS value, count(*) AS count
            FROM matched m JOIN catalog_category c ON c.id = m.category_id WHERE m.of_brand
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) AS f)::text,
       (SELECT json_agg(f) FROM (
            SELECT b.name AS value, count(*) AS count
            FROM matched m JOIN catalog_brand b ON b.id = m.brand_id WHERE m.in_category
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) AS f)::text,
       (SELECT json_agg(f) FROM (
            SELECT mark AS value, count(*) AS count FROM kept, unnest(dietary) AS mark
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) AS f)::text
""".replace(
    "{query}",
    """(CASE WHEN %(every)s
        THEN to_tsquery('catalog_english', %(head)s) && (to_tsquery('catalog_english', %(last)s) || %(prefix)s::tsquery)
        ELSE to_tsquery('catalog_english', %(any)s) || %(prefix)s::tsquery END)""",
)


def search(
    query: str = "",
    *,
    filters: Filters | None = None,
    sort: Sort = Sort.RELEVANCE,
    limit: int = 20,
    offset: int = 0,
) -> Page:
    """The page of products that `query` finds; no text of a query is an error."""
    key = normalise(query[:LONGEST_QUERY])
    if not key and query.strip():
        return Page()  # asked for something that no name can hold, such as "???"
    asked = _words(key) | _wanted(filters or Filters())
    asked |= {"browse": not key, "sort": str(sort), "limit": limit, "offset": offset}
    page = _page(asked | {"every": True}, offset)
    if page.total == 0 and len(asked["words"]) > 1:
        return _page(asked | {"every": False}, offset)
    return page


def _words(key: str) -> dict[str, Any]:
    """The words as text search takes them; a word has no quote and no operator left in it."""
    every = list(dict.fromkeys(key.split()))
    words = ([word for word in every if word not in FILLERS] or every)[:MOST_WORDS]
    quoted = [f"'{word}'" for word in words]
    last = words[-1] if words else ""
    prefix = f"'={last[:64]}':*" if len(last) >= SHORTEST_PREFIX else ""
    return {
        "key": key,
        "words": quoted,
        "prefixes": [""] * (len(words) - 1) + [prefix] if words else [],
        "head": " & ".join(quoted[:-1]),
        "last": quoted[-1] if quoted else "",
        "any": " | ".join(quoted),
        "prefix": prefix,
    }


def _wanted(filters: Filters) -> dict[str, Any]:
    return {
        "categories": [
            " > ".join(normalise(level) for level in path.split(">")) for path in _several(filters.category)
        ],
        "brands": [normalise(name) for name in _several(filters.brand)],
        "dietary": [normalise(mark) for mark in _several(filters.dietary)],
        "price_min": filters.price_min,
        "price_max": filters.price_max,
        "in_stock": filters.in_stock,
    }


def _several(names: str | Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):
        return [names] if names else []
    return names


def _page(asked: dict[str, Any], offset: int) -> Page:
    with connection.cursor() as cursor:
        cursor.execute(MATCH, asked)
        total, best, ids, relevances, *facets = cursor.fetchone()
    found = products.by_id(ids) if ids else {}
    hits = [
        Hit(**found[pk], product_id=pk, score=round(float(relevance / best), 4), position=position)
        for position, (pk, relevance) in enumerate(zip(ids, relevances, strict=True), offset + 1)
        if pk in found
    ]
    return Page(results=hits, total=total, facets=_facets(*facets))


def _facets(category: str | None, brand: str | None, dietary: str | None) -> dict[str, list[Facet]]:
    counted = {"category": category, "brand": brand, "dietary": dietary}
    return {name: [Facet(**row) for row in json.loads(rows or "[]")] for name, rows in counted.items()}
