"""`GET /api/v1/profile`: what is inferred, to whom, and by which consent."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from leafloaf.catalog.models import Brand, Category, Offer, Product
from personalization.signals.marks import Signal
from tests.calls import Api
from tests.personalization.remembering import remember
from tests.privacy.calls import patch

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING: dict[str, Any] = {
    "categories": {},
    "brands": {},
    "products": {},
    "price_sensitivity": None,
    "dietary": None,
    "household": None,
    "last_updated": None,
}


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def shop(db: None) -> None:
    """Two brands of milk on one shelf, bread with and without gluten, and what a baby needs."""
    dairy = Category.objects.create(name="Dairy")
    milk = Category.objects.create(name="Milk", parent=dairy)
    bread, baby = Category.objects.create(name="Bread"), Category.objects.create(name="Baby")
    oatly, alpro = Brand.objects.create(name="Oatly"), Brand.objects.create(name="Alpro")
    for number, (brand, price) in enumerate(
        ((oatly, "3.00"), (alpro, "4.00"), (oatly, "5.00"), (alpro, "6.00"))
    ):
        product = Product.objects.create(sku=f"M{number}", name=f"Milk {number}", brand=brand, category=milk)
        Offer.objects.create(product=product, price=price)
    for number in range(4):
        labels = ["gluten-free"] if number == 0 else []
        Product.objects.create(sku=f"B{number}", name=f"Bread {number}", category=bread, dietary=labels)
    Product.objects.create(sku="N0", name="Nappies", category=baby)


def ask(api: Api, user: str = "u1", query: str = "", **headers: str) -> Any:
    return api.get(f"/api/v1/profile{query}", **{"X-User-Id": user, **headers})


def buys(now: datetime, **settings: bool | int) -> Any:
    """Somebody with six orders of milk, gluten-free bread and nappies."""
    weeks = [(Signal.PURCHASE, 7.0 * week + 1) for week in range(6)]
    return remember(
        now,
        {
            "M0": weeks,
            "B0": weeks,
            "N0": weeks,
            "M1": [(Signal.VIEW, 0), (Signal.VIEW, 1), (Signal.VIEW, 31)],
        },
        paid={"M0": [(day, "3.00") for _, day in weeks]},
        settings=settings,
    )


def test_scores_are_told_the_highest_first(shop: None, secret: Api, now: datetime) -> None:
    buys(now)
    answer = ask(secret)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    found = answer.json()
    assert list(found) == ["status", *NOTHING]
    assert found["status"] == "ok"
    assert found["products"] == {"B0": 1.0, "M0": 1.0, "N0": 1.0, "M1": 0.198}
    assert found["brands"] == {"Oatly": 1.0, "Alpro": 0.198}
    assert found["categories"] == {"Baby": 1.0, "Bread": 1.0, "Dairy": 1.0, "Dairy > Milk": 1.0}
    assert datetime.fromisoformat(found["last_updated"]) >= now - timedelta(seconds=1)


def test_what_needs_a_consent_of_its_own_is_null_without_it(shop: None, secret: Api, now: datetime) -> None:
    buys(now)
    found = ask(secret).json()
    assert (found["price_sensitivity"], found["dietary"], found["household"]) == (None, None, None)


def test_each_consent_brings_its_part_and_takes_it_away(shop: None, secret: Api, now: datetime) -> None:
    buys(now, price_tracking=True, household_inference=True)
    found = ask(secret).json()
    assert found["price_sensitivity"] == 1.0
    assert found["dietary"] == ["gluten-free"]
    assert (found["household"]["size"], found["household"]["has_children"]) == (1, True)
    assert found["household"]["has_pets"] is None
    [about_size, about_children] = found["household"]["hints"]
    assert about_size["about"] == "size"
    assert about_children["because"] == "Bought from Baby in 6 orders"
    patch(secret, {"features": {"price_tracking": False}}, "u1")
    found = ask(secret).json()
    assert (found["price_sensitivity"], found["dietary"]) == (None, ["gluten-free"])
    patch(secret, {"features": {"household_inference": False, "price_tracking": True}}, "u1")
    found = ask(secret).json()
    assert (found["price_sensitivity"], found["dietary"], found["household"]) == (None, None, None)


def test_the_signals_behind_each_score_are_told_when_asked_for(
    shop: None, secret: Api, now: datetime
) -> None:
    buys(now)
    found = ask(secret, query="?evidence=true").json()
    assert set(found["evidence"]) == set(found["products"])
    [views] = found["evidence"]["M1"]
    assert (views["signal"], views["count"]) == ("view", 2)
    [purchases] = found["evidence"]["M0"]
    assert (purchases["signal"], purchases["count"]) == ("purchase", 6)
    assert now - timedelta(days=1, seconds=2) < datetime.fromisoformat(purchases["last"]) < now


def test_purchases_are_not_used_of_who_does_not_want_it(shop: None, secret: Api, now: datetime) -> None:
    buys(now, purchase_history=False, price_tracking=True, household_inference=True)
    found = ask(secret, query="?evidence=true").json()
    assert found["products"] == {"M1": 0.198}
    assert list(found["evidence"]) == ["M1"]
    assert (found["price_sensitivity"], found["dietary"]) == (None, [])


@pytest.mark.parametrize("how", ["header", "setting"])
def test_it_is_off_for_who_says_so(shop: None, secret: Api, now: datetime, how: str) -> None:
    buys(now)
    headers = {"Sec-GPC": "1"} if how == "header" else {}
    if how == "setting":
        patch(secret, {"personalization_enabled": False}, "u1")
    answer = ask(secret, query="?evidence=true", **headers)
    assert answer.json() == {"status": "off", **NOTHING}
    assert answer["Cache-Control"] == "no-store"


def test_who_was_never_seen_looks_like_who_has_no_history(shop: None, secret: Api, now: datetime) -> None:
    remember(now, {}, "seen", settings={"household_inference": True})
    patch(secret, {"features": {"price_tracking": True}}, "settings only")
    answers = [ask(secret, user).json() for user in ("never", "seen", "settings only")]
    assert answers == [{"status": "no_history", **NOTHING}] * 3


@pytest.mark.parametrize("address", ["/api/v1/profile", "/api/v1/graph"])
def test_who_may_not_ask_is_refused(secret: Api, publishable: Api, address: str) -> None:
    assert publishable.get(address).status_code == 403
    answer = secret.get(address)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/user_id"
    assert secret.post(address, {}).status_code == 405


def test_a_wrong_question_is_told(secret: Api) -> None:
    assert ask(secret, query="?evidence=perhaps").status_code == 422
    assert ask(secret, query="?proof=true").status_code == 422


def test_lists_are_bounded(secret: Api, now: datetime) -> None:
    remember(now, {f"sku {number}": [(Signal.VIEW, number / 10)] for number in range(120)})
    found = ask(secret).json()["products"]
    assert len(found) == 100
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert next(iter(found)) == "sku 0"
