"""A person's lines in shared objects: what is planned is what is given away and what goes, and nobody else's."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as configured
from django.db import connection, connections
from pytest_django import Settings

from capture import deliver, ingest, log, reconcile, seal
from capture.holders import cloud_storage
from capture.holders.cloud_storage import FILE, CloudStorageHolder
from capture.holders.log import EventLogHolder
from capture.models import OutboxBatch
from capture.records import Record
from capture.sinks import whose
from capture.sinks.base import Batch, BatchRefused, Recount
from capture.sinks.cloud_storage import CloudStorageSink
from leafloaf.stack.throwaway import ThrowawayStack
from privacy.holders import NeedsAttention, NotNow, Plan, Presence, Scope, Task
from privacy.models import Subject
from tests.calls import cart, search
from tests.capture.stores import NOBODY, CloudStorageStore
from tests.conftest import memory_configuration
from tests.standins import Standin

SIZE = 10
NOW = datetime.now(UTC)

holder = CloudStorageHolder()


@pytest.fixture
def store(log: None, stack: ThrowawayStack, settings: Settings) -> Iterator[CloudStorageStore]:
    """An empty bucket as the only sink, and an empty log."""
    environment = stack.environment
    opened = CloudStorageStore(environment["BIGQUERY_PROJECT"], environment["CLOUD_STORAGE_ENDPOINT"])
    configure(settings, opened.sink)
    yield opened
    for blob in opened.sink.client.list_blobs(opened.sink.bucket_name, versions=True):
        blob.delete()
    opened.clean()


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control = Standin(stack.environment["CLOUD_STORAGE_ENDPOINT"])
    yield control
    control.mend()


def configure(settings: Settings, sink: CloudStorageSink, size: int = SIZE, **changes: Any) -> None:
    options = {"bucket": sink.bucket_name, "endpoint": sink.endpoint, "project": sink.project} | changes
    backend = f"{CloudStorageSink.__module__}.{CloudStorageSink.__name__}"
    settings.SINKS = {
        "cloud_storage": memory_configuration(BACKEND=backend, BATCH_SIZE=size, OPTIONS=options)
    }


# A log of several people, and what the bucket holds of it


def capture(*bodies: dict[str, Any]) -> None:
    receipt = ingest.accept([json.dumps(body).encode() for body in bodies])
    assert receipt.accepted == len(bodies), receipt


def visited(count: int, people: int = 5) -> None:
    """Events of several people in turn, so that every object is shared."""
    turns = [(number, f"user_{number % people}") for number in range(count)]
    capture(*(search(user_id=user, query=f"milk {number}") for number, user in turns))
    deliver.drain("cloud_storage", is_final=True)


def scope(user: str = "user_0", sessions: Sequence[str] = (), before: datetime | None = None) -> Scope:
    return Scope(Subject.objects.get(user_id=user).id, tuple(sessions), before)


def task(of: Scope, plan: Plan | None = None) -> Task:
    return Task(of, plan or holder.plan(of), datetime.now(UTC))


def leave_the_log(of: Scope, *, waits: bool = False) -> None:
    """What comes first: the events go, and their batches are those that are left.

    Args:
        waits: something sent may still be on its way to the store.
    """
    in_log = EventLogHolder()
    planned = Task(of, in_log.plan(of), datetime.now(UTC))
    assert [purged.again_at is not None for purged in in_log.erase([planned])] == [waits]


def erase(*scopes: Scope) -> list[Task]:
    tasks = [task(of) for of in scopes]
    for of in scopes:
        leave_the_log(of)
    assert all(purged.again_at is None for purged in holder.erase(tasks))
    return tasks


Lines = dict[str, list[bytes]]


def in_bucket(store: CloudStorageStore) -> Lines:
    """The lines of each live object, in order."""
    listed = store.sink.client.list_blobs(store.sink.bucket_name)
    return {blob.name: blob.download_as_bytes().splitlines(keepends=True) for blob in listed}


def without(lines: Lines, *scopes: Scope) -> Lines:
    """The same with nobody of these, and without the objects that had nothing else."""
    gone = {str(of.subject_id) for of in scopes}
    left = {
        name: [line for line in held if json.loads(line)["user_id"] not in gone]
        for name, held in lines.items()
    }
    return {name: held for name, held in left.items() if held}


def total(lines: Lines) -> int:
    return sum(map(len, lines.values()))


def recounts_whole() -> bool:
    tally = reconcile.everything("cloud_storage", min_age=timedelta(0))
    return tally.lost == {} and not tally.doubled and not tally.incomparable and not tally.stopped


# The plan, and what is given away


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


# Other people's lines


def test_everybody_elses_lines_are_the_same_while_new_batches_are_written(
    store: CloudStorageStore, settings: Settings
) -> None:
    configure(settings, store.sink, size=100)
    for _ in range(5):
        visited(1000, people=60)
    before = in_bucket(store)
    scopes = [scope(f"user_{number}") for number in range(20)]
    tasks = [task(of) for of in scopes]
    for of in scopes:
        leave_the_log(of)
    writer = Writer()
    writer.start()
    assert all(purged.again_at is None for purged in holder.erase(tasks))
    writer.stop()
    after = in_bucket(store)
    shared = without(before, *scopes)
    assert (len(before), total(before), sum(one.plan.rows for one in tasks)) == (
        50,
        5000,
        5000 - total(shared),
    )
    assert {name: after[name] for name in shared} == shared
    assert Counter(whose.weight(held) for held in shared.values()) <= Counter(
        map(whose.weight, after.values())
    )
    assert total(after) - total(shared) == writer.written > 0
    assert {holder.verify(one).presence for one in tasks[:3]} == {Presence.ABSENT}
    assert recounts_whole()


class Writer(threading.Thread):
    """Goes on capturing and delivering for others until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set() or not self.written:
            capture(*(search(user_id=f"other_{number}") for number in range(50)))
            self.written += deliver.drain("cloud_storage", is_final=True)
        connections.close_all()

    def stop(self) -> None:
        self.is_over.set()
        self.join()


def test_the_log_and_the_bucket_agree_afterwards_without_a_download(
    store: CloudStorageStore, standin: Standin
) -> None:
    visited(40)
    erase(scope())
    standin.fail(match={"path": "/download/"}, times=9, status=500)
    assert recounts_whole()
    metadata = {blob.metadata["leafloaf-count"] for blob in store.bucket.list_blobs()}
    assert metadata == {"8"}


def test_an_object_with_nothing_left_is_gone(store: CloudStorageStore) -> None:
    visited(12, people=1)
    visited(3, people=2)
    erase(scope())
    assert [len(held) for held in in_bucket(store).values()] == [1]
    assert recounts_whole()


def test_a_repeated_erasure_changes_nothing(store: CloudStorageStore) -> None:
    visited(40)
    (done,) = erase(scope())
    before = {blob.name: blob.generation for blob in store.bucket.list_blobs()}
    holder.erase([done])
    assert {blob.name: blob.generation for blob in store.bucket.list_blobs()} == before


def test_only_what_is_older_goes_at_the_end_of_a_retention(store: CloudStorageStore) -> None:
    visited(20)
    between = datetime.now(UTC)
    visited(20)
    of = scope(before=between)
    assert holder.plan(of).rows == len(list(holder.export(of))) == 4
    (done,) = erase(of)
    assert holder.verify(done).presence == Presence.ABSENT
    assert total(in_bucket(store)) == 36
    assert holder.plan(scope()).rows == 4


def test_zipped_objects_stay_zipped(store: CloudStorageStore, settings: Settings) -> None:
    configure(settings, store.sink, is_zipped=True)
    visited(40)
    before, of = in_bucket(store), scope()
    (done,) = erase(of)
    assert in_bucket(store) == without(before, of)
    assert {blob.content_encoding for blob in store.bucket.list_blobs()} == {"gzip"}
    (blob, *_) = store.bucket.list_blobs()
    assert gzip.decompress(blob.download_as_bytes(raw_download=True)) == blob.download_as_bytes()
    assert holder.verify(done).presence == Presence.ABSENT
    assert recounts_whole()


def test_an_object_that_was_rewritten_is_no_younger_for_the_bucket(
    store: CloudStorageStore, settings: Settings
) -> None:
    visited(10)
    (first,) = store.bucket.list_blobs()
    erase(scope("user_0"))
    erase(scope("user_1"))
    (blob,) = store.bucket.list_blobs()
    assert blob.custom_time == first.time_created < blob.time_created
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    conditions = [rule["condition"] for rule in bucket.lifecycle_rules]
    assert conditions == [{"age": 90}, {"daysSinceCustomTime": 90}]


# Races and crashes


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
    standin.fail(match={"method": "POST", "path": "/upload/"}, times=10**6, apply_then={"delay_seconds": 0.2})
    left: list[int] = []
    for patience in (0.3, 0.5):
        with erasing(planned, store.sink.bucket_name) as process:
            time.sleep(patience)
            process.send_signal(signal.SIGKILL)
        left.append(holder.verify(planned).found)
    standin.mend()
    assert planned.plan.rows == 80 > left[-1] > 0, "it was not killed in the middle"
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


# What the store itself would keep


def test_older_generations_with_their_lines_go_and_those_without_stay(store: CloudStorageStore) -> None:
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.versioning_enabled = True
    bucket.patch()
    visited(20)
    before, of = in_bucket(store), scope()
    first, second = before
    store.bucket.blob(first).upload_from_string(
        b"".join(before[first][1:5])
    )  # three generations: the first has theirs
    store.bucket.blob(first).upload_from_string(b"".join(before[first]))
    planned = task(of)
    assert planned.plan.rows == 4
    store.bucket.blob(second).delete()
    assert holder.verify(planned).found == 6
    leave_the_log(of)
    holder.erase([planned])
    left = {blob.name: blob for blob in store.bucket.list_blobs(versions=True)}
    assert set(left) == {first}
    assert [blob.size for blob in store.bucket.list_blobs(versions=True)] == [
        sum(map(len, before[first][1:5])),
        sum(map(len, without(before, of)[first])),
    ]
    assert holder.verify(planned).presence == Presence.ABSENT


def test_soft_delete_is_told_with_its_date(store: CloudStorageStore, standin: Standin) -> None:
    visited(20)
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.patch()
    (done,) = erase(scope())
    finding = holder.verify(done)
    assert finding.presence == Presence.ABSENT
    assert finding.residual_until is not None
    assert timedelta(days=6) < finding.residual_until - datetime.now(UTC) < timedelta(days=8)


def test_where_soft_delete_is_off_nothing_is_left(store: CloudStorageStore) -> None:
    visited(20)
    (done,) = erase(scope())
    assert holder.verify(done).residual_until is None


# What cannot be read


def test_a_torn_line_in_an_object_that_the_log_has_forgotten_is_planned_and_stops(
    store: CloudStorageStore,
) -> None:
    visited(5)
    hers, other = scope(), scope("user_1")
    name = "events/20260701_000000_1-999999_events.jsonl"
    store.bucket.blob(name).upload_from_string(f'{{"user_id":"{hers.subject_id}","query":"cut of')
    planned = task(hers)
    assert planned.plan.rows == 1
    assert name in planned.plan.details["objects"]
    assert name not in task(other).plan.details["objects"]
    with pytest.raises(NeedsAttention, match="cannot be read as JSON at line 1"):
        holder.erase([planned])
    assert holder.verify(planned).presence == Presence.PRESENT


def test_a_line_that_nobody_can_read_stops_the_step(store: CloudStorageStore) -> None:
    visited(20)
    before = in_bucket(store)
    broken = next(iter(before))
    before[broken][3] = b'{"event_id": \n'
    store.bucket.blob(broken).upload_from_string(b"".join(before[broken]))
    with pytest.raises(NeedsAttention, match=f"{broken} cannot be read as JSON at line 4; nothing") as raised:
        erase(scope())
    assert str(scope().subject_id) not in str(raised.value)
    assert in_bucket(store)[broken] == before[broken]
    assert total(in_bucket(store)) == 10 + 8


def test_a_damaged_file_stops_the_step(store: CloudStorageStore) -> None:
    visited(10)
    planned = task(scope())
    (blob,) = store.bucket.list_blobs()
    blob.upload_from_string(gzip.compress(b"{}\n" * 100)[:-9])
    with pytest.raises(NeedsAttention, match="no whole gzip file"):
        holder.erase([planned])
    with pytest.raises(NeedsAttention, match="no whole gzip file"):
        holder.plan(scope())


def test_what_somebody_else_keeps_there_is_left_alone(store: CloudStorageStore) -> None:
    visited(10)
    stranger = f"events/{NOW:%Y%m%d_%H%M%S}_notes.txt"
    store.bucket.blob(stranger).upload_from_string("no JSON at all\n")
    store.bucket.blob("notes.txt").upload_from_string("nor here\n")
    (done,) = erase(scope())
    assert holder.verify(done).presence == Presence.ABSENT
    assert store.bucket.blob(stranger).download_as_bytes() == b"no JSON at all\n"


def test_what_one_turn_cannot_do_goes_on_in_the_next(
    store: CloudStorageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited(30)
    planned = task(scope())
    leave_the_log(planned.scope)
    monkeypatch.setattr(cloud_storage, "BUDGET_SECONDS", 0.0)
    (purged,) = holder.erase([planned])
    assert purged.again_at is not None
    monkeypatch.undo()
    assert [purged.again_at for purged in holder.erase([planned])] == [None]
    assert holder.verify(planned).presence == Presence.ABSENT


@pytest.mark.parametrize(
    ("action", "presence"),
    [
        ({"status": 403}, Presence.FORBIDDEN),
        ({"status": 401}, Presence.FORBIDDEN),
        ({"status": 503}, Presence.UNREACHABLE),
        ({"hang_up": True}, Presence.UNREACHABLE),
        ({"status": 400}, Presence.UNSUPPORTED),
    ],
)
def test_what_the_store_does_not_show_is_not_absent(
    store: CloudStorageStore, standin: Standin, action: dict[str, Any], presence: Presence
) -> None:
    visited(10)
    planned = task(scope())
    standin.fail(match={"method": "GET"}, times=99, **action)
    finding = holder.verify(planned)
    assert finding.presence == presence
    assert str(planned.scope.subject_id) not in finding.said
    with pytest.raises((NotNow, NeedsAttention)):
        holder.erase([planned])
    standin.mend()
    assert holder.verify(planned).found == 2


def test_a_store_that_is_away_is_not_now(store: CloudStorageStore, settings: Settings) -> None:
    visited(10)
    planned = task(scope())
    configure(settings, store.sink, endpoint=f"http://{NOBODY}")
    with pytest.raises(NotNow):
        holder.plan(scope())
    with pytest.raises(NotNow):
        list(holder.export(scope()))
    assert holder.verify(planned).presence == Presence.UNREACHABLE


def test_the_reader_believes_neither_the_plan_nor_the_names(store: CloudStorageStore) -> None:
    """What lies in an object of the plan is found in any field of a line, whole or broken."""
    visited(10)
    (done,) = erase(scope())
    (name,) = in_bucket(store)
    for planted in (
        {"metadata": {"of": str(done.scope.subject_id).upper()}},
        str(done.scope.subject_id) + '"',
    ):
        line = json.dumps(planted) if isinstance(planted, dict) else planted
        store.bucket.blob(name).upload_from_string(line)
        assert holder.verify(done).found == 1


def test_it_is_on_as_long_as_something_was_sent(store: CloudStorageStore, settings: Settings) -> None:
    assert holder.is_on()
    off = {"cloud_storage": settings.SINKS["cloud_storage"] | {"ENABLED": False}}
    settings.SINKS = off
    assert not holder.is_on()
    OutboxBatch.objects.create(
        sink="cloud_storage",
        sequence=1,
        day=NOW.date(),
        first_xid=1,
        first_id=1,
        last_xid=1,
        last_id=1,
        count=1,
        checksum="",
        object_name="events/x",
        oldest_received_at=NOW,
        sealed_at=NOW,
        attempts=1,
    )
    assert holder.is_on()
    settings.SINKS = {"cloud_storage": memory_configuration()}
    assert holder.is_on()


def test_nobody_known_has_nothing(store: CloudStorageStore) -> None:
    visited(10)
    nobody = Scope(uuid4())
    assert holder.plan(nobody).rows == 0
    assert list(holder.export(nobody)) == []


# Lines, by themselves


def parted(body: bytes, subject: UUID, sessions: Sequence[str] = ()) -> whose.Parts:
    return whose.Whose({str(subject): None}, dict.fromkeys(sessions)).parts(body)


def test_a_line_belongs_to_who_is_named_in_it_and_else_to_its_visit() -> None:
    subject, other = uuid4(), uuid4()
    documents: list[Any] = [
        {"user_id": str(subject)},
        {"user_id": str(other), "session_id": "one"},
        {"user_id": None, "session_id": "one"},
        {"session_id": "one", "metadata": {"user_id": str(other)}},
        {"metadata": {"user_id": str(subject)}},
        {},
    ]
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    parts = parted(body + b"\n[1]\nnull\n{\n", subject, ["one"])
    assert [len(parts.theirs), len(parts.kept), parts.unreadable] == [3, 4, [8, 9, 10]]


def test_a_rest_that_lacks_or_changes_a_line_is_found_out() -> None:
    subject = uuid4()
    lines = [json.dumps({"user_id": str(user)}).encode() + b"\n" for user in (subject, uuid4(), uuid4())]
    body = b"".join(lines)
    parts = parted(body, subject)
    assert parts.conserves(body, lines[1] + lines[2])
    assert not parts.conserves(body, lines[1])
    assert not parts.conserves(body, lines[1] * 2)
    assert not parts.conserves(body, lines[1] + lines[2].replace(b"user", b"used"))


def test_two_scopes_of_one_person_are_as_wide_as_the_wider() -> None:
    subject, at = uuid4(), datetime.now(UTC)
    narrow, wide = Scope(subject, ("s",), at), Scope(subject, ("s",))
    for scopes in ([narrow, wide], [wide, narrow]):
        assert cloud_storage._whose(scopes) == whose.Whose({str(subject): None}, {"s": None})
    later = replace(narrow, before=at + timedelta(days=1))
    assert cloud_storage._whose([later, narrow]).sessions == {"s": later.before}


def test_compared_with_the_log_a_query_may_be_told_anew(store: CloudStorageStore) -> None:
    """A word that was let out meanwhile, or taken back, makes no other event."""
    visited(10)
    (blob,) = store.bucket.list_blobs()
    lines = blob.download_as_bytes()
    blob.upload_from_string(lines.replace(b'"milk 1"', b'"milk [number]"'))
    assert recounts_whole()
