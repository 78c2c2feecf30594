"""No page of capture in the admin costs more than fifteen statements, or counts a table to its end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from capture.models import (
    ConnectionTest,
    HorizonReading,
    RejectionCount,
    SchemaDrift,
    Sink,
    Volume,
)
from tests.capture import outbox_rows as rows
from tests.capture.counting import at_most

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
HEALTH, QUALITY = "/admin/dashboards/backend-health/", "/admin/dashboards/data-quality/"
LISTS = [
    "outboxbatch",
    "deadletter",
    "sink",
    "connectiontest",
    "reading",
    "horizonreading",
    "ledgerday",
    "volume",
    "rejectioncount",
    "schemadrift",
]
QUERIES = {
    "outboxbatch": [
        "?sink=redis&progress=owed",
        "?progress=failed&p=2",
        "?day=2026-11-20&state__exact=delivered",
        "?q=7",
    ],
    "deadletter": ["?alike=1", "?alike=x", "?sink=redis&state__exact=dead", "?batch__id__exact=1", "?q=e-1"],
    "reading": ["?sink=redis", "?sink=redis&p=2"],
    "rejectioncount": ["?code=conflict", "?event_type=search&pointer=/q"],
    "volume": ["?event_type=search"],
}
PAGES = [f"/admin/capture/{name}/{query}" for name in LISTS for query in ["", *QUERIES.get(name, [])]]
PAGES += [
    HEALTH,
    f"{HEALTH}?range=7d&sink=redis",
    f"{HEALTH}?replay=redis",
    f"{HEALTH}?back_fill=redis",
    QUALITY,
]


@pytest.fixture
def olive(client: Client, settings: Settings) -> Client:
    """Not a superuser, whose permissions would cost nothing."""
    settings.SINKS = rows.configured(redis=True, bigquery=True, cloud_storage=True)
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="capture"))
    client.force_login(user)
    return client


def fill() -> None:
    """More rows of each than a page lists."""
    sink = Sink.objects.create(name="redis", delivered=9)
    ConnectionTest.objects.create(sink=sink, asked_at=NOW, asked_by="olive")
    for number in range(1, 121):
        batch = rows.batch("redis", number, NOW, attempts=3, last_error=f"error {number % 30}")
        rows.dead_letter(batch, f"e-{number}", f"reason {number % 30} " + "x" * 300)
        moment = NOW - timedelta(minutes=number)
        rows.reading("redis", moment).save()
        HorizonReading.objects.create(taken_at=moment, xid=7, age_seconds=3)
        Volume.objects.create(hour=moment, event_type="search", count=3)
        RejectionCount.objects.create(
            hour=moment, event_type="search", code="conflict", pointer="/q", count=1
        )
        SchemaDrift.objects.create(
            sink="bigquery", table=f"t{number}", difference="is missing", remedy="run it"
        )
        rows.account("redis", NOW.date() - timedelta(days=number), 5, delivered=4)


@pytest.mark.parametrize("is_full", [False, True], ids=["empty", "full"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_costs_at_most_fifteen_statements_and_counts_nothing_to_its_end(
    olive: Client, page: str, is_full: bool
) -> None:
    if is_full:
        fill()
    with at_most(15) as said:
        assert olive.get(page).status_code == 200
    unbounded = [sql for sql in said if re.match(r'SELECT COUNT\(\*\) AS "__count" FROM "', sql)]
    assert not unbounded


@pytest.mark.parametrize("name", [name for name in LISTS if name not in {"sink", "connectiontest"}])
def test_a_rows_own_page_likewise(olive: Client, name: str) -> None:
    fill()
    listed = olive.get(f"/admin/capture/{name}/").context["cl"].result_list
    with at_most(15):
        assert olive.get(f"/admin/capture/{name}/{listed[0].pk}/change/").status_code == 200
