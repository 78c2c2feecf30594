"""A graph of one person: its shape, and that it holds nothing but what is the person's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.catalog.models import Brand, Category, Product
from personalization import graph
from personalization.graph import Cycle, Tastes
from personalization.signals.marks import Signal
from tests.calls import Api
from tests.personalization.remembering import remember
from tests.privacy.calls import patch

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
EMPTY: dict[str, Any] = {"entities": [], "relationships": [], "temporal_patterns": []}
DAY = 86_400
moments = st.lists(st.integers(0, 30).map(lambda day: day * DAY), max_size=8)


def bought(sku: str, *days: float, quantity: float = 1) -> graph.Product:
    seconds = [int(NOW.timestamp() - day * DAY) for day in days]
    return graph.Product(sku, sku.title(), "Oatly", "Dairy", seconds, [quantity] * len(days))


def drawn(*products: graph.Product, **tastes: Any) -> graph.Graph:
    given = {"categories": {}, "brands": {}, "products": {}} | tastes
    return graph.drawn("p1", products, Tastes(**given), [], UTC)


def test_what_is_bought_frequently_has_its_rhythm() -> None:
    found = drawn(bought("milk", 14, 7, 0, quantity=2), bought("salt", 30))
    [habit] = found.relationships
    assert (habit.source, habit.target, habit.relationship) == ("user:p1", "product:milk", "frequently_buys")
    assert habit.properties == {
        "frequency": "weekly",
        "cycle_days": 7.0,
        "quantity": 2.0,
        "last_purchase": NOW.date(),
    }


@pytest.mark.parametrize(
    ("days", "word"),
    [
        (1, "daily"),
        (3.5, "twice a week"),
        (7, "weekly"),
        (14, "every two weeks"),
        (30, "monthly"),
        (61, "every two months"),
        (91, "quarterly"),
        (365, "rarely"),
    ],
)
def test_a_rhythm_has_a_word(days: float, word: str) -> None:
    assert graph.frequency(days) == word


def test_twice_in_one_order_is_no_rhythm() -> None:
    assert not drawn(bought("milk", 3, 3)).relationships


def test_products_of_the_same_orders_are_bought_together() -> None:
    found = drawn(bought("bread", 14, 7, 0), bought("milk", 14, 7), bought("salt", 7, 1))
    pairs = [one for one in found.relationships if one.relationship == "bought_with"]
    assert [(one.source, one.target, one.properties) for one in pairs] == [
        ("product:bread", "product:milk", {"orders": 2, "share": 0.6667})
    ]


def test_preferences_point_at_entities() -> None:
    found = drawn(
        bought("milk", 1),
        categories={"Dairy > Milk": 0.9},
        brands={"Oatly": 0.7},
        products={"milk": 0.5, "gone": 0.4},
        price_sensitivity=0.5,
        dietary=["vegan"],
        household={"size": 4, "has_children": True, "has_pets": None},
    )
    assert {(one.target, one.properties["score"]) for one in found.relationships} == {
        ("category:Dairy > Milk", 0.9),
        ("brand:Oatly", 0.7),
        ("product:milk", 0.5),
    }
    user = found.entities[0]
    assert (user.entity_id, user.entity_type) == ("user:p1", "user")
    assert user.attributes == {
        "preferences": {
            "dietary": ["vegan"],
            "categories": ["Dairy > Milk"],
            "brands": ["Oatly"],
            "price_sensitivity": "medium",
        },
        "household": {"size": 4, "has_children": True, "has_pets": None},
    }


@pytest.mark.parametrize(("value", "word"), [(None, None), (0.1, "low"), (0.5, "medium"), (1.0, "high")])
def test_price_sensitivity_is_a_word(value: float | None, word: str | None) -> None:
    user = drawn(price_sensitivity=value).entities[0]
    assert user.attributes["preferences"]["price_sensitivity"] == word


@given(st.lists(moments, max_size=12), st.floats(0, 1))
def test_every_relationship_ends_at_entities_of_its_own(histories: list[list[int]], score: float) -> None:
    products = [
        graph.Product(f"sku{number}", None, None, None, seconds, [1.0] * len(seconds))
        for number, seconds in enumerate(histories)
    ]
    cycles = [Cycle(f"sku{number}", 7, 0.5, NOW) for number in range(20)]
    tastes = Tastes({"Dairy": score}, {"Oatly": score}, {product.sku: score for product in products})
    found = graph.drawn("p1", products, tastes, cycles, UTC)
    names = {entity.entity_id for entity in found.entities}
    assert len(names) == len(found.entities)
    assert {end for one in found.relationships for end in (one.source, one.target)} <= names
    assert {f"product:{one.product}" for one in found.temporal_patterns} <= names
    assert all(0 < one.properties.get("share", 1) <= 1 for one in found.relationships)


def test_it_is_bounded() -> None:
    found = drawn(*(bought(f"sku{number:03}", *range(20)) for number in range(300)))
    assert len(found.entities) == 201
    assert sum(one.relationship == "bought_with" for one in found.relationships) == 100


def ask(api: Api, user: str = "u1", **headers: str) -> Any:
    return api.get("/api/v1/graph", **{"X-User-Id": user, **headers})


@pytest.fixture
def milk(transactional_db: None) -> None:
    dairy, oatly = Category.objects.create(name="Dairy"), Brand.objects.create(name="Oatly")
    for sku in ("milk", "butter"):
        Product.objects.create(sku=sku, name=sku.title(), category=dairy, brand=oatly)


def test_a_user_reads_their_own(milk: None, secret: Api) -> None:
    now = timezone.now()
    weekly = [(Signal.PURCHASE, 7.0 * week + 1) for week in range(5)]
    subject = remember(now, {"milk": weekly, "butter": weekly[::2]})
    other = remember(now, {"milk": [(Signal.PURCHASE, 3)]}, "u2")
    answer = ask(secret)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    found = answer.json()
    assert found["status"] == "ok"
    assert {one["entity_id"]: one["entity_type"] for one in found["entities"]} == {
        f"user:{subject}": "user",
        "product:milk": "product",
        "product:butter": "product",
        "category:Dairy": "category",
        "brand:Oatly": "brand",
    }
    assert {(one["relationship"], one["target"]) for one in found["relationships"]} == {
        ("frequently_buys", "product:milk"),
        ("frequently_buys", "product:butter"),
        ("prefers", "category:Dairy"),
        ("prefers", "brand:Oatly"),
        ("prefers", "product:milk"),
        ("prefers", "product:butter"),
        ("bought_with", "product:butter"),
    }
    patterns = {one["product"]: one for one in found["temporal_patterns"]}
    assert patterns["milk"]["pattern"] == "reorder_cycle"
    assert (patterns["milk"]["user"], patterns["milk"]["cycle_days"]) == (str(subject), 7.0)
    assert 0 < patterns["milk"]["confidence"] < 1
    assert patterns["milk"]["next_expected"] >= str((now - timedelta(days=1)).date())
    text = answer.content.decode()
    assert str(other) not in text
    assert "u1" not in text


def test_it_is_empty_for_who_does_not_allow_it(milk: None, secret: Api) -> None:
    remember(timezone.now(), {"milk": [(Signal.PURCHASE, 3)]})
    assert ask(secret, **{"Sec-GPC": "1"}).json() == {"status": "off", **EMPTY}
    patch(secret, {"personalization_enabled": False}, "u1")
    assert ask(secret).json() == {"status": "off", **EMPTY}


def test_purchases_are_not_in_it_of_who_does_not_want_them_used(milk: None, secret: Api) -> None:
    weekly = [(Signal.PURCHASE, 7.0 * week + 1) for week in range(5)]
    remember(
        timezone.now(), {"milk": weekly, "butter": [(Signal.VIEW, 1)]}, settings={"purchase_history": False}
    )
    found = ask(secret).json()
    assert "product:milk" not in {one["entity_id"] for one in found["entities"]}
    assert {one["relationship"] for one in found["relationships"]} == {"prefers"}
    assert found["temporal_patterns"] == []


def test_who_was_never_seen_looks_like_who_has_no_history(secret: Api) -> None:
    remember(timezone.now(), {}, "seen")
    assert [ask(secret, user).json() for user in ("never", "seen")] == [{"status": "no_history", **EMPTY}] * 2
