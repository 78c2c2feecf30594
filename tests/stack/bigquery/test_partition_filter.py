"""Tables that demand a partition filter.
Source: cloud.google.com/bigquery/docs/querying-partitioned-tables#require_a_partition_filter"""

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.stack.bigquery.conftest import TODAY

NEWEST = "ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY timestamp DESC)"
REFUSED = [
    "SELECT * FROM shop.events",
    "SELECT * FROM shop.events WHERE user_id = 'ann'",
    f"SELECT * FROM shop.events WHERE user_id = 'ann' OR {TODAY}",
    "SELECT * FROM shop.events WHERE timestamp > (SELECT MAX(x) FROM UNNEST([CURRENT_TIMESTAMP()]) AS x)",
    "SELECT (SELECT COUNT(*) FROM shop.events) AS n",
    "SELECT 1 AS one FROM UNNEST(['a']) AS a WHERE a IN (SELECT event_id FROM shop.events)",
    f"SELECT * FROM shop.events WHERE {TODAY} UNION ALL SELECT * FROM shop.events",
    f"SELECT a.event_id FROM shop.events AS a JOIN shop.events AS b USING (event_id) WHERE a.{TODAY}",
    f"SELECT * FROM (SELECT * FROM shop.events LIMIT 5) WHERE {TODAY}",
    f"SELECT * FROM (SELECT *, {NEWEST} AS n FROM shop.events) WHERE {TODAY} AND n = 1",
    f"SELECT * FROM (SELECT user_id, MAX(timestamp) AS timestamp FROM shop.events GROUP BY 1) WHERE {TODAY}",
    "SELECT * FROM shop.plain",
    f"SELECT * FROM shop.newest WHERE {TODAY}",
    "DELETE FROM shop.events WHERE event_id = '1'",
    "UPDATE shop.events SET user_id = NULL WHERE TRUE",
    "MERGE shop.events AS e USING (SELECT '1' AS id) AS d ON e.event_id = d.id WHEN MATCHED THEN DELETE",
    "INSERT INTO shop.events (event_id, timestamp) SELECT event_id, timestamp FROM shop.events",
]
TAKEN = [
    f"SELECT * FROM shop.events WHERE {TODAY}",
    "SELECT * FROM shop.events AS e WHERE DATE(e.timestamp) = '2026-01-01' AND (user_id = 'a' OR user_id = 'b')",
    "SELECT * FROM shop.events WHERE timestamp < '2020-01-01' OR timestamp > '2026-01-01'",
    f"""SELECT a.event_id FROM shop.events AS a
        JOIN shop.events AS b ON a.event_id = b.event_id AND b.{TODAY} WHERE a.{TODAY}""",
    "SELECT * FROM (SELECT event_id, timestamp AS at FROM shop.events) WHERE at > '2026-01-01'",
    f"WITH e AS (SELECT * FROM shop.events) SELECT COUNT(*) FROM e WHERE {TODAY}",
    f"WITH e AS (SELECT *, {NEWEST} AS n FROM shop.events WHERE {TODAY}) SELECT * FROM e WHERE n = 1",
    f"SELECT * FROM (SELECT timestamp, COUNT(*) AS n FROM shop.events GROUP BY timestamp) WHERE {TODAY}",
    f"SELECT * FROM shop.plain WHERE {TODAY}",
    f"DELETE FROM shop.events WHERE event_id = '1' AND {TODAY}",
    f"MERGE shop.events AS e USING (SELECT '1' AS id) AS d ON e.event_id = d.id AND e.{TODAY} WHEN MATCHED THEN DELETE",
]


@pytest.fixture
def views(client: bigquery.Client, events: bigquery.Table) -> None:
    """A view may be made without a filter; whoever queries it gives one."""
    client.query_and_wait("CREATE VIEW shop.plain AS SELECT event_id, timestamp FROM `shop-1.shop.events`")
    text = "SELECT * FROM `shop-1.shop.events` WHERE TRUE QUALIFY"
    client.query_and_wait(f"CREATE VIEW shop.newest AS {text} {NEWEST} = 1")


@pytest.mark.usefixtures("views")
@pytest.mark.parametrize("text", REFUSED)
def test_a_statement_without_the_filter_is_refused(client: bigquery.Client, text: str) -> None:
    with pytest.raises(exceptions.BadRequest) as caught:
        client.query_and_wait(text)
    assert (
        "Cannot query over table 'shop-1.shop.events' without a filter over column(s) 'timestamp'"
        " that can be used for partition elimination" in caught.value.message
    )
    assert caught.value.errors[0]["reason"] == "invalidQuery"


@pytest.mark.usefixtures("views")
@pytest.mark.parametrize("text", TAKEN)
def test_a_statement_with_the_filter_runs(client: bigquery.Client, text: str) -> None:
    client.query_and_wait(text)
