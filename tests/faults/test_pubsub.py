"""Pub/Sub on bad days, through the whole outbox: nothing is lost, and what is doubled, and only that, was in doubt."""

from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest
from django.core.management import call_command

from capture import control, deliver, ledger
from capture.models import DeadLetter, LedgerDay, OutboxBatch, Sink
from tests.capture.stores import PubSubStore
from tests.capture.streams import published, server_of, stream
from tests.capture.test_deliver import let_it_be_tried_again
from tests.config import application
from tests.faults import pipeline
from tests.faults.shop import wait_until
from tests.flows.stores import in_log
from tests.pubsub.server import LOST

__all__ = ["stream"]

Code = grpc.StatusCode
CLEAR = [Code.RESOURCE_EXHAUSTED, Code.PERMISSION_DENIED, Code.NOT_FOUND, Code.UNAVAILABLE, Code.INTERNAL]


def copies(stream: PubSubStore) -> Counter[str]:
    return Counter(message.attributes["event_id"] for message in published(stream))


def cycle(count: int) -> None:
    """A drain after all rests, which delivers so many; the ledger closes."""
    let_it_be_tried_again()
    assert deliver.drain("pubsub", is_final=True) == count
    assert ledger.open_accounts(ledger.close()) == []


@pytest.mark.parametrize("is_done", [False, True], ids=["refused", "stored and not said"])
def test_every_bad_answer_delays_and_doubles_what_was_in_doubt_alone(
    stream: PubSubStore, is_done: bool
) -> None:
    doubled: set[str] = set()
    for number, code in enumerate(CLEAR):
        ids = pipeline.capture(f"b{number}")
        server_of(stream).fail("Publish", code, is_done=is_done)
        cycle(0)
        cycle(25)
        doubled |= set(ids) if is_done else set()
    assert set(copies(stream)) == set(in_log())
    assert {event_id for event_id, count in copies(stream).items() if count == 2} == doubled
    assert max(copies(stream).values()) <= 2
    assert not DeadLetter.objects.exists()


def test_a_quota_rests_longer(stream: PubSubStore) -> None:
    pipeline.capture("q")
    server_of(stream).fail("Publish", Code.RESOURCE_EXHAUSTED)
    cycle(0)
    rested = Sink.objects.get(name="pubsub")
    assert rested.last_error_at is not None
    assert rested.available_at - rested.last_error_at >= deliver.QUOTA_REST * 0.9
    cycle(25)


def test_poison_is_a_dead_letter_and_the_others_are_delivered_in_the_same_cycle(stream: PubSubStore) -> None:
    ids = pipeline.capture("p", 500)
    server_of(stream).schema = lambda message: message.attributes["event_id"] != ids[250]
    cycle(499)
    letter = DeadLetter.objects.get()
    assert (letter.sink, letter.event_id) == ("pubsub", ids[250])
    assert set(copies(stream).values()) == {1}
    server_of(stream).schema = lambda message: True
    call_command("dead_letters", "replay", "--sink", "pubsub", "--because", "the schema is mended")
    cycle(1)
    assert copies(stream) == in_log()
    [account] = LedgerDay.objects.filter(sink="pubsub")
    assert (account.captured, account.delivered, account.dead) == (500, 500, 0)


def test_a_back_fill_publishes_again_what_subscribers_can_tell(stream: PubSubStore) -> None:
    pipeline.capture("f", 50)
    cycle(50)
    control.back_fill("pubsub", by="olive")
    cycle(50)
    assert copies(stream) == in_log() + in_log()
    assert len({message.data for message in published(stream)}) == 50, "the same messages, batch and all"


def test_what_a_killed_worker_had_sent_comes_twice_and_nothing_else_does(
    stream: PubSubStore, tmp_path: Path
) -> None:
    """kill -9 between the store's having it and the worker's hearing so."""
    pipeline.capture("k", 100)
    server_of(stream).fail("Publish", LOST)
    first = drainer(stream, tmp_path)
    wait_until(lambda: len(published(stream)) == 100, "the batch is stored")
    application.killed(first)
    let_it_be_tried_again()
    pipeline.capture("l", 100)
    second = drainer(stream, tmp_path)
    wait_until(lambda: delivered() == 200, f"the next one has it: {(tmp_path / 'drain.log').read_text()}")
    application.killed(second)
    assert {event_id[0]: count for event_id, count in copies(stream).items()} == {"k": 2, "l": 1}
    assert set(copies(stream)) == set(in_log())


def delivered() -> int:
    found = OutboxBatch.objects.filter(sink="pubsub", state=OutboxBatch.State.DELIVERED)
    return sum(found.values_list("count", flat=True))


def drainer(stream: PubSubStore, folder: Path) -> Any:
    sink = stream.sink
    there = {"PUBSUB_PROJECT": sink.project, "PUBSUB_TOPIC": sink.topic, "PUBSUB_ENDPOINT": sink.endpoint}
    off = application.switched(redis=False, cloud_storage=False, bigquery=False)
    variables = application.environment(folder, **there, **off, ENABLE_PUBSUB="true")
    arguments = ["manage.py", "drain", "--loop", "--sink", "pubsub"]
    return application.begun(arguments, variables, folder / "drain.log")
