"""What the shop sells.

Postgres keeps what is derived (a category's path, the search rows) by triggers, so a product written by the admin,
the loader, the ORM or plain SQL is found at once. Every column has its default in the database for the same reason.
Price and stock stand in a row of their own: they change most, and must never touch a search row.
"""

from leafloaf.catalog.models.functions import Normalised, Phrase, Phrases, ShelfKeys, Tokens
from leafloaf.catalog.models.merchandising import MerchandisingRule, Placement
from leafloaf.catalog.models.products import SEPARATOR, Brand, Category, Offer, Product, Supplier
from leafloaf.catalog.models.searching import ProductSearch, Synonym

__all__ = [
    "SEPARATOR",
    "Brand",
    "Category",
    "MerchandisingRule",
    "Normalised",
    "Offer",
    "Phrase",
    "Phrases",
    "Placement",
    "Product",
    "ProductSearch",
    "ShelfKeys",
    "Supplier",
    "Synonym",
    "Tokens",
]
