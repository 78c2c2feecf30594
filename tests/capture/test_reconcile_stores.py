"""Reconciling with the real stores: what each can lose, and what it must not."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs
from pytest_django import Settings

from capture import deliver, reconcile, schema, sinks
from capture.models import OutboxBatch
from capture.sinks.base import Batch
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.cloud_storage import CloudStorageSink
from capture.sinks.memory import MemorySink
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_reconcile import capture, captured, closes, counted, run
from tests.conftest import memory_configuration
from tests.standins import Standin


@pytest.fixture
def google(
    request: pytest.FixtureRequest, log: None, stack: ThrowawayStack, settings: Settings
) -> Iterator[Any]:
    """An empty store of this name, as the only sink."""
    name: str = request.param
    opened = stores.opened(name, stack)
    sink = opened.sink
    assert isinstance(sink, BigQuerySink | CloudStorageSink)
    options = {
        "bigquery": lambda: {"project": sink.project, "dataset": getattr(sink, "dataset", "")},
        "cloud_storage": lambda: {"project": sink.project, "bucket": getattr(sink, "bucket_name", "")},
    }[name]()
    backend = f"{type(sink).__module__}.{type(sink).__name__}"
    settings.SINKS = {
        name: memory_configuration(
            BACKEND=backend, BATCH_SIZE=4, OPTIONS=options | {"endpoint": sink.endpoint}
        )
    }
    yield opened
    opened.clean()


def in_store(store: stores.Store) -> Counter[str]:
    return store.held(Batch("", "", []))


@pytest.fixture
def lossy(stack: ThrowawayStack) -> Iterator[Standin]:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    yield standin
    for table in schema.TABLES.values():
        standin.lose_rows(table, 0)


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_rows_that_bigquery_acknowledged_and_lost_are_inserted_once(
    google: stores.BigQueryStore, lossy: Standin
) -> None:
    capture(5)
    lossy.lose_rows(schema.TABLES["search"], 2)
    assert deliver.drain("bigquery") == 10
    assert sum(in_store(google).values()) == 8
    lossy.lose_rows(schema.TABLES["search"], 0)
    tally = counted("bigquery")
    assert (tally.batches, sum(tally.lost.values())) == (3, 2)
    assert closes()
    assert deliver.drain("bigquery") > 0
    assert in_store(google) == captured()
    assert counted("bigquery").lost == {}
    assert closes()


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_an_event_that_bigquery_holds_twice_is_found_and_the_view_shows_it_once(
    google: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    capture(2)
    deliver.drain("bigquery")
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    standin.advance(120)  # BigQuery has forgotten the insertIds
    batch = OutboxBatch.objects.get()
    records = reconcile.acknowledged(batch).read()
    assert records is not None
    google.sink.deliver(Batch(batch.label, "", records))
    standin.advance(120)
    google.sink.deliver(Batch(f"other-{uuid4()}", "", records[:1]))
    assert sum(in_store(google).values()) == 9
    tally = counted("bigquery")
    assert (tally.lost, tally.doubled) == ({}, 4)
    views = [
        f"SELECT event_id FROM `{google.sink.table(kind)}_once` WHERE timestamp > TIMESTAMP '2000-01-01'"
        for kind in schema.TABLES
    ]
    shown = Counter(row.event_id for query in views for row in google.client.query_and_wait(query))
    assert shown == captured()


@pytest.mark.parametrize("google", ["bigquery"], indirect=True)
def test_rows_of_another_life_under_the_same_label_hide_no_loss(
    google: stores.BigQueryStore, lossy: Standin
) -> None:
    """A new Postgres beside an old data set: its first batch has a name that is taken."""
    capture(1)
    lossy.lose_rows(schema.TABLES["search"], 1)
    deliver.drain("bigquery")
    lossy.lose_rows(schema.TABLES["search"], 0)
    batch = OutboxBatch.objects.get()
    records = reconcile.acknowledged(batch).read()
    assert records is not None
    strangers = [structs.replace(record, event_id=f"stranger-{record.event_id}") for record in records]
    google.sink.deliver(Batch(batch.label, "", strangers))
    assert counted("bigquery").lost == {batch.label: 1}


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_an_object_that_is_gone_or_altered_is_written_again(google: stores.CloudStorageStore) -> None:
    capture(8)
    deliver.drain("cloud_storage")
    gone, altered, emptied, whole = google.bucket.list_blobs()
    gone.delete()
    lines = altered.download_as_bytes().splitlines(keepends=True)
    altered.upload_from_string(b"".join([lines[0], b'{"event_id": ', *lines[2:]]))
    google.bucket.blob(emptied.name).upload_from_string(b"")
    tally = counted("cloud_storage")
    assert (tally.batches, sum(tally.lost.values()), len(tally.lost)) == (4, 4 + 2 + 4, 3)
    assert closes()
    assert deliver.drain("cloud_storage") == 12
    assert in_store(google) == captured()
    assert counted("cloud_storage").lost == {}
    assert closes()
    whole.reload()


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_a_changed_value_counts_as_lost_and_a_column_not_known_then_does_not(
    google: stores.CloudStorageStore,
) -> None:
    capture(2)
    deliver.drain("cloud_storage")
    (blob,) = google.bucket.list_blobs()
    lines = blob.download_as_bytes()
    blob.upload_from_string(lines.replace(b'"alpha":null,', b""))
    assert counted("cloud_storage").lost == {}
    blob.upload_from_string(lines.replace(b'"add"', b'"remove"'))
    assert list(counted("cloud_storage").lost.values()) == [2]


@pytest.mark.parametrize("google", ["cloud_storage"], indirect=True)
def test_another_batchs_object_is_never_taken_away(google: stores.CloudStorageStore) -> None:
    capture(2)
    deliver.drain("cloud_storage")
    (blob,) = google.bucket.list_blobs()
    stranger = google.bucket.blob(blob.name)
    stranger.metadata = {"leafloaf-batch": "somebody-else-7"}
    stranger.upload_from_string(b"{}\n")
    assert sum(counted("cloud_storage").lost.values()) == 4
    assert deliver.drain("cloud_storage") == 0
    assert OutboxBatch.objects.get().state == "blocked"
    assert google.bucket.blob(blob.name).download_as_bytes() == b"{}\n"
    assert closes()


def test_redis_says_that_it_cannot_be_counted(log: None, settings: Settings) -> None:
    options = {"url": "redis://127.0.0.1:9", "prefix": "x:"}
    settings.SINKS = {"redis": memory_configuration(BACKEND="capture.sinks.redis.RedisSink", OPTIONS=options)}
    sink = sinks.get("redis")
    assert not isinstance(sink, MemorySink)
    OutboxBatch.objects.bulk_create([batch_of("redis")])
    assert "cannot be counted again" in run()


def batch_of(name: str) -> OutboxBatch:
    now = datetime.now(UTC)
    return OutboxBatch(
        sink=name,
        sequence=1,
        day=now.date(),
        first_xid=1,
        first_id=1,
        last_xid=1,
        last_id=1,
        count=1,
        checksum="",
        object_name="",
        oldest_received_at=now,
        sealed_at=now,
        delivered_at=now,
        state="delivered",
    )
