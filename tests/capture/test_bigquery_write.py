"""BigQuery through pending streams: each row once, whatever happens between append, promise, commit and settling."""

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest
from google.cloud.bigquery import SchemaField
from google.rpc.status_pb2 import Status
from msgspec import structs

from capture import schema
from capture.records import Record
from capture.sinks import bigquery_schema, bigquery_write
from capture.sinks.base import (
    Batch,
    BatchRefused,
    Misconfigured,
    OverQuota,
    Recount,
    RowsRefused,
    Unavailable,
)
from capture.sinks.bigquery import INSERT_ALL, BigQuerySink
from capture.sinks.bigquery_write_client import Writer, classified, of_status
from capture.sinks.meter import KIB, STORAGE_WRITE, STREAMING
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_bigquery_sink import acknowledged, carts
from tests.capture.test_sink_contract import batch, once, records, with_content
from tests.standins import Standin

CREATE, APPEND, FINALIZE, COMMIT, GET = (
    {"method": "GRPC", "path": rf"/{call}\?"}
    for call in (
        "CreateWriteStream",
        "AppendRows",
        "FinalizeWriteStream",
        "BatchCommitWriteStreams",
        "GetWriteStream",
    )
)
CALLS = {"create": CREATE, "append": APPEND, "finalize": FINALIZE, "commit": COMMIT}
DAY = 24 * 60 * 60


@dataclass
class Outbox:
    """What the batch's row remembers; `is_taken` when another worker has the batch by now."""

    promised: dict[str, Any] = field(default_factory=dict)
    is_taken: bool = False

    def promise(self, promised: Mapping[str, Any]) -> None:
        if self.is_taken:
            raise Unavailable("the lease ran out")
        self.promised = dict(promised)

    def first(self, rows: list[Record], **changes: Any) -> Batch:
        return batch(rows, promise=self.promise, **changes)

    def again(self, sent: Batch, **changes: Any) -> Batch:
        """The batch as the next attempt gets it."""
        return replace(sent, is_repeated=True, promised=self.promised, **changes)


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    control.requested()
    yield control
    control.mend()


@pytest.fixture
def store(stack: ThrowawayStack) -> Iterator[stores.BigQueryStore]:
    opened = stores.opened("bigquery_storage_write", stack)
    assert isinstance(opened, stores.BigQueryStore)
    yield opened
    opened.clean()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def calls(standin: Standin) -> list[str]:
    """The calls of the Storage Write API since the last time, and streaming inserts."""
    asked = [line.split("?")[0].rpartition("/")[2] for line in standin.requested()]
    return [call for call in asked if call.endswith(("Stream", "Streams", "Rows")) or call == "insertAll"]


def test_rows_come_through_streams_and_never_see_the_buffer(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(25))
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)
    made = calls(standin)
    assert {call: made.count(call) for call in made} == {
        "CreateWriteStream": 5,
        "AppendRows": 5,
        "FinalizeWriteStream": 5,
        "BatchCommitWriteStreams": 5,
    }
    assert outbox.promised.keys() == set(schema.TABLES.values())
    assert all(promise["is_all"] for promise in outbox.promised.values())
    tables = [store.client.get_table(store.sink.table(event_type)) for event_type in schema.TABLES]
    assert [(table.num_rows, table.streaming_buffer) for table in tables] == [(5, None)] * 5


def test_values_come_back_as_they_went(store: stores.BigQueryStore) -> None:
    sent = batch(records(5))
    store.sink.deliver(sent)
    written = {event_type: rows_of(store, event_type) for event_type in schema.TABLES}
    streaming = replace(batch(list(sent.records)), label=sent.label)
    for event_type in schema.TABLES:
        query = f"DELETE FROM `{store.sink.table(event_type)}` WHERE timestamp > TIMESTAMP '2000-01-01'"
        store.client.query_and_wait(query)
    as_inserted(store).deliver(streaming)
    assert written == {event_type: rows_of(store, event_type) for event_type in schema.TABLES}
    assert written["search"][0]["results_count"] == 2**53 + 1


def rows_of(store: stores.BigQueryStore, event_type: str) -> list[dict[str, Any]]:
    query = f"SELECT * FROM `{store.sink.table(event_type)}` WHERE timestamp > TIMESTAMP '2000-01-01'"
    return [dict(row) for row in store.client.query_and_wait(query)]


def as_inserted(store: stores.BigQueryStore) -> BigQuerySink:
    """The same tables, written to by `insert_all`."""
    sink = store.sink
    return BigQuerySink(
        sink.project,
        sink.dataset,
        endpoint=sink.endpoint,
        method=INSERT_ALL,
        write_endpoint=sink.write_endpoint,
    )


# What answers mean


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 500}, Unavailable),
        ({"status": 503}, Unavailable),
        ({"status": 504}, Unavailable),
        ({"status": 412}, Unavailable),
        ({"status": 429}, OverQuota),
        ({"hang_up": True}, Unavailable),
        ({"status": 403}, Misconfigured),
        ({"status": 401}, Misconfigured),
    ],
)
def test_each_answer_is_told_apart(
    store: stores.BigQueryStore, standin: Standin, action: dict[str, Any], error: type[Exception]
) -> None:
    for match in CALLS.values():
        standin.fail(match=match, **action)
        with pytest.raises(error) as raised:
            store.sink.deliver(batch(carts(3)))
        assert raised.type is error


def test_a_request_that_bigquery_finds_wrong_needs_a_person(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    for match in (CREATE, APPEND, FINALIZE):
        standin.fail(match=match, status=400)
        with pytest.raises(BatchRefused):
            store.sink.deliver(batch(carts(3)))


def test_a_code_that_nobody_knows_passes() -> None:
    assert type(classified(of_status(Status(code=99, message="news")))) is Unavailable


def test_every_call_has_a_limit(store: stores.BigQueryStore, standin: Standin) -> None:
    """The lease ends while BigQuery is silent; the batch is another worker's then."""
    for match in (CREATE, APPEND, FINALIZE, COMMIT):
        standin.fail(match=match, delay_seconds=6)
        while not standin.fired():  # on a slow machine the lease may end before this call is made
            with pytest.raises(Unavailable):
                store.sink.deliver(replace(batch(carts(1)), sendable_until=soon()))
        standin.mend()
    while "BatchCommitWriteStreams" not in calls(
        standin
    ):  # it is still on its way, and would be the next test's
        time.sleep(0.1)


def soon() -> float:
    return time.monotonic() + 1.0


# Once, whatever happens


def test_a_commit_whose_answer_was_lost_is_made_again_and_doubles_nothing(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    promised = outbox.promised
    calls(standin)
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)
    assert calls(standin).count("BatchCommitWriteStreams") == 5
    assert outbox.promised == promised


def test_a_commit_that_was_not_made_is_made_of_the_same_streams(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, times=2, after=2, status=503)
    for _ in range(2):
        with pytest.raises(Unavailable):
            store.sink.deliver(outbox.again(sent) if outbox.promised else sent)
    calls(standin)
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)
    assert set(calls(standin)) <= {"BatchCommitWriteStreams", "GetWriteStream"}


def test_a_commit_that_comes_late_finds_it_done(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    """A frozen worker goes on where it was, after another has delivered and settled."""
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    store.sink.deliver(outbox.again(sent))
    for promise in outbox.promised.values():
        store.sink.streams._commit(promise, sent)
    assert store.held(sent) == once(sent)


def test_nothing_is_committed_of_a_batch_that_is_anothers_by_now(
    store: stores.BigQueryStore, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    outbox.is_taken = True
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    assert not store.held(sent)
    outbox.is_taken = False
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)


@pytest.mark.parametrize("call", ["create", "append", "finalize"])
def test_an_attempt_that_promised_nothing_leaves_nothing(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox, call: str
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=CALLS[call], after=3, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    assert (outbox.promised, store.held(sent).total()) == ({}, 0)
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)


def test_a_promised_stream_that_bigquery_has_forgotten_is_made_anew(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    """As far as its rows are not there: the first of five tables was committed."""
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, after=1, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    with a_week_later(standin):
        store.sink.deliver(outbox.again(sent))
        assert store.held(sent) == once(sent)
    assert outbox.promised.keys() == set(schema.TABLES.values()) - {"user_search_events"}


@contextmanager
def a_week_later(standin: Standin) -> Iterator[None]:
    """And back: the store is the session's, and others compare its clock with their own."""
    standin.advance(8 * DAY)
    try:
        yield
    finally:
        standin.advance(-8 * DAY)


def test_a_batch_that_was_promised_stays_with_its_streams_when_the_method_changes(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    as_inserted(store).deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)
    assert "insertAll" not in calls(standin)


def test_a_stream_that_is_gone_before_its_first_commit_is_made_anew(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, after=2, status=404, reason="STREAM_NOT_FOUND")
    with pytest.raises(Unavailable) as raised:
        store.sink.deliver(sent)
    assert raised.type is Unavailable
    standin.mend()
    with a_week_later(standin):
        store.sink.deliver(outbox.again(sent))
        assert store.held(sent) == once(sent)


@pytest.fixture
def elsewhere(stack: ThrowawayStack) -> Iterator[stores.BigQueryStore]:
    """The dataset that the settings name after they were changed."""
    opened = stores.opened("bigquery_storage_write", stack)
    assert isinstance(opened, stores.BigQueryStore)
    yield opened
    opened.clean()


def test_what_was_promised_to_another_dataset_is_written_to_this_one_anew(
    store: stores.BigQueryStore, elsewhere: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    """Also of the tables whose streams were committed there."""
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, after=2, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    elsewhere.sink.deliver(outbox.again(sent))
    assert elsewhere.held(sent) == once(sent)
    assert store.held(sent).total() == 8, "nothing was committed there any more"
    assert all(elsewhere.sink.dataset in promise["stream"] for promise in outbox.promised.values())


def test_what_was_promised_to_another_dataset_is_void_when_the_method_changes_too(
    store: stores.BigQueryStore, elsewhere: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    calls(standin)
    as_inserted(elsewhere).deliver(outbox.again(sent))
    assert elsewhere.held(sent) == once(sent)
    assert set(calls(standin)) == {"insertAll"}
    assert outbox.promised == {}, "its rows are in the streaming buffer"


def test_a_promise_is_kept_until_there_is_another_dataset_to_write_to(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    """A dataset named by mistake costs nothing."""
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    before = outbox.promised
    mistaken = towards(store, store.sink.write_endpoint)
    mistaken.dataset = "nowhere"
    with pytest.raises(Misconfigured):
        mistaken.deliver(outbox.again(sent))
    assert outbox.promised == before
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)


def test_rows_of_an_attempt_by_insert_all_are_counted_as_what_they_were(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(carts(4))
    standin.fail(match={"method": "POST", "path": "/insertAll"}, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        as_inserted(store).deliver(sent)
    last = outbox.again(batch(list(sent.records)), label=sent.label)
    store.sink.deliver(last)
    counted = {mode: used for (_, mode), used in last.meter.all().items()}
    assert {mode: used.rows for mode, used in counted.items()} == {STREAMING: 4}
    assert counted[STREAMING].billed_bytes >= 4 * KIB


def test_rows_of_an_attempt_by_insert_all_are_not_sent_again(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(25))
    standin.fail(match={"method": "POST", "path": "/insertAll"}, after=2, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        as_inserted(store).deliver(sent)
    standin.advance(120)
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)
    assert len(outbox.promised) == 2, "three tables had their rows"


def test_a_table_with_rows_of_both_ways_is_not_said_to_be_all_from_a_stream(
    store: stores.BigQueryStore, outbox: Outbox
) -> None:
    rows = carts(4)
    sent = outbox.first(rows)
    as_inserted(store).deliver(replace(sent, records=rows[:2]))
    store.sink.deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)
    assert [promise["is_all"] for promise in outbox.promised.values()] == [False]


# Batches from which events were erased


def test_what_was_erased_is_not_committed_any_more(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, after=1, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    rest = [record for place, record in enumerate(sent.records) if place not in {2, 3, 8}]
    remade = outbox.again(sent, records=rest, is_remade=True)
    store.sink.deliver(remade)
    assert store.held(sent) == once(remade)


def test_a_batch_of_which_nothing_is_left_commits_nothing(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    remade = outbox.again(sent, records=[], is_remade=True)
    store.sink.deliver(remade)
    assert (store.held(sent).total(), outbox.promised) == (0, {})


def test_a_commit_that_was_made_before_the_erasure_is_not_repeated(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox
) -> None:
    """Its rows are the holder's to delete; no other's is doubled."""
    sent = outbox.first(carts(5))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    store.sink.deliver(outbox.again(sent, records=sent.records[1:], is_remade=True))
    assert store.held(sent) == once(sent)


@pytest.mark.parametrize("answer", [{"status": 503}, {"apply_then": {"hang_up": True}}])
def test_what_was_promised_after_the_erasure_is_kept_to(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox, answer: dict[str, Any]
) -> None:
    """The first stream is left, the second one's commit is lost or late: it is the second that is committed then."""
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    rest = [record for place, record in enumerate(sent.records) if place not in {2, 3, 8}]
    standin.fail(match=COMMIT, after=3, **answer)  # after those of three tables of which nothing was erased
    with pytest.raises(Unavailable):
        store.sink.deliver(outbox.again(sent, records=rest, is_remade=True))
    calls(standin)
    remade = outbox.again(sent, records=rest, is_remade=True)
    store.sink.deliver(remade)
    assert "CreateWriteStream" not in calls(standin)
    assert store.held(sent) == once(remade)


# Rows and tables


def test_one_bad_row_is_named_and_the_others_go_without_it(
    store: stores.BigQueryStore, outbox: Outbox
) -> None:
    """BigQuery finds it: a NUMERIC travels as text."""
    rows = carts(100)
    bad = rows[50] = with_content(rows[50], rows[0].payload | {"quantity": "many"})
    sent = outbox.first(rows)
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(sent)
    assert raised.value.refusals.keys() == {bad.event_id}
    assert "quantity" in raised.value.refusals[bad.event_id].reason
    assert outbox.promised == {}
    rest = outbox.again(sent, records=[row for row in rows if row is not bad])
    store.sink.deliver(rest)
    assert store.held(sent) == once(rest)


def test_a_row_that_cannot_even_be_written_down_is_refused_as_well(
    store: stores.BigQueryStore, outbox: Outbox
) -> None:
    rows = records(10)
    bad = [
        with_content(rows[0], rows[0].payload | {"results_count": 2**63}),
        with_content(rows[5], rows[5].payload | {"confidence": "very"}),
    ]
    rows[0], rows[5] = bad
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(outbox.first(rows))
    reasons = {key: refusal.reason for key, refusal in raised.value.refusals.items()}
    assert reasons.keys() == {row.event_id for row in bad}
    assert reasons[bad[0].event_id].startswith("results_count: ")
    assert reasons[bad[1].event_id].startswith("confidence: ")


def test_a_row_too_large_is_refused(store: stores.BigQueryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_write, "REQUEST_BYTES", 1000)
    rows = carts(3)
    rows[1] = structs.replace(rows[1], session_id="s" * 1000)
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(batch(rows))
    assert raised.value.refusals.keys() == {rows[1].event_id}


def test_what_is_too_much_for_one_request_goes_in_several_to_the_same_stream(
    store: stores.BigQueryStore, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_write, "REQUEST_BYTES", 1000)
    sent = batch(carts(20))
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)
    made = calls(standin)
    assert made.count("CreateWriteStream") == 1
    assert made.count("AppendRows") > 3


def test_a_bad_row_in_a_later_request_costs_no_other(
    store: stores.BigQueryStore, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_write, "REQUEST_BYTES", 1000)
    rows = carts(20)
    bad = rows[15] = with_content(rows[15], rows[0].payload | {"price": "dear"})
    sent = outbox.first(rows)
    with pytest.raises(RowsRefused):
        store.sink.deliver(sent)
    rest = outbox.again(sent, records=[row for row in rows if row is not bad])
    store.sink.deliver(rest)
    assert store.held(sent) == once(rest)


def test_a_table_that_lacks_a_column_has_to_be_mended(store: stores.BigQueryStore) -> None:
    name = store.sink.table("cart")
    store.client.delete_table(name)
    older = bigquery_schema.table(name, "cart", retention_days=90)
    older.schema = [found for found in older.schema if found.name != "search_id"]
    store.client.create_table(older)
    with pytest.raises(Misconfigured, match="search_id is missing"):
        store.sink.deliver(batch(carts(3)))


def test_a_column_of_another_type_has_to_be_mended(store: stores.BigQueryStore) -> None:
    name = store.sink.table("cart")
    store.client.delete_table(name)
    wrong = bigquery_schema.table(name, "cart", retention_days=90)
    wrong.schema = [
        SchemaField(found.name, "BOOLEAN", found.mode) if found.name == "search_id" else found
        for found in wrong.schema
    ]
    store.client.create_table(wrong)
    with pytest.raises(Misconfigured, match="search_id is BOOLEAN"):
        store.sink.deliver(batch(carts(3)))


def test_a_column_that_bigquery_does_not_know_yet_is_waited_for(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    standin.fail(match=APPEND, status=400, reason="SCHEMA_MISMATCH_EXTRA_FIELDS")
    with pytest.raises(Unavailable) as raised:
        store.sink.deliver(batch(carts(3)))
    assert raised.type is Unavailable


def test_a_table_that_is_not_there_needs_a_person(store: stores.BigQueryStore) -> None:
    store.client.delete_table(store.sink.table("cart"))
    with pytest.raises(Misconfigured):
        store.sink.deliver(batch(carts(3)))
    with pytest.raises(Misconfigured):
        store.sink.probe()


def test_a_recount_sees_what_came_through_streams(store: stores.BigQueryStore) -> None:
    whole, part = batch(records(20)), batch(records(20))
    store.sink.deliver(whole)
    store.sink.deliver(replace(part, records=part.records[:13]))
    found = store.sink.recount([acknowledged(sent) for sent in (whole, part)])
    assert found == {whole.label: Recount(20), part.label: Recount(13)}


def test_what_it_took_is_counted(store: stores.BigQueryStore, standin: Standin, outbox: Outbox) -> None:
    sent = outbox.first(records(20))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    used = sent.meter.requests()
    assert {place: (one.requests, one.streams, one.sent_rows) for place, one in used.items()} == {
        (table, STORAGE_WRITE): (1, 1, 4) for table in schema.TABLES.values()
    }
    last = outbox.again(batch(list(sent.records)), label=sent.label)
    store.sink.deliver(last)
    counted = last.meter.all()
    assert sum(one.rows for one in counted.values()) == 20
    assert all(one.row_bytes > 100 for one in counted.values())


# Servers that do not speak it


@pytest.fixture
def deaf() -> Iterator[str]:
    """A server that speaks gRPC, and knows no service at all."""
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(grace=0).wait()
    pool.shutdown()


def towards(store: stores.BigQueryStore, write_endpoint: str) -> BigQuerySink:
    sink = store.sink
    return BigQuerySink(
        sink.project,
        sink.dataset,
        endpoint=sink.endpoint,
        method=STORAGE_WRITE,
        write_endpoint=write_endpoint,
    )


@pytest.mark.parametrize("is_named", [True, False])
def test_a_local_server_without_the_service_gets_the_rows_by_insert_all_and_staff_are_told(
    store: stores.BigQueryStore,
    standin: Standin,
    deaf: str,
    caplog: pytest.LogCaptureFixture,
    is_named: bool,
) -> None:
    sink = towards(store, deaf if is_named else "")
    with caplog.at_level(logging.WARNING):
        for sent in (batch(records(10)), batch(records(10))):
            sink.deliver(sent)
    assert calls(standin) == ["insertAll"] * 10
    said = [record.getMessage() for record in caplog.records if "insert_all" in record.getMessage()]
    assert len(said) == 1
    assert "BIGQUERY_WRITE_METHOD=insert_all" in said[0]
    sink.probe()
    (told,) = sink.differences(retention_days=90)
    assert "is written by insert_all" in str(told)


def test_a_server_that_speaks_it_differs_in_nothing(store: stores.BigQueryStore) -> None:
    assert store.sink.differences(retention_days=90) == []


def test_google_not_speaking_it_needs_a_person_for_nobody_gives_the_guarantee_away(
    store: stores.BigQueryStore, standin: Standin, deaf: str
) -> None:
    sink = towards(store, "https://bigquerystorage.googleapis.com")
    sink.streams.writer = Writer(deaf)
    with pytest.raises(Misconfigured):
        sink.deliver(batch(carts(3)))
    with pytest.raises(Misconfigured):
        sink.probe()
    assert calls(standin) == []


def test_a_batch_that_was_promised_does_not_fall_back(
    store: stores.BigQueryStore, standin: Standin, outbox: Outbox, deaf: str
) -> None:
    sent = outbox.first(carts(3))
    standin.fail(match=COMMIT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    with pytest.raises(Misconfigured):
        towards(store, deaf).deliver(outbox.again(sent))
    assert store.held(sent) == once(sent)


def test_a_server_that_is_away_is_waited_for(store: stores.BigQueryStore, standin: Standin) -> None:
    sink = towards(store, f"http://{stores.NOBODY}")
    with pytest.raises(Unavailable):
        sink.deliver(batch(carts(3)))
    assert calls(standin) == []
