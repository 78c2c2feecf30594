"""What is not allowed any more, or has grown too old, is gone; what is left is as it was."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from personalization import tasks
from personalization.models import ProductHistory, Profile
from personalization.signals import erasing, forgetting, kept_copies, marks, memory, people
from personalization.signals.marks import Signal
from privacy import consent
from privacy.models import Actor, PrivacySettings
from tests.calls import Api
from tests.personalization.remembering import remember
from tests.privacy.calls import patch
from tests.privacy.example import Refused

pytestmark = pytest.mark.django_db(transaction=True)

VIEW, CLICK, CART, PURCHASE, DISLIKED = (
    Signal.VIEW,
    Signal.CLICK,
    Signal.CART,
    Signal.PURCHASE,
    Signal.DISLIKED,
)
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def left(subject_id: Any, now: datetime = NOW) -> dict[str, list[tuple[Signal, int]]]:
    """What is stored, with its age in whole days."""
    return {
        row.product_id: [
            (Signal(int(mark["signal"])), round((now.timestamp() - int(mark["second"])) / 86_400))
            for mark in marks.marks(bytes(row.marks))
        ]
        for row in ProductHistory.objects.filter(subject_id=subject_id)
    }


def prices(subject_id: Any) -> list[int]:
    rows = ProductHistory.objects.filter(subject_id=subject_id)
    return [int(price) for row in rows for price in marks.paid(bytes(row.paid))["price"]]


def purchases(subject_id: Any) -> int:
    rows = ProductHistory.objects.filter(subject_id=subject_id)
    return sum(int((marks.marks(bytes(row.marks))["signal"] == PURCHASE).sum()) for row in rows)


@pytest.fixture
def shopper() -> Callable[..., Any]:
    """Somebody who looked at A, bought B twice and put C into the cart, with the prices they paid."""

    def made(now: datetime = NOW, **settings: bool | int) -> Any:
        return remember(
            now,
            {
                "A": [(VIEW, 2), (CLICK, 20)],
                "B": [(PURCHASE, 50), (CLICK, 4), (PURCHASE, 3)],
                "C": [(CART, 8)],
            },
            paid={"B": [(50, "2.50"), (3, "2.75")]},
            settings=settings,
        )

    return made


def test_what_is_still_remembered_is_left_alone(shopper: Callable[..., Any]) -> None:
    subject = shopper(price_tracking=True)
    before = left(subject)
    assert forgetting.forget_old(NOW) == 0
    assert left(subject) == before
    assert Profile.objects.get().version == 5


def test_each_signal_goes_when_its_memory_ends() -> None:
    subject = remember(
        NOW,
        {
            "A": [(VIEW, 29), (VIEW, 31), (CLICK, 59), (CLICK, 61), (CART, 89), (CART, 91)],
            "B": [(PURCHASE, 179), (PURCHASE, 181), (PURCHASE, 10)],
            "C": [(DISLIKED, 179)],
            "D": [(VIEW, 40)],
        },
        paid={"B": [(181, "2.50"), (10, "2.75")]},
        settings={"price_tracking": True},
    )
    assert purchases(subject) == 3
    assert forgetting.forget_old(NOW) == 1
    assert left(subject) == {
        "A": [(VIEW, 29), (CLICK, 59), (CART, 89)],
        "B": [(PURCHASE, 179), (PURCHASE, 10)],
        "C": [(DISLIKED, 179)],
    }
    assert prices(subject) == [275]
    assert purchases(subject) == 2
    assert Profile.objects.get().version == 6
    assert forgetting.forget_old(NOW) == 0
    assert Profile.objects.get().version == 6


def test_who_wants_fewer_days_has_them(shopper: Callable[..., Any]) -> None:
    subject = shopper(data_retention_days=7, price_tracking=True)
    forgetting.forget_old(NOW)
    assert left(subject) == {"A": [(VIEW, 2)], "B": [(CLICK, 4), (PURCHASE, 3)]}
    assert prices(subject) == [275]
    assert purchases(subject) == 1


def test_the_night_sweeps_what_an_event_stored_while_a_feature_was_switched_off(
    shopper: Callable[..., Any],
) -> None:
    subject = shopper()
    assert forgetting.forget_old(NOW) == 1
    assert prices(subject) == []
    PrivacySettings.objects.update_or_create(subject_id=subject, defaults={"purchase_history": False})
    forgetting.forget_old(NOW)
    assert left(subject) == {"A": [(VIEW, 2), (CLICK, 20)], "B": [(CLICK, 4)], "C": [(CART, 8)]}
    assert purchases(subject) == 0
    PrivacySettings.objects.update(personalization_enabled=False)
    forgetting.forget_old(NOW)
    assert left(subject) == {}
    assert Profile.objects.get().version == 8


def test_it_goes_through_everybody_in_lots() -> None:
    for number in range(5):
        remember(NOW, {"A": [(VIEW, 40), (VIEW, 1)]}, f"user {number}")
    assert forgetting.forget_old(NOW, at_once=2) == 5
    assert all(len(row.marks) == marks.BYTES for row in ProductHistory.objects.all())


@pytest.mark.parametrize("run", [lambda: call_command("forget_old_signals"), tasks.forget_old_signals])
def test_the_command_and_the_task_do_it(run: Callable[[], object]) -> None:
    remember(timezone.now(), {"A": [(VIEW, 31)], "B": [(VIEW, 29)]})
    run()
    assert [row.product_id for row in ProductHistory.objects.all()] == ["B"]


def test_sql_forgets_what_arithmetic_would() -> None:
    dice = random.Random(7)  # noqa: S311 (the same histories each time)
    memories = {VIEW: 30, CLICK: 60, CART: 90, PURCHASE: 180, Signal.REMOVED: 90, DISLIKED: 180}
    given = {
        f"user {number}": {
            f"sku {product}": [
                (dice.choice(list(Signal)), dice.choice([dice.uniform(0, 200), dice.uniform(0, 40)]))
                for _ in range(dice.randrange(1, 9))
            ]
            for product in range(dice.randrange(1, 6))
        }
        for number in range(40)
    }
    for user, products in given.items():
        days, keeps = dice.choice([90, 90, 30, 1]), dice.random() < 0.7
        subject = remember(
            NOW, products, user, settings={"data_retention_days": days, "purchase_history": keeps}
        )
        forgetting.forget([subject], NOW)
        expected = {
            sku: [signal for signal, age in some if age <= min(memories[signal], days if days < 90 else 999)
                  and (keeps or signal != PURCHASE)]
            for sku, some in products.items()
        }  # fmt: skip
        found = {sku: [signal for signal, _ in some] for sku, some in left(subject).items()}
        assert found == {sku: some for sku, some in expected.items() if some}


@pytest.mark.parametrize(
    ("change", "products", "paid", "purchases_left"),
    [
        ({"features": {"price_tracking": False}}, {"A", "B", "C"}, 0, 2),
        ({"features": {"purchase_history": False}}, {"A", "B", "C"}, 0, 0),
        ({"personalization_enabled": False}, set(), 0, 0),
        ({"data_retention_days": 5}, {"A", "B"}, 1, 1),
    ],
    ids=["prices", "purchases", "everything", "days"],
)
def test_a_change_of_the_settings_is_followed_at_once(
    shopper: Callable[..., Any],
    secret: Api,
    change: dict[str, Any],
    products: set[str],
    paid: int,
    purchases_left: int,
) -> None:
    now = timezone.now()
    subject = shopper(now, price_tracking=True)
    assert patch(secret, change, "u1").status_code == 200
    assert set(left(subject, now)) == products
    assert (
        all(signal != PURCHASE for some in left(subject, now).values() for signal, _ in some)
        or purchases_left
    )
    assert len(prices(subject)) == paid
    assert purchases(subject) == purchases_left
    assert Profile.objects.get().version == 6


@pytest.mark.parametrize(
    "change",
    [
        {"features": {"search_history": False}},
        {"features": {"household_inference": True, "price_tracking": True}},
        {"data_retention_days": 90},
    ],
)
def test_a_change_that_narrows_nothing_changes_no_profile(
    shopper: Callable[..., Any], secret: Api, change: dict[str, Any]
) -> None:
    shopper(timezone.now(), data_retention_days=60)
    patch(secret, change, "u1")
    assert Profile.objects.get().version == 5


def test_a_change_that_is_undone_forgets_nothing(shopper: Callable[..., Any], settings: Settings) -> None:
    now = timezone.now()
    subject = shopper(now)
    settings.PRIVACY_LISTENERS = [*settings.PRIVACY_LISTENERS, "tests.privacy.example.refusing"]
    with pytest.raises(Refused):
        consent.change(subject, {"personalization_enabled": False}, Actor.USER)
    assert set(left(subject, now)) == {"A", "B", "C"}


@pytest.fixture
def redis(settings: Settings) -> None:
    if not settings.REDIS_ENABLED:
        pytest.skip("there is no Redis here")


def test_copies_in_redis_go_with_it(shopper: Callable[..., Any], secret: Api, redis: None) -> None:
    now = timezone.now()
    subject = shopper(now, price_tracking=True)
    other = remember(now, {"A": [(VIEW, 1)]}, "u2")
    assert len(memory.read(people.known("u1")).products) == 3
    memory.read(people.known("u2"))
    assert len(list(kept_copies.found(subject))) == 1
    patch(secret, {"features": {"price_tracking": False}}, "u1")
    assert not list(kept_copies.found(subject))
    assert len(list(kept_copies.found(other))) == 1


def test_who_is_erased_has_nothing_left(shopper: Callable[..., Any], redis: None) -> None:
    subject, other = shopper(), remember(NOW, {"A": [(VIEW, 1)]}, "u2")
    memory.read(people.known("u1"))
    assert erasing.left(subject) == 5
    assert erasing.erase(subject) == 5
    assert erasing.left(subject) == 0
    assert erasing.erase(subject) == 0
    assert list(erasing.export(subject)) == []
    assert erasing.left(other) == 2


def test_all_that_is_remembered_is_exported(shopper: Callable[..., Any]) -> None:
    profile, a, b, c = erasing.export(shopper(price_tracking=True))
    assert profile["kind"] == "profile"
    assert a["product_id"] == "A"
    assert a["signals"][0] == {"signal": "view", "at": "2026-06-19T12:00:00+00:00", "quantity": 1.0}
    assert b["paid"] == [
        {"at": "2026-05-02T12:00:00+00:00", "price": "2.50"},
        {"at": "2026-06-18T12:00:00+00:00", "price": "2.75"},
    ]
    assert c == {
        "kind": "product",
        "product_id": "C",
        "signals": [{"signal": "cart", "at": "2026-06-13T12:00:00+00:00", "quantity": 1.0}],
        "paid": [],
    }
