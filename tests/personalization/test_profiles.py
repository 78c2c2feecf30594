"""What a shopper does is remembered in the statement that stores the event, and by what they allow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from capture import ingest
from personalization.models import ProductHistory, Profile
from personalization.signals import marks, memory, people
from personalization.signals.marks import Signal
from privacy import subjects
from privacy.models import PrivacySettings

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
Send = Callable[..., ingest.Receipt]


@pytest.fixture
def send(log: None) -> Send:
    """Stores events of one user, all received at `NOW`."""

    def sent(*events: dict[str, Any], user: str | None = "u1", **changes: Any) -> ingest.Receipt:
        bodies = [msgspec.json.encode({"user_id": user, **event}) for event in events]
        return ingest.accept(bodies, received_at=NOW, **changes)

    return sent


def view(product: str, **more: Any) -> dict[str, Any]:
    return {
        "event_type": "interaction",
        "interaction_type": "product_view",
        "product_id": product,
        **more,
    }


def cart(product: str, action: str = "add", quantity: float = 1, **more: Any) -> dict[str, Any]:
    return {"event_type": "cart", "action": action, "product_id": product, "quantity": quantity, **more}


def order(*products: str, price: float | None = None, quantity: float = 1, **more: Any) -> dict[str, Any]:
    items = [{"product_id": product, "quantity": quantity, "price": price} for product in products]
    return {"event_type": "order", "order_id": "o", "items": items, "total_value": None, **more}


def remembered(user: str = "u1") -> dict[str, list[tuple[int, int]]]:
    """Each product with its (signal, second) in the order they came."""
    person = people.known(user)
    return {
        row.product_id: [(int(mark["signal"]), int(mark["second"])) for mark in marks.marks(row.marks)]
        for row in memory.read(person).products
    }


def scores(user: str = "u1", at: datetime = NOW) -> dict[str, float]:
    return memory.read(people.known(user)).affinities(at.timestamp()).products


def test_each_signal_is_remembered_with_its_second(send: Send) -> None:
    send(
        view("A"),
        view("A", interaction_type="product_click", timestamp="2026-06-20T12:00:00Z"),
        cart("B"),
        cart("B", "remove"),
        order("C", "D"),
        view("E", interaction_type="rating", rating=1),
    )
    now, before = int(NOW.timestamp()), int(NOW.timestamp()) - 86_400
    assert remembered() == {
        "A": [(Signal.VIEW, now), (Signal.CLICK, before)],
        "B": [(Signal.CART, now), (Signal.REMOVED, now)],
        "C": [(Signal.PURCHASE, now)],
        "D": [(Signal.PURCHASE, now)],
        "E": [(Signal.DISLIKED, now)],
    }


def test_the_score_is_there_with_the_event(send: Send) -> None:
    send(view("A"), cart("B"), order("C"))
    assert scores() == pytest.approx({"A": 0.1, "B": 0.5, "C": 1.0})


def test_a_removal_takes_back_the_addition(send: Send) -> None:
    send(cart("B"), cart("B", "remove"))
    assert scores() == {}


@pytest.mark.parametrize(
    "event",
    [
        cart("A", "update", 3),
        cart("A", "add", 0),
        order("A", quantity=0),
        view("A", interaction_type="rating", rating=3),
        {"event_type": "search", "query": "A"},
    ],
    ids=lambda event: "-".join(str(event.get(key)) for key in ("event_type", "action", "rating")),
)
def test_what_says_nothing_new_is_no_signal(send: Send, event: dict[str, Any]) -> None:
    assert send(event).accepted == 1
    assert not ProductHistory.objects.exists()
    assert not Profile.objects.exists()


def test_a_duplicate_counts_once(send: Send) -> None:
    event = view("A", event_id="same", timestamp=NOW.isoformat())
    send(event)
    assert send(event).duplicates == 1
    send(event, event)
    assert remembered()["A"] == [(Signal.VIEW, int(NOW.timestamp()))]
    assert Profile.objects.get().version == 1


def test_a_batch_of_many_people_is_told_apart(send: Send) -> None:
    send(*(view("A", user_id=f"u{n}") for n in range(5)), *(view("B", user_id="u3") for _ in range(2)))
    assert {n: {key: len(one) for key, one in remembered(f"u{n}").items()} for n in range(5)} == {
        0: {"A": 1},
        1: {"A": 1},
        2: {"A": 1},
        3: {"A": 1, "B": 2},
        4: {"A": 1},
    }


def test_nobody_is_remembered_without_a_user(send: Send) -> None:
    send(view("A"), order("A"), user=None)
    assert not Profile.objects.exists()


def test_the_version_rises_with_each_change(send: Send) -> None:
    assert people.known("u1") is None
    send(view("A"))
    send(view("B"), view("C"))
    person = people.known("u1")
    assert person is not None
    assert person.version == 2


def test_what_was_in_one_order_has_one_second(send: Send) -> None:
    send(order("A", "B", timestamp="2026-06-01T00:00:00Z"), order("A", timestamp="2026-06-08T00:00:00Z"))
    first, second = (int(datetime(2026, 6, day, tzinfo=UTC).timestamp()) for day in (1, 8))
    assert remembered() == {
        "A": [(Signal.PURCHASE, first), (Signal.PURCHASE, second)],
        "B": [(Signal.PURCHASE, first)],
    }


def settle(user: str = "u1", **settings: bool) -> UUID:
    subject = subjects.resolve([user])[user]
    PrivacySettings.objects.update_or_create(subject_id=subject, defaults=settings)
    return subject


def test_who_does_not_allow_it_is_not_remembered(send: Send) -> None:
    settle(personalization_enabled=False)
    assert send(view("A"), order("B")).accepted == 2
    assert not ProductHistory.objects.exists()


def test_who_switches_it_off_is_not_read_any_more(send: Send) -> None:
    send(view("A"))
    settle(personalization_enabled=False)
    assert remembered() == {}


def test_purchases_are_not_remembered_of_who_does_not_want_it(send: Send) -> None:
    settle(purchase_history=False)
    send(view("A"), order("B"))
    assert list(remembered()) == ["A"]


def test_a_request_may_be_left_out_of_profiles(send: Send) -> None:
    assert send(view("A"), is_profiled=False).accepted == 1
    assert not Profile.objects.exists()


def test_prices_are_remembered_only_of_who_allows_it(send: Send) -> None:
    send(order("A", price=3.99))
    settle(price_tracking=True)
    send(order("A", price=4.49, timestamp=(NOW - timedelta(days=1)).isoformat()))
    (row,) = memory.read(people.known("u1")).products
    assert [(int(one["second"]), int(one["price"])) for one in marks.paid(row.paid)] == [
        (int(NOW.timestamp()) - 86_400, 449)
    ]


def test_a_product_keeps_its_newest_marks(send: Send) -> None:
    for minutes in (30, 0):
        at = NOW - timedelta(minutes=minutes)
        send(*(view("A", timestamp=(at + timedelta(seconds=n)).isoformat()) for n in range(150)))
    kept = remembered()["A"]
    assert len(kept) == 200
    assert kept[-1][1] == max(second for _, second in kept)


def test_what_does_not_fit_is_kept_as_the_most_that_does() -> None:
    packed = marks.number(Signal.PURCHASE, NOW, Decimal(10**9)).to_bytes(8)
    (mark,) = marks.marks(packed)
    assert (mark["signal"], mark["quantity"], mark["second"]) == (3, 65_535, int(NOW.timestamp()))
    late = marks.paid_number(datetime(2100, 1, 1, tzinfo=UTC), Decimal("12.345"))
    (paid,) = marks.paid(late.to_bytes(8, signed=True))
    assert (paid["second"], paid["price"]) == (int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()), 1234)


def test_a_category_and_a_brand_sum_their_products(send: Send) -> None:
    from leafloaf.catalog.models import Brand, Category, Product

    dairy = Category.objects.create(name="Dairy")
    milk = Category.objects.create(name="Milk", parent=dairy)
    brand = Brand.objects.create(name="Oatly")
    Product.objects.create(sku="A", name="Milk", category=milk, brand=brand)
    Product.objects.create(sku="B", name="Cheese", category=dairy)
    send(view("A"), view("B"), view("unknown"))
    found = memory.read(people.known("u1")).affinities(NOW.timestamp())
    assert found.categories == pytest.approx({"Dairy > Milk": 0.1, "Dairy": 0.2})
    assert found.brands == pytest.approx({"Oatly": 0.1})
