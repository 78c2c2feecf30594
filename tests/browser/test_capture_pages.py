"""Backend health, the explorer, an event and a journey in a real browser: light, dark, narrow, empty, long, printed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from capture import connection_tests, ingest
from capture.models import ConnectionTest, DeadLetter, Event, Reading, Sink
from tests.browser.accessibility import complaints, tab_through
from tests.browser.conftest import Visit
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH, TWO
from tests.calls import cart, interaction, order, search
from tests.capture import outbox_rows as rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEALTH = "/admin/dashboards/backend-health/"
EVENTS = "/admin/capture/event/"
Begin = Callable[..., Visit]


def capture(event: dict[str, object], minutes: float) -> Event:
    moment = datetime.now(UTC) - timedelta(hours=2) + timedelta(minutes=minutes)
    body = json.dumps(event | {"timestamp": moment.isoformat()}).encode()
    assert ingest.accept([body], received_at=moment + timedelta(seconds=minutes * 3)).accepted == 1
    return Event.objects.get(event_id=event["event_id"])


def visit_of(session_id: str, **whose: object) -> list[Event]:
    """A search, what came of it, a long pause, and something very long."""
    own = {"session_id": session_id, **whose}
    bought = [{"product_id": sku, "quantity": 1, "price": 3} for sku in ("OATLY_001", "BREAD_002")]
    return [
        capture(search(query="lait d’avoine", search_id="s-1", results_count=12, **own), 0),
        capture(interaction(search_id="s-1", **own), 1),
        capture(cart(search_id="s-1", **own), 2),
        capture(search(query="une très longue recherche " * 9, **own), 30),
        capture(search(query="W" * 250, **own), 31),
        capture(order(items=bought, **own), 35),
    ]


@pytest.fixture
def shop(settings: Settings) -> None:
    """A shop in which everything is there that the pages can show."""
    settings.SINKS = rows.configured(redis=True, bigquery=True, cloud_storage=True)
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC)
    Reading.objects.bulk_create(rows.day_of_readings("redis", now))
    ill = rows.day_of_readings("bigquery", now, away=timedelta(minutes=40))
    ill[-1].dead = 2
    Reading.objects.bulk_create(ill)
    Sink.objects.create(name="redis", delivered=300)
    said = "503 backendError: " + "table_with_a_very_long_name" * 12
    Sink.objects.create(name="bigquery", failures=6, last_error=said, last_error_at=now)
    nobodys, theirs = visit_of("visit-of-nobody"), visit_of("visit-of-ann", user_id="ann")
    for sequence, events in enumerate((nobodys, theirs), start=1):
        span: dict[str, Any] = {
            "first_xid": events[0].xid,
            "first_id": events[0].id,
            "last_xid": events[-1].xid,
            "last_id": events[-1].id,
            "count": 6,
            "day": events[0].received_at.date(),
        }
        rows.batch("redis", sequence, now, **span)
        left = rows.batch("bigquery", sequence, now, excluded=1, attempts=3, last_error=said, **span)
        rows.dead_letter(left, events[2].event_id, f"quantity: no such field {sequence}.", event_type="cart")
    rows.account("redis", now.date(), 12)
    rows.account("bigquery", now.date(), 12, delivered=9, dead=2)
    ConnectionTest.objects.create(
        sink_id="bigquery", asked_at=now, asked_by="olive", answered_at=now, seconds=30.2, error=said
    )


def signed_in(begun: Visit, path: str) -> Visit:
    begun.open(f"/admin/login/?next={path}")
    begun.page.fill("#id_username", "olive")
    begun.page.fill("#id_password", "leaf-and-loaf")
    begun.page.click("input[type=submit]")
    begun.page.wait_for_selector("#user-tools")
    return begun


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_every_page_fits_and_leaves_the_console_quiet(visit: Begin, scheme: str, width: int) -> None:
    begun = signed_in(visit(width=width, scheme=scheme), HEALTH)
    nobodys = Event.objects.filter(subject_id=None).order_by("id")[2]
    theirs = Event.objects.exclude(subject_id=None).order_by("id")[2]
    pages = {
        "health-full": f"{HEALTH}?range=24h",
        "explorer": EVENTS,
        "explorer-none": f"{EVENTS}?event_type=recommendation_impression",
        "explorer-visit": f"{EVENTS}?visit_of={nobodys.pk}",
        "event-nobodys": f"{EVENTS}{nobodys.pk}/change/",
        "event-theirs": f"{EVENTS}{theirs.pk}/change/",
        "journey-nobodys": f"{EVENTS}{nobodys.pk}/journey/",
        "journey-theirs-shut": f"{EVENTS}{theirs.pk}/journey/",
        "replay": f"{HEALTH}?replay=bigquery",
        "letter": f"/admin/capture/deadletter/{DeadLetter.objects.order_by('id')[0].pk}/change/",
        "batch": "/admin/capture/outboxbatch/?progress=failed",
    }
    for name, path in pages.items():
        begun.open(path)
        if name == "health-full":
            for sample in begun.page.locator("details.sample summary").all():
                sample.click()
        begun.photograph(f"{name}-{scheme}-{width}")
        assert begun.overflow() <= 0, name
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, TWO)
def test_somebodys_journey_opens_with_a_reason(visit: Begin, scheme: str, width: int) -> None:
    theirs = Event.objects.exclude(subject_id=None).order_by("id")[0]
    begun = signed_in(visit(width=width, scheme=scheme), f"{EVENTS}{theirs.pk}/journey/")
    begun.page.get_by_label("Why").select_option("question")
    begun.page.get_by_role("button", name="Look this person up").click()
    expect(begun.page.get_by_text("You are looking at a person.")).to_be_visible()
    expect(begun.page.get_by_text("Out of it: clicked OATLY_001")).to_be_visible()
    assert "ann" not in begun.page.url
    begun.photograph(f"journey-theirs-{scheme}-{width}")
    assert begun.overflow() <= 0
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_a_visit_is_found_without_a_trace_in_the_address(visit: Begin) -> None:
    begun = signed_in(visit(), EVENTS)
    begun.page.get_by_label("Event id, visit (session id) or pseudonym").fill("visit-of-nobody")
    begun.page.get_by_role("button", name="Find").click()
    expect(begun.page.get_by_role("heading", name="Events of this visit")).to_be_visible()
    assert "visit-of-nobody" not in begun.page.url
    begun.page.get_by_role("link", name="As a journey").click()
    expect(begun.page.get_by_text("Searched “lait d’avoine”, 12 results")).to_be_visible()
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_a_connection_is_tested_and_letters_replayed(visit: Begin) -> None:
    begun = signed_in(visit(), HEALTH)
    begun.page.get_by_role("button", name="Test connection of Redis").click()
    expect(begun.page.get_by_text("Connection: being asked")).to_be_visible()
    connection_tests.run()
    begun.page.get_by_role("link", name="See whether Redis has answered").click()
    expect(begun.page.get_by_text("Connection: it would take a batch")).to_be_visible()
    begun.page.get_by_role("link", name="Replay all dead letters").click()
    expect(begun.page.get_by_role("heading", name="Replay 2 dead letters of BigQuery?")).to_be_visible()
    begun.page.get_by_role("button", name="Replay", exact=True).click()
    expect(begun.page.get_by_text("2 dead letters of BigQuery will be tried again.")).to_be_visible()
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"pending"}
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_a_pause_wants_a_reason(visit: Begin) -> None:
    begun = signed_in(visit(), HEALTH)
    card = begun.page.locator("#sink-redis")
    card.get_by_text("Pause or switch off").click()
    card.get_by_role("button", name="Pause").click()
    assert Sink.objects.get(name="redis").state == Sink.State.ENABLED
    card.get_by_label("Why (kept in the audit)").fill("a new cable")
    card.get_by_role("button", name="Pause").click()
    expect(begun.page.get_by_text("Redis is paused.")).to_be_visible()
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("path", [HEALTH, EVENTS, f"{EVENTS}{{pk}}/journey/", f"{EVENTS}{{pk}}/change/"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Begin, path: str) -> None:
    nobodys = Event.objects.filter(subject_id=None).order_by("id")[0]
    begun = signed_in(visit(), path.format(pk=nobodys.pk))
    stops = tab_through(begun.page)
    assert stops
    shown = [stop for stop in stops if stop["tag"] != "BODY"]
    assert all(
        stop["style"] != "none" and stop["width"] > 0 for stop in shown if stop["tag"] in {"A", "BUTTON"}
    )
    own = [said for said in complaints(begun.page) if "nav-sidebar" not in said]
    assert own == [], own


@pytest.mark.usefixtures("shop")
def test_the_pages_print(visit: Begin) -> None:
    nobodys = Event.objects.filter(subject_id=None).order_by("id")[0]
    begun = signed_in(visit(width=800), HEALTH)
    begun.page.emulate_media(media="print")
    for name, path in (
        ("health", HEALTH),
        ("journey", f"{EVENTS}{nobodys.pk}/journey/"),
        ("explorer", EVENTS),
    ):
        begun.open(path)
        begun.photograph(f"print-{name}")
    expect(begun.page.get_by_role("button", name="Find")).to_be_hidden()
    assert begun.errors == []


def test_an_empty_shop_says_what_to_do(visit: Begin, settings: Settings) -> None:
    settings.SINKS = rows.configured(redis=True)
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    begun = signed_in(visit(width=400), EVENTS)
    expect(begun.page.get_by_text("The log is empty.")).to_be_visible()
    begun.photograph("explorer-empty-light-400")
    assert begun.overflow() <= 0
    assert begun.errors == []
