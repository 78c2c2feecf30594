"""What was sealed before a person's events left the log, and is sent, postponed, replayed or filled in meanwhile."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from capture import control, dead_letters, deliver, log, remake, seal
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.sinks.base import Refusal, RowsRefused, Unavailable
from capture.sinks.meter import Meter
from privacy.holders import Purged
from tests.capture.erasing import (
    THREE,
    assert_sound,
    drained,
    emptied,
    erase,
    held,
    in_every_state,
    mix,
    rested,
    say,
    scope,
    slow,
)


@pytest.fixture(autouse=True)
def three(log: None, settings: Settings) -> None:
    """Three sinks that cut the log into batches of different sizes."""
    settings.SINKS = THREE
    emptied()


def test_a_batch_being_sent_is_taken_from_its_worker_and_sent_anew() -> None:
    mix()
    seal.due("large")
    batch = deliver.claim("large")
    assert batch is not None
    leased_until = batch.leased_until
    purged, _ = erase(scope())
    assert purged.again_at is not None
    stored = OutboxBatch.objects.get(id=batch.id)
    assert (stored.state, stored.attempts, stored.count) == ("sealed", 1, 8)
    assert stored.available_at == leased_until
    assert deliver.claim("large") is None, "who has it may still be sending"
    assert deliver.settle(batch, 12, Meter()) == 0
    assert Sink.objects.get(name="large").delivered == 0
    assert erase(scope())[0] == Purged(), "its worker says it is done"
    assert deliver.drain("large") == 8
    again = slow("large").asked[-1]
    assert (again.is_repeated, again.is_remade, len(again.records)) == (True, True, 8)
    assert_sound()


def test_a_worker_that_died_is_waited_for() -> None:
    mix()
    seal.due("large")
    batch = deliver.claim("large")
    assert batch is not None
    assert erase(scope())[0].again_at is not None
    stored = OutboxBatch.objects.get(id=batch.id)
    assert batch.leased_until is not None
    assert stored.recalled_until == batch.leased_until + remake.ON_ITS_WAY
    OutboxBatch.objects.update(recalled_until=datetime.now(UTC) - timedelta(seconds=1))
    assert erase(scope())[0] == Purged()


def test_a_worker_whose_batch_was_taken_before_it_read_it_sends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mix()
    seal.due("large")
    batch = deliver.claim("large")
    assert batch is not None
    erase(scope())
    with caplog.at_level(logging.ERROR):
        assert deliver.send(batch) == 0
    assert (slow("large").asked, caplog.records) == ([], [])
    assert OutboxBatch.objects.get(id=batch.id).state == "sealed"
    assert deliver.drain("large") == 8


def test_a_worker_whose_batch_was_taken_buries_nobody() -> None:
    mix()
    seal.due("large")
    batch = deliver.claim("large")
    assert batch is not None
    records = log.read(batch)
    erase(scope())
    with pytest.raises(Unavailable):
        deliver.exclude(batch, records, RowsRefused({"ann-0": Refusal("no", {})}))
    assert not DeadLetter.objects.exists()


def test_a_request_that_failed_a_moment_ago_is_waited_for() -> None:
    mix()
    slow("large").fail_next(Unavailable("timed out"))
    deliver.drain("large")
    assert erase(scope())[0].again_at is not None
    rested()
    assert erase(scope())[0] == Purged()


def test_an_emptied_batch_that_may_have_arrived_is_sent_as_nothing() -> None:
    say("ann", "ann-0")
    seal.due("large")
    batch = deliver.claim("large")
    assert batch is not None
    erase(scope())
    rested()
    drained()
    (asked,) = slow("large").asked
    assert (asked.records, asked.is_remade, asked.label) == ([], True, batch.label)
    assert_sound()


def test_a_back_fill_and_a_replay_meanwhile_bring_nothing_back() -> None:
    in_every_state()
    control.back_fill("middle", by="test")
    dead_letters.replay(DeadLetter.objects.all(), by="test")
    dead_letters.gather("middle")
    erase(scope())
    rested()
    for name in THREE:
        slow(name).batches.clear()
    control.back_fill("middle", by="test")
    drained()
    assert not [event_id for event_id in held("middle") if event_id.startswith("ann")]
    assert_sound()
