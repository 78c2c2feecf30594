"""DML. Source: cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax and
cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language#limitations"""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY, Field, StandIn, ask, event, make_table, stream


def change(client: bigquery.Client, text: str) -> int | None:
    found: int | None = client.query_and_wait(text).num_dml_affected_rows
    return found


@pytest.fixture
def stock(client: bigquery.Client) -> bigquery.Table:
    table = make_table(client, "stock", Field("sku", "STRING", "REQUIRED"), Field("n", "INTEGER"))
    assert change(client, "INSERT INTO shop.stock (sku, n) VALUES ('egg', 12), ('milk', 2)") == 2
    return table


def in_stock(client: bigquery.Client) -> dict[str, int]:
    return {row["sku"]: row["n"] for row in ask(client, "SELECT * FROM shop.stock")}


def test_statements_say_how_many_rows_they_changed(client: bigquery.Client, stock: bigquery.Table) -> None:
    assert change(client, "UPDATE shop.stock SET n = n - 1 WHERE sku = 'egg'") == 1
    assert change(client, "INSERT shop.stock SELECT 'tea', 1") == 1
    assert change(client, "DELETE FROM shop.stock WHERE n < 3") == 2
    assert in_stock(client) == {"egg": 11}
    job = client.query("DELETE FROM shop.stock WHERE TRUE")
    job.result()
    assert (
        job.statement_type,
        job.num_dml_affected_rows,
        job.dml_stats and job.dml_stats.deleted_row_count,
    ) == (
        "DELETE",
        1,
        1,
    )
    assert change(client, "TRUNCATE TABLE shop.stock") == 0


def test_merge_updates_inserts_and_deletes(client: bigquery.Client, stock: bigquery.Table) -> None:
    text = """MERGE shop.stock AS s USING (SELECT 'egg' AS sku, 6 AS n UNION ALL SELECT 'tea', 1) AS d ON s.sku = d.sku
        WHEN MATCHED THEN UPDATE SET n = s.n + d.n
        WHEN NOT MATCHED THEN INSERT ROW
        WHEN NOT MATCHED BY SOURCE THEN DELETE"""
    assert change(client, text) == 3
    assert in_stock(client) == {"egg": 18, "tea": 1}


@pytest.mark.parametrize("text", ["DELETE FROM shop.stock", "UPDATE shop.stock SET n = 0"])
def test_a_change_needs_a_where(client: bigquery.Client, stock: bigquery.Table, text: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="must have a WHERE clause"):
        change(client, text)


def test_a_required_column_is_required_of_statements_too(
    client: bigquery.Client, stock: bigquery.Table
) -> None:
    with pytest.raises(exceptions.BadRequest, match="cannot be null"):
        change(client, "INSERT INTO shop.stock (n) VALUES (1)")


STREAMED_CHANGES = [
    f"DELETE FROM shop.events WHERE event_id = '1' AND {TODAY}",
    f"UPDATE shop.events SET user_id = NULL WHERE event_id = '1' AND {TODAY}",
    f"UPDATE shop.events SET user_id = user_id WHERE {TODAY}",
    f"""MERGE shop.events AS e USING (SELECT '1' AS event_id) AS d ON e.event_id = d.event_id AND e.{TODAY}
        WHEN MATCHED THEN DELETE""",
    f"""MERGE shop.events AS e USING (SELECT '1' AS event_id) AS d ON e.event_id = d.event_id AND e.{TODAY}
        WHEN MATCHED THEN UPDATE SET user_id = NULL""",
    "TRUNCATE TABLE shop.events",
]


@pytest.mark.parametrize("text", STREAMED_CHANGES)
def test_rows_streamed_within_half_an_hour_cannot_be_changed(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table, text: str
) -> None:
    stream(client, events, event("1", user_id="ann"))
    standin.pass_time(minutes=29)
    refusal = "would affect rows in the streaming buffer, which is not supported"
    with pytest.raises(exceptions.BadRequest, match=refusal) as caught:
        change(client, text)
    assert caught.value.errors[0]["reason"] == "invalidQuery"
    assert ask(client, f"SELECT user_id FROM shop.events WHERE {TODAY}") == [{"user_id": "ann"}]

    standin.pass_time(minutes=2)
    assert change(client, text) == 1


def test_other_rows_stay_changeable_beside_streamed_ones(
    standin: StandIn, client: bigquery.Client, events: bigquery.Table
) -> None:
    stream(client, events, event("old"))
    standin.pass_time(minutes=31)
    stream(client, events, event("new"))
    insert = "INSERT INTO shop.events (event_id, timestamp) VALUES ('written', CURRENT_TIMESTAMP())"
    assert change(client, insert) == 1
    assert change(client, f"DELETE FROM shop.events WHERE event_id IN ('old', 'written') AND {TODAY}") == 2
    assert change(client, f"DELETE FROM shop.events WHERE event_id = 'nobody' AND {TODAY}") == 0
    assert ask(client, f"SELECT event_id FROM shop.events WHERE {TODAY}") == [{"event_id": "new"}]
