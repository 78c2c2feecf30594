"""The admin in a real browser: nothing breaks, nothing overflows, nothing is refused by a strict policy."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from capture import ingest
from capture.models import Event, HorizonReading, OutboxBatch, Reading, Sink
from tests.browser.conftest import Visit
from tests.browser.windows import FOUR, SCHEME_AND_WIDTH
from tests.capture import outbox_rows as rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEALTH = "/admin/dashboards/backend-health/"
SAID = (
    "503 POST https://bigquery.googleapis.com/bigquery/v2/projects/leafloaf/datasets/leafloaf_analytics/tables/"
    "user_search_events/insertAll: backendError: Visibility check was unavailable. Please retry the request."
)
Begin = Callable[..., Visit]


@pytest.fixture
def shop(settings: Settings) -> None:
    """A shop whose Redis is well, whose Cloud Storage limps, whose BigQuery is away, and without a warehouse."""
    settings.SINKS = rows.configured(redis=True, cloud_storage=True, bigquery=True, warehouse=False)
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC)
    readings = rows.day_of_readings("redis", now, lag=0.4)
    readings += rows.day_of_readings("bigquery", now, away=timedelta(minutes=40))
    readings += rows.day_of_readings("cloud_storage", now, lag=38)
    readings[-1].dead, readings[-1].health = 3, "degraded"
    Reading.objects.bulk_create(readings)
    Sink.objects.create(name="redis")
    Sink.objects.create(
        name="cloud_storage", last_error="503: the bucket is busy", last_error_at=now - timedelta(hours=3)
    )
    Sink.objects.create(
        name="bigquery",
        failures=9,
        available_at=now + timedelta(minutes=3),
        last_error=SAID,
        last_error_at=now - timedelta(seconds=70),
    )
    held = "month-end report, idle in transaction"
    HorizonReading.objects.create(taken_at=now, xid=7, age_seconds=200, held_by=held)
    outbox(now)
    event = (
        f'{{"event_type": "search", "event_id": "{uuid4()}", "query": "lait d’avoine", "session_id": "s-1"}}'
    )
    ingest.accept([event.encode()])


def outbox(now: datetime) -> None:
    for number in range(1, 9):
        rows.batch("redis", number, now - timedelta(minutes=number))
        limping = rows.batch(
            "cloud_storage", number, now - timedelta(minutes=2 * number), excluded=number == 3
        )
    rows.batch("bigquery", 1, now - timedelta(minutes=41))
    rows.batch(
        "bigquery",
        2,
        now - timedelta(minutes=39),
        state=OutboxBatch.State.SENDING,
        attempts=9,
        delivered_at=None,
    )
    rows.batch(
        "bigquery",
        3,
        now - timedelta(minutes=38),
        state=OutboxBatch.State.SEALED,
        attempts=0,
        delivered_at=None,
    )
    for number in range(3):
        rows.dead_letter(limping, f"event-{number}", "no such field: dietry_marks.")
    for back in range(3):
        day = now.date() - timedelta(days=back)
        rows.account("redis", day, 61_204 - 811 * back)
        rows.account("cloud_storage", day, 61_204 - 811 * back, delivered=61_201 - 811 * back, dead=3)
        short = 12 if back == 1 else 0
        rows.account(
            "bigquery", day, 61_204 - 811 * back, delivered=58_000, pending=3204 - 811 * back - short
        )


def signed_in(begun: Visit) -> Visit:
    begun.open("/admin/")
    begun.page.fill("#id_username", "olive")
    begun.page.fill("#id_password", "leaf-and-loaf")
    begun.page.click("input[type=submit]")
    begun.page.wait_for_selector("#user-tools")
    return begun


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(SCHEME_AND_WIDTH, FOUR)
def test_every_page_fits_its_window_and_leaves_the_console_quiet(
    visit: Begin, width: int, scheme: str
) -> None:
    begun = visit(width=width, scheme=scheme)
    begun.open("/admin/")
    begun.photograph(f"login-{scheme}-{width}")
    signed_in(begun)
    pages = {
        "index": "/admin/",
        "health": HEALTH + "?range=24h",
        "batches": "/admin/capture/outboxbatch/?sink=bigquery",
        "event": f"/admin/capture/event/{Event.objects.get().pk}/change/",
    }
    for name, path in pages.items():
        begun.open(path)
        begun.photograph(f"{name}-{scheme}-{width}")
        assert begun.page.locator("#site-name img").evaluate("logo => logo.naturalWidth") > 0
        assert begun.overflow() <= 0, name
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_backend_health_says_each_state_in_words_and_draws_each_sink(visit: Begin) -> None:
    begun = signed_in(visit())
    begun.open(HEALTH)
    states = begun.page.locator(".card .state").all_inner_texts()
    assert [state.strip() for state in states] == ["Healthy", "Degraded", "Unhealthy", "Disabled", "Degraded"]
    charts = begun.page.get_by_role("img", name="oldest undelivered event")
    assert charts.count() == 3
    begun.page.locator(".chart summary").first.click()
    assert begun.page.locator(".chart details tbody tr").first.is_visible()


@pytest.mark.usefixtures("shop")
def test_a_click_pauses_a_sink_and_another_resumes_it(visit: Begin) -> None:
    begun = signed_in(visit())
    begun.open(HEALTH)
    begun.page.locator("#sink-redis").get_by_text("Pause or switch off").click()
    begun.page.locator("#sink-redis").get_by_label("Why").fill("a new cable")
    begun.page.get_by_role("button", name="Pause Redis").click()
    begun.page.wait_for_selector("text=Redis is paused.")
    assert Sink.objects.get(name="redis").state == Sink.State.PAUSED
    begun.page.get_by_role("button", name="Resume Redis").click()
    begun.page.wait_for_selector("text=Redis is resumed.")
    assert Sink.objects.get(name="redis").state == Sink.State.ENABLED
    assert begun.errors == []


@pytest.mark.usefixtures("shop")
def test_the_sidebar_leads_to_the_dashboards(visit: Begin) -> None:
    begun = signed_in(visit())
    begun.open("/admin/capture/event/")
    begun.page.locator("#nav-sidebar").get_by_role("link", name="Backend health").click()
    expect(begun.page).to_have_url(begun.address + HEALTH)
    expect(begun.page.locator("#nav-sidebar [aria-current=page]")).to_have_text("Backend health")


@pytest.mark.parametrize("width", [1440, 400])
def test_a_new_shop_is_told_what_to_do(visit: Begin, settings: Settings, width: int) -> None:
    settings.SINKS = rows.configured(redis=True, bigquery=False)
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    begun = signed_in(visit(width=width))
    begun.open(HEALTH)
    begun.photograph(f"health-new-shop-{width}")
    expect(begun.page.get_by_text("No readings yet.")).to_be_visible()
    expect(begun.page.get_by_text("Nothing captured yet.")).to_be_visible()
    assert begun.overflow() <= 0
    assert begun.errors == []
