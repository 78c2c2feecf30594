"""What the overview is told: what is wrong, since when, and what to press."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from capture import notices
from capture.dashboard import BackendHealth
from capture.models import OutboxBatch, RejectionCount, SchemaDrift, Sink, Volume
from capture.quality_dashboard import DataQuality
from tests.capture import outbox_rows as rows
from tests.capture.counting import at_most

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
Told = list[tuple[str, str, str]]


@pytest.fixture(autouse=True)
def _sinks(settings: Settings) -> Iterator[None]:
    """And the clock of when this module was read: a reading is old after a minute."""
    settings.SINKS = rows.configured(redis=True, bigquery=True, warehouse=False)
    with time_machine.travel(NOW, tick=False):
        yield


def told(dashboard: BackendHealth | DataQuality) -> Told:
    found = dashboard.problems(RequestFactory().get("/"))
    return [(one.state, one.sentence, one.remedy) for one in found]


def read(**bigquery: object) -> None:
    """Readings of this minute; BigQuery was well ten minutes ago and is not any more when anything is given."""
    ill = {"health": "degraded", **bigquery} if bigquery else {}
    rows.reading("redis", NOW).save()
    rows.reading("bigquery", NOW - timedelta(minutes=10)).save()
    rows.reading("bigquery", NOW - timedelta(minutes=9), **ill).save()
    rows.reading("bigquery", NOW, **ill).save()


def test_a_well_shop_has_no_problem() -> None:
    read()
    assert told(BackendHealth()) == []


def test_what_ails_is_told_since_it_was_last_well() -> None:
    read(waiting=1204, health="unhealthy")
    Sink.objects.create(name="bigquery", failures=9)
    (problem,) = BackendHealth().problems(RequestFactory().get("/"))
    assert problem.state == "unhealthy"
    assert problem.sentence == "BigQuery failed 9 times in a row; 1,204 events waiting."
    assert problem.since == NOW - timedelta(minutes=9)
    assert problem.remedy == "Try BigQuery now"
    assert problem.address == "/admin/dashboards/backend-health/#sink-bigquery"


def test_a_pause_tells_how_to_end_it() -> None:
    read(waiting=1)
    Sink.objects.create(name="bigquery", state="paused")
    assert told(BackendHealth()) == [("degraded", "BigQuery is paused; 1 event waiting.", "Resume BigQuery")]


def test_a_sink_that_is_off_is_no_problem() -> None:
    read(waiting=500, health="disabled")
    Sink.objects.create(name="bigquery", state="off", failures=9)
    assert told(BackendHealth()) == []


def test_casualties_lead_to_their_rows() -> None:
    read(dead=3)
    rows.batch("bigquery", 1, NOW, state=OutboxBatch.State.BLOCKED, delivered_at=None)
    rows.batch("bigquery", 2, NOW, doubled=1)
    SchemaDrift.objects.create(sink="bigquery", table="t", difference="is missing", remedy="run it")
    assert [remedy for _, _, remedy in told(BackendHealth())] == [
        "See what blocks",
        "Replay or discard",
        "See the batches",
        "See the differences",
    ]


def test_every_remedy_leads_to_a_page(client: Client) -> None:
    read(dead=3)
    rows.account("redis", NOW.date(), 5, delivered=3)
    rows.batch("bigquery", 1, NOW, state=OutboxBatch.State.BLOCKED, delivered_at=None, doubled=1)
    SchemaDrift.objects.create(sink="bigquery", table="t", difference="is missing", remedy="run it")
    client.force_login(User.objects.create_superuser("olive"))
    addresses = [one.address for one in BackendHealth().problems(RequestFactory().get("/"))]
    assert len(addresses) == 5
    assert {client.get(address).status_code for address in addresses} == {200}


def test_lateness_alone_is_a_problem_too() -> None:
    read(waiting=7, lag_seconds=300.0)
    assert told(BackendHealth()) == [("degraded", "BigQuery is late; 7 events waiting.", "See BigQuery")]


def test_an_open_ledger_is_the_worst() -> None:
    read()
    rows.account("redis", NOW.date(), 500, delivered=488)
    assert told(BackendHealth()) == [
        (
            "unhealthy",
            f"The ledger of Redis does not close on {NOW.date()}: 12 unexplained.",
            "See the ledger",
        )
    ]


def test_nobody_reading_is_told_instead_of_what_was_read_long_ago() -> None:
    rows.reading("redis", NOW - timedelta(hours=1), health="unhealthy").save()
    Sink.objects.create(name="redis", failures=9)
    ((state, sentence, _),) = told(BackendHealth())
    assert state == "unhealthy"
    assert "not running" in sentence


def test_each_notice_is_told_by_one_of_the_two() -> None:
    read()
    notices.replace("horizon", ["A transaction is open."])
    notices.replace("retention", ["A day stays."])
    notices.replace("schema", ["A table differs."])
    assert [said for _, said, _ in told(BackendHealth())] == ["A transaction is open."]
    assert [said for _, said, _ in told(DataQuality())] == ["A day stays."]


def test_odd_volumes_and_conflicts_are_problems_of_quality() -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago in range(1, 20):
        week_before = hour - timedelta(days=7, hours=ago)
        Volume.objects.create(hour=week_before, event_type="cart", count=100)
    RejectionCount.objects.create(hour=hour, event_type="cart", code="conflict", pointer="", count=3)
    found = told(DataQuality())
    assert found[0][1].startswith("Cart events: 0 in 24 hours, 1,900 a week before")
    assert found[1][1] == "3 events refused in 24 hours, for their id is another event’s."


def test_headline_and_problems_of_one_request_share_what_they_read() -> None:
    read(dead=3)
    request = RequestFactory().get("/")
    with at_most(6):
        for dashboard in (BackendHealth(), DataQuality()):
            dashboard.headline(request)
            dashboard.problems(request)
