"""What BigQuery was given is written down once, whatever happened on the way, and is what was really sent."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from capture import control, deliver, ingest, reconcile, retention, schema, seal, sinks, usage
from capture.models import OutboxBatch, Sink, UsageDay
from capture.sinks import bigquery_sizes
from capture.sinks.base import Unavailable
from capture.sinks.bigquery import BigQuerySink, row
from capture.sinks.memory import MemorySink
from capture.sinks.meter import STREAMING, Meter, Place, Used, queries
from leafloaf.stack.throwaway import ThrowawayStack
from tests.capture import stores
from tests.capture.test_sink_contract import records
from tests.conftest import memory_configuration
from tests.standins import Standin

pytestmark = pytest.mark.usefixtures("long_rests")

INSERT = {"method": "POST", "path": "/insertAll"}
QUERIES = {"method": "POST", "path": "/(queries|jobs)"}
CARTS, SEARCHES = schema.TABLES["cart"], schema.TABLES["search"]
CART = b'{"event_type": "cart", "action": "add", "product_id": "OATLY_001", "quantity": 1, "session_id": "s"}'


@pytest.fixture
def standin(stack: ThrowawayStack) -> Iterator[Standin]:
    control_side = Standin(stack.environment["BIGQUERY_ENDPOINT"])
    yield control_side
    control_side.mend()
    control_side.lose_rows(CARTS, 0)


@pytest.fixture
def warehouse(log: None, stack: ThrowawayStack, settings: Settings) -> Iterator[stores.BigQueryStore]:
    """BigQuery behind the only sink."""
    opened = stores.opened("bigquery", stack)
    assert isinstance(opened, stores.BigQueryStore)
    settings.SINKS = {"bigquery": configured(opened.sink)}
    queries.take()
    yield opened
    opened.clean()


def configured(sink: BigQuerySink, **changes: Any) -> dict[str, Any]:
    options = {"project": sink.project, "dataset": sink.dataset, "endpoint": sink.endpoint}
    return memory_configuration(BACKEND="capture.sinks.bigquery.BigQuerySink", OPTIONS=options, **changes)


def capture(carts: int = 3, searches: int = 0) -> None:
    search = b'{"event_type": "search", "query": "milk", "session_id": "s"}'
    assert ingest.accept([CART] * carts + [search] * searches).accepted == carts + searches


def drain() -> int:
    Sink.objects.update(available_at=Now())
    OutboxBatch.objects.update(available_at=Now())
    return deliver.drain("bigquery")


def day(table: str = CARTS) -> UsageDay:
    return UsageDay.objects.get(table_name=table, mode=STREAMING)


def test_a_delivered_batch_is_written_down_by_table(warehouse: stores.BigQueryStore) -> None:
    capture(carts=3, searches=2)
    assert drain() == 5
    assert {one.table_name: (one.rows, one.requests, one.sent_rows) for one in UsageDay.objects.all()} == {
        CARTS: (3, 1, 3),
        SEARCHES: (2, 1, 2),
    }
    assert day().day == datetime.now(UTC).date()
    assert OutboxBatch.objects.get().is_counted


def test_days_add_up_and_keep_what_was_largest(warehouse: stores.BigQueryStore) -> None:
    capture(carts=5)
    drain()
    first = day()
    capture(carts=2)
    drain()
    both = day()
    assert (both.rows, both.requests, both.sent_rows) == (7, 2, 7)
    assert (both.largest_rows, both.largest_bytes) == (5, first.largest_bytes)
    assert both.sent_bytes > first.sent_bytes
    assert both.row_bytes == pytest.approx(first.row_bytes * 7 / 5, rel=0.02)


def test_a_streamed_row_is_charged_as_a_kilobyte_at_least(warehouse: stores.BigQueryStore) -> None:
    capture(carts=3)
    drain()
    assert day().row_bytes < 3 * 1024
    assert day().billed_bytes == 3 * 1024
    large = b", ".join([b'"' + b"x" * 990 + b'": "' + b"y" * 990 + b'"'])
    body = CART[:-1] + b', "metadata": {' + large + b"}}"
    assert ingest.accept([body]).accepted == 1
    drain()
    assert day().billed_bytes > 3 * 1024 + 1980


def test_an_attempt_that_was_refused_costs_a_request_and_no_row(
    warehouse: stores.BigQueryStore, standin: Standin
) -> None:
    capture()
    standin.fail(match=INSERT, status=503, reason="backendError")
    assert drain() == 0
    assert (day().requests, day().sent_rows, day().rows, day().billed_bytes) == (1, 3, 0, 0)
    assert drain() == 3
    assert (day().requests, day().sent_rows, day().rows) == (2, 6, 3)


def test_an_answer_that_was_lost_leaves_its_rows_to_the_attempt_that_finds_them(
    warehouse: stores.BigQueryStore, standin: Standin
) -> None:
    capture()
    standin.fail(match=INSERT, apply_then={"hang_up": True})
    assert drain() == 0
    assert (day().requests, day().rows) == (1, 0)
    assert drain() == 3
    assert (day().requests, day().rows) == (1, 3)
    assert day().billed_bytes == 3 * 1024


def test_a_worker_that_dies_before_it_settles_leaves_its_rows_to_the_next(
    warehouse: stores.BigQueryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> int:
        raise Killed

    capture()
    with monkeypatch.context() as patch:
        patch.setattr(deliver, "settle", killed)
        with pytest.raises(Killed):
            drain()
    assert not UsageDay.objects.exists()
    OutboxBatch.objects.update(leased_until=datetime.now(UTC) - timedelta(seconds=1))
    assert drain() == 3
    assert day().rows == 3


def test_nobody_who_lost_the_batch_writes_down_its_rows(warehouse: stores.BigQueryStore) -> None:
    capture()
    seal.due("bigquery")
    batch = deliver.claim("bigquery")
    assert batch
    OutboxBatch.objects.update(leased_until=datetime.now(UTC) - timedelta(seconds=1))
    assert drain() == 3
    late = Meter()
    late.request((CARTS, STREAMING), 3, 900)
    late.stored((CARTS, STREAMING), {"e-1": 100})
    assert deliver.settle(batch, 3, late) == 0
    assert (day().rows, day().requests) == (3, 2)


def test_a_row_that_is_refused_for_good_is_not_counted(
    warehouse: stores.BigQueryStore, standin: Standin
) -> None:
    capture(carts=4)
    answer = '{"insertErrors": [{"index": 1, "errors": [{"reason": "invalid", "location": "metadata"}]}]}'
    standin.fail(match=INSERT, status=200, body=answer, content_type="application/json")
    assert drain() == 3
    assert (day().rows, day().requests, day().sent_rows) == (3, 2, 7)


def test_what_is_sent_again_because_it_was_lost_is_counted_again_and_nothing_else(
    warehouse: stores.BigQueryStore, standin: Standin
) -> None:
    standin.lose_rows(CARTS, 2)
    capture(carts=4)
    drain()
    assert day().rows == 4, "it said that it took them"
    standin.lose_rows(CARTS, 0)
    reconcile.everything("bigquery", min_age=timedelta(0))
    drain()
    assert day().rows == 4 + 2


def test_a_back_fill_of_what_is_still_there_costs_nothing(warehouse: stores.BigQueryStore) -> None:
    capture()
    drain()
    before = day()
    control.back_fill("bigquery", None, by="olive")
    assert drain() == 3
    assert (day().rows, day().requests) == (before.rows, before.requests)


def recorded_within_one(unit: str, all_used: list[dict[Place, Used]]) -> UsageDay:
    """The one row of them, written in the same second, or hour, of the database: anew when one ended in between."""
    for _ in range(20):
        UsageDay.objects.all().delete()
        seen: set[Any] = set()
        for used in all_used:
            usage.record(used)
            seen.update(UsageDay.objects.values_list("day", unit))
        if len(seen) == 1:
            return UsageDay.objects.get()
    raise AssertionError(f"it never fits into a {unit}")


def test_the_busiest_second_adds_up_what_came_in_it(log: None) -> None:
    place = (CARTS, STREAMING)
    found = recorded_within_one("second", [{place: Used(sent_rows=rows)} for rows in (300, 500, 200)])
    assert (found.busiest_rows, found.second_rows, found.busiest_at) == (1000, 1000, found.second)
    moment = datetime.now(UTC).replace(microsecond=0)
    UsageDay.objects.update(second=moment - timedelta(seconds=60), second_rows=900, busiest_rows=900)
    usage.record({place: Used(sent_rows=10)})
    assert (day().busiest_rows, day().second_rows) == (900, 10)
    UsageDay.objects.update(second=moment + timedelta(seconds=60))
    usage.record({place: Used(sent_rows=901)})
    assert day().busiest_rows == 901


def test_streams_are_counted_by_the_hour(log: None) -> None:
    found = recorded_within_one("hour", [{(CARTS, "storage_write"): Used(requests=1, streams=1)}] * 2)
    assert (found.streams, found.busiest_streams) == (2, 2)
    UsageDay.objects.update(hour=datetime.now(UTC) - timedelta(hours=2), hour_streams=7, busiest_streams=7)
    usage.record({(CARTS, "storage_write"): Used(streams=1)})
    assert (UsageDay.objects.get().hour_streams, UsageDay.objects.get().busiest_streams) == (1, 7)


def test_many_workers_at_once_lose_no_count(log: None) -> None:
    def work() -> None:
        for _ in range(20):
            usage.record(
                {(table, STREAMING): Used(requests=1, sent_rows=5, rows=5) for table in (CARTS, SEARCHES)}
            )
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(one.requests, one.rows, one.sent_rows) for one in UsageDay.objects.all()} == {(80, 400, 400)}


def test_the_bytes_are_those_that_left(log: None, settings: Settings) -> None:
    """Told by a server that counts them itself."""
    seen: list[int] = []

    class Counting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sink = BigQuerySink("p", "d", endpoint=f"http://127.0.0.1:{server.server_port}")
        settings.SINKS = {"bigquery": configured(sink)}
        capture(carts=40, searches=7)
        assert ingest.accept([CART.replace(b'"s"', '"été"'.encode())]).accepted == 1
        drain()
        server.shutdown()
    assert len(seen) == 2
    assert sorted(one.sent_bytes for one in UsageDay.objects.filter(mode=STREAMING)) == sorted(seen)
    sinks.get("bigquery").client.close()  # type: ignore[attr-defined]


def test_a_request_that_nobody_took_is_none(log: None, settings: Settings) -> None:
    settings.SINKS = {"bigquery": configured(BigQuerySink("p", "d", endpoint=f"http://{stores.NOBODY}"))}
    capture()
    assert drain() == 0
    assert not UsageDay.objects.exists()


def test_own_queries_are_counted_too(warehouse: stores.BigQueryStore, standin: Standin) -> None:
    capture()
    standin.fail(match=INSERT, apply_then={"hang_up": True})
    drain()
    drain()
    drain()
    asked = UsageDay.objects.get(mode="query")
    assert (asked.table_name, asked.requests, asked.billed_bytes) == ("", 1, 10 * 1024 * 1024)


def test_a_store_that_charges_nothing_costs_no_statement(memory: MemorySink) -> None:
    ingest.accept([CART])
    with CaptureQueriesContext(connection) as captured:
        deliver.drain("memory")
    assert not [one for one in captured if "capture_usageday" in one["sql"]]
    assert not UsageDay.objects.exists()
    assert not OutboxBatch.objects.get().is_counted


def test_a_failing_store_that_charges_nothing_costs_none_either(memory: MemorySink) -> None:
    ingest.accept([CART])
    memory.fail_next(Unavailable("away"))
    deliver.drain("memory")
    assert not UsageDay.objects.exists()


def test_days_are_kept_for_longer_than_a_year(log: None) -> None:
    today = datetime.now(UTC).date()
    for age in (0, 90, 400, 401):
        UsageDay.objects.create(day=today - timedelta(days=age), table_name=CARTS, mode=STREAMING)
    retention.prune()
    ages = {(today - one.day).days for one in UsageDay.objects.all()}
    assert ages == {0, 90, 400}


def test_a_row_takes_what_google_says_that_its_types_take() -> None:
    (record,) = [one for one in records(5) if one.event_type == "order"]
    sent = {
        "event_id": "12345",  # 7
        "event_type": "ordér",  # 8: two bytes for é, two beside
        "timestamp": "2026-11-20T10:00:00.000000Z",  # 8
        "occurred_at": "2026-11-20T09:59:59.000000Z",  # 8
        "schema_version": 1,  # 8
        "metadata": '{"a":1}',  # 7
        "items": [
            {"product_id": "ab", "quantity": "2", "price": "3.50"},  # 4 + 16 + 16
            {"product_id": "c", "quantity": "1"},  # 3 + 16
        ],
        "total_value": "7.00",  # 16
    }
    assert bigquery_sizes.of_rows("order", [sent]) == {"12345": 7 + 8 + 8 + 8 + 8 + 7 + 36 + 19 + 16}
    assert bigquery_sizes.of_rows("order", [row(record, "bigquery-1")])[record.event_id] > 100
