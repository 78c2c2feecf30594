"""Queries and jobs. Source: cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query, …/jobs/insert,
…/jobs/getQueryResults, and the GoogleSQL reference pages cited below."""

import datetime as dt
import decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY, Field, StandIn, ask, event, make_table, only, stream

DAY = dt.date(2026, 1, 1)  # a Thursday
MOMENT = dt.datetime(2026, 1, 1, 10, 30, 0, 250, tzinfo=dt.UTC)


@pytest.fixture
def orders(client: bigquery.Client) -> bigquery.Table:
    line = [Field("sku", "STRING"), Field("n", "INTEGER")]
    fields = [
        Field("id", "STRING"),
        Field("items", "RECORD", "REPEATED", fields=line),
        Field("extra", "JSON"),
    ]
    table = make_table(client, "orders", *fields)
    milk, egg = {"sku": "milk", "n": 2}, {"sku": "egg", "n": 12}
    rows: list[dict[str, Any]] = [
        {"id": "a", "items": [milk, egg], "extra": '{"shop": {"city": "Montréal"}}'},
        {"id": "b", "items": [milk], "extra": None},
    ]
    assert client.insert_rows_json(table, rows) == []
    return table


@pytest.mark.parametrize("run", ["query_and_wait", "query"])
def test_both_ways_of_asking_give_typed_rows(client: bigquery.Client, run: str) -> None:
    text = """SELECT 1 AS i, 0.5 AS f, NUMERIC '1.20' AS n, TRUE AS b, 'x' AS s, b'hi' AS y, DATE '2026-01-01' AS d,
        TIMESTAMP '2026-01-01 10:30:00.00025Z' AS t, TIME '10:00:00' AS c, DATETIME '2026-01-01 00:00:00' AS w,
        [1, 2] AS a, STRUCT('m' AS sku, [STRUCT(1 AS k)] AS ks) AS r, JSON '{"k": [1]}' AS j, NULL AS z"""
    answer = client.query_and_wait(text) if run == "query_and_wait" else client.query(text).result()
    (row,) = answer
    assert dict(row) == {
        "i": 1,
        "f": 0.5,
        "n": decimal.Decimal("1.2"),
        "b": True,
        "s": "x",
        "y": b"hi",
        "d": DAY,
        "t": MOMENT,
        "c": dt.time(10),
        "w": dt.datetime(2026, 1, 1),  # noqa: DTZ001
        "a": [1, 2],
        "r": {"sku": "m", "ks": [{"k": 1}]},
        "j": {"k": [1]},
        "z": None,
    }


@pytest.mark.parametrize(
    ("option", "shown"),
    [({}, "1767263400.00025"), ({"useInt64Timestamp": True}, "1767263400000250")],
)
def test_timestamps_come_in_the_form_asked_for(standin: StandIn, option: Any, shown: str) -> None:
    """…/DataFormatOptions"""
    body = {
        "query": "SELECT TIMESTAMP '2026-01-01 10:30:00.00025Z'",
        "useLegacySql": False,
        "formatOptions": option,
    }
    assert standin.send("POST", "/queries", json=body).json()["rows"] == [{"f": [{"v": shown}]}]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("EXTRACT(DAYOFWEEK FROM DATE '2026-01-04')", 1),
        ("EXTRACT(DAYOFWEEK FROM TIMESTAMP '2026-01-03 23:00:00Z')", 7),
        ("EXTRACT(ISOWEEK FROM DATE '2026-01-01')", 1),
        ("EXTRACT(WEEK FROM DATE '2026-01-01')", 0),
        ("DATE(TIMESTAMP '2026-01-01 02:00:00Z')", DAY),
        ("DATE(TIMESTAMP '2026-01-01 02:00:00Z', 'America/Montreal')", DAY - dt.timedelta(days=1)),
        ("DATE_TRUNC(DATE '2026-01-01', WEEK)", dt.date(2025, 12, 28)),
        ("DATE_TRUNC(DATE '2026-01-31', MONTH)", DAY),
        ("DATE_SUB(DATE '2026-01-02', INTERVAL 1 DAY)", DAY),
        ("DATE_ADD(DATE '2025-12-01', INTERVAL 1 MONTH)", DAY),
        ("DATE_DIFF(DATE '2026-01-01', DATE '2025-12-25', DAY)", 7),
        ("TIMESTAMP_DIFF(TIMESTAMP '2001-02-01 01:00:00Z', TIMESTAMP '2001-02-01 00:00:01Z', HOUR)", 0),
        ("TIMESTAMP_SUB(TIMESTAMP '2026-01-01 10:31:00.00025Z', INTERVAL 1 MINUTE)", MOMENT),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2026-01-01 10:30:00Z', DAY)", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        ("FORMAT_TIMESTAMP('%Y-%m-%d %H', TIMESTAMP '2026-01-01 10:30:00Z')", "2026-01-01 10"),
        ("UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:10Z')", 10),
        ("UNIX_SECONDS(TIMESTAMP '1970-01-01 00:00:10.999999Z')", 10),
        ("SAFE_DIVIDE(1, 0)", None),
        ("10 / 4", 2.5),
        ("POW(0.5, 2)", 0.25),
        ("GREATEST(1, 3, 2)", 3),
        ("GREATEST(1, NULL)", None),
        ("IFNULL(NULL, 1)", 1),
        ("SAFE_CAST('x' AS INT64)", None),
        ("JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("TO_JSON_STRING(STRUCT(1 AS a))", '{"a":1}'),
        ("[10, 20][OFFSET(0)]", 10),
        ("[10, 20][SAFE_OFFSET(5)]", None),
        ("(SELECT COUNTIF(x > 1) FROM UNNEST([1, 2, 3]) AS x)", 2),
        ("(SELECT COUNTIF(x > 1) FROM UNNEST([CAST(NULL AS INT64)]) AS x)", 0),
        ("(SELECT COUNTIF(TRUE) FROM (SELECT 1 AS x FROM UNNEST([1]) AS x WHERE FALSE))", 0),
        ("(SELECT APPROX_COUNT_DISTINCT(x) FROM UNNEST([1, 1, 3]) AS x)", 2),
        ("(SELECT APPROX_QUANTILES(x, 2)[OFFSET(1)] FROM UNNEST([1, 2, 3]) AS x)", 2),
        ("ARRAY(SELECT pos FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS pos ORDER BY pos)", [0, 1]),
        ("(SELECT ARRAY_AGG(x ORDER BY x DESC LIMIT 2) FROM UNNEST([1, 2, 3]) AS x)", [3, 2]),
        ("2 IN UNNEST([1, 2])", True),
    ],
)
def test_functions_answer_as_in_googlesql(client: bigquery.Client, expression: str, value: Any) -> None:
    """cloud.google.com/bigquery/docs/reference/standard-sql/functions-all"""
    assert only(client, expression) == value


def test_division_by_zero_is_an_error(client: bigquery.Client) -> None:
    """…/standard-sql/operators#arithmetic_operators"""
    with pytest.raises(exceptions.BadRequest, match="division by zero"):
        only(client, "(SELECT 1 / x FROM UNNEST([0]) AS x)")


def test_arrays_of_records_are_unnested(client: bigquery.Client, orders: bigquery.Table) -> None:
    """…/standard-sql/arrays#flattening_arrays"""
    text = "SELECT i.sku, SUM(i.n) AS n FROM shop.orders AS o, UNNEST(o.items) AS i GROUP BY i.sku ORDER BY 1"
    assert ask(client, text) == [{"sku": "egg", "n": 12}, {"sku": "milk", "n": 4}]
    text = "SELECT id FROM shop.orders AS o WHERE EXISTS (SELECT 1 FROM UNNEST(o.items) AS i WHERE i.n > 10)"
    assert ask(client, text) == [{"id": "a"}]


def test_json_is_taken_apart(client: bigquery.Client, orders: bigquery.Table) -> None:
    """…/standard-sql/json_functions"""
    text = "SELECT JSON_VALUE(extra, '$.shop.city') AS v, extra.shop AS s FROM `shop-1.shop.orders` WHERE id = 'a'"
    assert ask(client, text) == [{"v": "Montréal", "s": {"city": "Montréal"}}]


def test_the_latest_row_of_each_is_found_with_a_window(
    client: bigquery.Client, events: bigquery.Table
) -> None:
    """…/standard-sql/query-syntax#qualify_clause"""
    stream(client, events, event("1", user_id="ann", days_ago=0.2), event("2", user_id="ann"))
    window = "ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY timestamp DESC)"
    assert ask(client, f"SELECT event_id FROM shop.events WHERE {TODAY} QUALIFY {window} = 1") == [
        {"event_id": "2"}
    ]
    text = f"WITH r AS (SELECT *, {window} AS place FROM shop.events WHERE {TODAY}) SELECT * EXCEPT (place) FROM r"
    assert [set(row) for row in ask(client, f"{text} WHERE place = 1")] == [
        {"event_id", "timestamp", "user_id", "quantity"}
    ]


def test_parameters_by_name_and_by_position(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/parameterized-queries"""
    scalar, array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter
    found = ask(
        client,
        "SELECT @day AS day, @none AS none, 'b' IN UNNEST(@ids) AS is_in, ARRAY_LENGTH(@empty) AS n, @at AS moment",
        day=scalar("day", "DATE", DAY),
        none=scalar("none", "STRING", None),
        ids=array("ids", "STRING", ["a", "b"]),
        empty=array("empty", "INT64", []),
        at=scalar("at", "TIMESTAMP", MOMENT),
    )
    assert found == [{"day": DAY, "none": None, "is_in": True, "n": 0, "moment": MOMENT}]
    assert ask(
        client, "SELECT ? AS a, ? + 1 AS b", a=scalar(None, "STRING", "x"), b=scalar(None, "INT64", 2)
    ) == [{"a": "x", "b": 3}]
    with pytest.raises(exceptions.BadRequest, match="parameter 'who' not found"):
        ask(client, "SELECT @who")


def test_columns_without_a_name_are_numbered(client: bigquery.Client) -> None:
    assert list(ask(client, "SELECT 1, 2 AS two, COUNT(*) FROM UNNEST([1])")[0]) == ["f0_", "two", "f1_"]


def test_results_come_in_pages(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/paging-results"""
    text = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x"
    for answer in (client.query(text).result(page_size=10), client.query_and_wait(text, page_size=10)):
        assert [len(list(page)) for page in answer.pages] == [10, 10, 5]
        assert answer.total_rows == 25


def test_rows_are_listed_without_a_query(client: bigquery.Client, orders: bigquery.Table) -> None:
    """…/rest/v2/tabledata/list"""
    assert [row["id"] for row in client.list_rows(orders, page_size=1)] == ["a", "b"]
    assert [tuple(row) for row in client.list_rows(orders, selected_fields=orders.schema[:1])] == [
        ("a",),
        ("b",),
    ]


def test_a_dry_run_names_the_columns_and_does_nothing(
    client: bigquery.Client, orders: bigquery.Table
) -> None:
    """cloud.google.com/bigquery/docs/running-queries#dry-run"""
    config = bigquery.QueryJobConfig(dry_run=True)
    job = client.query("SELECT id FROM shop.orders", job_config=config)
    assert [f.name for f in job.schema or []] == ["id"]
    client.query("INSERT INTO shop.orders (id) VALUES ('c')", job_config=config)
    assert only(client, "(SELECT COUNT(*) FROM shop.orders)") == 2
    with pytest.raises(exceptions.BadRequest):
        client.query("SELECT nothing FROM shop.orders", job_config=config)


def test_a_failed_job_says_so_when_its_result_is_wanted(client: bigquery.Client) -> None:
    """…/rest/v2/Job#JobStatus"""
    job = client.query("SELECT nothing", job_retry=None)
    assert (job.state, job.error_result["reason"]) == ("DONE", "invalidQuery")
    with pytest.raises(exceptions.BadRequest, match="nothing"):
        job.result()
    assert client.get_job(job.job_id).error_result["reason"] == "invalidQuery"


def test_a_job_id_is_used_once(client: bigquery.Client) -> None:
    client.query("SELECT 1", job_id="mine", job_retry=None).result()
    with pytest.raises(exceptions.Conflict, match="Already Exists: Job"):
        client.query("SELECT 1", job_id="mine", job_retry=None)
    with pytest.raises(exceptions.NotFound):
        client.get_job("other")


def test_a_repeated_request_id_runs_once(
    standin: StandIn, client: bigquery.Client, orders: bigquery.Table
) -> None:
    """…/rest/v2/jobs/query (requestId)"""
    body = {"query": "INSERT INTO shop.orders (id) VALUES ('c')", "useLegacySql": False, "requestId": "r1"}
    for _ in range(2):
        assert standin.send("POST", "/queries", json=body).json()["numDmlAffectedRows"] == "1"
    assert only(client, "(SELECT COUNT(*) FROM shop.orders)") == 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELEC 1", exceptions.BadRequest),
        ("SELECT 1 AS a, 2 AS a", exceptions.BadRequest),
        ("SELECT * FROM orders", exceptions.BadRequest),
        ("SELECT * FROM shop.nothing", exceptions.NotFound),
        ("SELECT * FROM nothing.orders", exceptions.NotFound),
        ("SELECT _standin_insert_id FROM shop.orders", exceptions.BadRequest),
        ("SELECT * FROM read_csv('/etc/hosts')", exceptions.BadRequest),
        ("SELECT 1; SELECT 2", exceptions.MethodNotImplemented),
        ("CREATE TABLE shop.t (a INT64)", exceptions.MethodNotImplemented),
    ],
)
def test_what_cannot_be_answered_is_refused(
    client: bigquery.Client, orders: bigquery.Table, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(client, text)


def test_a_default_dataset_completes_names(client: bigquery.Client, orders: bigquery.Table) -> None:
    config = bigquery.QueryJobConfig(default_dataset="shop-1.shop")
    assert len(list(client.query_and_wait("SELECT id FROM orders", job_config=config))) == 2


def test_views_are_made_replaced_and_dropped_by_statement(
    client: bigquery.Client, orders: bigquery.Table
) -> None:
    """…/standard-sql/data-definition-language#create_view_statement"""
    client.query_and_wait("CREATE VIEW shop.v AS SELECT id FROM `shop-1.shop.orders`")
    with pytest.raises(exceptions.Conflict):
        client.query_and_wait("CREATE VIEW shop.v AS SELECT 1 AS one")
    client.query_and_wait("CREATE VIEW IF NOT EXISTS shop.v AS SELECT 1 AS one")
    assert [row["id"] for row in ask(client, "SELECT * FROM shop.v ORDER BY id")] == ["a", "b"]
    client.query_and_wait("CREATE OR REPLACE VIEW shop.v AS SELECT 1 AS one")
    assert ask(client, "SELECT * FROM shop.v") == [{"one": 1}]
    client.query_and_wait("DROP VIEW shop.v")
    client.query_and_wait("DROP VIEW IF EXISTS shop.v")
    assert [t.table_id for t in client.list_tables("shop")] == ["orders"]


def test_columns_can_be_looked_up(client: bigquery.Client, events: bigquery.Table) -> None:
    """cloud.google.com/bigquery/docs/information-schema-columns"""
    text = "SELECT column_name, data_type, is_partitioning_column FROM shop.INFORMATION_SCHEMA.COLUMNS"
    assert [tuple(row.values()) for row in ask(client, f"{text} ORDER BY ordinal_position")] == [
        ("event_id", "STRING", "NO"),
        ("timestamp", "TIMESTAMP", "YES"),
        ("user_id", "STRING", "NO"),
        ("quantity", "INT64", "NO"),
    ]
