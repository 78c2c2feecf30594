"""What a batch's row remembers of a promise: who may make it, who is kept waiting for it, when it is forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from capture import control, deliver, reconcile, schema, seal, sinks
from capture.models import DeadLetter, OutboxBatch, Sink
from capture.sinks.base import Recount, Unavailable
from capture.sinks.memory import MemorySink
from capture.sinks.meter import STORAGE_WRITE
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_reconcile import capture, captured, closes
from tests.capture.test_reconcile_stores import in_store
from tests.conftest import memory_configuration
from tests.faults import pipeline
from tests.standins import Standin

pytestmark = pytest.mark.usefixtures("long_rests")

PROMISE = {"user_search_events": {"stream": "projects/p/…/streams/s", "is_all": True}}
COMMIT = {"method": "GRPC", "path": r"/BatchCommitWriteStreams\?"}


def claimed() -> OutboxBatch | None:
    seal.due("memory", is_final=True)
    return deliver.claim("memory")


def test_a_promise_is_in_the_row_for_the_next_attempt(memory: MemorySink) -> None:
    capture(3)
    batch = claimed()
    assert batch is not None
    deliver.promise(batch, PROMISE)
    OutboxBatch.objects.update(leased_until=datetime.now(UTC) - timedelta(seconds=1))
    again = claimed()
    assert again is not None
    assert again.promised == batch.promised == PROMISE


def test_only_who_has_the_batch_may_promise(memory: MemorySink) -> None:
    capture(3)
    batch = claimed()
    assert batch is not None
    OutboxBatch.objects.update(lease_token=uuid4())
    with pytest.raises(Unavailable):
        deliver.promise(batch, PROMISE)
    assert OutboxBatch.objects.get().promised is None


@pytest.mark.parametrize(("promised", "is_kept_back"), [(PROMISE, True), (None, False)])
def test_nobody_gets_a_promised_batch_while_what_was_erased_of_it_may_be_on_its_way(
    memory: MemorySink, promised: dict[str, Any] | None, is_kept_back: bool
) -> None:
    capture(3)
    seal.due("memory", is_final=True)
    soon = datetime.now(UTC) + timedelta(seconds=30)
    OutboxBatch.objects.update(promised=promised, recalled_until=soon)
    assert (claimed() is None) == is_kept_back
    OutboxBatch.objects.update(recalled_until=datetime.now(UTC) - timedelta(seconds=1))
    if is_kept_back:
        assert claimed() is not None


def test_a_batch_whose_rows_were_lost_later_makes_a_new_promise(memory: MemorySink) -> None:
    capture(3)
    deliver.drain("memory", is_final=True)
    OutboxBatch.objects.update(promised=PROMISE)
    assert reconcile.send_again(OutboxBatch.objects.get(), Recount(held=1))
    assert OutboxBatch.objects.get().promised is None


@pytest.fixture
def store(log: None, stack: ThrowawayStack, settings: Settings) -> Iterator[stores.BigQueryStore]:
    """BigQuery by pending streams, as the only sink."""
    opened = stores.opened("bigquery_storage_write", stack)
    assert isinstance(opened, stores.BigQueryStore)
    sink = opened.sink
    options = {
        "project": sink.project,
        "dataset": sink.dataset,
        "endpoint": sink.endpoint,
        "method": STORAGE_WRITE,
        "write_endpoint": sink.write_endpoint,
    }
    backend = f"{type(sink).__module__}.{type(sink).__name__}"
    settings.SINKS = {"bigquery": memory_configuration(BACKEND=backend, BATCH_SIZE=500, OPTIONS=options)}
    yield opened
    sinks.get("bigquery").streams.writer.client.transport.close()  # type: ignore[attr-defined]
    opened.clean()


def test_a_poison_row_becomes_a_dead_letter_and_the_others_arrive_in_the_same_cycle(
    store: stores.BigQueryStore,
) -> None:
    ids = pipeline.capture("poison", 50)
    pipeline.spoil(ids[2], "quantity", "many")
    pipeline.spoil(ids[5], "results_count", "some")
    assert pipeline.cycle() == {"bigquery": 48}
    reasons = {letter.event_id: letter.reason for letter in DeadLetter.objects.all()}
    assert reasons.keys() == {ids[2], ids[5]}
    assert in_store(store) == captured() - type(captured())({ids[2]: 1, ids[5]: 1})


def test_rows_that_bigquery_lost_come_by_a_new_stream(store: stores.BigQueryStore) -> None:
    capture(5)
    delivered = deliver.drain("bigquery", is_final=True)
    before = OutboxBatch.objects.get().promised
    store.client.query_and_wait(
        f"DELETE FROM `{store.sink.table('search')}` WHERE timestamp > TIMESTAMP '2000-01-01'"
    )
    tally = reconcile.everything("bigquery", min_age=timedelta(0))
    assert 0 < sum(tally.lost.values()) < delivered
    assert closes()
    deliver.drain("bigquery")
    assert in_store(store) == captured()
    after = OutboxBatch.objects.get().promised
    assert before is not None
    assert after is not None
    assert after.keys() == {"user_search_events"}
    assert after != before


def test_a_back_fill_brings_rows_that_were_lost_although_their_streams_were_committed(
    store: stores.BigQueryStore,
) -> None:
    capture(5)
    delivered = deliver.drain("bigquery", is_final=True)
    for event_type in schema.TABLES:
        table = store.sink.table(event_type)
        store.client.query_and_wait(f"DELETE FROM `{table}` WHERE timestamp > TIMESTAMP '2000-01-01'")
    assert not in_store(store)
    assert control.back_fill("bigquery", by="olive").events == delivered
    assert OutboxBatch.objects.get().promised is None
    assert deliver.drain("bigquery", is_final=True) == delivered
    assert in_store(store) == captured()
    assert closes()


def test_a_back_fill_of_what_is_still_there_doubles_nothing(store: stores.BigQueryStore) -> None:
    capture(5)
    delivered = deliver.drain("bigquery", is_final=True)
    control.back_fill("bigquery", by="olive")
    assert deliver.drain("bigquery", is_final=True) == delivered
    assert in_store(store) == captured()


def test_a_back_fill_keeps_what_a_blocked_batch_has_promised(
    store: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    """Its commit may have been made, or be on its way."""
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    capture(5)
    standin.fail(match=COMMIT, apply_then={"status": 503})
    assert deliver.drain("bigquery", is_final=True) == 0
    before = OutboxBatch.objects.get().promised
    OutboxBatch.objects.update(state=OutboxBatch.State.BLOCKED)
    control.back_fill("bigquery", by="olive")
    assert before
    assert OutboxBatch.objects.get().promised == before
    Sink.objects.update(available_at=datetime.now(UTC))
    assert deliver.drain("bigquery", is_final=True) > 0
    assert in_store(store) == captured()


def test_an_outage_at_every_commit_costs_nothing_but_time(
    store: stores.BigQueryStore, stack: ThrowawayStack
) -> None:
    standin = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    pipeline.capture("outage", 50)
    for answer in ({"status": 503}, {"apply_then": {"hang_up": True}}, {"apply_then": {"status": 504}}):
        standin.fail(match=COMMIT, **answer)
        assert pipeline.next_cycle() == {"bigquery": 0}
        standin.mend()
    assert pipeline.next_cycle() == {"bigquery": 50}
    assert in_store(store) == captured()
    assert django_settings.SINKS.keys() == {"bigquery"}
