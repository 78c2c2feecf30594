"""Finding events in the log: a page at a time along an index, never counted, and never told by an address."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from capture import explorer, ingest
from capture.models import Event, OutboxBatch
from privacy import lookups
from privacy.models import PrivacySettings, StaffAccess
from tests.capture import outbox_rows as rows
from tests.capture.counting import at_most

pytestmark = pytest.mark.django_db

EVENTS = "/admin/capture/event/"


@pytest.fixture(autouse=True)
def _sinks(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=False)


def signed_in(*codenames: str) -> Client:
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    """May see events, and nobody's person."""
    return signed_in("view_event", "view_outboxbatch")


@pytest.fixture
def officer() -> Client:
    """May look people up too."""
    return signed_in("view_event", "view_outboxbatch", "lookup_person")


def capture(event_id: str, at: datetime | None = None, **fields: object) -> Event:
    body = {"event_type": "search", "event_id": event_id, "query": "crème fraîche", **fields}
    assert ingest.accept([json.dumps(body).encode()], received_at=at).accepted == 1
    return Event.objects.get(event_id=event_id)


def words_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def listed(answer: Any) -> list[str]:
    return [row.event_id for row in answer.context["page"].rows]


def next_of(answer: Any) -> str:
    (link,) = re.findall(r'href="([^"]*)" rel="next"', answer.content.decode())
    return EVENTS + unescape(link)


def test_an_empty_log_says_what_to_do(operator: Client) -> None:
    assert "The log is empty. Send an event to POST /api/v1/events" in words_of(operator.get(EVENTS))


def test_the_newest_come_first_and_the_others_on_later_pages(operator: Client) -> None:
    for number in range(120):
        capture(f"e-{number}")
    first = operator.get(EVENTS)
    second = operator.get(next_of(first))
    third = operator.get(next_of(second))
    assert listed(first) + listed(second) + listed(third) == [f"e-{number}" for number in range(119, -1, -1)]
    assert 'rel="next"' not in third.content.decode()


def test_they_can_be_had_by_type_and_by_time(operator: Client) -> None:
    now = datetime.now(UTC)
    capture("old", now - timedelta(minutes=50))
    capture("new", now)
    since = (now - timedelta(minutes=10)).isoformat()
    assert listed(operator.get(EVENTS, {"since": since})) == ["new"]
    assert listed(operator.get(EVENTS, {"until": since})) == ["old"]
    assert listed(operator.get(EVENTS, {"event_type": "search"})) == ["new", "old"]
    assert listed(operator.get(EVENTS, {"event_type": "order"})) == []


def test_what_is_rare_is_looked_for_a_bounded_way_at_a_time(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "SCANNED", 20)
    order = {
        "event_type": "order",
        "event_id": "o",
        "order_id": "1",
        "items": [{"product_id": "A", "quantity": 1, "price": 2}],
        "total_value": 2,
    }
    assert ingest.accept([json.dumps(order).encode()]).accepted == 1
    for number in range(45):
        capture(f"e-{number}")
    page = operator.get(EVENTS, {"event_type": "order"})
    assert listed(page) == []
    assert "Looked through 20 events, back to" in words_of(page)
    assert listed(operator.get(next_of(operator.get(next_of(page))))) == ["o"]


@pytest.mark.parametrize(
    "query", ["since=soon", "batch=99", "visit_of=99", "person_of=x", "since=9999-13-01"]
)
def test_what_cannot_be_read_is_said(operator: Client, query: str) -> None:
    page = operator.get(f"{EVENTS}?{query}")
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize(
    "query", ["after=x", "after=9" * 40, "after=99999999999999999999-1", "event_type=<b>", "p=7&q=x"]
)
def test_nonsense_shows_the_first_page(operator: Client, query: str) -> None:
    capture("e")
    assert listed(operator.get(f"{EVENTS}?{query}")) == ["e"]


def test_a_batch_shows_its_events(operator: Client) -> None:
    events = [capture(f"e-{number}") for number in range(5)]
    inside = {
        "first_xid": events[1].xid,
        "first_id": events[1].id,
        "last_xid": events[3].xid,
        "last_id": events[3].id,
    }
    batch = rows.batch("redis", 1, datetime.now(UTC), count=3, **inside)
    assert listed(operator.get(EVENTS, {"batch": batch.pk})) == ["e-3", "e-2", "e-1"]
    page = operator.get(f"/admin/capture/outboxbatch/{batch.pk}/change/").content.decode()
    assert f"{EVENTS}?batch={batch.pk}" in page


@pytest.mark.parametrize(
    ("wanted", "leads_to"), [("e-1", r"/\d+/change/$"), (" visit-1 ", r"\?visit_of=\d+$")]
)
def test_an_id_is_asked_for_by_post_and_stands_in_no_address(
    operator: Client, wanted: str, leads_to: str
) -> None:
    capture("e-1", session_id="visit-1")
    answer = operator.post(EVENTS, {"wanted": wanted})
    assert answer.status_code == 302
    assert re.search(leads_to, answer["Location"])
    assert wanted.strip() not in answer["Location"]
    assert operator.get(answer["Location"]).status_code == 200


def test_a_pseudonym_leads_to_a_question_and_never_into_an_address(operator: Client) -> None:
    event = capture("e-1", session_id="visit-1", user_id="shop-user-77")
    answer = operator.post(EVENTS, {"wanted": str(event.subject_id)})
    assert answer["Location"] == f"{EVENTS}?person_of={event.pk}"
    page = operator.get(answer["Location"])
    assert "What you look for is somebody’s" in words_of(page)
    assert "e-1" not in page.content.decode()


@pytest.mark.parametrize(
    "wanted", ["nobody", "shop-user-77", "", "0" * 300, "00000000-0000-0000-0000-000000000000"]
)
def test_nothing_is_found_by_anything_else(operator: Client, wanted: str) -> None:
    capture("e-1", session_id="visit-1", user_id="shop-user-77")
    answer = operator.post(EVENTS, {"wanted": wanted}, follow=True)
    assert answer.redirect_chain == [(EVENTS, 302)]
    assert ("The log has no event with that id" in words_of(answer)) == bool(wanted)


def test_no_address_of_any_page_names_a_visit_or_a_person(officer: Client) -> None:
    event = capture("e-1", session_id="visit-1", user_id="shop-user-77")
    capture("e-2", session_id="visit-2")
    assert event.subject_id
    lookups.open_subject(event.subject_id, "olive", "a question")
    for path in ("", f"?person_of={event.pk}", f"{event.pk}/change/", f"{event.pk}/journey/"):
        page = officer.get(EVENTS + path).content.decode()
        addresses = " ".join(re.findall(r'(?:href|action|src)="([^"]*)"', page))
        for name in ("visit-1", "visit-2", str(event.subject_id), "shop-user-77"):
            assert name not in addresses


def test_events_of_a_person_are_listed_within_a_look_up_and_written_down(officer: Client) -> None:
    event = capture("e-1", session_id="visit-1", user_id="shop-user-77")
    capture("e-2", session_id="visit-2", user_id="somebody-else")
    assert event.subject_id
    lookups.open_subject(event.subject_id, "olive", "a question")
    assert listed(officer.get(EVENTS, {"person_of": event.pk})) == ["e-1"]
    seen = StaffAccess.objects.get()
    assert (seen.subject_id, seen.actor, seen.page) == (event.subject_id, "olive", "Events")


def test_a_visit_in_which_somebody_signed_in_is_theirs(operator: Client) -> None:
    before = capture("e-1", session_id="visit-1")
    capture("e-2", session_id="visit-1", user_id="shop-user-77")
    page = operator.get(EVENTS, {"visit_of": before.pk})
    assert page.context["page"] is None
    assert "is somebody’s" in words_of(page)


def test_what_an_event_of_nobody_says_is_shown(operator: Client) -> None:
    event = capture("e-1", session_id="visit-1")
    page = operator.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "{\n  &quot;query&quot;: &quot;crème fraîche&quot;" in page
    assert "visit-1" in page
    assert not StaffAccess.objects.exists()


def test_of_what_an_event_of_somebody_says_only_the_shape_is_shown(operator: Client) -> None:
    event = capture("e-1", session_id="visit-1", user_id="shop-user-77", metadata={"note": "secret"})
    page = operator.get(f"{EVENTS}{event.pk}/change/").content.decode()
    for kept_back in ("crème", "secret", "visit-1", str(event.subject_id), "shop-user-77"):
        assert kept_back not in page
    assert "<code>query</code> text" in page
    assert "<code>metadata</code> object" in page
    assert "Who may look people up can open it" in page


def test_before_signing_in_counts_as_theirs(operator: Client) -> None:
    before = capture("e-1", session_id="visit-1")
    capture("e-2", session_id="visit-1", user_id="shop-user-77")
    assert "crème" not in operator.get(f"{EVENTS}{before.pk}/change/").content.decode()


def test_the_question_leads_to_a_look_up_and_back(officer: Client) -> None:
    event = capture("e-1", session_id="visit-1", user_id="shop-user-77")
    address = f"{EVENTS}{event.pk}/change/"
    page = officer.get(address).content.decode()
    (action,) = re.findall(r'<form method="post" action="(/admin/people/[^"]*)"', page)
    answer = officer.post(action, {"event": event.pk, "reason": "question", "words": "", "next": address})
    assert answer["Location"] == address
    shown = officer.get(address).content.decode()
    assert "crème" in shown
    assert str(event.subject_id) in shown
    assert [seen.page for seen in StaffAccess.objects.all()] == ["One event"]


def test_somebody_elses_look_up_opens_nothing(officer: Client) -> None:
    event = capture("e-1", user_id="shop-user-77")
    assert event.subject_id
    lookups.open_subject(event.subject_id, "basil", "a question")
    assert "crème" not in officer.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert not StaffAccess.objects.exists()


def test_a_search_that_its_person_does_not_want_kept_is_not_shown_even_then(officer: Client) -> None:
    event = capture("e-1", user_id="shop-user-77")
    assert event.subject_id
    PrivacySettings.objects.update_or_create(subject_id=event.subject_id, defaults={"search_history": False})
    lookups.open_subject(event.subject_id, "olive", "a question")
    page = officer.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "crème" not in page
    assert "they do not allow that searches are kept" in page


def test_an_event_that_is_not_there_is_404(operator: Client) -> None:
    assert operator.get(f"{EVENTS}99/change/").status_code == 404
    assert operator.get(f"{EVENTS}99/journey/").status_code == 404
    assert operator.get(f"{EVENTS}{'9' * 40}/journey/").status_code == 404
    assert operator.get(f"{EVENTS}x/change/").status_code == 404


def test_who_may_not_see_events_sees_none(db: None) -> None:
    visitor = signed_in("view_outboxbatch")
    event = capture("e-1")
    for path in ("", f"{event.pk}/change/", f"{event.pk}/journey/"):
        assert visitor.get(EVENTS + path).status_code == 403
    assert visitor.post(EVENTS, {"wanted": "e-1"}).status_code == 403


def test_an_id_is_not_looked_for_without_the_csrf_token() -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("basil"))
    assert strict.post(EVENTS, {"wanted": "e-1"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "",
        "?event_type=order",
        "?visit_of={pk}",
        "?person_of={pk}",
        "?batch={batch}",
        "{pk}/change/",
        "{pk}/journey/",
    ],
)
@pytest.mark.parametrize("is_looked_up", [True, False])
def test_no_page_counts_or_costs_more_than_fifteen_statements(
    officer: Client, path: str, is_looked_up: bool
) -> None:
    for number in range(70):
        capture(f"e-{number}", session_id="visit-1", user_id="shop-user-77" if number > 60 else None)
    event = Event.objects.get(event_id="e-69")
    first = Event.objects.get(event_id="e-0")
    span = {"first_xid": first.xid, "first_id": first.id, "last_xid": event.xid, "last_id": event.id}
    batch = rows.batch("redis", 1, datetime.now(UTC), count=70, **span)
    if is_looked_up and event.subject_id:
        lookups.open_subject(event.subject_id, "olive", "a question")
    with at_most(15) as said:
        assert officer.get(EVENTS + path.format(pk=event.pk, batch=batch.pk)).status_code == 200
    of_log = [sql for sql in said if "capture_event" in sql and "capture_eventkey" not in sql]
    assert not [sql for sql in of_log if re.search(r"count\(|SELECT DISTINCT ", sql, re.IGNORECASE)]
    assert all("LIMIT" in sql for sql in of_log)


def test_the_pages_hold_nothing_inline(operator: Client) -> None:
    event = capture("e-1", session_id="visit-1")
    for path in ("", f"{event.pk}/change/", f"{event.pk}/journey/"):
        page = operator.get(EVENTS + path).content.decode()
        assert "style=" not in page
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*src=)", page)


def test_a_sealed_replay_shows_only_its_letters(operator: Client) -> None:
    events = [capture(f"e-{number}") for number in range(5)]
    span = {
        "first_xid": events[0].xid,
        "first_id": events[0].id,
        "last_xid": events[4].xid,
        "last_id": events[4].id,
    }
    left = rows.batch("redis", 1, datetime.now(UTC), **span)
    again: OutboxBatch = rows.batch("redis", 2, datetime.now(UTC), is_replay=True, **span)
    rows.dead_letter(left, "e-2", "too large", state="pending", replay_batch=again)
    assert listed(operator.get(EVENTS, {"batch": again.pk})) == ["e-2"]
