"""What becomes of the lines of everybody else, and of the objects that they share with who is erased."""

import gzip
import threading
from collections import Counter
from datetime import UTC, datetime

from django.db import connections
from pytest_django import Settings

from capture import deliver
from capture.sinks import whose
from privacy.holders import Presence
from tests.calls import search
from tests.capture.cloud_storage_holder.bucket import (
    capture,
    configure,
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
