"""POST /api/v1/events, through HTTP."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from capture.models import Event
from capture.serializers import ReceiptSerializer, RejectionSerializer
from privacy.models import Subject
from tests.calls import Api, cart, interaction, one_of_each, order, search

pytestmark = pytest.mark.django_db

URL = "/api/v1/events"


def codes(verdict: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Where and why each event was refused."""
    return [
        (refusal["index"], e["pointer"], e["code"])
        for refusal in verdict["rejected"]
        for e in refusal["errors"]
    ]


def test_one_event_is_accepted_alone(secret: Api) -> None:
    response = secret.post(URL, search(event_id="s-1", user_id="user_123"))
    assert response.status_code == 202
    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": [], "suppressed": 0}


def test_the_log_knows_the_pseudonym_and_not_the_user(secret: Api) -> None:
    secret.send(search(user_id="user_123"), cart(user_id="user_123"))
    subject = Subject.objects.get(user_id="user_123")
    assert {event.subject_id for event in Event.objects.all()} == {subject.id}
    assert not any("user_123" in json.dumps(event.payload) for event in Event.objects.all())


def test_each_of_the_five_types_is_kept_as_it_was_sent(secret: Api) -> None:
    events = one_of_each(channel="app", metadata={"build": "7"})
    assert secret.send(*events)["accepted"] == 5
    for sent in events:
        kept = Event.objects.get(event_id=sent["event_id"])
        assert kept.event_type == sent["event_type"]
        assert kept.payload == {k: v for k, v in sent.items() if k not in {"event_type", "event_id"}}


def test_a_value_that_is_not_known_is_left_out(secret: Api) -> None:
    secret.send(order(event_id="no-total", total_value=None, channel=None, discounts=None))
    payload = Event.objects.get().payload
    assert set(payload) == {"order_id", "items"}
    assert payload["items"][0]["price"] == 5.99


def test_an_amount_keeps_every_digit(secret: Api) -> None:
    body = b'{"event_type":"cart","action":"add","product_id":"a","quantity":1234567890123456789.123456789}'
    assert secret.post(URL, body).json()["accepted"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload ->> 'quantity' FROM capture_event")
        assert cursor.fetchone() == ("1234567890123456789.123456789",)


def test_the_verdict_is_as_the_schema_says(secret: Api) -> None:
    verdict = secret.send(cart(), {"event_type": "dance"})
    described = ReceiptSerializer()
    assert set(verdict) == set(described.fields)
    assert set(verdict["rejected"][0]) == set(RejectionSerializer().fields)
    assert set(verdict["rejected"][0]["errors"][0]) == {"pointer", "code", "detail"}


def test_the_same_event_twice_is_stored_once(secret: Api) -> None:
    event = cart(user_id="user_123")
    assert secret.send(event)["accepted"] == 1
    again = secret.send(event)
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 1, [])
    assert Event.objects.count() == 1


def test_a_retry_may_say_that_it_was_sent_later(secret: Api) -> None:
    event = cart(timestamp=datetime.now(UTC).isoformat())
    secret.send(event | {"sent_at": datetime.now(UTC).isoformat()})
    assert secret.send(event | {"sent_at": datetime.now(UTC).isoformat()})["duplicates"] == 1


def test_an_id_taken_by_another_event_is_a_conflict(secret: Api) -> None:
    secret.send(cart(event_id="taken"))
    assert codes(secret.send(cart(event_id="taken", quantity=3))) == [(0, "/event_id", "conflict")]
    assert Event.objects.get().payload["quantity"] == 2


def test_repeats_within_a_request_count_as_what_they_are(secret: Api) -> None:
    verdict = secret.send(cart(event_id="one"), cart(event_id="one"), cart(event_id="one", quantity=9))
    assert (verdict["accepted"], verdict["duplicates"]) == (1, 1)
    assert codes(verdict) == [(2, "/event_id", "conflict")]


def test_a_bad_event_never_loses_its_batch(secret: Api) -> None:
    verdict = secret.send(cart(), {"event_type": "cart"}, search(), {"event_type": "dance"}, order(items=[]))
    assert verdict["accepted"] == 2
    assert codes(verdict) == [
        (1, "/action", "required"),
        (3, "/event_type", "invalid"),
        (4, "/items", "invalid"),
    ]


@pytest.mark.parametrize(
    ("event", "pointer", "code"),
    [
        (search(query=7), "/query", "invalid"),
        (search(query="x" * 257), "/query", "invalid"),
        (search(colour="red"), "/colour", "unknown_field"),
        (search(confidence=1.2), "/confidence", "invalid"),
        (search(results_count=2**63), "/results_count", "invalid"),
        (search(event_id=""), "/event_id", "invalid"),
        (search(event_id="x" * 65), "/event_id", "invalid"),
        (search(query="nul \0 here"), "", "nul_character"),
        (search(session_id="nul \0 here"), "/session_id", "nul_character"),
        (search(user_id="ann@example.org"), "/user_id", "personal_data"),
        (search(session_id="4111 1111 1111 1111"), "/session_id", "personal_data"),
        (search(event_id="378282246310005"), "/event_id", "personal_data"),
        (search(metadata={"long": "x" * 5000}), "/metadata", "too_large"),
        (search(metadata=["not", "an", "object"]), "/metadata", "invalid"),
        (search(channel="pigeon"), "/channel", "invalid"),
        (search(timestamp="2024-01-24 10:30"), "/timestamp", "invalid"),
        (search(timestamp=1706092200), "/timestamp", "invalid"),
        (search(timestamp="2999-01-01T00:00:00Z"), "/timestamp", "in_the_future"),
        (search(timestamp="0001-01-01T00:00:00Z"), "/timestamp", "too_old"),
        (search(timestamp="0235-07-20T00:00:00Z", sent_at="2898-12-31T00:00:00Z"), "/timestamp", "too_old"),
        (interaction(interaction_type="stare"), "/interaction_type", "invalid"),
        (cart(quantity=-1), "", "invalid"),
        (cart(price="1e40"), "", "invalid"),
        (cart(price=0.12345678901), "", "invalid"),
        (order(items=[{"product_id": "a", "quantity": 1}]), "/items/0/price", "required"),
        (order(currency="dollars"), "/currency", "invalid"),
    ],
)
def test_a_refusal_points_to_the_field_and_names_the_reason(
    secret: Api, event: dict[str, Any], pointer: str, code: str
) -> None:
    assert codes(secret.send(event)) == [(0, pointer, code)]
    assert not Event.objects.exists()


def test_a_backslash_before_u0000_is_no_nul(secret: Api) -> None:
    assert secret.send(search(query=r"C:\u0000 folder"))["accepted"] == 1


def test_ids_are_made_for_events_that_bring_none(secret: Api) -> None:
    event = {key: value for key, value in cart().items() if key != "event_id"}
    assert secret.send(event, event)["accepted"] == 2


def test_a_wrong_clock_is_corrected_by_when_it_says_it_sent(secret: Api) -> None:
    wrong_now = datetime.now(UTC) + timedelta(days=400)
    happened = wrong_now - timedelta(minutes=10)
    secret.send(cart(timestamp=happened.isoformat(), sent_at=wrong_now.isoformat()))
    ago = datetime.now(UTC) - Event.objects.get().occurred_at
    assert timedelta(minutes=9) < ago < timedelta(minutes=11)


def test_a_little_ahead_is_clamped_to_now(secret: Api) -> None:
    secret.send(cart(timestamp=(datetime.now(UTC) + timedelta(minutes=4)).isoformat()))
    event = Event.objects.get()
    assert event.occurred_at == event.received_at


def test_gzip_bodies_are_read(secret: Api) -> None:
    body = gzip.compress(json.dumps({"events": [cart(), cart()]}).encode())
    response = secret.post(URL, body, **{"Content-Encoding": "gzip"})
    assert response.json()["accepted"] == 2


def test_a_gzip_bomb_is_too_large(secret: Api) -> None:
    body = gzip.compress(b" " * 50_000_000)
    assert len(body) < 1_000_000
    assert secret.post(URL, body, **{"Content-Encoding": "gzip"}).status_code == 413


@pytest.mark.parametrize("body", [b"\x1f\x8b no", gzip.compress(b"{}")[:-9]])
def test_what_is_not_gzip_is_said_not_to_be(secret: Api, body: bytes) -> None:
    response = secret.post(URL, body, **{"Content-Encoding": "gzip"})
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_a_beacon_sends_text(publishable: Api) -> None:
    response = publishable.post(URL, json.dumps(cart()).encode(), content_type="text/plain;charset=UTF-8")
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"no", 400, "malformed"),
        (b'{"events": NaN}', 400, "malformed"),
        (b"[]", 422, "invalid"),
        (b'{"events": []}', 422, "invalid"),
        (b'{"events": {}}', 422, "invalid"),
        (b'{"events": [{}], "user_id": "x"}', 422, "invalid"),
        (json.dumps({"events": [{}] * 501}).encode(), 422, "invalid"),
        (b" " * (1024 * 1024 + 1), 413, "too_large"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "malformed"),
    ],
)
def test_a_body_that_is_no_batch_is_a_problem(secret: Api, body: bytes, status: int, code: str) -> None:
    response = secret.post(URL, body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"


def test_json_deeper_than_any_shop_sends_is_refused_whole(secret: Api) -> None:
    deep = b'{"event_type":"search","query":"a","metadata":' + b'{"a":' * 5000 + b"1" + b"}" * 5001
    response = secret.post(URL, b'{"events":[' + deep + b"]}")
    assert (response.status_code, response.json()["code"]) == (400, "malformed")
    assert "deep" in response.json()["detail"]


def test_another_media_type_is_refused(secret: Api) -> None:
    assert secret.post(URL, b"<event/>", content_type="application/xml").status_code == 415


def test_a_user_is_taken_from_the_header(secret: Api) -> None:
    secret.post(URL, cart(), **{"X-User-Id": "user_9"})
    assert Subject.objects.get().user_id == "user_9"


def test_header_and_body_may_not_name_two_users(secret: Api) -> None:
    verdict = secret.post(URL, cart(user_id="user_1"), **{"X-User-Id": "user_2"}).json()
    assert codes(verdict) == [(0, "/user_id", "user_not_allowed")]


def test_a_publishable_key_never_names_a_user(publishable: Api) -> None:
    verdict = publishable.send(cart(user_id="user_1"), cart())
    assert verdict["accepted"] == 1
    assert codes(verdict) == [(0, "/user_id", "user_not_allowed")]
    assert not Subject.objects.exists()


def test_free_json_is_at_most_twenty_deep_and_costs_nobody_else_of_the_batch(secret: Api) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}

    bodies = [search(metadata=nested(19)), search(metadata=nested(20)), search(metadata={"a": "{[" * 50})]
    answer = secret.post(URL, {"events": bodies}).json()
    assert answer["accepted"] == 2
    [rejected] = answer["rejected"]
    assert rejected["index"] == 1
    assert rejected["errors"][0]["pointer"] == "/metadata"
    assert rejected["errors"][0]["code"] == "too_deep"
