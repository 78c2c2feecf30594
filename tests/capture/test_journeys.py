"""What somebody did, in order: visits, pauses, what came of a search, and where each event was delivered."""

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from capture import ingest, journeys
from capture.models import Event, OutboxBatch, Sink
from privacy import lookups
from privacy.models import PrivacySettings, StaffAccess
from tests.calls import cart, interaction, order, search
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture(autouse=True)
def _sinks(settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=True, cloud_storage=False)


def capture(event: dict[str, object], minutes: float = 0, late: float = 0) -> Event:
    """An event that happened so many minutes after `NOW`, and arrived so many seconds later."""
    moment = NOW + timedelta(minutes=minutes)
    body = json.dumps(event | {"timestamp": moment.isoformat()}).encode()
    assert ingest.accept([body], received_at=moment + timedelta(seconds=late)).accepted == 1
    return Event.objects.get(event_id=event["event_id"])


def subject_of(event: Event) -> UUID:
    assert event.subject_id
    return event.subject_id


def said(journey: journeys.Journey) -> list[str]:
    return [step.said for visit in journey.visits for step in visit.steps]


def test_events_come_in_the_order_in_which_they_happened(db: None) -> None:
    capture(search(query="milk", session_id="v"), minutes=0)
    capture(search(query="bread", session_id="v"), minutes=2)
    capture(search(query="eggs", session_id="v"), minutes=1, late=90)  # arrives after the bread
    found = said(journeys.of_session("v"))
    assert [words.split("”")[0] for words in found] == ["Searched “milk", "Searched “eggs", "Searched “bread"]
    late = [step for visit in journeys.of_session("v").visits for step in visit.steps if step.arrived_late]
    assert [step.arrived_late for step in late] == [timedelta(seconds=90)]


def test_visits_stand_apart_and_pauses_are_told(db: None) -> None:
    first = capture(search(query="milk", session_id="v-1", user_id="ann"))
    capture(search(query="bread", session_id="v-1", user_id="ann"), minutes=25)
    capture(search(query="eggs", session_id="v-2", user_id="ann"), minutes=60)
    visits = journeys.of_subject(subject_of(first)).visits
    assert [(visit.session_id, len(visit.steps)) for visit in visits] == [("v-1", 2), ("v-2", 1)]
    assert visits[0].steps[1].pause == timedelta(minutes=25)
    assert visits[1].pause == timedelta(minutes=35)


def test_what_came_of_a_search_stands_beside_it(db: None) -> None:
    capture(search(query="milk", session_id="v", search_id="s-1"))
    capture(interaction(product_id="OAT", session_id="v", search_id="s-1"), minutes=1)
    capture(interaction(product_id="RYE", session_id="v", search_id="s-2"), minutes=1.5)
    capture(cart(product_id="OAT", session_id="v", search_id="s-1"), minutes=2)
    bought = [{"product_id": sku, "quantity": 1, "price": 2} for sku in ("RYE", "OAT")]
    capture(order(items=bought, session_id="v"), minutes=3)
    step = journeys.of_session("v").visits[0].steps[0]
    assert (step.clicked, step.added, step.bought) == (["OAT"], ["OAT"], ["OAT"])


def test_what_came_of_it_is_found_on_later_pages_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "PAGE_SIZE", 2)
    capture(search(query="milk", session_id="v", search_id="s-1"))
    for number in range(3):
        capture(search(query="other", session_id="v"), minutes=number + 1)
    capture(interaction(product_id="OAT", session_id="v", search_id="s-1"), minutes=5)
    latest = journeys.of_session("v")
    assert latest.earlier
    middle = journeys.of_session("v", latest.earlier)
    assert middle.earlier
    first = journeys.of_session("v", middle.earlier)
    assert first.visits[0].steps[0].clicked == ["OAT"]
    assert first.earlier is None


def test_pages_tile_the_journey_both_ways(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "PAGE_SIZE", 4)
    for number in range(10):
        last = capture(search(query=f"q-{number}", session_id="v", user_id="ann"), minutes=number)
    whose, place = subject_of(last), None
    back: list[str] = []
    while (page := journeys.of_subject(whose, place)).visits:
        back = [step.payload["query"] for step in page.visits[0].steps] + back
        place = page.earlier
        if place is None:
            break
    assert back == [f"q-{number}" for number in range(10)]
    forth = [step.payload["query"] for step in page.visits[0].steps]
    while page.later:
        page = journeys.of_subject(whose, page.later, "after")
        forth += [step.payload["query"] for step in page.visits[0].steps]
    assert forth == back


def test_what_was_done_before_signing_in_belongs_to_the_visit(db: None) -> None:
    capture(search(query="before", session_id="v"))
    mine = capture(search(query="after", session_id="v", user_id="ann"), minutes=1)
    assert len(said(journeys.of_subject(subject_of(mine)))) == 2


def test_a_visit_in_which_two_were_signed_in_tells_nobody_what_was_done_before(db: None) -> None:
    capture(search(query="before", session_id="v"))
    mine = capture(search(query="mine", session_id="v", user_id="ann"), minutes=1)
    capture(search(query="hers", session_id="v", user_id="bea"), minutes=2)
    assert len(said(journeys.of_subject(subject_of(mine)))) == 1


def test_that_another_was_signed_in_is_known_however_long_ago(db: None) -> None:
    capture(search(query="wine", session_id="v", user_id="bob"), minutes=-3 * 24 * 60)
    capture(search(query="cheese", session_id="v"), minutes=0)
    ann = capture(search(query="bread", session_id="v", user_id="ann"), minutes=5)
    assert len(said(journeys.of_subject(subject_of(ann)))) == 1


def test_what_a_person_does_not_allow_is_not_said(db: None) -> None:
    mine = capture(search(query="secret", session_id="v", user_id="ann"))
    PrivacySettings.objects.update_or_create(subject_id=subject_of(mine), defaults={"search_history": False})
    found = journeys.of_subject(subject_of(mine))
    assert said(found) == ["Not shown: they do not allow that searches are kept."]
    assert found.visits[0].steps[0].payload == {}


def sealed(event: Event, sink: str, sequence: int, **values: object) -> OutboxBatch:
    span = {"first_xid": event.xid, "first_id": event.id, "last_xid": event.xid, "last_id": event.id}
    return rows.batch(sink, sequence, NOW, count=1, **span, **values)


def test_each_event_says_where_each_sink_stands_with_it(db: None) -> None:
    taken, refused, waiting = (capture(search(session_id="v"), minutes=number) for number in range(3))
    sealed(taken, "redis", 1)
    letter = rows.dead_letter(sealed(refused, "redis", 2, excluded=1), refused.event_id, "too large")
    sealed(taken, "bigquery", 1, state="blocked", delivered_at=None)
    Sink.objects.create(name="bigquery", cursor_xid=refused.xid, cursor_id=refused.id)
    found = journeys.deliveries([taken, refused, waiting])
    states = [{one.sink: one.state for one in found[event.id]} for event in (taken, refused, waiting)]
    assert states == [
        {"redis": "delivered", "bigquery": "blocked", "cloud_storage": "off"},
        {"redis": "dead", "bigquery": "not owed", "cloud_storage": "off"},
        {"redis": "waiting", "bigquery": "waiting", "cloud_storage": "off"},
    ]
    assert found[refused.id][0].letter == letter.pk


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (search(query="lait", results_count=1), "Searched “lait”, 1 result"),
        (search(query=""), "Browsed without a query"),
        (interaction(product_id="A", position=3), "Clicked A, at place 3"),
        (interaction(interaction_type="rating", product_id="A", rating=2, position=None), "Rated A with 2"),
        (cart(action="remove", product_id="A", quantity=2), "Took 2 × A out of the cart"),
        (order(), "Ordered 1 product for 11.98"),
    ],
)
def test_an_event_is_told_in_a_few_words(db: None, event: dict[str, object], words: str) -> None:
    made = capture(event | {"session_id": "v"})
    assert made
    assert said(journeys.of_session("v"))[0].startswith(words)


@pytest.fixture
def olive(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olive"))
    return client


def page_of(client: Client, event: Event, query: str = "") -> str:
    answer = client.get(f"/admin/capture/event/{event.pk}/journey/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_journey_of_nobody_is_open(olive: Client) -> None:
    event = capture(search(query="pain", session_id="v"))
    assert "Searched “pain”" in page_of(olive, event)
    assert not StaffAccess.objects.exists()


def test_the_journey_of_somebody_is_within_a_look_up_and_written_down(olive: Client) -> None:
    event = capture(search(query="pain", session_id="v", user_id="ann"))
    shut = page_of(olive, event)
    assert "pain" not in re.sub(r"<[^>]*>", "", shut)
    assert "This journey is somebody’s" in shut
    lookups.open_subject(subject_of(event), "olive", "a question")
    assert "Searched “pain”" in page_of(olive, event)
    assert [seen.page for seen in StaffAccess.objects.all()] == ["Journey"]


def test_an_event_without_a_visit_is_a_journey_of_its_own(olive: Client) -> None:
    event = capture(search(query="pain"))
    assert "Searched “pain”" in page_of(olive, event)


@pytest.mark.parametrize(
    "query", ["?before=x", "?after=9-9", f"?before={'9' * 30}-1", "?after=0-0", "?before=1-1"]
)
def test_a_place_that_is_none_leads_nowhere_bad(olive: Client, query: str) -> None:
    page_of(olive, capture(search(query="pain", session_id="v")), query)


def test_a_very_long_text_is_cut(olive: Client) -> None:
    event = capture(search(query="é" * 256, session_id="v" * 128))
    assert "é" * 256 in page_of(olive, event)
