"""Nothing is stored of who is being erased, or was, whatever is sent, however and when; it is counted."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from capture import event_keys, ingest
from capture.models import Event, EventKey
from personalization.models import Profile
from privacy import consent, subjects, suppression
from privacy.models import Actor, Subject, SuppressedSession
from tests.access.signing import hs256
from tests.calls import Api, cart, one_of_each, search
from tests.capture.test_ingest_concurrency import encoded
from tests.privacy.states import come_back, erase, fence

pytestmark = pytest.mark.django_db

ERASED_AT = timedelta(hours=-1)
STATES: dict[str, Callable[[], Any]] = {
    "active": lambda: subjects.resolve(["anna"]),
    "fenced": lambda: fence("anna"),
    "erased": lambda: erase("anna", at=moment(ERASED_AT)),
    "come back": lambda: come_back("anna", at=moment(ERASED_AT)),
}
TIMES = {
    "late": timedelta(days=-20),
    "just before": ERASED_AT - timedelta(seconds=1),
    "at once": ERASED_AT,
    "after": timedelta(minutes=-1),
    "ahead": timedelta(minutes=4),
    "not said": None,
}


def moment(ago: timedelta) -> datetime:
    return NOW + ago


NOW = datetime.now(UTC)


def dated(make: Callable[..., dict[str, Any]], ago: timedelta | None, **changes: Any) -> dict[str, Any]:
    said = {} if ago is None else {"timestamp": moment(ago).isoformat()}
    return make(**said, **changes)


def refused_today() -> int:
    return suppression.count_of(datetime.now(UTC).date())


def marked_erased(*event_ids: str) -> None:
    """What erasure leaves of the events of a person."""
    Event.objects.filter(event_id__in=event_ids).delete()
    keys = [event_keys.key_of(event_id).hex() for event_id in event_ids]
    assert EventKey.objects.filter(key__in=keys).update(digest=event_keys.ERASED.hex()) == len(keys)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("state", STATES)
def test_whether_an_event_counts_goes_by_state_and_time(secret: Api, state: str, time: str) -> None:
    STATES[state]()
    is_of_before = time in ("late", "just before", "at once")
    is_refused = state == "fenced" or (state in ("erased", "come back") and is_of_before)
    verdict = secret.send(dated(cart, TIMES[time], user_id="anna"))
    assert (verdict["accepted"], verdict["suppressed"], refused_today()) == (
        (0, 1, 1) if is_refused else (1, 0, 0)
    )
    assert Event.objects.count() == EventKey.objects.count() == Profile.objects.count() == (not is_refused)
    assert Subject.objects.count() == (0 if state == "erased" and is_refused else 1)


def test_nothing_of_who_is_fenced_is_stored(secret: Api) -> None:
    fence("anna")
    sent = one_of_each(user_id="anna", session_id="s-1")
    assert secret.send(*sent) == {"accepted": 0, "duplicates": 0, "rejected": [], "suppressed": 5}
    assert Event.objects.count() == EventKey.objects.count() == Profile.objects.count() == 0
    assert refused_today() == 5


def test_the_users_own_token_makes_no_difference(db: None) -> None:
    fence("user_123")
    user = Api(hs256().token(), Client())
    assert user.send(cart(), search(user_id="user_123"))["suppressed"] == 2
    assert not Event.objects.exists()


def test_one_request_may_hold_everything(secret: Api) -> None:
    fence("fenced")
    erase("erased", "returning", at=moment(ERASED_AT))
    come_back("back", at=moment(ERASED_AT))
    consent.change_of_user("shy", {"search_history": False}, Actor.USER)
    late, now = timedelta(days=-2), None
    kept = [
        dated(cart, now, user_id="back"),
        dated(cart, now, user_id="returning"),
        cart(user_id="new"),
        cart(user_id="shy"),
        cart(),
    ]
    refused = [
        dated(cart, late, user_id="back"),
        dated(search, late, user_id="returning"),
        dated(cart, late, user_id="erased"),
        dated(cart, now, user_id="fenced"),
    ]
    verdict = secret.send(*refused[:2], *kept, *refused[2:], search(user_id="shy"), kept[0], refused[0])
    assert verdict == {"accepted": 5, "duplicates": 1, "rejected": [], "suppressed": 6}
    assert set(Event.objects.values_list("event_id", flat=True)) == {event["event_id"] for event in kept}
    people = dict(Subject.objects.values_list("user_id", "id"))
    assert set(people) == {"fenced", "returning", "back", "new", "shy"}
    profiled = set(Profile.objects.values_list("subject_id", flat=True))
    assert profiled == {people[user] for user in ("returning", "back", "new", "shy")}
    assert refused_today() == 5


def test_who_takes_the_deletion_back_sends_on(secret: Api) -> None:
    event = cart(user_id="anna")
    secret.send(event)
    fence("anna")
    assert secret.send(event, cart(user_id="anna"))["suppressed"] == 2
    Subject.objects.update(state=Subject.State.ACTIVE)
    verdict = secret.send(event, cart(user_id="anna"))
    assert (verdict["accepted"], verdict["duplicates"], verdict["suppressed"]) == (1, 1, 0)


# Event ids that were erased


@pytest.mark.parametrize("state", ["erased", "come back", "fenced", "active"])
@pytest.mark.parametrize("is_dated", [True, False])
def test_an_erased_event_that_is_sent_again_is_refused(secret: Api, state: str, is_dated: bool) -> None:
    sent = dated(cart, timedelta(hours=-2) if is_dated else None, user_id="anna")
    secret.send(sent)
    marked_erased(sent["event_id"])
    STATES[state]()
    before = Subject.objects.count()
    assert secret.send(sent, sent) == {"accepted": 0, "duplicates": 0, "rejected": [], "suppressed": 2}
    assert (Event.objects.count(), refused_today(), Subject.objects.count()) == (0, 2, before)


@pytest.mark.parametrize("changes", [{"user_id": "ben"}, {"quantity": 9}, {"session_id": "s"}], ids=str)
def test_an_erased_event_is_refused_whatever_it_says(secret: Api, changes: dict[str, Any]) -> None:
    sent = cart(user_id="anna", event_id="cart-17")
    secret.send(sent)
    marked_erased("cart-17")
    assert secret.send(sent | changes)["suppressed"] == 1
    assert set(Subject.objects.values_list("user_id", flat=True)) == {"anna"}
    assert not Event.objects.exists()


def test_an_event_of_a_stranger_that_is_there_already_makes_nobody_known(secret: Api) -> None:
    event = cart()
    secret.send(event)
    verdict = secret.send(event | {"user_id": "anna"}, cart(user_id="ben"))
    assert (verdict["accepted"], verdict["rejected"][0]["errors"][0]["code"]) == (1, "conflict")
    assert Subject.objects.get().user_id == "ben"


# Visits


def suppress(session_id: str, until: timedelta = timedelta(days=30)) -> None:
    SuppressedSession.objects.create(
        session_hash=hashlib.sha256(session_id.encode()).digest(),
        request_id=uuid4(),
        until=datetime.now(UTC) + until,
    )


@pytest.mark.parametrize("session_id", ["s-1", "ünï", "back\\slash\\101", "x" * 128])
def test_anonymous_events_of_an_erased_visit_are_refused(publishable: Api, session_id: str) -> None:
    suppress(session_id)
    verdict = publishable.send(*one_of_each(session_id=session_id), cart(session_id="s-2"), cart())
    assert (verdict["accepted"], verdict["suppressed"], refused_today()) == (2, 5, 5)
    assert not Event.objects.filter(session_id=session_id).exists()


def test_a_visit_is_refused_for_as_long_as_its_events_are_not_too_old(publishable: Api) -> None:
    suppress("s-1", until=timedelta(seconds=-1))
    assert publishable.send(cart(session_id="s-1"))["accepted"] == 1


def test_who_signs_in_during_such_a_visit_is_heard(secret: Api) -> None:
    suppress("s-1")
    verdict = secret.send(cart(session_id="s-1", user_id="ben"), cart(session_id="s-1"))
    assert (verdict["accepted"], verdict["suppressed"]) == (1, 1)


# Searches made here


def test_a_search_of_who_is_fenced_is_answered_and_not_kept(secret: Api) -> None:
    fence("anna")
    response = secret.post("/api/v1/search", {"query": "milk"}, **{"X-User-Id": "anna"})
    assert response.status_code == 200
    assert (Event.objects.count(), refused_today()) == (0, 1)


def test_so_is_one_of_an_erased_visit(publishable: Api) -> None:
    suppress("s-1")
    response = publishable.post("/api/v1/search", {"query": "milk", "session_id": "s-1"})
    assert response.status_code == 200
    assert (Event.objects.count(), refused_today()) == (0, 1)


# The count


def test_what_a_person_does_not_want_kept_is_no_erasure(secret: Api) -> None:
    consent.change_of_user("anna", {"search_history": False}, Actor.USER)
    assert secret.send(search(user_id="anna"))["suppressed"] == 1
    assert refused_today() == 0


def test_refused_events_are_counted_by_the_day_they_came() -> None:
    fence("anna")
    days = [datetime(2026, 11, 2, 23, 59, tzinfo=UTC), datetime(2026, 11, 3, 0, 0, tzinfo=UTC)]
    for received_at in (days[0], days[1], days[1]):
        ingest.accept(encoded([cart(user_id="anna")]), received_at=received_at)
    counts = [suppression.count_of(day.date()) for day in (*days, datetime(2026, 11, 4, tzinfo=UTC))]
    assert counts == [1, 2, 0]


def test_a_count_that_fails_costs_nobody_the_answer(secret: Api, caplog: pytest.LogCaptureFixture) -> None:
    fence("anna")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_suppressedcount RENAME TO away")
        try:
            assert secret.send(cart(user_id="anna"))["suppressed"] == 1
        finally:
            cursor.execute("ALTER TABLE away RENAME TO privacy_suppressedcount")
    assert "could not be counted" in caplog.text
    assert "anna" not in caplog.text
