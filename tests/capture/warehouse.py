"""BigQuery with a clock of its own for the tests of erasure, and whose its rows are."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from pytest_django import Settings

from capture import deliver, ingest, schema, sinks
from capture.holders.bigquery import BigQueryHolder
from capture.models import OutboxBatch
from capture.records import encoder
from capture.sinks import bigquery_setup
from capture.sinks.bigquery import BigQuerySink
from leafloaf.stack import http
from leafloaf.stack.bigquery import api
from privacy import subjects
from privacy.holders import Scope, Task
from tests.calls import cart, order, search
from tests.conftest import memory_configuration
from tests.standins import Standin

BACKEND = "capture.sinks.bigquery.BigQuerySink"
PROJECT, DATASET = "shop-1", "analytics"
JOBS = {"method": "POST", "path": r"/jobs(\?|$)"}
QUERIES = {"method": "POST", "path": r"/queries(\?|$)"}


@dataclass
class Store:
    """BigQuery with a clock of its own, and the sink that fills it."""

    sink: BigQuerySink
    standin: Standin
    options: dict[str, str]
    ahead: timedelta = timedelta(0)

    def pass_time(self, minutes: float) -> None:
        self.standin.advance(minutes * 60)
        self.ahead += timedelta(minutes=minutes)

    def drain(self) -> None:
        """Delivers what is captured; Postgres says it was at the time that BigQuery's clock shows."""
        known = list(OutboxBatch.objects.values_list("id", flat=True))
        deliver.drain("bigquery", is_final=True)
        OutboxBatch.objects.exclude(id__in=known).update(delivered_at=F("delivered_at") + self.ahead)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Everything in every table, by its name, with all columns."""
        found = {}
        for event_type, name in schema.TABLES.items():
            query = f"SELECT * FROM `{self.sink.table(event_type)}` WHERE timestamp > TIMESTAMP '2000-01-01'"
            found[name] = [dict(row) for row in self.sink.client.query_and_wait(query)]
        return found

    def jobs(self) -> list[Any]:
        """Statements that were to delete, the first one first."""
        jobs = [job for job in self.sink.client.list_jobs() if job.query.lstrip().startswith("DELETE")]
        return jobs[::-1]


@pytest.fixture
def store(log: None, tmp_path: Path, settings: Settings) -> Iterator[Store]:
    app, file = api.build(tmp_path / "bigquery")
    with http.Server(app) as server:
        options = {"project": PROJECT, "dataset": DATASET, "endpoint": server.url}
        settings.SINKS = {"bigquery": memory_configuration(BACKEND=BACKEND, OPTIONS=options)}
        sink = sinks.get("bigquery")
        assert isinstance(sink, BigQuerySink)
        bigquery_setup.set_up(sink, retention_days=90)
        yield Store(sink, Standin(server.url), options)
        sink.client.close()
    file.close()


def capture(*events: dict[str, Any], received_at: datetime | None = None) -> None:
    receipt = ingest.accept([json.dumps(event).encode() for event in events], received_at=received_at)
    assert (receipt.accepted, receipt.rejected) == (len(events), [])


def scope_of(user_id: str, *sessions: str, before: datetime | None = None) -> Scope:
    return Scope(subjects.resolve([user_id])[user_id], sessions, before)


def a_day_of(user_id: str | None, session_id: str | None = None) -> list[dict[str, Any]]:
    who = {"user_id": user_id, "session_id": session_id}
    return [search(**who), cart(**who), cart(**who), order(order_id=str(uuid4()), **who)]


def task_of(holder: BigQueryHolder, scope: Scope) -> Task:
    return Task(scope, holder.plan(scope), datetime.now(UTC))


def is_theirs(scope: Scope) -> Callable[[dict[str, Any]], bool]:
    """Written anew here: the code under test has its own idea of it."""

    def check(row: dict[str, Any]) -> bool:
        named = row["user_id"] == str(scope.subject_id)
        nameless = row["user_id"] is None and row["session_id"] in scope.sessions
        return (named or nameless) and (scope.before is None or row["timestamp"] < scope.before)

    return check


def multiset(rows: dict[str, list[dict[str, Any]]]) -> Counter[tuple[str, bytes]]:
    return Counter((table, encoder.encode(row)) for table, found in rows.items() for row in found)


def theirs(store: Store, *scopes: Scope) -> Counter[tuple[str, bytes]]:
    return divided(store, *scopes)[0]


def divided(store: Store, *scopes: Scope) -> tuple[Counter[tuple[str, bytes]], Counter[tuple[str, bytes]]]:
    """The people's rows, and everybody else's."""
    checks = [is_theirs(scope) for scope in scopes]
    rows = store.rows()
    own = {table: [row for row in found if any(c(row) for c in checks)] for table, found in rows.items()}
    others = {
        table: [row for row in found if not any(c(row) for c in checks)] for table, found in rows.items()
    }
    return multiset(own), multiset(others)
