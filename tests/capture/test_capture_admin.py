"""Capture's rows in the admin: read-only, quick on a large log, and free of people."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from pytest_django import Settings

from capture import ingest
from capture.models import (
    ConnectionTest,
    DeadLetter,
    Event,
    HorizonReading,
    LedgerDay,
    OutboxBatch,
    Reading,
    RejectionCount,
    SchemaDrift,
    Sink,
    Volume,
)
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db

MODELS = [
    Event,
    OutboxBatch,
    DeadLetter,
    Sink,
    ConnectionTest,
    Reading,
    HorizonReading,
    LedgerDay,
    Volume,
    RejectionCount,
    SchemaDrift,
]
BATCHES = "/admin/capture/outboxbatch/"


@pytest.fixture
def staff(client: Client, settings: Settings) -> Client:
    settings.SINKS = rows.configured(redis=True, bigquery=True)
    client.force_login(User.objects.create_superuser("olive"))
    return client


@pytest.fixture
def event(db: None) -> Event:
    return event_of("event-1", session_id="session-1", user_id="shop-user-77")


def event_of(event_id: str, **fields: object) -> Event:
    body = {"event_type": "search", "event_id": event_id, "query": "crème fraîche", **fields}
    assert ingest.accept([json.dumps(body).encode()]).accepted == 1
    return Event.objects.get(event_id=event_id)


def row_of_each(now: datetime) -> list[Model]:
    batch = rows.batch("redis", 1, now)
    letter = rows.dead_letter(batch, "event-1", "too large", response={"errors": [{"reason": "invalid"}]})
    reading = rows.reading("redis", now)
    reading.save()
    drift = SchemaDrift.objects.create(
        sink="bigquery", table="t", difference="is missing", remedy="run setup_bigquery"
    )
    sink = Sink.objects.create(name="redis")
    asked = ConnectionTest.objects.create(sink=sink, asked_at=now, asked_by="olive")
    held = HorizonReading.objects.create(taken_at=now, xid=7, age_seconds=3)
    volume = Volume.objects.create(hour=now, event_type="search", count=3)
    refused = RejectionCount.objects.create(
        hour=now, event_type="search", code="invalid", pointer="/q", count=1
    )
    account = rows.account("redis", now.date(), 5)
    return [batch, letter, sink, reading, account, drift, asked, held, volume, refused]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_every_table_has_a_list_and_a_page_a_row(staff: Client, event: Event, model: type) -> None:
    rows_made: list[Model] = [event, *row_of_each(datetime.now(UTC))]
    name = model.__name__.lower()
    (row,) = [row for row in rows_made if isinstance(row, model)]
    assert staff.get(f"/admin/capture/{name}/").status_code == 200
    page = staff.get(f"/admin/capture/{name}/{row.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.__name__))
def test_nothing_can_be_added_changed_or_deleted(staff: Client, event: Event, model: type) -> None:
    row_of_each(datetime.now(UTC))
    name, pk = model.__name__.lower(), model.objects.get().pk  # type: ignore[attr-defined]
    assert staff.get(f"/admin/capture/{name}/add/").status_code == 403
    assert staff.post(f"/admin/capture/{name}/{pk}/change/", {"state": "x"}).status_code == 403
    assert staff.post(f"/admin/capture/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("rows_made", "said"), [(2, "2 outbox batches"), (4, "At least 3 outbox batches; the first 3 are listed")]
)
def test_a_list_that_stops_counting_says_so(
    staff: Client, monkeypatch: pytest.MonkeyPatch, rows_made: int, said: str
) -> None:
    monkeypatch.setattr("leafloaf.staff.bounded.MOST_ROWS", 3)
    for number in range(rows_made):
        rows.batch("redis", number + 1, datetime.now(UTC), object_name="same")
    assert said in words_of(staff.get(BATCHES))
    results = {2: "2 results", 4: "At least 3 results"}[rows_made]
    assert f"{results} ( Show all )" in words_of(staff.get(BATCHES, {"q": "same"}))


def test_a_selection_of_more_than_is_listed_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.admin.DeadLetterAdmin.list_per_page", 1)
    batch = rows.batch("redis", 1, datetime.now(UTC))
    for number in range(4):
        rows.dead_letter(batch, f"event-{number}", "too large")
    assert "Select all 4 dead letters" in words_of(staff.get("/admin/capture/deadletter/"))
    monkeypatch.setattr("leafloaf.staff.bounded.MOST_ROWS", 3)
    said = words_of(staff.get("/admin/capture/deadletter/"))
    assert "Select all dead letters that match, also those that are not listed" in said
    assert "All that match selected" in said


def words_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_batches_and_dead_letters_can_be_had_by_sink(staff: Client) -> None:
    rows.batch("bigquery", 1, datetime.now(UTC))
    row_of_each(datetime.now(UTC))
    for name, filters in (("outboxbatch", "?sink=redis"), ("deadletter", "?sink=redis&state__exact=dead")):
        results = staff.get(f"/admin/capture/{name}/{filters}").context["cl"].result_list
        assert [row.sink for row in results] == ["redis"]


def test_every_model_of_capture_that_staff_see_is_look_only() -> None:
    from capture.admin import LookOnly

    ours = [found for model, found in admin.site._registry.items() if model._meta.app_label == "capture"]
    assert len(ours) == len(MODELS)
    assert all(isinstance(found, LookOnly) for found in ours)
