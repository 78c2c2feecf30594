"""Products that can be bought now, by SKU, in one statement; as plain tuples, for most are looked at and left out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings

from leafloaf.lib import statements

IN_STOCK = """
SELECT p.sku, p.name, b.name, c.path, o.price, coalesce(o.currency, %(currency)s::text), p.dietary::text[],
       s.name, true, p.size
FROM catalog_product p
LEFT JOIN catalog_offer o ON o.product_id = p.id
LEFT JOIN catalog_brand b ON b.id = p.brand_id
LEFT JOIN catalog_category c ON c.id = p.category_id
LEFT JOIN catalog_supplier s ON s.id = p.supplier_id
WHERE p.sku = ANY (%(skus)s::text[]) AND coalesce(o.in_stock, true)
"""


class Listing(NamedTuple):
    """The fields of `leafloaf.catalog.products.Listing`."""

    sku: str
    name: str
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str
    dietary: list[str]
    supplier: str | None
    in_stock: bool
    size: str


def listings(skus: Sequence[str]) -> dict[str, Listing]:
    """Those of the SKUs that the shop has and that are in stock."""
    rows = statements.fetch(IN_STOCK, {"skus": list(skus), "currency": settings.LEAFLOAF_CURRENCY})
    return {row[0]: Listing._make(row) for row in rows}
