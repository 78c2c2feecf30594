"""The BigQuery sink against a store that answers what BigQuery documents, on bad days too."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.bigquery import SchemaField

from capture import schema
from capture.sinks import bigquery_schema, bigquery_setup
from capture.sinks.base import (
    Acknowledged,
    Batch,
    BatchRefused,
    Misconfigured,
    OverQuota,
    Recount,
    RowsRefused,
    Unavailable,
)
from capture.sinks.bigquery import BigQuerySink
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_sink_contract import batch, once, records, with_content
from tests.standins import Standin

INSERT = {"method": "POST", "path": "/insertAll"}


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    yield control
    control.mend()


@pytest.fixture
def store(stack: ThrowawayStack) -> Iterator[stores.BigQueryStore]:
    opened = stores.opened("bigquery", stack)
    assert isinstance(opened, stores.BigQueryStore)
    yield opened
    opened.clean()


def carts(count: int) -> list[Any]:
    return [record for record in records(count * 5) if record.event_type == "cart"]


def poisoned(count: int) -> tuple[Batch, str]:
    """A batch with one row that BigQuery cannot take, and that row's event id."""
    rows = carts(count)
    bad = with_content(rows[count // 2], rows[0].payload | {"quantity": "many"})
    rows[count // 2] = bad
    return batch(rows), bad.event_id


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 500, "reason": "internalError"}, Unavailable),
        ({"status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"}, Unavailable),
        ({"status": 503, "reason": "backendError"}, Unavailable),
        ({"status": 504, "reason": "timeout"}, Unavailable),
        ({"status": 408, "reason": "timeout"}, Unavailable),
        ({"status": 429, "reason": "rateLimitExceeded"}, Unavailable),
        ({"status": 403, "reason": "quotaExceeded"}, OverQuota),
        ({"status": 403, "reason": "rateLimitExceeded"}, OverQuota),
        ({"status": 200, "body": "<html>Welcome</html>", "content_type": "text/html"}, Unavailable),
        ({"hang_up": True}, Unavailable),
        ({"status": 403, "reason": "accessDenied"}, Misconfigured),
        ({"status": 401, "reason": "authError"}, Misconfigured),
        ({"status": 404, "reason": "notFound"}, Misconfigured),
        ({"status": 400, "reason": "invalid"}, BatchRefused),
    ],
)
def test_each_answer_is_told_apart(
    store: stores.BigQueryStore, standin: Standin, action: dict[str, Any], error: type[Exception]
) -> None:
    standin.fail(match=INSERT, **action)
    with pytest.raises(error) as raised:
        store.sink.deliver(batch(carts(3)))
    assert raised.type is error


def test_an_answer_lost_after_the_rows_were_stored_doubles_nothing(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    """Also when BigQuery has forgotten the insertIds: the batch is asked for first."""
    sent = batch(records(20))
    standin.fail(match=INSERT, apply_then={"hang_up": True})
    with pytest.raises(Unavailable):
        store.sink.deliver(sent)
    standin.advance(120)
    store.sink.deliver(replace(sent, is_repeated=True))
    assert store.held(sent) == once(sent)


def test_a_repeat_is_not_sent_while_it_cannot_be_asked_for(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    sent = batch(carts(3))
    store.sink.deliver(sent)
    standin.advance(120)
    standin.fail(match={"method": "POST", "path": "/(queries|jobs)"}, times=9, status=503)
    with pytest.raises(Unavailable):
        store.sink.deliver(replace(sent, is_repeated=True))
    standin.mend()
    assert store.held(sent) == once(sent)


def test_one_bad_row_is_named_and_the_others_go_without_it(store: stores.BigQueryStore) -> None:
    sent, bad = poisoned(500)
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(sent)
    assert set(raised.value.refusals) == {bad}
    assert raised.value.refusals[bad].reason.startswith("quantity: ")
    rest = replace(sent, records=[r for r in sent.records if r.event_id != bad], is_repeated=True)
    store.sink.deliver(rest)
    assert store.held(sent) == once(rest)


def test_rows_that_nobody_but_their_neighbours_spoil_are_tried_later(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    stopped = '{"insertErrors": [{"index": 0, "errors": [{"reason": "stopped"}]}]}'
    standin.fail(match=INSERT, status=200, body=stopped, content_type="application/json")
    with pytest.raises(Unavailable):
        store.sink.deliver(batch(carts(1)))


def test_a_request_too_large_is_sent_in_parts(store: stores.BigQueryStore, standin: Standin) -> None:
    sent = batch(carts(8))
    standin.fail(match=INSERT, times=3, status=413, reason="requestTooLarge")
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)


def test_a_batch_that_was_sealed_for_streams_goes_in_requests_of_a_size_that_google_recommends(
    store: stores.BigQueryStore,
) -> None:
    sent = batch(carts(1001))
    store.sink.deliver(sent)
    assert store.held(sent) == once(sent)
    (used,) = sent.meter.all().values()
    assert (used.requests, used.largest_rows, used.rows) == (3, 500, 1001)


def test_bad_rows_in_several_requests_are_all_named_and_cost_no_other(store: stores.BigQueryStore) -> None:
    sent, bad = poisoned(1100)
    other = with_content(sent.records[3], sent.records[3].payload | {"price": "dear"})
    sent = replace(sent, records=[other if r.event_id == other.event_id else r for r in sent.records])
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(sent)
    assert set(raised.value.refusals) == {bad, other.event_id}
    assert len(store.held(sent)) == 100, "what a request with no bad row had"
    rest = [r for r in sent.records if r.event_id not in raised.value.refusals]
    left = replace(sent, records=rest, is_repeated=True)
    store.sink.deliver(left)
    assert store.held(sent) == once(left)


def test_a_row_too_large_by_itself_is_refused(store: stores.BigQueryStore, standin: Standin) -> None:
    sent = batch(carts(1))
    standin.fail(match=INSERT, status=413, reason="requestTooLarge")
    with pytest.raises(RowsRefused) as raised:
        store.sink.deliver(sent)
    assert set(raised.value.refusals) == {sent.records[0].event_id}


def test_set_up_twice_changes_nothing(store: stores.BigQueryStore) -> None:
    lines = bigquery_setup.set_up(store.sink, retention_days=90)
    assert len(lines) == 11, "five tables, a view of each, and one of all"
    assert all("as the vocabulary has it" in line for line in lines)


def test_tables_are_partitioned_clustered_and_expire(store: stores.BigQueryStore) -> None:
    for event_type in schema.TABLES:
        table = store.client.get_table(store.sink.table(event_type))
        assert table.time_partitioning.field == "timestamp"
        assert table.time_partitioning.expiration_ms == 90 * 24 * 3600 * 1000
        assert table.require_partition_filter
        assert tuple(table.clustering_fields or ()) == schema.CLUSTERING[event_type]


def test_a_missing_column_is_added(store: stores.BigQueryStore) -> None:
    name = store.sink.table("cart")
    store.client.delete_table(name)
    older = bigquery_schema.table(name, "cart", retention_days=90)
    older.schema = [field for field in older.schema if field.name != "search_id"]
    store.client.create_table(older)
    assert f"{name}: added search_id" in bigquery_setup.set_up(store.sink, retention_days=90)
    assert "search_id" in {field.name for field in store.client.get_table(name).schema}


def test_a_column_of_another_type_is_refused_with_the_reason(store: stores.BigQueryStore) -> None:
    name = store.sink.table("search")
    store.client.delete_table(name)
    wrong = bigquery_schema.table(name, "search", retention_days=90)
    wrong.schema = [
        SchemaField(field.name, "INTEGER", field.mode) if field.name == "response_time_ms" else field
        for field in wrong.schema
    ]
    store.client.create_table(wrong)
    with pytest.raises(bigquery_setup.SchemaConflict, match="response_time_ms is INTEGER NULLABLE"):
        bigquery_setup.set_up(store.sink, retention_days=90)


def test_a_table_that_is_not_there_needs_a_person(store: stores.BigQueryStore) -> None:
    elsewhere = BigQuerySink(store.sink.project, "nowhere", endpoint=store.sink.endpoint)
    with pytest.raises(Misconfigured):
        elsewhere.probe()


def test_values_come_back_as_they_went(store: stores.BigQueryStore) -> None:
    sent = batch(records(5))
    store.sink.deliver(sent)
    search = sent.records[0]
    query = f"SELECT * FROM `{store.sink.table('search')}` WHERE timestamp > TIMESTAMP '2000-01-01'"
    (row,) = store.client.query_and_wait(query)
    assert row.event_id == search.event_id
    assert row.timestamp == search.received_at
    assert row.occurred_at == search.occurred_at
    assert row.results_count == 2**53 + 1
    assert row.filters == {"brand": ["Oatly"]}
    assert row.metadata == {"nested": {"deep": [1, None, "x"]}}
    assert row.batch == sent.label
    assert Counter(row.keys()) == Counter(column.name for column in schema.columns("search"))


def acknowledged(sent: Batch, **changes: Any) -> Acknowledged:
    day = sent.records[0].received_at.astimezone(UTC).date()
    usual = Acknowledged(sent.label, sent.object_name, day, len(sent.records), lambda: sent.records)
    return replace(usual, **changes)


def test_a_recount_tells_what_is_held_of_each_batch(store: stores.BigQueryStore) -> None:
    whole, part, none = batch(records(20)), batch(records(20)), batch(records(5))
    store.sink.deliver(whole)
    store.sink.deliver(replace(part, records=part.records[:13]))
    recounts = store.sink.recount([acknowledged(sent) for sent in (whole, part, none)])
    assert recounts == {whole.label: Recount(20), part.label: Recount(13), none.label: Recount(0)}


def test_a_recount_leaves_out_what_the_log_cannot_be_compared_with(store: stores.BigQueryStore) -> None:
    whole, part = batch(records(5)), batch(records(5))
    store.sink.deliver(whole)
    store.sink.deliver(replace(part, records=part.records[:3]))
    gone = [acknowledged(sent, read=lambda: None) for sent in (whole, part)]
    assert store.sink.recount(gone) == {whole.label: Recount(5)}


def test_a_recount_looks_at_the_days_of_its_batches_only(store: stores.BigQueryStore) -> None:
    sent = batch(records(5))
    store.sink.deliver(sent)
    elsewhen = acknowledged(sent, read=lambda: None)
    assert store.sink.recount([replace(elsewhen, day=elsewhen.day - timedelta(days=3))]) == {}


def test_a_recount_says_that_the_store_is_away(store: stores.BigQueryStore, standin: Standin) -> None:
    standin.fail(match={"method": "POST", "path": "/(queries|jobs)"}, times=9, status=503)
    with pytest.raises(Unavailable):
        store.sink.recount([acknowledged(batch(records(5)))])


def test_a_row_held_twice_is_seen_once_through_the_view(
    store: stores.BigQueryStore, standin: Standin
) -> None:
    sent = batch(records(25))
    store.sink.deliver(sent)
    standin.advance(120)
    store.sink.deliver(sent)
    assert set(store.held(sent).values()) == {2}
    for event_type in schema.TABLES:
        name = store.sink.table(event_type)
        since = "WHERE timestamp > TIMESTAMP '2000-01-01' ORDER BY event_id, batch"
        both = [dict(row) for row in store.client.query_and_wait(f"SELECT * FROM `{name}` {since}")]
        once_each = [dict(row) for row in store.client.query_and_wait(f"SELECT * FROM `{name}_once` {since}")]
        assert once_each == both[::2]


def test_the_view_reads_no_more_partitions_than_it_is_asked_for(store: stores.BigQueryStore) -> None:
    """A filter on `timestamp` reaches the table; without one the table's rule holds for the view as well."""
    with pytest.raises(exceptions.BadRequest, match="without a filter over column"):
        store.client.query_and_wait(f"SELECT event_id FROM `{store.sink.table('cart')}_once`")
