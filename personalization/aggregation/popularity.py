"""What most shoppers want: the products by what was done with them, best first."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.conf import settings

from leafloaf.lib import statements

MOST = 1000
"""No ranking is longer."""
WATERMARK = "aggregates"

RANKED = """
    SELECT sku FROM (
        SELECT product_id AS sku, sum(views) * %(view)s + sum(clicks) * %(click)s + sum(adds) * %(cart)s
                                + sum(purchases) * %(purchase)s AS score
        FROM personalization_dailyproduct WHERE day > %(after)s::date GROUP BY product_id
    ) AS counted JOIN catalog_product USING (sku)
    WHERE score > 0 ORDER BY score DESC, sku COLLATE "C" LIMIT %(most)s
"""
COUNTED = "SELECT xid::text FROM capture_watermark WHERE name = %(name)s"


def popular(limit: int, days: int = 28) -> list[str]:
    """The SKUs that shoppers wanted most in the last days, best first; the weights are those of the signals.

    What is no longer in the catalogue is left out, what is out of stock is not. Worked out once for each count.
    """
    today = datetime.now(UTC).date()
    counted = statements.fetch(COUNTED, {"name": WATERMARK})
    if not counted:
        return []
    return list(_ranked(counted[0][0], today.isoformat(), days)[:limit])


@lru_cache(maxsize=8)
def _ranked(counted: str, today: str, days: int) -> tuple[str, ...]:
    """The ranking as of one count, which `counted` tells from any other."""
    after = datetime.fromisoformat(today).date() - timedelta(days=days)
    weights = {
        name: float(settings.SIGNALS[name]["weight"]) for name in ("view", "click", "cart", "purchase")
    }
    found = statements.fetch(RANKED, weights | {"after": after, "most": MOST})
    return tuple(sku for (sku,) in found)
