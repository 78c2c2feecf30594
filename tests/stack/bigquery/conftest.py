"""The stand-in served over HTTP, and Google's own client library talking to it."""

import dataclasses
import datetime as dt
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from leafloaf.stack import http
from leafloaf.stack.bigquery import api

TODAY = "timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
Field = bigquery.SchemaField


def client_of(url: str) -> bigquery.Client:
    options = {"api_endpoint": url}
    return bigquery.Client(project="shop-1", credentials=AnonymousCredentials(), client_options=options)


@dataclasses.dataclass(frozen=True)
class StandIn:
    """Where the stand-in answers and keeps its file, and its control routes."""

    url: str
    folder: pathlib.Path

    def tell(self, what: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_standin/{what}", json=body, timeout=60)
        answer.raise_for_status()
        parsed: dict[str, Any] = answer.json()
        return parsed

    def pass_time(self, **duration: float) -> None:
        self.tell("clock", advance_seconds=dt.timedelta(**duration).total_seconds())

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request as the wire has it, for what the client library does not let one send."""
        url = f"{self.url}/bigquery/v2/projects/shop-1{path}"
        return requests.request(method, url, timeout=60, **options)


@pytest.fixture
def standin(tmp_path: pathlib.Path) -> Iterator[StandIn]:
    app, store = api.build(tmp_path / "data")
    with http.Server(app) as server:
        yield StandIn(server.url, tmp_path / "data")
    store.close()


@pytest.fixture
def client(standin: StandIn) -> Iterator[bigquery.Client]:
    client = client_of(standin.url)
    client.create_dataset("shop")
    yield client
    client.close()


def make_table(client: bigquery.Client, name: str, *fields: Field, **options: Any) -> bigquery.Table:
    table = bigquery.Table(f"shop-1.shop.{name}", schema=fields)
    for option, value in options.items():
        setattr(table, option, value)
    return client.create_table(table)


@pytest.fixture
def events(client: bigquery.Client) -> bigquery.Table:
    """As the shop's own tables: partitioned by day, expiring, clustered, with a filter demanded."""
    ninety_days = bigquery.TimePartitioning(field="timestamp", expiration_ms=90 * 24 * 3600 * 1000)
    return make_table(
        client,
        "events",
        Field("event_id", "STRING", "REQUIRED"),
        Field("timestamp", "TIMESTAMP", "REQUIRED"),
        Field("user_id", "STRING"),
        Field("quantity", "INTEGER"),
        time_partitioning=ninety_days,
        require_partition_filter=True,
        clustering_fields=["user_id"],
    )


def event(event_id: str, days_ago: float = 0.0, **rest: Any) -> dict[str, Any]:
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)
    return {"event_id": event_id, "timestamp": moment.isoformat(), **rest}


def stream(client: bigquery.Client, table: bigquery.Table, *rows: dict[str, Any]) -> Any:
    """Stream rows whose insertId is their event id, as the shop's sink does."""
    return client.insert_rows_json(table, list(rows), row_ids=[row["event_id"] for row in rows])


def ask(client: bigquery.Client, text: str, **named: Any) -> list[dict[str, Any]]:
    parameters = list(named.values())
    config = bigquery.QueryJobConfig(query_parameters=parameters)
    return [dict(row) for row in client.query_and_wait(text, job_config=config)]


def only(client: bigquery.Client, expression: str) -> Any:
    """The value of one expression."""
    return ask(client, f"SELECT {expression} AS value")[0]["value"]
