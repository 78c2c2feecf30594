"""GET /api/v1/reorder, from orders sent to the shop to what it answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from capture import ingest
from leafloaf.access import keys
from leafloaf.access.models import ApiClient
from leafloaf.catalog.models import Product
from personalization.signals import people
from privacy.models import PrivacySettings
from tests.calls import Api, order

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def weekly(log: None) -> None:
    """Milk a week for three weeks, the last six days ago; one of the products is not the shop's."""
    Product.objects.create(sku="milk", name="Milk")
    for days in (20, 13, 6):
        at = NOW - timedelta(days=days)
        items = [{"product_id": sku, "quantity": 2, "price": 3} for sku in ("milk", "other")]
        sent = order(items=items, order_id=f"o{days}", user_id="u1", timestamp=at.isoformat(), total_value=6)
        assert not ingest.accept([msgspec.json.encode(sent)]).rejected


def asked(secret: Api, user: str | None = "u1", query: str = "") -> Any:
    return secret.get(f"/api/v1/reorder{query}", **({"X-User-Id": user} if user else {}))


def test_what_is_bought_every_week_is_due(secret: Api, weekly: None) -> None:
    response = asked(secret)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private, no-store"
    answer = response.json()
    assert answer["status"] == "ok"
    (item,) = answer["items"]
    assert (item["sku"], item["cycle_days"], item["typical_quantity"], item["status"]) == (
        "milk",
        7,
        2,
        "due",
    )
    last, expected = (datetime.fromisoformat(item[name]) for name in ("last_purchase", "next_expected"))
    assert last == NOW - timedelta(days=6)
    assert expected >= NOW
    assert expected.tzinfo is not None
    assert 0 <= item["p7"] <= item["p14"] <= item["p30"] <= 1
    assert item["reason"].startswith("You buy this about every 7 days; last on ")


def test_what_was_dismissed_is_not_shown(secret: Api, weekly: None) -> None:
    dismissed = secret.post("/api/v1/recommendations/dismissals", {"sku": "milk"}, **{"X-User-Id": "u1"})
    assert dismissed.status_code == 201
    assert asked(secret).json()["items"] == []


def test_who_does_not_allow_it_gets_nothing(secret: Api, weekly: None) -> None:
    person = people.known("u1")
    assert person is not None
    PrivacySettings.objects.create(subject_id=person.subject_id, purchase_history=False)
    assert asked(secret).json() == {"status": "off", "items": []}


@pytest.mark.parametrize(("user", "status"), [(None, "off"), ("stranger", "no_history")])
def test_nobody_and_strangers_get_nothing(secret: Api, weekly: None, user: str | None, status: str) -> None:
    assert asked(secret, user).json() == {"status": status, "items": []}


def test_a_key_needs_the_scope_and_may_name_users(publishable: Api, secret: Api, weekly: None) -> None:
    assert asked(publishable).status_code == 403
    narrow = Api(keys.create("Narrow", ApiClient.Kind.SECRET, ["search"]), secret.client)
    assert asked(narrow).status_code == 403


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?limit=x", "?unknown=1"])
def test_a_wrong_question_is_refused(secret: Api, query: str) -> None:
    assert asked(secret, query=query).status_code == 422
