"""tabledata.insertAll. Source: cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
and the pages cited below."""

import gzip
import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY, Field, StandIn, ask, event, make_table, stream

INSERT = "/datasets/shop/tables/events/insertAll"


def ids(client: bigquery.Client) -> list[str]:
    found = ask(client, f"SELECT event_id FROM shop.events WHERE {TODAY} ORDER BY event_id")
    return [row["event_id"] for row in found]


def test_rows_are_there_at_once(client: bigquery.Client, events: bigquery.Table) -> None:
    """cloud.google.com/bigquery/docs/streaming-data-into-bigquery (Stream data availability)"""
    assert stream(client, events, event("1"), event("2")) == []
    assert ids(client) == ["1", "2"]


def test_one_bad_row_stops_the_request(client: bigquery.Client, events: bigquery.Table) -> None:
    """…#troubleshooting (errors for individual rows: all are refused, the good ones as "stopped")"""
    errors = stream(client, events, event("1"), event("2", quantity="two"), event("3"))
    assert [(e["index"], e["errors"][0]["reason"]) for e in errors] == [
        (1, "invalid"),
        (0, "stopped"),
        (2, "stopped"),
    ]
    assert ids(client) == []


def test_bad_rows_can_be_skipped(client: bigquery.Client, events: bigquery.Table) -> None:
    sent = [event("1"), event("2", quantity="two"), event("3")]
    errors = client.insert_rows_json(events, sent, skip_invalid_rows=True)
    assert [e["index"] for e in errors] == [1]
    assert ids(client) == ["1", "3"]


def test_an_insert_id_is_remembered_for_a_minute_and_no_longer(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    """cloud.google.com/bigquery/docs/streaming-data-into-bigquery (Best effort de-duplication)"""
    stream(client, events, event("1"), event("1"))
    standin.pass_time(seconds=20)
    assert stream(client, events, event("1")) == []
    assert ids(client) == ["1"]
    standin.pass_time(seconds=45)
    stream(client, events, event("1"))
    assert ids(client) == ["1", "1"]


def test_an_insert_id_counts_for_its_own_table(client: bigquery.Client, events: bigquery.Table) -> None:
    other = make_table(client, "other", *events.schema)
    stream(client, events, event("1"))
    stream(client, other, event("1"))
    assert ask(client, "SELECT COUNT(*) AS n FROM shop.other") == [{"n": 1}]


def test_rows_without_an_insert_id_are_never_taken_for_the_same(
    client: bigquery.Client, events: bigquery.Table
) -> None:
    """…#disabling_best_effort_de-duplication"""
    for _ in range(2):
        client.insert_rows_json(events, [event("1")], row_ids=[None])
    assert ids(client) == ["1", "1"]


def post(standin: StandIn, content: bytes, **headers: str) -> Any:
    return standin.send("POST", INSERT, data=content, headers={"Content-Type": "application/json", **headers})


def test_a_request_has_at_most_ten_megabytes_however_packed(standin: StandIn, events: bigquery.Table) -> None:
    """cloud.google.com/bigquery/quotas#streaming_inserts (HTTP request size limit)"""
    content = json.dumps({"rows": [{"json": event("1", user_id="x" * 10 * 1024 * 1024)}]}).encode()
    assert post(standin, content).status_code == 413
    assert post(standin, gzip.compress(content), **{"Content-Encoding": "gzip"}).status_code == 413


def test_a_gzipped_request_is_read(standin: StandIn, client: bigquery.Client, events: bigquery.Table) -> None:
    content = gzip.compress(json.dumps({"rows": [{"json": event("1")}]}).encode())
    assert post(standin, content, **{"Content-Encoding": "gzip"}).json().get("insertErrors") is None
    assert ids(client) == ["1"]


def test_a_request_has_at_most_fifty_thousand_rows(standin: StandIn, events: bigquery.Table) -> None:
    """cloud.google.com/bigquery/quotas#streaming_inserts (maximum rows per request)"""
    answer = standin.send("POST", INSERT, json={"rows": [{"json": {}}] * 50_001})
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "invalid")


@pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": [{"insertId": "x" * 129, "json": {}}]}])
def test_a_request_without_rows_or_with_long_insert_ids_is_refused(
    standin: StandIn, events: bigquery.Table, body: dict[str, Any]
) -> None:
    """cloud.google.com/bigquery/quotas#streaming_inserts (insertId field length)"""
    assert standin.send("POST", INSERT, json=body).status_code == 400


def test_template_tables_are_refused(standin: StandIn, events: bigquery.Table) -> None:
    answer = standin.send("POST", INSERT, json={"templateSuffix": "_a", "rows": [{"json": event("1")}]})
    assert answer.status_code == 501


def test_streaming_into_a_missing_table_is_not_found(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.NotFound):
        client.insert_rows_json("shop-1.shop.nothing", [{"a": 1}])


@pytest.mark.parametrize(("days_ago", "is_taken"), [(3640, True), (3660, False), (-360, True), (-370, False)])
def test_streaming_reaches_ten_years_back_and_one_ahead(
    client: bigquery.Client, days_ago: int, is_taken: bool
) -> None:
    """cloud.google.com/bigquery/docs/streaming-data-into-bigquery (Time-unit column partitioning)"""
    fields = [Field("event_id", "STRING"), Field("timestamp", "TIMESTAMP")]
    by_day = bigquery.TimePartitioning(field="timestamp")
    table = make_table(client, "t", *fields, time_partitioning=by_day)
    errors = stream(client, table, event("1", days_ago=days_ago))
    assert [e["errors"][0]["reason"] for e in errors] == ([] if is_taken else ["invalid"])


def test_a_row_of_an_expired_partition_vanishes(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    """cloud.google.com/bigquery/docs/managing-partitioned-tables#partition-expiration"""
    assert stream(client, events, event("old", days_ago=92), event("new", days_ago=88)) == []
    everything = "SELECT event_id FROM shop.events WHERE timestamp > '2000-01-01'"
    assert ask(client, everything) == [{"event_id": "new"}]
    standin.pass_time(days=4)
    assert ask(client, everything) == []
    assert list(client.list_rows(events)) == []


def test_rows_can_be_made_to_vanish(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    """Ours, not Google's: a 200 that lies, for those who verify what they sent."""
    standin.tell("lose_rows", table="events", every=3)
    assert stream(client, events, *(event(str(n)) for n in range(1, 7))) == []
    assert ids(client) == ["1", "2", "4", "5"]
    standin.tell("lose_rows", table="events", every=0)
    stream(client, events, event("7"), event("8"), event("9"))
    assert ids(client) == ["1", "2", "4", "5", "7", "8", "9"]


def test_a_lost_answer_leaves_the_rows_behind(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    """Ours: the request is applied, and the client told that it failed."""
    standin.tell("faults", match={"path": "insertAll"}, action={"apply_then": {"status": 504}})
    with pytest.raises(exceptions.GatewayTimeout):
        client.insert_rows_json(events, [event("1")], row_ids=["1"], retry=None)  # type: ignore[arg-type]
    stream(client, events, event("1"))
    assert ids(client) == ["1"]
