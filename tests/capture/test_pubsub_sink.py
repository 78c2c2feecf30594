"""The Pub/Sub sink against a server that answers what Pub/Sub documents, on bad days too."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.auth import exceptions as auth_exceptions

from capture.records import json_line
from capture.sinks import pubsub, pubsub_messages
from capture.sinks.base import (
    Acknowledged,
    Batch,
    BatchRefused,
    Misconfigured,
    OverQuota,
    RecountUnsupported,
    RowsRefused,
    Unavailable,
)
from capture.sinks.pubsub import PubSubSink
from capture.sinks.pubsub_answers import classified
from leafloaf.stack.services import REPOSITORY
from tests.capture.stores import PubSubStore
from tests.capture.test_sink_contract import batch, once, records, with_content
from tests.pubsub.server import LOST, PubSub

Code = grpc.StatusCode
PASSING = [
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
    Code.INTERNAL,
    Code.ABORTED,
    Code.CANCELLED,
    Code.UNKNOWN,
]
NEEDS_A_PERSON = [Code.PERMISSION_DENIED, Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.FAILED_PRECONDITION]


@pytest.fixture
def store() -> Iterator[PubSubStore]:
    opened = PubSubStore("", "")
    yield opened
    opened.clean()


def server_of(store: PubSubStore) -> PubSub:
    assert store.pubsub is not None
    return store.pubsub


def stream(store: PubSubStore) -> list[Any]:
    """Every message of the topic, doubles and all."""
    return server_of(store).messages[store.sink.path]


def copies(store: PubSubStore) -> Counter[str]:
    return Counter(message.attributes["event_id"] for message in stream(store))


def test_a_message_says_what_a_line_of_cloud_storage_says_and_what_to_filter_by(store: PubSubStore) -> None:
    sent = batch(records(10))
    store.sink.deliver(sent)
    for message, record in zip(stream(store), sent.records, strict=True):
        assert message.data + b"\n" == json_line(record.document(sent.label))
        assert dict(message.attributes) == {
            "event_id": record.event_id,
            "event_type": record.event_type,
            "schema_version": "1",
            "batch": sent.label,
        }
        assert message.ordering_key == ""
        assert json.loads(message.data)["user_id"] == record.user_id


def test_a_batch_is_one_request(store: PubSubStore) -> None:
    store.sink.deliver(batch(records(500)))
    assert server_of(store).requests.count("Publish") == 1


def test_more_than_a_request_takes_is_several(store: PubSubStore) -> None:
    long = {"query": "milk", "metadata": {"a": "x" * 200_000}}
    searches = [record for record in records(500) if record.event_type == "search"]
    large = batch([with_content(record, long) for record in searches])
    many = batch(records(2500))
    store.sink.deliver(large)
    store.sink.deliver(many)
    assert server_of(store).requests.count("Publish") == 3 + 3
    assert copies(store) == once(large) + once(many)


def test_messages_fill_a_request_to_the_last_byte_and_no_further() -> None:
    path = "projects/shop-1/topics/leafloaf-events"
    message = pubsub_messages.Message(data=b"x" * (pubsub_messages.MOST_BYTES // 4 - 50))
    found = list(pubsub_messages.requests(path, [message] * 9))
    assert [len(request.messages) for request in found] == [4, 4, 1]
    assert all(request.ByteSize() <= pubsub_messages.MOST_BYTES for request in found)
    room = pubsub_messages.MOST_BYTES - pubsub_messages.Request(topic=path).ByteSize()
    largest = pubsub_messages.Message(data=b"x" * (room - 5 - 5))
    assert pubsub_messages.Request(topic=path, messages=[largest]).ByteSize() <= pubsub_messages.MOST_BYTES
    assert pubsub_messages.too_large(path, [largest]) == {}
    assert pubsub_messages.too_large(path, [pubsub_messages.Message(data=b"x" * room)])


@pytest.mark.parametrize("code", PASSING, ids=str)
def test_what_passes_is_tried_later(store: PubSubStore, code: Any) -> None:
    sent = batch(records(5))
    server_of(store).fail("Publish", code)
    with pytest.raises(Unavailable) as refused:
        store.sink.deliver(sent)
    assert type(refused.value) is Unavailable
    store.sink.deliver(replace(sent, is_repeated=True))
    assert copies(store) == once(sent)


def test_a_quota_rests_longer(store: PubSubStore) -> None:
    server_of(store).fail("Publish", Code.RESOURCE_EXHAUSTED)
    with pytest.raises(OverQuota):
        store.sink.deliver(batch(records(5)))


@pytest.mark.parametrize("code", NEEDS_A_PERSON, ids=str)
def test_what_only_a_person_can_mend_is_tried_slowly(store: PubSubStore, code: Any) -> None:
    server_of(store).fail("Publish", code)
    server_of(store).fail("GetTopic", code)
    with pytest.raises(Misconfigured):
        store.sink.deliver(batch(records(5)))
    with pytest.raises(Misconfigured):
        store.sink.probe()


@pytest.mark.parametrize("code", [Code.UNIMPLEMENTED, Code.OUT_OF_RANGE], ids=str)
def test_an_answer_nobody_expected_blocks_the_batch(store: PubSubStore, code: Any) -> None:
    server_of(store).fail("Publish", code)
    with pytest.raises(BatchRefused):
        store.sink.deliver(batch(records(5)))


def test_credentials_that_are_missing_need_a_person_and_a_token_that_cannot_be_had_now_does_not() -> None:
    assert type(classified(auth_exceptions.DefaultCredentialsError("none"))) is Misconfigured
    assert type(classified(auth_exceptions.TransportError("away"))) is Unavailable


def test_an_answer_that_got_lost_doubles_the_batch_and_event_id_tells(store: PubSubStore) -> None:
    sent = batch(records(5))
    server_of(store).fail("Publish", Code.UNAVAILABLE, is_done=True)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    store.sink.deliver(replace(sent, is_repeated=True))
    assert copies(store) == once(sent) + once(sent)
    assert store.held(sent) == once(sent)


def test_a_server_that_never_answers_is_left_when_the_time_is_over(
    store: PubSubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "seconds_left", lambda _: 0.5)
    server_of(store).fail("Publish", LOST)
    with pytest.raises(Unavailable, match="Deadline"):
        store.sink.deliver(batch(records(5)))


def test_a_lease_that_is_over_sends_nothing(store: PubSubStore) -> None:
    with pytest.raises(Unavailable, match="lease"):
        store.sink.deliver(batch(records(5), sendable_until=0.0))
    assert stream(store) == []


def test_requests_that_were_acknowledged_are_not_sent_again_when_a_later_one_fails(
    store: PubSubStore,
) -> None:
    sent = batch(records(2500))
    server_of(store).fail("Publish", Code.UNAVAILABLE, times=0)
    store.sink.publish = failing_at(2, store)  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    assert len(stream(store)) == 1000
    store.sink.deliver(replace(sent, is_repeated=True))
    assert copies(store) == once(sent)


def test_a_batch_that_another_process_finished_is_sent_whole_when_it_is_filled_in_again(
    store: PubSubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = batch(records(2500))
    store.sink.publish = failing_at(2, store)  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    again = replace(sent, is_repeated=True)
    elsewhere = PubSubSink(store.sink.project, store.sink.topic, store.sink.endpoint)
    with closing(elsewhere.channel):
        elsewhere.deliver(again)
    monkeypatch.setattr(pubsub, "REMEMBERED_SECONDS", 0.0)
    server_of(store).messages[store.sink.path].clear()
    store.sink.deliver(again)
    assert copies(store) == once(sent)


def failing_at(number: int, store: PubSubStore) -> Any:
    """Publishing, of which one call meets a server that is away."""
    whole, calls = PubSubSink.publish, iter(range(1, 100))

    def publish(request: Any, timeout: float) -> None:
        if next(calls) == number:
            server_of(store).fail("Publish", Code.UNAVAILABLE)
        whole(store.sink, request, timeout)

    return publish


def test_a_message_that_is_too_large_is_refused_and_the_others_go(store: PubSubStore) -> None:
    rows = records(50)
    large = with_content(rows[20], {"query": "milk", "metadata": {"a": "é" * 6_000_000}})
    rows[20] = large
    sent = batch(rows)
    with pytest.raises(RowsRefused) as refused:
        store.sink.deliver(sent)
    assert list(refused.value.refusals) == [large.event_id]
    assert "Pub/Sub takes 9,999," in refused.value.refusals[large.event_id].reason
    assert stream(store) == []
    rest = replace(sent, records=[row for row in rows if row is not large], is_repeated=True)
    store.sink.deliver(rest)
    assert copies(store) == once(rest)


def test_rows_that_a_schema_refuses_are_found_and_no_other_is_sent_twice(store: PubSubStore) -> None:
    rows = records(100)
    bad = {rows[place].event_id for place in (0, 41, 99)}
    server_of(store).schema = lambda message: message.attributes["event_id"] not in bad
    sent = batch(rows)
    with pytest.raises(RowsRefused) as refused:
        store.sink.deliver(sent)
    assert set(refused.value.refusals) == bad
    rest = replace(sent, records=[row for row in rows if row.event_id not in bad], is_repeated=True)
    store.sink.deliver(rest)
    assert copies(store) == once(rest)


def test_a_topic_that_refuses_everything_is_not_what_events_can_be_blamed_for(store: PubSubStore) -> None:
    server_of(store).schema = lambda message: False
    with pytest.raises(Misconfigured, match="refuses every message"):
        store.sink.deliver(batch(records(5)))


def test_a_batch_of_which_everything_was_erased_sends_nothing(store: PubSubStore) -> None:
    store.sink.deliver(batch([], is_repeated=True, is_remade=True))
    assert server_of(store).requests.count("Publish") == 0


def test_it_cannot_be_recounted_and_says_why(store: PubSubStore) -> None:
    with pytest.raises(RecountUnsupported, match="keeps none"):
        store.sink.recount([])
    store.sink.make_way(Acknowledged("pubsub-1", "", None, 1, list))  # type: ignore[arg-type]


def test_a_topic_that_is_not_there_fails_the_probe(store: PubSubStore) -> None:
    sink = PubSubSink("shop-1", "nowhere", store.sink.endpoint)
    with closing(sink.channel), pytest.raises(Misconfigured, match="NotFound"):
        sink.probe()


def test_the_librarys_own_variable_sends_events_nowhere_else(
    store: PubSubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    sink = PubSubSink(store.sink.project, store.sink.topic, store.sink.endpoint)
    sink.deliver(batch(records(5)))
    sink.channel.close()
    assert len(stream(store)) == 5


def test_a_shop_without_a_stream_does_not_load_the_client() -> None:
    lines = [
        "import django, sys; django.setup()",
        "import capture.tasks, leafloaf.celery",
        "from privacy import holders; holders.get('pubsub')",
        "sys.exit(any(name in sys.modules for name in ('grpc', 'google.pubsub_v1', 'google.cloud.pubsub_v1')))",
    ]
    asked = "\n".join(lines)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "leafloaf.settings"}
    done = subprocess.run([sys.executable, "-c", asked], cwd=REPOSITORY, env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ENABLE_PUBSUB": "true", "PUBSUB_PROJECT": "shop-1"}, "['pubsub'] []"),
        ({"ENABLE_PUBSUB": "false", "PUBSUB_PROJECT": "shop-1"}, "[] []"),
        ({"ENABLE_PUBSUB": "true", "PUBSUB_PROJECT": ""}, "['pubsub'] ['PUBSUB_PROJECT']"),
        ({"ENABLE_PUBSUB": "false", "PUBSUB_RETENTION_HOURS": "36"}, "[] ['PUBSUB_RETENTION_HOURS']"),
    ],
    ids=str,
)
def test_the_sink_is_there_for_who_asks_for_it_and_its_settings_are_held_to_their_bounds(
    variables: dict[str, str], said: str
) -> None:
    asked = (
        "from leafloaf import settings as s; "
        "print([name for name in s.SINKS if name == 'pubsub'], [one.variable for one in s.SETTINGS_PROBLEMS])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=REPOSITORY,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == said
