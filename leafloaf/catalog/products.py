"""A product as a shopper sees it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from leafloaf.catalog.models import Offer, Product
from leafloaf.lib import statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One line on a shelf; `price` is None when it is sold on request."""

    sku: str
    name: str
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str
    dietary: tuple[str, ...]
    supplier: str | None
    in_stock: bool
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail(Listing):
    """A listing and what its own page adds."""

    description: str
    attributes: dict[str, Any]
    updated_at: datetime


def get(sku: str) -> Detail | None:
    """The product of that SKU, or None."""
    if "\0" in sku:  # Postgres has no such text
        return None
    product = _shown().filter(sku=sku).first()
    if product is None:
        return None
    return Detail(
        **listing(product),
        description=product.description,
        attributes=product.attributes,
        updated_at=product.updated_at,
    )


def listings(skus: Iterable[str]) -> dict[str, Listing]:
    """Those of the SKUs that exist, in one statement."""
    known = [sku for sku in skus if "\0" not in sku]
    return {product.sku: Listing(**listing(product)) for product in _shown().filter(sku__in=known)}


FIELDS = (
    "sku", "name", "brand", "category", "price", "currency", "dietary", "supplier", "in_stock", "size",
)  # fmt: skip
BY_ID = """
SELECT p.id, p.sku, p.name, b.name, c.path, o.price, coalesce(o.currency, %(currency)s::text), p.dietary::text[],
       s.name, coalesce(o.in_stock, true), p.size
FROM catalog_product p
LEFT JOIN catalog_offer o ON o.product_id = p.id
LEFT JOIN catalog_brand b ON b.id = p.brand_id
LEFT JOIN catalog_category c ON c.id = p.category_id
LEFT JOIN catalog_supplier s ON s.id = p.supplier_id
WHERE p.id = ANY (%(ids)s::bigint[])
"""


def by_id(ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The fields of a `Listing` for each product, by primary key, in one statement."""
    rows = statements.fetch(BY_ID, {"ids": list(ids), "currency": settings.LEAFLOAF_CURRENCY})
    found = {}
    for pk, *values in rows:
        fields = dict(zip(FIELDS, values, strict=True))
        found[pk] = fields | {"dietary": tuple(fields["dietary"])}
    return found


def listing(product: Product) -> dict[str, Any]:
    """The fields of a `Listing`."""
    offer: Offer | None = getattr(product, "offer", None)
    return {
        "sku": product.sku,
        "name": product.name,
        "brand": product.brand.name if product.brand else None,
        "category": product.category.path if product.category else None,
        "price": offer.price if offer else None,
        "currency": offer.currency if offer else settings.LEAFLOAF_CURRENCY,
        "dietary": tuple(product.dietary),
        "supplier": product.supplier.name if product.supplier else None,
        "in_stock": offer.in_stock if offer else True,
        "size": product.size,
    }


def _shown() -> QuerySet[Product]:
    return Product.objects.select_related("brand", "category", "supplier", "offer").order_by()
