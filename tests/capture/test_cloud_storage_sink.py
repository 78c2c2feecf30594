"""The Cloud Storage sink against a store that keeps its preconditions, on bad days too."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from capture.sinks import cloud_storage_setup, jsonl
from capture.sinks.base import Acknowledged, Batch, BatchRefused, Misconfigured, Recount, Unavailable
from capture.sinks.cloud_storage import CloudStorageSink
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_sink_contract import batch, once, records
from tests.standins import Standin

UPLOAD = {"method": "POST", "path": "/upload/"}


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control = Standin(stack.environment["CLOUD_STORAGE_ENDPOINT"])
    yield control
    control.mend()


@pytest.fixture
def store(stack: ThrowawayStack) -> Iterator[stores.CloudStorageStore]:
    opened = stores.opened("cloud_storage", stack)
    assert isinstance(opened, stores.CloudStorageStore)
    yield opened
    opened.clean()


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 500}, Unavailable),
        ({"status": 503}, Unavailable),
        ({"status": 429}, Unavailable),
        ({"status": 408}, Unavailable),
        ({"hang_up": True}, Unavailable),
        ({"status": 403}, Misconfigured),
        ({"status": 401}, Misconfigured),
        ({"status": 404}, Misconfigured),
        ({"status": 400}, BatchRefused),
    ],
)
def test_each_answer_is_told_apart(
    store: stores.CloudStorageStore, standin: Standin, action: dict[str, Any], error: type[Exception]
) -> None:
    standin.fail(match=UPLOAD, **action)
    with pytest.raises(error) as raised:
        store.sink.deliver(batch(records(5)))
    assert raised.type is error


def test_an_answer_lost_after_the_object_was_stored_doubles_nothing(
    store: stores.CloudStorageStore, standin: Standin
) -> None:
    sent = batch(records(20))
    standin.fail(match=UPLOAD, apply_then={"status": 503})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    store.sink.deliver(replace(sent, is_repeated=True))
    assert store.held(sent) == once(sent)
    assert len(list(store.bucket.list_blobs())) == 1


def test_an_object_of_another_batch_is_never_overwritten(store: stores.CloudStorageStore) -> None:
    first = batch(records(5))
    store.sink.deliver(first)
    with pytest.raises(BatchRefused, match="exists with other content"):
        store.sink.deliver(batch(records(5), object_name=first.object_name))
    assert store.held(first) == once(first)


def test_the_same_batch_with_other_content_is_refused(store: stores.CloudStorageStore) -> None:
    first = batch(records(5))
    store.sink.deliver(first)
    with pytest.raises(BatchRefused):
        store.sink.deliver(replace(first, records=first.records[:4]))


def test_an_object_is_one_json_event_a_line_and_says_whose_it_is(store: stores.CloudStorageStore) -> None:
    sent = batch(records(5))
    store.sink.deliver(sent)
    blob = store.bucket.get_blob(sent.object_name)
    assert blob is not None
    assert blob.content_type == "application/x-ndjson"
    assert blob.metadata == {"leafloaf-batch": sent.label, "leafloaf-count": "5"}
    lines = [json.loads(line) for line in blob.download_as_text().splitlines()]
    assert [line["event_type"] for line in lines] == [record.event_type for record in sent.records]
    assert lines[2]["quantity"] == 1.5


def test_the_bucket_keeps_nothing_that_was_deleted(store: stores.CloudStorageStore) -> None:
    store.bucket.reload()
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    assert not bucket.versioning_enabled
    assert bucket.soft_delete_policy.retention_duration_seconds == 0
    assert [rule["condition"] for rule in bucket.lifecycle_rules] == [
        {"age": 90},
        {"daysSinceCustomTime": 90},
    ]


def test_set_up_mends_what_was_changed_and_then_leaves_it(store: stores.CloudStorageStore) -> None:
    bucket = store.sink.client.get_bucket(store.sink.bucket_name)
    bucket.versioning_enabled = True
    bucket.patch()
    assert cloud_storage_setup.set_up(store.sink, retention_days=90) == "brought up to date"
    assert cloud_storage_setup.set_up(store.sink, retention_days=90) == "unchanged"


def test_a_bucket_that_is_not_there_needs_a_person(store: stores.CloudStorageStore) -> None:
    elsewhere = CloudStorageSink("nowhere-at-all", store.sink.endpoint, store.sink.project)
    with pytest.raises(Misconfigured):
        elsewhere.probe()
    with pytest.raises(Misconfigured):
        elsewhere.deliver(batch(records(5)))


def acknowledged(sent: Batch) -> Acknowledged:
    day = sent.records[0].received_at.astimezone(UTC).date()
    return Acknowledged(sent.label, sent.object_name, day, len(sent.records), lambda: sent.records)


def named(sealed: str) -> Batch:
    return batch(records(5), object_name=f"events/{sealed}_5-{uuid4()}_events.jsonl")


def test_a_recount_tells_by_metadata_what_is_held_of_each_batch(
    store: stores.CloudStorageStore, standin: Standin
) -> None:
    """Nothing is read: a download would fail."""
    sent = [named(sealed) for sealed in ("20261120_235959", "20261121_000000", "20261121_004500")]
    missing = named("20261121_002000")
    for each in sent:
        store.sink.deliver(each)
    standin.fail(match={"path": "/download/"}, times=9, status=500)
    recounts = store.sink.recount([acknowledged(each) for each in (missing, *sent)])
    assert recounts == {missing.label: Recount(0)} | {each.label: Recount(5) for each in sent}


def test_a_recount_reads_an_object_whose_metadata_disagrees(store: stores.CloudStorageStore) -> None:
    sent = named("20261121_000000")
    store.sink.deliver(sent)
    blob = store.bucket.blob(sent.object_name)
    lines = blob.download_as_bytes().splitlines(keepends=True)
    blob.upload_from_string(b"".join([*lines[:3], lines[0], b"[1]\n", b'{"event_id": {}}\n', b"\xff\n"]))
    assert store.sink.recount([acknowledged(sent)]) == {sent.label: Recount(3, doubled=1)}


def test_a_recount_leaves_out_what_the_log_cannot_be_compared_with(store: stores.CloudStorageStore) -> None:
    sent = named("20261121_000000")
    store.sink.deliver(sent)
    assert store.sink.recount([replace(acknowledged(sent), read=lambda: None)]) == {}


def test_a_recount_says_that_the_store_is_away(store: stores.CloudStorageStore, standin: Standin) -> None:
    # The listing: after a 404 the client asks for the bucket too, in a thread of its own.
    standin.fail(match={"method": "GET", "path": r"/o\?"}, status=503)
    with pytest.raises(Unavailable):
        store.sink.recount([acknowledged(named("20261121_000000"))])


def test_what_is_not_there_needs_no_way_made(store: stores.CloudStorageStore) -> None:
    store.sink.make_way(acknowledged(named("20261121_000000")))


def test_lines_that_another_release_wrote_are_the_same_batch(store: stores.CloudStorageStore) -> None:
    sent = batch(records(5))
    blob = store.bucket.blob(sent.object_name)
    blob.metadata = {"leafloaf-batch": sent.label, "leafloaf-count": "5"}
    lines = [
        json.dumps({k: v for k, v in json.loads(line).items() if v not in (None, [])}, sort_keys=True)
        for line in jsonl.content(sent.label, sent.records).splitlines()
    ]
    blob.upload_from_string("\n".join(lines))
    store.sink.deliver(replace(sent, is_repeated=True))
    assert store.held(sent) == once(sent)


def test_zipped_objects_hold_the_same_and_are_smaller(store: stores.CloudStorageStore) -> None:
    plain, small = batch(records(100)), batch(records(100))
    zipping = CloudStorageSink(
        store.sink.bucket_name, store.sink.endpoint, store.sink.project, is_zipped=True
    )
    store.sink.deliver(plain)
    zipping.deliver(small)
    zipping.deliver(replace(small, is_repeated=True))
    store.sink.deliver(replace(small, is_repeated=True))
    assert store.held(plain) == once(plain) + once(small)
    sizes = {found.name: found.size for found in store.bucket.list_blobs()}
    assert sizes[small.object_name] < sizes[plain.object_name] / 2
