"""The Cloud Storage sink against a store that keeps its preconditions, on bad days too."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from capture.sinks import cloud_storage_setup
from capture.sinks.base import BatchRefused, Misconfigured, Unavailable
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
    assert [rule["condition"] for rule in bucket.lifecycle_rules] == [{"age": 90}]


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
