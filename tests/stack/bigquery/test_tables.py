"""Tables and views. Source: cloud.google.com/bigquery/docs/reference/rest/v2/tables and the pages cited below."""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import Field, StandIn, ask, event, make_table, stream


def test_a_table_keeps_its_schema_partitioning_clustering_and_labels(client: bigquery.Client) -> None:
    item = Field(
        "items", "RECORD", "REPEATED", fields=[Field("sku", "STRING", "REQUIRED"), Field("n", "INT64")]
    )
    make_table(
        client,
        "orders",
        Field("timestamp", "TIMESTAMP", "REQUIRED", description="when"),
        item,
        time_partitioning=bigquery.TimePartitioning(field="timestamp", expiration_ms=1000),
        clustering_fields=["timestamp"],
        require_partition_filter=True,
        description="orders",
        labels={"team": "search"},
    )
    table = client.get_table("shop.orders")
    assert [(f.name, f.field_type, f.mode) for f in table.schema] == [
        ("timestamp", "TIMESTAMP", "REQUIRED"),
        ("items", "RECORD", "REPEATED"),
    ]
    assert [(f.name, f.field_type, f.mode) for f in table.schema[1].fields] == [
        ("sku", "STRING", "REQUIRED"),
        ("n", "INTEGER", "NULLABLE"),
    ]
    assert table.schema[0].description == "when"
    partitioning = table.time_partitioning
    assert (partitioning.field, partitioning.type_, partitioning.expiration_ms) == ("timestamp", "DAY", 1000)
    assert (table.clustering_fields, table.require_partition_filter) == (["timestamp"], True)
    assert (table.description, table.labels, table.table_type) == ("orders", {"team": "search"}, "TABLE")
    assert table.etag


def test_tables_are_listed_and_deleted(client: bigquery.Client) -> None:
    make_table(client, "b", Field("x", "STRING"))
    make_table(client, "a", Field("x", "STRING"))
    assert [t.table_id for t in client.list_tables("shop", page_size=1)] == ["a", "b"]
    client.delete_table("shop.a")
    with pytest.raises(exceptions.NotFound, match=r"Not found: Table shop-1:shop\.a"):
        client.get_table("shop.a")
    with pytest.raises(exceptions.NotFound):
        client.delete_table("shop.a")


def test_creating_an_existing_table_is_a_conflict(client: bigquery.Client) -> None:
    make_table(client, "t", Field("x", "STRING"))
    with pytest.raises(exceptions.Conflict, match=r"Already Exists: Table shop-1:shop\.t"):
        make_table(client, "t", Field("x", "STRING"))


def change_schema(client: bigquery.Client, name: str, *fields: Field) -> bigquery.Table:
    table = client.get_table(f"shop.{name}")
    table.schema = list(fields)
    return client.update_table(table, ["schema"])


def test_columns_are_added_and_requirements_relaxed(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/managing-table-schemas (add a column; change REQUIRED to NULLABLE)"""
    nested = Field("r", "RECORD", "REPEATED", fields=[Field("x", "STRING")])
    table = make_table(client, "t", Field("id", "STRING", "REQUIRED"), nested)
    client.insert_rows_json(table, [{"id": "old", "r": [{"x": "1"}]}])

    wider = Field("r", "RECORD", "REPEATED", fields=[Field("x", "STRING"), Field("y", "INTEGER")])
    table = change_schema(client, "t", Field("id", "STRING"), wider, Field("tags", "STRING", "REPEATED"))
    assert client.insert_rows_json(table, [{"r": [{"x": "2", "y": 2}], "tags": ["a"]}]) == []
    assert ask(client, "SELECT * FROM shop.t ORDER BY id DESC") == [
        {"id": "old", "r": [{"x": "1", "y": None}], "tags": []},
        {"id": None, "r": [{"x": "2", "y": 2}], "tags": ["a"]},
    ]


@pytest.mark.parametrize(
    "fields",
    [
        (Field("a", "STRING"),),
        (Field("a", "STRING"), Field("b", "STRING")),
        (Field("a", "STRING", "REQUIRED"), Field("b", "INTEGER")),
        (Field("a", "STRING"), Field("b", "INTEGER"), Field("c", "STRING", "REQUIRED")),
        (Field("a", "STRING", "REPEATED"), Field("b", "INTEGER")),
    ],
    ids=["column gone", "type changed", "made required", "required added", "made repeated"],
)
def test_other_changes_of_a_schema_are_refused(client: bigquery.Client, fields: tuple[Field, ...]) -> None:
    """cloud.google.com/bigquery/docs/managing-table-schemas (Overview)"""
    make_table(client, "t", Field("a", "STRING"), Field("b", "INTEGER"))
    with pytest.raises(exceptions.BadRequest, match="Provided Schema does not match Table") as caught:
        change_schema(client, "t", *fields)
    assert caught.value.errors[0]["reason"] == "invalid"
    assert len(client.get_table("shop.t").schema) == 2


def test_partition_expiry_and_filter_can_change_and_the_partition_column_cannot(
    client: bigquery.Client, events: bigquery.Table
) -> None:
    """cloud.google.com/bigquery/docs/managing-partitioned-tables"""
    events.time_partitioning = bigquery.TimePartitioning(field="timestamp", expiration_ms=5000)
    events.require_partition_filter = False
    events = client.update_table(events, ["time_partitioning", "require_partition_filter"])
    assert (events.time_partitioning.expiration_ms, events.require_partition_filter) == (5000, False)
    events.time_partitioning = None
    with pytest.raises(exceptions.BadRequest, match="Cannot change partitioning"):
        client.update_table(events, ["time_partitioning"])


def test_a_table_partitions_on_a_column_it_has(client: bigquery.Client) -> None:
    for field in ("nowhere", "a"):
        partitioning = bigquery.TimePartitioning(field=field)
        with pytest.raises(exceptions.BadRequest, match="partitioning"):
            make_table(client, "t", Field("a", "STRING"), time_partitioning=partitioning)


def test_row_counts_leave_out_the_streaming_buffer(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    """cloud.google.com/bigquery/docs/reference/rest/v2/tables (numRows, streamingBuffer)"""
    stream(client, events, event("1"), event("2"))
    fresh = client.get_table(events)
    assert (fresh.num_rows, fresh.streaming_buffer.estimated_rows) == (0, 2)
    standin.pass_time(minutes=31)
    settled = client.get_table(events)
    assert (settled.num_rows, settled.streaming_buffer) == (2, None)


def test_a_view_shows_what_its_query_finds(client: bigquery.Client, events: bigquery.Table) -> None:
    """cloud.google.com/bigquery/docs/views"""
    stream(client, events, event("1", user_id="ann"), event("2", user_id="bob"))
    view = bigquery.Table("shop-1.shop.recent")
    view.view_query = """SELECT user_id, COUNT(*) AS events FROM `shop-1.shop.events`
        WHERE timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY) GROUP BY user_id"""
    view = client.create_table(view)
    assert (view.table_type, [f.name for f in view.schema]) == ("VIEW", ["user_id", "events"])
    assert ask(client, "SELECT * FROM shop.recent WHERE user_id = 'ann'") == [{"user_id": "ann", "events": 1}]

    view.view_query = "SELECT 1 AS one"
    client.update_table(view, ["view_query"])
    assert ask(client, "SELECT * FROM shop.recent") == [{"one": 1}]
    with pytest.raises(exceptions.BadRequest):
        client.insert_rows_json(view, [{"one": 1}])


def test_a_view_over_a_missing_table_is_refused(client: bigquery.Client) -> None:
    view = bigquery.Table("shop-1.shop.v")
    view.view_query = "SELECT * FROM `shop-1.shop.nothing`"
    with pytest.raises(exceptions.NotFound):
        client.create_table(view)


def test_what_would_be_ignored_is_refused(standin: StandIn, client: bigquery.Client) -> None:
    body = {"tableReference": {"tableId": "t"}, "expirationTime": "123"}
    answer = standin.send("POST", "/datasets/shop/tables", json=body)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (501, "notImplemented")
