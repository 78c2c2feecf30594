"""A small shop with people who buy in it: made through the ORM and through ingest, as a real one is."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
from django.db import connection

from capture import ingest
from leafloaf.catalog.models import Category, Offer, Product
from privacy import subjects
from privacy.models import PrivacySettings

NOW = datetime.now(UTC).replace(microsecond=0)
USER = "u1"
LOGIN = {"host", "port", "dbname", "user", "password"}

SHOP: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Bakery > Bread": {"wheat-bread": (), "rye-bread": ("vegan",), "white-bread": ()},
    "Bakery > Gluten-Free Bread": {
        "gf-loaf": ("gluten-free",),
        "gf-buns": ("gluten-free",),
        "gf-bagels": ("gluten-free", "vegan"),
    },
    "Pantry > Pasta": {
        "wheat-pasta": ("vegan",),
        "egg-pasta": (),
        "rice-pasta": ("gluten-free", "vegan"),
        "corn-pasta": ("gluten-free", "vegan"),
    },
    "Dairy > Milk": {"milk": (), "cream": (), "oat-drink": ("vegan",)},
    "Produce > Fruit": {"apple": ("vegan",), "banana": ("vegan",), "pear": ("vegan",)},
    "Meat > Beef": {"steak": (), "mince": ()},
    "Pet > Cat Food": {"cat-food": ()},
}


def stock(shelves: Mapping[str, Mapping[str, Iterable[str]]] = SHOP) -> None:
    """The products of each shelf with their labels; each costs 2."""
    for path, labels in shelves.items():
        category = shelf(path)
        for sku, dietary in labels.items():
            name = sku.replace("-", " ").title()
            product = Product.objects.create(sku=sku, name=name, category=category, dietary=list(dietary))
            Offer.objects.create(product=product, price=2)


def shelf(path: str) -> Category:
    above, _, name = path.rpartition(" > ")
    category, _ = Category.objects.get_or_create(name=name, parent=shelf(above) if above else None)
    category.refresh_from_db()
    return category


def send(*events: Mapping[str, Any], user: str | None = USER, at: datetime = NOW) -> ingest.Receipt:
    """Stores events as received at a moment."""
    bodies = [msgspec.json.encode({"event_id": str(uuid4()), "user_id": user, **event}) for event in events]
    receipt = ingest.accept(bodies, received_at=at)
    assert not receipt.rejected, receipt.rejected
    return receipt


def order(*skus: str, **more: Any) -> dict[str, Any]:
    items = [{"product_id": sku, "quantity": 1, "price": 2} for sku in skus]
    return {"event_type": "order", "order_id": "o", "items": items, "total_value": 2 * len(items), **more}


def buys(*skus: str, days_ago: Iterable[int] = (21, 14, 7), user: str | None = USER) -> None:
    """One order of these products on each of the days."""
    for days in days_ago:
        send(order(*skus), user=user, at=NOW - timedelta(days=days))


def cart(sku: str, action: str = "add", **more: Any) -> dict[str, Any]:
    return {"event_type": "cart", "action": action, "product_id": sku, "quantity": 1, **more}


def clicked(sku: str, **more: Any) -> dict[str, Any]:
    return {"event_type": "interaction", "interaction_type": "product_click", "product_id": sku, **more}


def viewed(sku: str) -> dict[str, Any]:
    return {"event_type": "interaction", "interaction_type": "product_view", "product_id": sku}


def allow(user: str = USER, **settings: Any) -> None:
    """What a person allows, from now on."""
    subject_id = subjects.resolve([user])[user]
    PrivacySettings.objects.update_or_create(subject_id=subject_id, defaults=settings)


@contextmanager
def locked(*tables: str) -> Iterator[None]:
    """Nobody else can read or write these tables, for another connection holds them."""
    parameters = connection.get_connection_params()
    with psycopg.connect(**{name: value for name, value in parameters.items() if name in LOGIN}) as holder:
        holder.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()
