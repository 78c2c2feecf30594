"""What a result must be, and how that is said in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from leafloaf.catalog.text import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a result must be. Names are compared without case, marks and punctuation.

    A category is a whole path or any level of it; of several categories or brands one is enough, dietary marks
    must all hold. A product without a price has no place in a price range. `said` are dietary marks from a shopper's
    own words: a product that says them in its name has them too, whether or not it is marked.
    """

    category: str | Sequence[str] = ()
    brand: str | Sequence[str] = ()
    dietary: str | Sequence[str] = ()
    said: Sequence[str] = ()
    price_min: Decimal | float | None = None
    price_max: Decimal | float | None = None
    in_stock: bool | None = None

    @property
    def are_any(self) -> bool:
        return self.need_offer or bool(self.category or self.brand or self.dietary or self.said)

    @property
    def need_offer(self) -> bool:
        return (self.price_min, self.price_max, self.in_stock) != (None, None, None)

    def values(self) -> dict[str, Any]:
        """The parameters of the conditions below."""
        return {
            "categories": [
                " > ".join(normalise(level) for level in path.split(">")) for path in several(self.category)
            ],
            "brands": [normalise(name) for name in several(self.brand)],
            "dietary": [normalise(mark) for mark in several(self.dietary)],
            "said": [normalise(mark) for mark in self.said],
            "price_min": self.price_min if self.price_min is None else Decimal(str(self.price_min)),
            "price_max": self.price_max if self.price_max is None else Decimal(str(self.price_max)),
            "in_stock": self.in_stock,
        }


# Of a search row `s` and its offer `o`. The first two are columns, since their own facet leaves them out.
IN_CATEGORY = """(%(categories)s::text[] = '{}' OR coalesce(s.category_id = ANY (ARRAY(
    SELECT c.id FROM catalog_category c, unnest(%(categories)s::text[]) AS wanted
    WHERE position(' > ' || wanted || ' > ' IN ' > ' || c.path_key || ' > ') > 0)), false))"""
OF_BRAND = """(%(brands)s::text[] = '{}' OR coalesce(s.brand_id = ANY (ARRAY(
    SELECT b.id FROM catalog_brand b WHERE b.name_key = ANY (%(brands)s::text[]))), false))"""
SUITING = """s.dietary_keys @> %(dietary)s::text[] AND (%(said)s::text[] = '{}' OR NOT EXISTS (
    SELECT FROM unnest(%(said)s::text[]) AS mark
    WHERE mark <> ALL (s.dietary_keys) AND position(' ' || mark || ' ' IN ' ' || s.name_key || ' ') = 0))"""
AFFORDABLE = """(%(price_min)s::numeric IS NULL OR o.price >= %(price_min)s::numeric)
      AND (%(price_max)s::numeric IS NULL OR o.price <= %(price_max)s::numeric)
      AND (%(in_stock)s::boolean IS NULL OR coalesce(o.in_stock, true) = %(in_stock)s::boolean)"""


def several(names: str | Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):
        return [names] if names else []
    return names
