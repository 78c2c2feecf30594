"""A person's lines in shared objects: what is planned is what is given away and what goes."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from capture import deliver, seal
from capture.holders import cloud_storage
from capture.holders.cloud_storage import FILE
from capture.models import OutboxBatch
from privacy.holders import Presence
from tests.calls import cart, search
from tests.capture.cloud_storage_holder.bucket import (
    capture,
    erase,
    holder,
    in_bucket,
    leave_the_log,
    scope,
    task,
    total,
    visited,
)
from tests.capture.stores import CloudStorageStore

NOW = datetime.now(UTC)


def test_the_plan_counts_the_lines_that_are_there(store: CloudStorageStore) -> None:
    visited(45)
    plan = holder.plan(scope())
    assert (plan.rows, plan.of) == (9, 45)
    assert plan.details["objects"] == sorted(in_bucket(store))


def test_lines_of_anonymous_visits_of_theirs_are_theirs(store: CloudStorageStore) -> None:
    capture(search(user_id="user_0", session_id="one"), cart(session_id="one"), cart(session_id="other"))
    capture(search(session_id='né "quoted"'))
    deliver.drain("cloud_storage")
    of = scope(sessions=["one", 'né "quoted"'])
    assert holder.plan(of).rows == 3
    (checked,) = erase(of)
    assert [json.loads(line)["session_id"] for held in in_bucket(store).values() for line in held] == [
        "other"
    ]
    assert holder.verify(checked).presence == Presence.ABSENT


def test_what_is_exported_is_what_goes(store: CloudStorageStore) -> None:
    visited(45)
    before, of = in_bucket(store), scope()
    given = list(holder.export(of))
    plan = holder.plan(of)
    erase(of)
    after = in_bucket(store)
    gone = Counter(line for held in before.values() for line in held)
    gone.subtract(line for held in after.values() for line in held)
    assert {name for name, _ in given} == {FILE} == set(holder.fields())
    assert [row for _, row in given] == [json.loads(line) for line in (+gone)]
    assert plan.rows == len(given) == total(before) - total(after)


def test_a_batch_that_is_not_sent_yet_is_remembered(store: CloudStorageStore) -> None:
    """It may be sent between the plan and the purge."""
    capture(search(user_id="user_0"), search(user_id="user_1"))
    seal.due("cloud_storage", is_final=True)
    of = scope()
    planned = task(of)
    assert planned.plan.rows == 0
    deliver.drain("cloud_storage")
    leave_the_log(of)
    holder.erase([planned])
    assert total(in_bucket(store)) == 1
    assert holder.verify(planned).presence == Presence.ABSENT


def test_what_is_sealed_after_the_plan_is_found_by_its_name(store: CloudStorageStore) -> None:
    visited(10)
    planned = task(scope())
    visited(20)
    assert holder.verify(planned).found > planned.plan.rows
    leave_the_log(planned.scope)
    holder.erase([planned])
    assert holder.verify(planned).presence == Presence.ABSENT
    assert total(in_bucket(store)) == 24


@pytest.mark.parametrize("are_batches_gone", [True, False])
def test_objects_whose_day_the_log_has_dropped_are_looked_through(
    store: CloudStorageStore, are_batches_gone: bool
) -> None:
    """The batches of a day go a little after the day."""
    visited(40)
    old = OutboxBatch.objects.filter(sequence__lte=2)
    if are_batches_gone:
        old.delete()
    else:
        old.update(day=NOW.date() - timedelta(days=100))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM capture_event")
    before, of = in_bucket(store), scope()
    planned = task(of)
    assert (planned.plan.rows, len(planned.plan.details["objects"])) == (4, 2)
    assert len(list(holder.export(of))) == 4
    with pytest.MonkeyPatch.context() as patch:  # what came since is somebody else's test
        patch.setattr(cloud_storage, "_between", lambda _: ("events/9", "events/9"))
        holder.erase([planned])
    assert total(before) - total(in_bucket(store)) == 4
