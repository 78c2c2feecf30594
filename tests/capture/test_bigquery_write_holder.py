"""Rows that came through pending streams are erased at once: there is no streaming buffer to wait for."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from capture import deliver, sinks
from capture.holders import bigquery as holding
from capture.holders.bigquery import BUSY, BigQueryHolder
from capture.models import OutboxBatch
from capture.sinks import bigquery_rows, bigquery_setup
from capture.sinks.bigquery import INSERT_ALL, BigQuerySink
from capture.sinks.meter import STORAGE_WRITE
from leafloaf.stack import http
from leafloaf.stack.bigquery import api
from leafloaf.stack.bigquery.write_api import WriteServer
from privacy.holders import Presence, Purged
from tests.calls import search
from tests.capture.warehouse import (
    BACKEND,
    DATASET,
    PROJECT,
    Store,
    a_day_of,
    capture,
    divided,
    scope_of,
    task_of,
    theirs,
)
from tests.conftest import memory_configuration
from tests.standins import Standin


class Ways:
    """Switches how the sink writes."""

    def __init__(self, settings: Settings, endpoint: str, write_endpoint: str) -> None:
        self.settings, self.endpoint, self.write_endpoint = settings, endpoint, write_endpoint

    def take(self, method: str) -> BigQuerySink:
        options = {"project": PROJECT, "dataset": DATASET, "endpoint": self.endpoint}
        options |= {"method": method, "write_endpoint": self.write_endpoint}
        self.settings.SINKS = {"bigquery": memory_configuration(BACKEND=BACKEND, OPTIONS=options)}
        sink = sinks.get("bigquery")
        assert isinstance(sink, BigQuerySink)
        return sink


@pytest.fixture
def ways(settings: Settings, tmp_path: Path) -> Iterator[Ways]:
    app, catalogue = api.opened(tmp_path / "bigquery")
    with http.Server(app) as server, WriteServer(app, catalogue) as writing:
        yield Ways(settings, server.url, writing.url)
    catalogue.rows.close()


@pytest.fixture
def store(log: None, ways: Ways) -> Iterator[Store]:
    sink = ways.take(STORAGE_WRITE)
    bigquery_setup.set_up(sink, retention_days=90)
    yield Store(sink, Standin(ways.endpoint), {})
    sink.client.close()


def test_rows_are_erased_right_after_they_were_delivered(store: Store) -> None:
    capture(*a_day_of("ann"), *a_day_of("ben"), *a_day_of(None, "visit-of-nobody"))
    store.drain()
    holder, scope = BigQueryHolder(), scope_of("ann")
    own, others = divided(store, scope)
    assert (own.total(), others.total()) == (4, 8)
    task = task_of(holder, scope)
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)
    assert holder.verify(task).presence == Presence.ABSENT


def test_rows_that_were_streamed_are_waited_for_and_the_others_are_not(store: Store, ways: Ways) -> None:
    """The method was changed a moment ago: what `insert_all` brought is in the buffer, in the same tables."""
    ways.take(INSERT_ALL)
    capture(*a_day_of("ann"))
    store.drain()
    ways.take(STORAGE_WRITE)
    capture(*a_day_of("ann"), *a_day_of("ben"))
    store.drain()
    holder, scope = BigQueryHolder(), scope_of("ann")
    others = divided(store, scope)[1]
    task = task_of(holder, scope)
    assert task.plan.rows == 8
    (purged,) = holder.erase([task])
    assert purged.again_at is not None
    assert "streaming buffer: 4" in purged.said
    assert theirs(store, scope).total() == 4
    store.pass_time(32)
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)


def test_a_batch_that_needed_both_ways_is_waited_for(store: Store, ways: Ways) -> None:
    """Its rows of an attempt by `insert_all`, and those that a stream brought later, have one label."""
    capture(search(user_id="ann"), search(user_id="ann"))
    streaming = ways.take(INSERT_ALL)
    deliver.drain("bigquery", is_final=True)
    streaming.client.close()
    ways.take(STORAGE_WRITE)
    sent = OutboxBatch.objects.get()
    OutboxBatch.objects.update(
        promised={"user_search_events": {"stream": "projects/x", "is_all": False}},
    )
    holder, scope = BigQueryHolder(), scope_of("ann")
    (purged,) = holder.erase([task_of(holder, scope)])
    assert purged.again_at is not None, sent
    assert theirs(store, scope).total() == 2


def test_what_came_while_others_were_deleted_is_tried_again_within_seconds(store: Store) -> None:

    capture(*a_day_of("ann"))
    store.drain()
    holder, scope = BigQueryHolder(), scope_of("ann")
    left = bigquery_rows.look(store.sink, holding.people(scope))
    purged = holding.waiting(task_of(holder, scope), left)
    assert purged.again_at is not None
    assert purged.again_at - datetime.now(UTC) <= BUSY
