"""The nearest companions of each item, taken from all its pairs whenever one of them has changed.

A list holds pairs that enough different shoppers bought, by the similarity that `complements` ranks by.
What is served is reckoned from the counts of the moment; the list says only which pairs to look at.
"""

from django.conf import settings

from leafloaf.lib import statements
from personalization.models import BasketItem, BasketTable
from personalization.prediction import complements, cooccurrence

ITEMS_AT_ONCE = 100
SIMILARITY = """
    {common} / (power({own}, %(exponent)s::float8) * power({other}, 1 - %(exponent)s::float8) + %(shrink)s::float8)
"""
FORMULA = {"exponent": complements.EXPONENT, "shrink": cooccurrence.SHRINK}
LIST = f"""
    WITH due AS MATERIALIZED (
        SELECT id, baskets FROM personalization_basketitem
        WHERE table_id = %(table)s::integer AND is_due ORDER BY id LIMIT %(items)s::integer
    ), near AS MATERIALIZED (
        SELECT due.id, due.baskets, second_id AS companion, together
        FROM due JOIN personalization_itempair ON first_id = due.id
        WHERE bit_count(lots::bit(32)) >= %(shoppers)s::integer
        UNION ALL
        SELECT due.id, due.baskets, first_id, together
        FROM due JOIN personalization_itempair ON second_id = due.id
        WHERE bit_count(lots::bit(32)) >= %(shoppers)s::integer
    ), ranked AS (
        SELECT near.id, companion, together, row_number() OVER (PARTITION BY near.id ORDER BY
            {SIMILARITY.format(common="together", own="near.baskets", other="item.baskets")} DESC, item.key) AS place
        FROM near JOIN personalization_basketitem AS item ON item.id = companion
    ), listed AS (
        INSERT INTO personalization_itemcompanions (item_id, companions, together)
        SELECT due.id, coalesce(array_agg(companion ORDER BY place) FILTER (WHERE companion IS NOT NULL), '{{}}'),
            coalesce(array_agg(together ORDER BY place) FILTER (WHERE companion IS NOT NULL), '{{}}')
        FROM due LEFT JOIN ranked ON ranked.id = due.id AND place <= %(top)s::integer GROUP BY due.id
        ON CONFLICT (item_id) DO UPDATE SET companions = excluded.companions, together = excluded.together
    ), stamped AS (
        UPDATE personalization_baskettable SET counted_at = counted_at + interval '1 microsecond'
        WHERE id = %(table)s::integer AND EXISTS (SELECT FROM due)
    )
    UPDATE personalization_basketitem AS item SET is_due = false FROM due WHERE item.id = due.id RETURNING item.id
"""  # noqa: S608 (our own statement)
"""The moment that is moved on by the least there is tells `baskets.version` that other companions are listed."""


def refresh(table: int) -> bool:
    """Lists the companions of some items that are due, in the caller's transaction; whether there may be more."""
    needed = settings.COMPLEMENTS_K
    if BasketTable.objects.filter(pk=table).exclude(shoppers_needed=needed).update(shoppers_needed=needed):
        BasketItem.objects.filter(table=table).update(is_due=True)
    parameters = {
        "table": table,
        "items": ITEMS_AT_ONCE,
        "shoppers": needed,
        "top": complements.TOP,
    }
    return len(statements.fetch(LIST, parameters | FORMULA)) == ITEMS_AT_ONCE


def are_due(table: int) -> bool:
    return BasketItem.objects.filter(table=table, is_due=True).exists()
