"""Erasing rows of BigQuery on bad days: no answer, half an answer, a worker that dies, batches on their way."""

import signal
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from capture.holders import bigquery as holding
from capture.holders.bigquery import BigQueryHolder
from capture.holders.log import EventLogHolder
from capture.models import OutboxBatch
from privacy.holders import NeedsAttention, NotNow, Presence, Purged, Scope, Task
from tests.calls import cart, search
from tests.capture.test_deliver import let_it_be_tried_again
from tests.capture.test_reconcile import counted
from tests.capture.warehouse import (
    DATASET,
    JOBS,
    PROJECT,
    QUERIES,
    Store,
    a_day_of,
    capture,
    divided,
    scope_of,
    store,
    task_of,
    theirs,
)
from tests.config import application

__all__ = ["store"]

pytestmark = pytest.mark.usefixtures("long_rests")


@pytest.mark.parametrize(
    ("action", "presence"),
    [
        ({"status": 403, "reason": "accessDenied"}, Presence.FORBIDDEN),
        ({"status": 401, "reason": "authError"}, Presence.FORBIDDEN),
        ({"status": 403, "reason": "quotaExceeded"}, Presence.UNREACHABLE),
        ({"status": 503, "reason": "backendError"}, Presence.UNREACHABLE),
        ({"hang_up": True}, Presence.UNREACHABLE),
        ({"status": 400, "reason": "invalidQuery"}, Presence.UNSUPPORTED),
    ],
)
def test_a_reader_that_gets_no_answer_never_says_absent(
    store: Store, action: dict[str, Any], presence: Presence
) -> None:
    holder, scope = BigQueryHolder(), Scope(uuid4(), ("hers",))
    task = task_of(holder, scope)
    for match in (QUERIES, {"method": "GET", "path": rf"/datasets/{DATASET}(\?|$)"}):
        store.standin.fail(match=match, **action)
        found = holder.verify(task)
        store.standin.mend()
        assert found.presence == presence
        assert found.said
        assert str(scope.subject_id) not in found.said
    assert holder.verify(task).presence == Presence.ABSENT


def test_the_reader_asks_bigquery_itself_and_not_what_it_remembers(store: Store) -> None:
    holder = BigQueryHolder()
    task = task_of(holder, Scope(uuid4()))
    store.standin.fail(times=99, match=QUERIES | {"body": r'"useQueryCache": ?false'}, status=503)
    assert holder.verify(task).presence == Presence.UNREACHABLE


def test_a_table_that_does_not_exist_holds_nothing_but_a_data_set_must_exist(store: Store) -> None:
    capture(*a_day_of("ann"))
    store.drain()
    store.pass_time(32)
    holder, client = BigQueryHolder(), store.sink.client
    client.delete_table(store.sink.table("cart"))
    task = task_of(holder, scope_of("ann"))
    assert task.plan.rows == 2
    assert holder.erase([task]) == [Purged()]
    found = holder.verify(task)
    assert (found.presence, found.said) == (Presence.ABSENT, "there is no table cart_modification_events")
    client.delete_dataset(DATASET, delete_contents=True)
    assert holder.verify(task).presence == Presence.UNREACHABLE


def test_before_anything_was_ever_sent_there_need_not_be_a_data_set(store: Store) -> None:
    store.sink.client.delete_dataset(DATASET, delete_contents=True)
    holder = BigQueryHolder()
    task = task_of(holder, Scope(uuid4()))
    assert task.plan.rows == 0
    assert holder.erase([task]) == [Purged()]
    assert holder.verify(task).presence == Presence.ABSENT


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 503, "reason": "backendError"}, NotNow),
        ({"status": 403, "reason": "quotaExceeded"}, NotNow),
        ({"status": 403, "reason": "accessDenied"}, NotNow),
        ({"hang_up": True}, NotNow),
        ({"status": 400, "reason": "invalidQuery"}, NeedsAttention),
        ({"apply_then": {"hang_up": True}}, NotNow),
        ({"apply_then": {"status": 503, "reason": "backendError"}}, NotNow),
    ],
)
def test_a_deletion_with_a_bad_answer_claims_nothing_and_is_finished_later(
    store: Store, action: dict[str, Any], error: type[Exception]
) -> None:
    capture(*a_day_of("ann"), *a_day_of("ben"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), scope_of("ann")
    others = divided(store, scope)[1]
    task = task_of(holder, scope)
    store.standin.fail(match=JOBS, after=1, **action)
    with pytest.raises(error) as raised:
        holder.erase([task])
    assert str(scope.subject_id) not in str(raised.value)
    store.standin.mend()
    assert holder.erase([task]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)


@pytest.mark.parametrize("ask", ["plan", "export"])
def test_without_an_answer_there_is_no_plan_and_no_export(store: Store, ask: str) -> None:
    store.standin.fail(match=QUERIES, status=503)
    with pytest.raises(NotNow):
        list(getattr(BigQueryHolder(), ask)(Scope(uuid4())))


def test_two_workers_delete_one_after_the_other(store: Store) -> None:
    holder = BigQueryHolder()
    task = task_of(holder, Scope(uuid4()))
    other = connection.copy()
    with other.cursor() as cursor:
        key = holding.key_of(f"{PROJECT}.{DATASET}")
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
        (purged,) = holder.erase([task])
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    other.close()
    assert purged.again_at is not None
    assert holder.erase([task]) == [Purged()]


def test_rows_that_wait_for_the_buffer_are_no_matter_for_a_recount(store: Store) -> None:
    """The batch is one that never had them by now; the table has, and the people's number hides no loss."""
    capture(search(user_id="ann"), search(user_id="ben"), search(user_id="ben"))
    store.drain()
    log, scope = EventLogHolder(), scope_of("ann")
    assert log.erase([Task(scope, log.plan(scope), datetime.now(UTC))]) == [Purged()]
    tally = counted("bigquery")
    assert (tally.owed, tally.held, tally.lost, tally.doubled, tally.incomparable) == (2, 2, {}, 0, 0)
    assert theirs(store, scope).total() == 1

    store.pass_time(32)
    one = store.rows()["user_search_events"][-1]
    assert one["user_id"] == str(scope_of("ben").subject_id)
    store.sink.client.query_and_wait(
        f"DELETE FROM `{store.sink.table('search')}` WHERE timestamp > '2000-01-01' "
        f"AND event_id = '{one['event_id']}'"
    )
    assert list(counted("bigquery").lost.values()) == [1]
    store.drain()
    own, others = divided(store, scope)
    assert (own.total(), others.total()) == (1, 2)
    assert counted("bigquery").lost == {}


def test_a_batch_that_is_made_anew_is_finished_beside_rows_of_who_was_erased(store: Store) -> None:
    capture(search(user_id="ann"), cart(user_id="ann"), search(user_id="ben"), cart(user_id="ben"))
    store.standin.fail(match={"path": "/cart_modification_events/insertAll"}, status=503)
    store.drain()
    assert OutboxBatch.objects.get().state == "sealed"
    log, scope = EventLogHolder(), scope_of("ann")
    log.erase([Task(scope, log.plan(scope), datetime.now(UTC))])
    let_it_be_tried_again()
    store.drain()
    assert OutboxBatch.objects.get().state == "delivered"
    own, others = divided(store, scope)
    assert (own.total(), others.total()) == (1, 2)
    store.pass_time(32)
    holder = BigQueryHolder()
    assert holder.erase([task_of(holder, scope)]) == [Purged()]
    assert divided(store, scope) == (Counter(), others)
    tally = counted("bigquery")
    assert (tally.owed, tally.held, tally.lost) == (2, 2, {})


ERASE = """
import sys
from datetime import UTC, datetime
from uuid import UUID
import django
django.setup()
from capture.holders.bigquery import BigQueryHolder
from privacy.holders import Plan, Scope, Task
BigQueryHolder().erase([Task(Scope(UUID(sys.argv[1])), Plan(0), datetime.now(UTC))])
"""


@pytest.mark.parametrize(
    "action",
    [{"delay_seconds": 20, "hang_up": True}, {"apply_then": {"delay_seconds": 20}}],
    ids=["between two tables", "between a job and its answer"],
)
def test_whoever_is_killed_leaves_a_deletion_that_another_ends(
    store: Store, tmp_path: Path, action: dict[str, Any]
) -> None:
    capture(*a_day_of("ann"), *a_day_of("ben"))
    store.drain()
    store.pass_time(32)
    holder, scope = BigQueryHolder(), scope_of("ann")
    others = divided(store, scope)[1]
    task = task_of(holder, scope)
    store.standin.fail(match=JOBS, after=1, **action)
    process = application.begun(
        ["-c", ERASE, str(scope.subject_id)],
        application.environment(
            tmp_path,
            DJANGO_SETTINGS_MODULE="leafloaf.settings",
            ENABLE_BIGQUERY="true",
            BIGQUERY_PROJECT=PROJECT,
            BIGQUERY_DATASET=DATASET,
            BIGQUERY_ENDPOINT=store.standin.address,
        ),
    )
    while not store.standin.fired() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    said, _ = process.communicate()
    assert (store.standin.fired(), process.returncode) == (1, -signal.SIGKILL), said
    store.standin.mend()
    assert 0 < theirs(store, scope).total() < 4
    while (purged := holder.erase([task])[0]).again_at:  # until Postgres has noticed that the other is gone
        assert "another worker" in purged.said
        time.sleep(0.1)
    assert divided(store, scope) == (Counter(), others)
    assert holder.verify(task).presence == Presence.ABSENT
