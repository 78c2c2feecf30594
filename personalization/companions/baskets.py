"""What goes with products and categories, as it is asked for in a request: each answer is one statement.

Ranked as in `personalization.prediction.complements`, over the counts of the table that serves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from leafloaf.catalog import version as catalogue_version
from leafloaf.lib import statements
from personalization.companions.companion_lists import FORMULA, SIMILARITY
from personalization.models import BasketItem
from personalization.prediction import complements

CONSIDERED = 200
"""So many of the best are looked up in the catalogue, which may sell some of them no more."""
CATEGORIES = 5
"""Associated categories whose products step in for a product without pairs."""

# Beside several items, what is told of a companion is told of the one that it is nearest to.
RANKED = f"""
    WITH shop AS MATERIALIZED (
        SELECT id, baskets FROM personalization_baskettable WHERE state = 'serving'
    ), asked AS MATERIALIZED (
        SELECT item.id, item.key, item.baskets FROM personalization_basketitem AS item JOIN shop ON shop.id = table_id
        WHERE kind = %(kind)s::smallint AND {{asked}}
    ), near AS (
        SELECT item.key, item.baskets, asked.key AS beside, asked.baskets AS own, pair.common::float8,
            {SIMILARITY.format(common="pair.common", own="asked.baskets", other="item.baskets")} AS similarity
        FROM asked JOIN personalization_itemcompanions AS listed ON listed.item_id = asked.id
            CROSS JOIN unnest(listed.companions, listed.together) AS pair (companion, common)
            JOIN personalization_basketitem AS item ON item.id = companion
    ), ranked AS (
        SELECT key, sum(similarity) + %(popularity)s::float8 * near.baskets / shop.baskets AS score,
            (array_agg(beside ORDER BY similarity DESC, beside))[1] AS beside,
            (array_agg(common * shop.baskets / own / near.baskets ORDER BY similarity DESC, beside))[1] AS lift,
            (array_agg(common / shop.baskets ORDER BY similarity DESC, beside))[1] AS support
        FROM near CROSS JOIN shop WHERE key <> ALL (%(leave_out)s::text[]) AND {{wanted}}
        GROUP BY key, near.baskets, shop.baskets ORDER BY score DESC, key LIMIT %(considered)s::integer
    )
"""  # noqa: S608 (our own statement)
COMPLEMENTS = f"""
    {RANKED.format(asked="item.key = ANY (%(keys)s::text[])", wanted="key <> ALL (%(keys)s::text[])")}
    SELECT product.id, key, lift, support, score, beside, coalesce(anchor.name, beside)
    FROM ranked JOIN catalog_product AS product ON product.sku = key
        LEFT JOIN catalog_offer AS offer ON offer.product_id = product.id
        LEFT JOIN catalog_product AS anchor ON anchor.sku = beside
    WHERE coalesce(offer.in_stock, true) ORDER BY score DESC, key LIMIT %(limit)s::integer
"""  # noqa: S608 (our own statement)
VERSION = """
    SELECT concat_ws(' ',
        (SELECT concat_ws(',', id, last_id, counted_at, shoppers_needed) FROM personalization_baskettable
         WHERE state = 'serving'),
        (SELECT made_at FROM personalization_meal LIMIT 1))
"""
WITHIN = "(item.key = %(path)s::text OR starts_with(item.key, %(path)s::text || ' > '))"
OUTSIDE = "key <> %(path)s::text AND NOT starts_with(key, %(path)s::text || ' > ')"
ASSOCIATED = f"""
    {RANKED.format(asked=WITHIN, wanted=OUTSIDE)}
    SELECT key, lift, support, score FROM ranked ORDER BY score DESC, key LIMIT %(limit)s::integer
"""  # noqa: S608 (our own statement)
# The most bought of each category in turn.
BEST_OF = """
    SELECT product.id, product.sku, place
    FROM unnest(%(paths)s::text[]) WITH ORDINALITY AS wanted (path, place)
        JOIN catalog_category AS category USING (path)
        CROSS JOIN LATERAL (
            SELECT product.id, product.sku, row_number() OVER (ORDER BY item.baskets DESC, product.sku) AS rank
            FROM catalog_product AS product
                JOIN personalization_basketitem AS item ON item.key = product.sku AND item.kind = 0
                    AND item.table_id = (SELECT id FROM personalization_baskettable WHERE state = 'serving')
                LEFT JOIN catalog_offer AS offer ON offer.product_id = product.id
            WHERE product.category_id = category.id AND coalesce(offer.in_stock, true)
                AND product.sku <> ALL (%(leave_out)s::text[])
        ) AS product
    WHERE rank <= %(limit)s::integer ORDER BY rank, place LIMIT %(limit)s::integer
"""


@dataclass(frozen=True, slots=True)
class Complement:
    """A product of the shop that goes with others; `lift` and `support` are those of the pair that says most for it."""

    pk: int
    sku: str
    lift: float
    support: float
    """The share of all baskets that hold both."""
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class AssociatedCategory:
    """A category with products that are in one basket with those of another."""

    path: str
    lift: float
    support: float
    score: float


def version() -> str:
    """Another text after whatever changes an answer of these, or a meal: of the shop, and of what was counted.

    Whoever is erased is counted in no table that begins to serve after it.
    """
    return f"{catalogue_version.read()} {statements.fetch(VERSION)[0][0]}"


def complements_of(
    products: Sequence[str], limit: int = 20, leave_out: Collection[str] = ()
) -> list[Complement]:
    """What goes with these products, given by SKU, best first: of the shop, in stock, none of their own."""
    known = [sku for sku in products if "\0" not in sku]  # Postgres has no such text
    keys = {"keys": known, "considered": max(CONSIDERED, 4 * limit)}
    rows = statements.fetch(COMPLEMENTS, _parameters(BasketItem.Kind.PRODUCT, limit, leave_out) | keys)
    return [
        Complement(pk, sku, lift, support, score, f"Often bought with {name}")
        for pk, sku, lift, support, score, _, name in rows
    ]


def category_associations(path: str, limit: int = 20) -> list[AssociatedCategory]:
    """The categories that go with one and those below it, best first, none of its own."""
    more = {"path": path, "considered": limit}
    rows = statements.fetch(ASSOCIATED, _parameters(BasketItem.Kind.CATEGORY, limit, ()) | more)
    return [AssociatedCategory(*row) for row in rows]


def complements_by_category(path: str, limit: int = 20, leave_out: Collection[str] = ()) -> list[Complement]:
    """The most bought products of the categories that go with one: for a product that has no pairs yet."""
    found = category_associations(path, CATEGORIES)
    parameters = {"paths": [one.path for one in found], "limit": limit, "leave_out": list(leave_out)}
    made = []
    for pk, sku, place in statements.fetch(BEST_OF, parameters) if found else ():
        other = found[place - 1]
        reason = f"{_name(other.path)} is often bought with {_name(path)}"
        made.append(Complement(pk, sku, other.lift, other.support, other.score, reason))
    return made


def _parameters(kind: BasketItem.Kind, limit: int, leave_out: Collection[str]) -> dict[str, object]:
    more = {"kind": kind.value, "limit": limit, "leave_out": list(leave_out)}
    return {**FORMULA, "popularity": complements.POPULARITY, **more}


def _name(path: str) -> str:
    return path.rpartition(" > ")[2]
