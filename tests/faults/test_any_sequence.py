"""Whatever happens in whatever order: the sink holds the log minus the dead letters, and the ledger always closes."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from capture import control, dead_letters, deliver, ingest, ledger, seal, sinks
from capture.models import DeadLetter, OutboxBatch
from capture.sinks.base import BatchRefused, Misconfigured, Unavailable
from tests.calls import search
from tests.capture.test_deliver import let_it_be_tried_again
from tests.conftest import memory_configuration
from tests.faults.moody import MoodySink
from tests.flows.stores import in_log

NAME = "moody"
ERRORS = st.sampled_from([Unavailable("503"), Misconfigured("403"), BatchRefused("412")])
TABLES = "capture_event, capture_eventkey, capture_outboxbatch, capture_deadletter, capture_sink, capture_ledgerday"


def moody() -> MoodySink:
    sink = sinks.get(NAME)
    assert isinstance(sink, MoodySink)
    return sink


class Capture(RuleBasedStateMachine):
    """One sink, any number of workers of which some never come back, and staff."""

    @initialize()
    def begin(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {TABLES} CASCADE")
        moody().forget()
        self.accepted = 0
        self.leased: list[OutboxBatch] = []

    @rule(count=st.integers(1, 12), repeats=st.booleans())
    def accept(self, count: int, repeats: bool) -> None:
        bodies = [json.dumps(search(event_id=f"e-{self.accepted + n}")).encode() for n in range(count)]
        assert ingest.accept(bodies).accepted == count
        self.accepted += count
        if repeats:
            assert ingest.accept(bodies).duplicates == count

    @rule(number=st.integers(0, 60))
    def poison(self, number: int) -> None:
        moody().poison.add(f"e-{number}")

    @rule()
    def cure(self) -> None:
        moody().poison.clear()

    @rule(is_final=st.booleans())
    def drain(self, is_final: bool) -> None:
        deliver.drain(NAME, is_final=is_final)

    @rule(error=ERRORS, after_storing=st.booleans(), expired=st.booleans())
    def drain_on_a_bad_day(self, error: Exception, after_storing: bool, expired: bool) -> None:
        if expired:
            let_it_be_tried_again()
        if after_storing:
            moody().lost.append(error)
        else:
            moody().fail_next(error)
        deliver.drain(NAME, is_final=True)

    @rule()
    def wait(self) -> None:
        """Long enough for every lease and rest to be over."""
        let_it_be_tried_again()

    @rule()
    def claim_and_freeze(self) -> None:
        """A worker takes a batch and is not heard of until, perhaps, it thaws."""
        seal.due(NAME, is_final=True)
        if batch := deliver.claim(NAME):
            self.leased.append(batch)

    @precondition(lambda self: self.leased)
    @rule(data=st.data())
    def thaw(self, data: Any) -> None:
        batch = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        deliver.send(batch)

    @rule()
    def pause(self) -> None:
        control.pause(NAME, by="test")

    @rule()
    def resume(self) -> None:
        control.resume(NAME, by="test")

    @rule()
    def replay(self) -> None:
        dead_letters.replay(DeadLetter.objects.all(), by="test")

    @rule()
    def discard(self) -> None:
        dead_letters.discard(DeadLetter.objects.filter(event_id__endswith="3"), by="test", because="too old")

    @rule()
    def back_fill(self) -> None:
        control.back_fill(NAME, by="test")

    @invariant()
    def the_ledger_closes(self) -> None:
        accounts = ledger.close()
        assert ledger.open_accounts(accounts) == []
        assert sum(account.captured for account in accounts) == self.accepted

    @invariant()
    def nothing_is_held_twice(self) -> None:
        held = Counter(document["event_id"] for document in moody().records)
        assert set(held.values()) <= {1}
        assert held <= in_log()

    def teardown(self) -> None:
        """In the end everybody is well: then the sink holds everything but what was refused."""
        sink = moody()
        sink.lost.clear()
        sink._failures.clear()
        control.resume(NAME, by="test")
        control.back_fill(NAME, by="test", because="the blocked ones too")
        let_it_be_tried_again()
        while deliver.drain(NAME, is_final=True):
            pass
        missing = DeadLetter.objects.filter(state__in=["dead", "discarded"]).values_list(
            "event_id", flat=True
        )
        held = Counter(document["event_id"] for document in sink.records)
        assert held == in_log() - Counter(missing)
        assert not OutboxBatch.objects.exclude(state="delivered").exists()
        self.the_ledger_closes()


@pytest.fixture
def moody_only(log: None, settings: Settings) -> Iterator[None]:
    options = {"BACKEND": "tests.faults.moody.MoodySink", "BATCH_SIZE": 5, "OPTIONS": {"name": NAME}}
    settings.SINKS = {NAME: memory_configuration(**options)}
    yield
    moody().forget()


@pytest.mark.usefixtures("moody_only")
@pytest.mark.parametrize("examples", [12, pytest.param(150, marks=pytest.mark.slow)])
def test_any_sequence_ends_with_the_log_minus_the_dead_letters(examples: int) -> None:
    run_state_machine_as_test(
        Capture,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
