"""What somebody does not want kept is not kept, from the next request on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings

from capture import ingest
from capture.event_keys import key_of
from capture.models import Event, EventKey
from leafloaf.catalog import loading
from privacy import consent, subjects
from privacy.models import Actor
from tests.calls import Api, cart, order, search
from tests.capture.test_ingest_concurrency import encoded

pytestmark = pytest.mark.usefixtures("log")


@pytest.fixture
def anna(log: None) -> UUID:
    return subjects.resolve(["anna"])["anna"]


def test_searches_are_not_kept_of_who_does_not_want_it(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False}, Actor.USER)
    sent = [search(user_id="anna"), cart(user_id="anna"), search(user_id="ben"), search()]
    assert secret.send(*sent) == {"accepted": 3, "duplicates": 0, "rejected": [], "suppressed": 1}
    kept = Event.objects.filter(event_type="search")
    assert {event.event_id for event in kept} == {sent[2]["event_id"], sent[3]["event_id"]}
    assert EventKey.objects.count() == 3


def test_a_request_of_nothing_else_is_answered_at_once(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False}, Actor.USER)
    event = search(user_id="anna")
    assert secret.send(event, event)["suppressed"] == 2
    assert secret.send(event)["suppressed"] == 1
    assert not Event.objects.exists()


def test_somebody_new_in_the_same_request_is_kept(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False}, Actor.USER)
    verdict = secret.send(search(user_id="anna"), search(user_id="never seen"), cart(user_id="nor this one"))
    assert (verdict["accepted"], verdict["suppressed"]) == (2, 1)


def test_a_search_made_here_is_answered_and_not_kept(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False}, Actor.USER)
    response = secret.post("/api/v1/search", {"query": "milk"}, **{"X-User-Id": "anna"})
    assert response.status_code == 200
    assert not Event.objects.exists()


FREE_TEXT, VISIT = "4 rue des Pins", "visit-Q"
FULL = {
    "session_id": VISIT,
    "channel": "web",
    "currency": "CAD",
    "metadata": {"note": FREE_TEXT},
    "delivery": {"address": FREE_TEXT},
    "discounts": [FREE_TEXT],
    "timestamp": "2026-11-20T17:42:11.123456+05:30",
}


@pytest.fixture
def shy(anna: UUID) -> UUID:
    """Anna, who does not want her purchases kept."""
    consent.change(anna, {"purchase_history": False}, Actor.USER)
    return anna


def test_orders_are_nobodys_of_who_does_not_want_purchases_kept(secret: Api, shy: UUID) -> None:
    sent = [order(user_id="anna", session_id="s1"), cart(user_id="anna", session_id="s1")]
    assert secret.send(*sent)["accepted"] == 2
    kept = {event.event_type: (event.subject_id, event.session_id) for event in Event.objects.all()}
    assert kept == {"order": (None, None), "cart": (shy, "s1")}


def test_of_nobodys_order_the_books_keep_what_was_bought_and_nothing_that_leads_back(shy: UUID) -> None:
    loading.load(["sku,name", "OATLY_001,Oat milk"])
    sent = order(user_id="anna", event_id="order-Q", order_id="invoice-Q", **FULL)
    (line,) = sent["items"]
    sent["items"] = [line, {"product_id": FREE_TEXT[:64], "quantity": 1, "price": 2, "category": FREE_TEXT}]
    received_at = datetime(2026, 11, 20, 13, 5, 7, tzinfo=UTC)
    assert ingest.accept(encoded([sent]), received_at=received_at).accepted == 1
    kept = Event.objects.get()
    assert kept.payload == {
        "order_id": kept.payload["order_id"],
        "items": [{"product_id": "OATLY_001", "quantity": 2, "price": 5.99}],
        **{name: sent[name] for name in ("total_value", "currency", "channel")},
    }
    assert len({UUID(kept.payload["order_id"]), UUID(kept.event_id)}) == 2
    assert kept.occurred_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert kept.received_at == received_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT event::text FROM capture_event AS event")
        (row,) = cursor.fetchone()
    marks = ("order-Q", "invoice-Q", VISIT, FREE_TEXT, str(shy), str(UUID(bytes=key_of("order-Q"))))
    assert not [mark for mark in marks if mark in row]


def test_prices_that_are_not_known_stay_so_in_nobodys_order(secret: Api, shy: UUID) -> None:
    loading.load(["sku,name", "OATLY_001,Oat milk"])
    items = [{"product_id": "OATLY_001", "quantity": 2, "price": None}]
    secret.send(order(user_id="anna", items=items, total_value=None))
    payload = Event.objects.get().payload
    assert payload == {"items": items, "order_id": payload["order_id"]}


def test_of_what_the_catalogue_does_not_sell_nobodys_order_says_nothing(secret: Api, shy: UUID) -> None:
    secret.send(order(user_id="anna"))
    payload = Event.objects.get().payload
    assert (payload["items"], payload["total_value"]) == ([], 11.98)


def test_nobodys_order_that_is_sent_again_is_a_duplicate(secret: Api, shy: UUID) -> None:
    sent = order(user_id="anna", event_id="order-1")
    assert secret.send(sent, sent) == {"accepted": 1, "duplicates": 1, "rejected": [], "suppressed": 0}
    assert secret.send(sent)["duplicates"] == 1
    assert len(secret.send(sent | {"order_id": "another"})["rejected"]) == 1
    assert Event.objects.count() == EventKey.objects.count() == 1


def test_whoever_derives_something_from_events_does_not_know_whose_it_is(
    secret: Api, shy: UUID, settings: Settings
) -> None:
    settings.PROJECTIONS = ["tests.capture.test_ingest_consent.seeing"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE seen (subject_id uuid)")
        secret.send(order(user_id="anna"), cart(user_id="anna"))
        cursor.execute("SELECT subject_id FROM seen ORDER BY subject_id")
        assert cursor.fetchall() == [(shy,), (None,)]
        cursor.execute("DROP TABLE seen")


class Seeing:
    """Remembers whose events it was shown."""

    sql = "saw AS (INSERT INTO seen SELECT subject_id FROM stored)"

    def parameters(self, batch: Any) -> dict[str, Any]:
        return {}


seeing = Seeing()


def test_switched_on_again_they_are_kept(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False, "purchase_history": False}, Actor.USER)
    consent.change(anna, {"search_history": True, "purchase_history": True}, Actor.USER)
    assert secret.send(search(user_id="anna"), order(user_id="anna"))["accepted"] == 2
    assert {event.subject_id for event in Event.objects.all()} == {anna}
