"""What a shopper means by a query, by named rules, the first that holds."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from leafloaf.catalog.models import SEPARATOR, Brand, Category
from leafloaf.catalog.text import normalise


@dataclass(frozen=True)
class Intent:
    """The intent's name, how sure it is (0 to 1), and what was recognised in the query."""

    name: str
    confidence: float
    entities: dict[str, Any] = field(default_factory=dict)


def of(query: str) -> Intent:
    """The intent of a query; anything that no rule knows is a product search."""
    words = normalise(query)
    if not words:
        return Intent("browse_category", 1.0)
    if category := category_named(words):
        return Intent("browse_category", 0.9, {"category": category})
    if brand := brand_named(words):
        return Intent("brand_search", 0.9, {"brand": brand})
    return Intent("product_search", 0.7)


def category_named(words: str) -> str | None:
    """The path of the category that is called exactly so, the highest one when there are several."""
    called = Category.objects.filter(Q(path_key=words) | Q(path_key__endswith=f"{SEPARATOR}{words}"))
    return min(
        called.values_list("path", flat=True), key=lambda path: (path.count(SEPARATOR), path), default=None
    )


def brand_named(words: str) -> str | None:
    """The brand that is called exactly so."""
    return Brand.objects.filter(name_key=words).order_by("name").values_list("name", flat=True).first()
