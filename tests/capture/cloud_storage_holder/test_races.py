"""Others who write the same objects, and whoever dies half-way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.conf import settings as configured

from capture import deliver, log, reconcile, seal
from capture.models import OutboxBatch
from capture.records import Record
from capture.sinks.base import Batch, BatchRefused, Recount
from privacy.holders import NotNow, Presence, Task
from tests.calls import search
from tests.capture.cloud_storage_holder.bucket import (
    capture,
    erase,
    holder,
    in_bucket,
    leave_the_log,
    recounts_whole,
    scope,
    task,
    total,
    visited,
    without,
)
from tests.capture.stores import CloudStorageStore
from tests.standins import Standin

pytestmark = pytest.mark.usefixtures("long_rests")

NOW = datetime.now(UTC)


def test_a_recount_meets_an_object_that_has_been_rewritten_since_it_was_listed(
    store: CloudStorageStore,
) -> None:
    visited(10)
    erase(scope())
    batch = OutboxBatch.objects.get()
    records = reconcile.acknowledged(batch).read()
    assert records is not None
    (listed,) = store.bucket.list_blobs()
    listed.metadata = {}  # as it was before
    current = store.bucket.blob(listed.name)
    current.upload_from_string(listed.download_as_bytes())
    assert store.sink._recounted(reconcile.acknowledged(batch), listed) == Recount(8)
    current.delete()
    assert store.sink._recounted(reconcile.acknowledged(batch), listed) == Recount(0)


def test_somebody_elses_write_in_between_is_read_again(store: CloudStorageStore, standin: Standin) -> None:
    """The write answers 412 as if another had come first."""
    visited(10)
    before, of = in_bucket(store), scope()
    standin.fail(match={"method": "POST", "path": "/upload/"}, times=2, status=412, reason="conditionNotMet")
    erase(of)
    assert in_bucket(store) == without(before, of)


def test_an_object_that_is_always_somebody_elses_is_left_for_later(
    store: CloudStorageStore, standin: Standin
) -> None:
    visited(10)
    before = in_bucket(store)
    standin.fail(match={"method": "POST", "path": "/upload/"}, times=50, status=412, reason="conditionNotMet")
    with pytest.raises(NotNow, match="changed by somebody else"):
        erase(scope())
    assert in_bucket(store) == before


def test_two_erasures_of_the_same_objects_at_once_lose_nothing(store: CloudStorageStore) -> None:
    visited(100)
    before = in_bucket(store)
    scopes = [scope(f"user_{number}") for number in range(3)]
    tasks = [task(of) for of in scopes]
    for of in scopes:
        leave_the_log(of)
    racing = [threading.Thread(target=until_done, args=[one]) for one in tasks]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert in_bucket(store) == without(before, *scopes)
    assert recounts_whole()


def until_done(one: Task) -> None:
    for _ in range(20):
        try:
            holder.erase([one])
            return
        except NotNow:
            time.sleep(0.05)


ERASE = """
import json, sys, django
django.setup()
from datetime import datetime
from uuid import UUID
from capture.holders.cloud_storage import CloudStorageHolder
from privacy.holders import Plan, Scope, Task
given = json.loads(sys.stdin.readline())
plan = Plan(given["rows"], None, given["details"])
print("begins", flush=True)
CloudStorageHolder().erase([Task(Scope(UUID(given["subject"])), plan, datetime.fromisoformat(given["at"]))])
"""


def erasing(one: Task, bucket: str) -> "subprocess.Popen[bytes]":
    given = {
        "rows": one.plan.rows,
        "details": one.plan.details,
        "subject": str(one.scope.subject_id),
        "at": one.purge_started_at.isoformat(),
    }
    environment = os.environ | {
        "CLOUD_STORAGE_ENABLED": "true",
        "CLOUD_STORAGE_BUCKET": bucket,
        "DJANGO_SETTINGS_MODULE": "leafloaf.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", ERASE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=configured.BASE_DIR,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(given).encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"begins\n"
    return process


def test_killed_in_the_middle_it_goes_on_where_it_was(store: CloudStorageStore, standin: Standin) -> None:
    visited(400)
    before, of = in_bucket(store), scope()
    planned = task(of)
    leave_the_log(of)
    standin.fail(match={"method": "POST", "path": "/upload/"}, times=10**6, apply_then={"delay_seconds": 5})
    left = [planned.plan.rows]
    for _ in range(2):
        with erasing(planned, store.sink.bucket_name) as process:
            while holder.verify(planned).found == left[-1] and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
        left.append(holder.verify(planned).found)
    standin.mend()
    assert left[0] == 80 > left[1] > left[2] > 0, "it was not killed in the middle"
    holder.erase([planned])
    assert holder.verify(planned).presence == Presence.ABSENT
    assert in_bucket(store) == without(before, of)
    assert recounts_whole()


def test_a_batch_remade_after_it_had_arrived_takes_the_place_of_what_arrived(
    store: CloudStorageStore, standin: Standin
) -> None:
    capture(search(user_id="user_0"), search(user_id="user_1"), search(user_id="user_2"))
    standin.fail(match={"method": "POST", "path": "/upload/"}, apply_then={"status": 503})
    deliver.drain("cloud_storage")
    before, of = in_bucket(store), scope()
    assert total(before) == 3
    leave_the_log(of, waits=True)
    batch = OutboxBatch.objects.get()
    sent = Batch(batch.label, batch.object_name, log.read(batch), is_repeated=True)
    with pytest.raises(BatchRefused, match="other content"):
        store.sink.deliver(sent)
    store.sink.deliver(replace(sent, is_remade=True))
    assert in_bucket(store) == without(before, of)
    store.sink.deliver(replace(sent, is_remade=True))
    strangers = replace(sent, records=sent.records[:1], label="another-1", is_remade=True)
    with pytest.raises(BatchRefused, match="other content"):
        store.sink.deliver(strangers)
    grown = [*sent.records, Record("x", "search", NOW, NOW, None, None, "{}", 1)]
    with pytest.raises(BatchRefused, match="other content"):
        store.sink.deliver(replace(sent, records=grown, is_remade=True))


def test_a_batch_of_which_nothing_is_left_takes_its_object_away(store: CloudStorageStore) -> None:
    visited(5, people=1)
    batch = OutboxBatch.objects.get()
    stranger = Batch("another-1", batch.object_name, [], is_repeated=True, is_remade=True)
    store.sink.deliver(stranger)
    assert total(in_bucket(store)) == 5
    for _ in range(2):
        store.sink.deliver(replace(stranger, label=batch.label))
        assert in_bucket(store) == {}


def test_a_worker_whose_lease_ran_out_writes_nobody_back(store: CloudStorageStore) -> None:
    capture(search(user_id="user_0"))
    seal.due("cloud_storage", is_final=True)
    batch = deliver.claim("cloud_storage")
    assert batch is not None
    deliver.send(batch, sendable_until=time.monotonic() - 1)
    assert in_bucket(store) == {}
