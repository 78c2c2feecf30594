"""What somebody does not want kept is not kept, from the next request on."""

from uuid import UUID

import pytest

from capture.models import Event, EventKey
from privacy import consent, subjects
from privacy.models import Actor
from tests.calls import Api, cart, order, search

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


def test_orders_are_nobodys_of_who_does_not_want_purchases_kept(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"purchase_history": False}, Actor.USER)
    sent = [order(user_id="anna", session_id="s1"), cart(user_id="anna", session_id="s1")]
    assert secret.send(*sent)["accepted"] == 2
    assert secret.send(sent[0])["duplicates"] == 1
    kept = {event.event_type: (event.subject_id, event.session_id) for event in Event.objects.all()}
    assert kept == {"order": (None, None), "cart": (anna, "s1")}


def test_switched_on_again_they_are_kept(secret: Api, anna: UUID) -> None:
    consent.change(anna, {"search_history": False, "purchase_history": False}, Actor.USER)
    consent.change(anna, {"search_history": True, "purchase_history": True}, Actor.USER)
    assert secret.send(search(user_id="anna"), order(user_id="anna"))["accepted"] == 2
    assert {event.subject_id for event in Event.objects.all()} == {anna}
