"""The questions before a replay, a discard and a back-fill, in a real browser under a strict policy."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from capture.models import DeadLetter, OutboxBatch, Reading, Sink
from tests.browser.conftest import Visit
from tests.browser.windows import SCHEME_AND_WIDTH, TWO
from tests.capture import outbox_rows as rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[..., Visit]


@pytest.fixture
def olive(visit: Begin, settings: Settings) -> Callable[..., Visit]:
    """Begins a visit of somebody who may do everything, in a shop with four dead letters."""
    settings.SINKS = rows.configured(redis=True, bigquery=True, cloud_storage=True)
    User.objects.create_superuser("olive", password="leaf-and-loaf")
    now = datetime.now(UTC)
    Reading.objects.bulk_create(rows.day_of_readings("redis", now))
    Sink.objects.create(name="redis", delivered=300)
    Sink.objects.create(name="cloud_storage", state="off")
    for number in (1, 2, 3):
        batch = rows.batch("redis", number, now)
    for number in range(3):
        rows.dead_letter(batch, f"event-{number}", "dietry_marks: no such field.")
    rows.dead_letter(batch, "event-3", "row: too large", event_type="cart")

    def begin(**window: object) -> Visit:
        begun = visit(**window)
        begun.open("/admin/login/?next=/admin/capture/deadletter/")
        begun.page.fill("#id_username", "olive")
        begun.page.fill("#id_password", "leaf-and-loaf")
        begun.page.click("input[type=submit]")
        begun.page.wait_for_selector("#user-tools")
        return begun

    return begin


@pytest.mark.parametrize(SCHEME_AND_WIDTH, TWO)
def test_dead_letters_are_discarded_after_a_question_that_wants_a_reason(
    olive: Callable[..., Visit], scheme: str, width: int
) -> None:
    begun = olive(width=width, scheme=scheme)
    begun.page.check("#action-toggle")
    begun.page.select_option("select[name=action]", "discard")
    begun.page.get_by_role("button", name="Go", exact=False).first.click()
    expect(begun.page.get_by_role("heading", name="Discard 4 dead letters?")).to_be_visible()
    begun.photograph(f"discard-{scheme}-{width}")
    assert begun.overflow() <= 0
    begun.page.get_by_label("Why (required)").fill("a test of the app")
    begun.page.get_by_role("button", name="Discard").click()
    expect(begun.page.get_by_text("4 dead letters discarded.")).to_be_visible()
    begun.photograph(f"discarded-{scheme}-{width}")
    assert set(DeadLetter.objects.values_list("state", "resolution")) == {("discarded", "a test of the app")}
    assert begun.errors == []


@pytest.mark.parametrize(SCHEME_AND_WIDTH, TWO)
def test_a_back_fill_is_counted_and_then_done(olive: Callable[..., Visit], scheme: str, width: int) -> None:
    begun = olive(width=width, scheme=scheme)
    begun.open("/admin/dashboards/backend-health/")
    card = begun.page.locator("#sink-redis")
    card.get_by_text("Back-fill").click()
    card.get_by_label("Events received since").fill(str(datetime.now(UTC).date()))
    begun.photograph(f"back-fill-form-{scheme}-{width}")
    card.get_by_role("button", name="Count").click()
    expect(begun.page.get_by_text("3 batches with 300 events")).to_be_visible()
    begun.photograph(f"back-fill-{scheme}-{width}")
    assert begun.overflow() <= 0
    begun.page.get_by_role("button", name="Back-fill", exact=True).click()
    expect(begun.page.get_by_text("Redis gets 3 batches with 300 events again.")).to_be_visible()
    assert OutboxBatch.objects.filter(state="sealed").count() == 3
    assert begun.errors == []
