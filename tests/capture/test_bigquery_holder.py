"""A person's rows in BigQuery: found, deleted as far as the streaming buffer lets go, read again."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from capture import schema, sinks
from capture.holders import bigquery as holding
from capture.holders.bigquery import BigQueryHolder
from capture.records import encoder
from capture.sinks import bigquery_rows, bigquery_setup
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.bigquery_rows import StillStreaming
from privacy.holders import Plan, Presence, Purged, Scope
from tests.calls import search
from tests.capture.warehouse import (
    BACKEND,
    DATASET,
    Store,
    a_day_of,
    capture,
    divided,
    multiset,
    scope_of,
    store,
    task_of,
    theirs,
)
from tests.conftest import memory_configuration

__all__ = ["store"]


def test_rows_old_enough_are_gone_at_once_and_everybody_elses_stay(store: Store) -> None:
    capture(*a_day_of("ann"), *a_day_of("ben"), *a_day_of(None, "visit-of-nobody"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), scope_of("ann")
    own, others = divided(store, scope)
    task = task_of(holder, scope)
    assert (task.plan.rows, task.plan.of, own.total()) == (4, 12, 4)
    assert task.plan.details["tables"] == {
        "user_search_events": 1,
        "cart_modification_events": 2,
        "order_transaction_events": 1,
    }
    assert holder.verify(task).presence == Presence.PRESENT
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)
    assert holder.verify(task).presence == Presence.ABSENT


def test_fresh_rows_wait_for_the_buffer_and_a_second_pass(store: Store) -> None:
    capture(*a_day_of("ann"))
    store.drain()
    store.pass_time(32)
    capture(search(user_id="ann"), search(user_id="ben"))
    store.drain()
    holder, scope = BigQueryHolder(), scope_of("ann")
    others = divided(store, scope)[1]
    task = task_of(holder, scope)
    (purged,) = holder.erase([task])
    assert purged.again_at is not None
    assert timedelta(minutes=29) < purged.again_at - datetime.now(UTC) < timedelta(minutes=32)
    assert "streaming buffer" in purged.said
    assert theirs(store, scope).total() == 1
    assert holder.verify(task).found == 1
    assert all(job.error_result is None for job in store.jobs())

    store.pass_time(32)
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)
    assert holder.erase([task]) == [Purged()]


def test_the_stores_rule_stands_when_it_is_forced(store: Store) -> None:
    capture(*a_day_of("ann"))
    store.drain()
    scope = scope_of("ann")
    wanted = holding.people(scope)
    seen = [each for each in bigquery_rows.look(store.sink, wanted) if each.event_type == "cart"]
    assert holding.rows_of(seen) == 2
    with pytest.raises(StillStreaming):
        bigquery_rows.delete(store.sink, "cart", wanted, seen, spared=())
    assert theirs(store, scope).total() == 4


def test_a_buffer_that_is_slow_for_once_is_asked_again(store: Store) -> None:
    """After half an hour BigQuery refuses still: what is surely old goes, the rest is tried every quarter."""
    capture(*a_day_of("ann"))
    store.drain()
    store.pass_time(92)
    store.standin.hold_rows(minutes=90)
    capture(*a_day_of("ann"))
    store.drain()
    store.pass_time(40)
    holder, scope = BigQueryHolder(), scope_of("ann")
    task = task_of(holder, scope)
    assert task.plan.rows == 8
    (purged,) = holder.erase([task])
    assert purged.again_at is not None
    assert purged.again_at - datetime.now(UTC) < timedelta(minutes=16)
    assert theirs(store, scope).total() == 4
    names = [job.job_id for job in store.jobs()]
    assert len(names) == len(set(names)) == 6

    store.pass_time(55)
    assert holder.erase([task]) == [Purged()]
    assert theirs(store, scope).total() == 0


def test_anonymous_rows_go_with_the_visits_that_only_they_had(store: Store) -> None:
    capture(*a_day_of(None, "hers"), *a_day_of(None, "another"), *a_day_of("ben", "hers"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), Scope(uuid4(), ("hers",))
    others = divided(store, scope)[1]
    assert others.total() == 8
    task = task_of(holder, scope)
    assert task.plan.rows == 4
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)


def test_a_retention_takes_only_what_was_received_before(store: Store) -> None:
    now = datetime.now(UTC)
    capture(*a_day_of("ann"), *a_day_of("ben"), received_at=now - timedelta(minutes=20))
    capture(*a_day_of("ann"), *a_day_of("ben"), received_at=now - timedelta(minutes=10))
    store.drain()
    store.pass_time(32)
    holder, limit = BigQueryHolder(), now - timedelta(minutes=10)
    scopes = [scope_of("ann", before=limit), scope_of("ben")]
    own, others = divided(store, *scopes)
    assert (own.total(), others.total()) == (12, 4)
    tasks = [task_of(holder, scope) for scope in scopes]
    assert [task.plan.rows for task in tasks] == [4, 8]
    assert holder.erase(tasks) == [Purged(), Purged()]
    assert divided(store, *scopes) == (Counter(), others)
    assert [holder.verify(task).presence for task in tasks] == [Presence.ABSENT] * 2


def test_what_is_exported_is_what_is_erased(store: Store) -> None:
    capture(*a_day_of("ann", "hers"), *a_day_of(None, "hers"), *a_day_of("ben"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), scope_of("ann", "hers")
    before = multiset(store.rows())
    given = list(holder.export(scope))
    assert [json.loads(json.dumps(row)) for _, row in given] == [row for _, row in given]
    assert {file for file, _ in given} <= set(holder.fields())
    task = task_of(holder, scope)
    assert task.plan.rows == len(given) == 8
    holder.erase([task])
    gone = before - multiset(store.rows())
    assert Counter((file.split("/")[1], row["event_id"], row["batch"]) for file, row in given) == Counter(
        (table, row["event_id"], row["batch"])
        for table, text in gone.elements()
        for row in [json.loads(text)]
    )
    assert list(holder.export(scope)) == []


def test_fifty_people_are_one_statement_a_table(store: Store) -> None:
    people = [f"user-{number}" for number in range(60)]
    for user_id in people:
        capture(*a_day_of(user_id, f"visit-{user_id}"), search(session_id=f"visit-{user_id}"))
    store.drain()
    store.pass_time(32)
    holder = BigQueryHolder()
    scopes = [scope_of(user_id, f"visit-{user_id}") for user_id in people[:50]]
    own, others = divided(store, *scopes)
    assert (own.total(), others.total()) == (250, 50)
    tasks = [task_of(holder, scope) for scope in scopes]
    assert [task.plan.rows for task in tasks] == [5] * 50
    assert holder.erase(tasks) == [Purged()] * 50
    assert len(store.jobs()) == 3
    assert sum(job.num_dml_affected_rows for job in store.jobs()) == 250
    assert divided(store, *scopes) == (Counter(), others)


def test_among_many_people_only_those_with_fresh_rows_wait(store: Store) -> None:
    capture(*a_day_of("ann"), *a_day_of("ben"))
    store.drain()
    store.pass_time(32)
    capture(search(user_id="ben"))
    store.drain()
    holder = BigQueryHolder()
    tasks = [task_of(holder, scope_of("ann")), task_of(holder, scope_of("ben"))]
    ann, ben = holder.erase(tasks)
    assert ann == Purged()
    assert ben.again_at is not None
    assert theirs(store, tasks[0].scope).total() == 0
    assert theirs(store, tasks[1].scope).total() == 1


def test_every_statement_has_both_bounds_and_names_nobody(store: Store) -> None:
    capture(*a_day_of("ann", "hers"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), scope_of("ann", "hers")
    task = task_of(holder, scope)
    list(holder.export(scope))
    holder.erase([task])
    holder.verify(task)
    texts = [job.query for job in store.sink.client.list_jobs() if "@since" in job.query]
    assert sum(text.count("timestamp >= @since AND timestamp < @until") for text in texts) == 33
    for text in texts:
        assert text.count("timestamp >= @since AND timestamp < @until") == text.count("FROM")
        assert str(scope.subject_id) not in text
        assert "hers" not in text
    for job in store.jobs():
        sent: dict[str, Any] = {each.name: getattr(each, "value", None) for each in job.query_parameters}
        assert sent["until"] - sent["since"] < timedelta(minutes=1)
        assert not re.search(scope.subject_id.hex[:8], job.job_id)


def test_copies_of_a_row_count_and_go_too(store: Store) -> None:
    capture(search(user_id="ann"))
    store.drain()
    store.pass_time(5)
    (row,) = store.rows()["user_search_events"]
    copy = json.loads(encoder.encode(row)) | {"batch": "from-elsewhere"}
    assert store.sink.client.insert_rows_json(store.sink.table("search"), [copy]) == []
    store.pass_time(32)
    holder = BigQueryHolder()
    task = task_of(holder, scope_of("ann"))
    assert task.plan.rows == 2
    assert holder.erase([task]) == [Purged()]
    assert holder.verify(task).presence == Presence.ABSENT


def test_who_has_nothing_there_is_absent_without_a_statement(store: Store) -> None:
    capture(*a_day_of("ben"))
    store.drain()
    holder = BigQueryHolder()
    task = task_of(holder, Scope(uuid4(), ("nobody",)))
    assert task.plan == Plan(0, 4, {"tables": {}})
    assert holder.erase([task]) == [Purged()]
    assert store.jobs() == []
    assert holder.verify(task).presence == Presence.ABSENT


def test_a_row_that_comes_after_the_plan_is_met_all_the_same(store: Store) -> None:
    capture(search(user_id="ann"))
    holder, scope = BigQueryHolder(), scope_of("ann")
    task = task_of(holder, scope)
    assert task.plan.rows == 0
    store.drain()
    store.pass_time(32)
    assert holder.verify(task).found == 1
    assert holder.erase([task]) == [Purged()]
    assert holder.verify(task).presence == Presence.ABSENT


def test_until_when_google_could_bring_rows_back(store: Store) -> None:
    holder = BigQueryHolder()
    purged_at = datetime(2026, 1, 1, tzinfo=UTC)
    task = replace(task_of(holder, Scope(uuid4())), purged_at=purged_at)
    assert holder.verify(task).residual_until == purged_at + timedelta(days=14)
    dataset = store.sink.client.get_dataset(DATASET)
    dataset.max_time_travel_hours = 48
    store.sink.client.update_dataset(dataset, ["max_time_travel_hours"])
    assert holder.verify(task).residual_until == purged_at + timedelta(days=9)


def test_a_paused_sink_is_still_a_holder_and_one_that_was_never_on_is_not(
    store: Store, settings: Settings
) -> None:
    assert BigQueryHolder().is_on()
    settings.SINKS = {"bigquery": settings.SINKS["bigquery"] | {"ENABLED": False}}
    assert not BigQueryHolder().is_on()
    settings.SINKS = {}
    assert not BigQueryHolder().is_on()


def test_what_the_set_up_makes_besides_the_five_tables_are_views_that_hold_nothing(
    store: Store, settings: Settings
) -> None:
    views = {"views": ("personalization.aggregation.warehouse.views",)}
    settings.SINKS = {"bigquery": memory_configuration(BACKEND=BACKEND, OPTIONS=store.options | views)}
    sink = sinks.get("bigquery")
    assert isinstance(sink, BigQuerySink)
    bigquery_setup.set_up(sink, retention_days=90)
    kinds = {table.table_id: table.table_type for table in sink.client.list_tables(DATASET)}
    sink.client.close()
    assert "user_category_preferences" in kinds
    assert {name for name, kind in kinds.items() if kind != "VIEW"} == set(schema.TABLES.values())
