"""Capture's rows in the admin: read-only, quick on a large log, and free of people."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from capture import ingest
from capture.models import DeadLetter, Event, LedgerDay, OutboxBatch, Reading, SchemaDrift, Sink
from tests.capture import outbox_rows as rows

pytestmark = pytest.mark.django_db

MODELS = [Event, OutboxBatch, DeadLetter, Sink, Reading, LedgerDay, SchemaDrift]
EVENTS = "/admin/capture/event/"


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
    return [batch, letter, sink, reading, rows.account("redis", now.date(), 5), drift]


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


@pytest.mark.parametrize("query", ["", "?event_type=search", "?q=session-1", "?p=2"])
def test_the_log_is_never_counted_nor_read_without_a_limit(staff: Client, query: str) -> None:
    for number in range(60):
        event_of(f"event-{number}", session_id="session-1")
    with CaptureQueriesContext(connection) as queries:
        assert staff.get(EVENTS + query).status_code == 200
    said = [query["sql"] for query in queries]
    assert not [sql for sql in said if re.search(r"count\(|DISTINCT", sql, re.IGNORECASE)]
    assert all(" LIMIT " in sql for sql in said if 'FROM "capture_event"' in sql)


@pytest.mark.parametrize(
    ("rows_made", "said"), [(2, "2 events"), (4, "At least 3 events; the first 3 are listed")]
)
def test_a_list_that_stops_counting_says_so(
    staff: Client, monkeypatch: pytest.MonkeyPatch, rows_made: int, said: str
) -> None:
    monkeypatch.setattr("capture.admin.MOST_ROWS", 3)
    for number in range(rows_made):
        event_of(f"event-{number}", session_id="session-1")
    assert said in words_of(staff.get(EVENTS))
    results = {2: "2 results", 4: "At least 3 results"}[rows_made]
    assert f"{results} ( Show all )" in words_of(staff.get(EVENTS, {"q": "session-1"}))


def test_a_selection_of_more_than_is_listed_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.admin.DeadLetterAdmin.list_per_page", 1)
    batch = rows.batch("redis", 1, datetime.now(UTC))
    for number in range(4):
        rows.dead_letter(batch, f"event-{number}", "too large")
    assert "Select all 4 dead letters" in words_of(staff.get("/admin/capture/deadletter/"))
    monkeypatch.setattr("capture.admin.MOST_ROWS", 3)
    said = words_of(staff.get("/admin/capture/deadletter/"))
    assert "Select all dead letters that match, also those that are not listed" in said
    assert "All that match selected" in said


def words_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


@pytest.mark.parametrize("wanted", ["event-1", "session-1", " event-1 "])
def test_an_event_is_found_by_its_whole_id_or_session(staff: Client, event: Event, wanted: str) -> None:
    event_of("event-2")
    assert found(staff, wanted) == ["event-1"]


def test_an_event_is_found_by_its_pseudonym(staff: Client, event: Event) -> None:
    event_of("event-2")
    assert found(staff, str(event.subject_id)) == ["event-1"]


@pytest.mark.parametrize("wanted", ["event", "shop-user-77", str(UUID(int=0))])
def test_nothing_else_finds_it(staff: Client, event: Event, wanted: str) -> None:
    event_of("event-2")
    assert found(staff, wanted) == []


def found(staff: Client, wanted: str) -> list[str]:
    results = staff.get(EVENTS, {"q": wanted}).context["cl"].result_list
    return [event.event_id for event in results]


def test_the_newest_event_comes_first(staff: Client, event: Event) -> None:
    event_of("event-2")
    assert [event.event_id for event in staff.get(EVENTS).context["cl"].result_list] == ["event-2", "event-1"]


def test_only_the_pseudonym_is_shown_and_the_payload_is_laid_out(staff: Client, event: Event) -> None:
    page = staff.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert str(event.subject_id) in page
    assert "shop-user-77" not in page
    assert "{\n  &quot;query&quot;: &quot;crème fraîche&quot;" in page
    assert "shop-user-77" not in staff.get(EVENTS).content.decode()


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
