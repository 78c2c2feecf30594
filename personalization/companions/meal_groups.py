"""The stored meals: made at night from the pairs that are served, replaced all at once."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime

from django.db import transaction

from leafloaf.lib import statements
from personalization.companions import meals
from personalization.companions.companion_lists import FORMULA
from personalization.companions.meals import Group, Tie
from personalization.models import Meal

NEAREST = 50
"""Of a product's companions so many can be in a meal with it."""

# The plain cosine: of a meal no product is the one at hand.
TIES = """
    SELECT item.key, other.key,
        pair.common / (sqrt(item.baskets::float8 * other.baskets) + %(shrink)s::float8),
        pair.common::float8 * shop.baskets / item.baskets / other.baskets
    FROM personalization_baskettable AS shop
        JOIN personalization_basketitem AS item ON item.table_id = shop.id AND item.kind = 0
        JOIN personalization_itemcompanions AS listed ON listed.item_id = item.id
        CROSS JOIN unnest(listed.companions[:%(nearest)s::integer], listed.together[:%(nearest)s::integer])
            AS pair (companion, common)
        JOIN personalization_basketitem AS other ON other.id = companion
    WHERE shop.state = 'serving'
"""
CATEGORIES = """
    SELECT sku, category.path FROM catalog_product AS product
        LEFT JOIN catalog_category AS category ON category.id = product.category_id
"""
WITH = """
    SELECT meal.skus, meal.score, meal.lift FROM personalization_meal AS meal
    WHERE meal.skus @> ARRAY[%(sku)s::text] AND NOT meal.skus && %(leave_out)s::text[]
        AND cardinality(meal.skus) = (
            SELECT count(*) FROM catalog_product AS product
                LEFT JOIN catalog_offer AS offer ON offer.product_id = product.id
            WHERE product.sku = ANY (meal.skus) AND coalesce(offer.in_stock, true)
        )
    ORDER BY meal.score DESC, meal.skus LIMIT %(limit)s::integer
"""


def group(now: datetime | None = None) -> int:
    """Makes the meals anew; returns how many there are."""
    found = meals.grouped(_ties(), dict(statements.fetch(CATEGORIES)))
    made_at = now or datetime.now(UTC)
    rows = [Meal(skus=one.products, score=one.score, lift=one.lift, made_at=made_at) for one in found]
    with transaction.atomic():
        Meal.objects.all().delete()
        Meal.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def meals_with(sku: str, limit: int = 5, leave_out: Collection[str] = ()) -> list[Group]:
    """The meals with a product, best first, of which the shop has everything."""
    parameters = {"sku": sku, "limit": limit, "leave_out": list(leave_out)}
    return [Group(tuple(skus), score, lift) for skus, score, lift in statements.fetch(WITH, parameters)]


def _ties() -> dict[str, dict[str, Tie]]:
    ties: defaultdict[str, dict[str, Tie]] = defaultdict(dict)
    parameters = {"nearest": NEAREST, "shrink": FORMULA["shrink"]}
    for one, other, similarity, lift in statements.fetch(TIES, parameters):
        ties[one][other] = ties[other][one] = Tie(similarity, lift)
    return dict(ties)
