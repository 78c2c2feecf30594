"""The file behind the stand-in: what is committed here survives kill -9 (DuckDB's log is written first).

One connection writes, under one lock, in transactions; readers use cursors of their own and see
whole commits. Two columns that no query shows are kept with every row: when it was streamed
(null for rows written by a statement) and its insertId.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import duckdb

from leafloaf.stack.bigquery import schema
from leafloaf.stack.bigquery.schema import Fields, quoted
from leafloaf.stack.standin import Clock

STREAMED_AT = "_standin_streamed_at"
INSERT_ID = "_standin_insert_id"
HIDDEN = (STREAMED_AT, INSERT_ID)
# https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency
INSERT_ID_WINDOW = dt.timedelta(minutes=1)
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language#limitations
# Rarely it is up to 90:
# https://cloud.google.com/knowledge/kb/cannot-update-or-delete-over-bigquery-streaming-tables-000004334
STREAMING_BUFFER = dt.timedelta(minutes=30)

Key = tuple[str, ...]  # (project, dataset) or (project, dataset, table)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or a view: its columns, and the rest of its REST resource."""

    project: str
    dataset: str
    name: str
    fields: Fields
    resource: dict[str, Any]

    @property
    def key(self) -> Key:
        return (self.project, self.dataset, self.name)

    @property
    def id(self) -> str:
        return f"{self.project}:{self.dataset}.{self.name}"

    @property
    def path(self) -> str:
        return f"{self.project}.{self.dataset}.{self.name}"

    @property
    def sql_name(self) -> str:
        return f"{schema_name(self.project, self.dataset)}.{quoted(self.name)}"

    @property
    def view_query(self) -> str | None:
        return (self.resource.get("view") or {}).get("query")

    @property
    def partition_field(self) -> str | None:
        return (self.resource.get("timePartitioning") or {}).get("field")

    @property
    def partition_type(self) -> str | None:
        return next((f.type for f in self.fields if f.name == self.partition_field), None)

    @property
    def requires_filter(self) -> bool:
        partitioning = self.resource.get("timePartitioning") or {}
        return bool(self.resource.get("requirePartitionFilter") or partitioning.get("requirePartitionFilter"))

    def oldest_day(self, now: dt.datetime) -> dt.date | None:
        """The first day whose partition has not expired; a partition expires so long after its day began.

        https://cloud.google.com/bigquery/docs/managing-partitioned-tables#partition-expiration
        """
        milliseconds = (self.resource.get("timePartitioning") or {}).get("expirationMs")
        if not milliseconds:
            return None
        return (now - dt.timedelta(milliseconds=int(milliseconds))).date() + dt.timedelta(days=1)

    def unexpired(self, now: dt.datetime) -> str:
        """A condition that keeps the rows of partitions that have not expired."""
        day = self.oldest_day(now)
        if day is None or self.partition_field is None:
            return "TRUE"
        column = quoted(self.partition_field)
        kind = schema.DUCKDB_TYPES[self.partition_type or "TIMESTAMP"]
        return f"({column} IS NULL OR {column} >= CAST('{day}' AS {kind}))"


def schema_name(project: str, dataset: str) -> str:
    return quoted(f"{project}.{dataset}")


class Store:
    def __init__(self, folder: pathlib.Path, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.buffered_for = STREAMING_BUFFER
        self.lock = threading.RLock()
        self._writer = duckdb.connect(
            folder / "bigquery.duckdb",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "enable_external_access": "false",
                "threads": "2",
            },
        )
        self._writer.execute("SET GLOBAL TimeZone = 'UTC'")
        self._writer.execute("CREATE SCHEMA IF NOT EXISTS standin")
        self._writer.execute(
            "CREATE TABLE IF NOT EXISTS standin.resources (kind VARCHAR, key VARCHAR, resource VARCHAR)"
        )

    def reader(self) -> duckdb.DuckDBPyConnection:
        return self._writer.cursor()

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.lock:
            self._writer.begin()
            try:
                yield self._writer
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.commit()

    def resources(self, kind: str) -> dict[Key, dict[str, Any]]:
        rows = self.reader().execute("SELECT key, resource FROM standin.resources WHERE kind = ?", [kind])
        return {tuple(json.loads(key)): json.loads(resource) for key, resource in rows.fetchall()}

    def insert(self, table: Table, rows: list[dict[str, Any]], ids: list[str | None]) -> None:
        """Stream rows, dropping those whose insertId was seen on this table within the window."""
        now = self.clock.now()
        with self.writing() as connection:
            seen = self._recent_ids(connection, table, [i for i in ids if i], now)
            fresh = []
            for row, insert_id in zip(rows, ids, strict=True):
                if insert_id and insert_id in seen:
                    continue
                if insert_id:
                    seen.add(insert_id)
                fresh.append({**row, INSERT_ID: insert_id})
            if fresh:
                write(connection, table, fresh, now)
            _purge(connection, table, now)

    def _recent_ids(
        self, connection: duckdb.DuckDBPyConnection, table: Table, ids: list[str], now: dt.datetime
    ) -> set[str]:
        if not ids:
            return set()
        found = connection.execute(
            f"SELECT {INSERT_ID} FROM {table.sql_name} WHERE {STREAMED_AT} > ?"  # noqa: S608
            f" AND {INSERT_ID} IN (SELECT unnest(?))",
            [now - INSERT_ID_WINDOW, ids],
        )
        return {row[0] for row in found.fetchall()}

    def purge(self, table: Table) -> None:
        """Drop the partitions that have expired."""
        with self.writing() as connection:
            _purge(connection, table, self.clock.now())

    def statistics(self, table: Table) -> tuple[int, int, dt.datetime | None]:
        """Rows at rest, rows in the streaming buffer, and when the oldest of those arrived."""
        now = self.clock.now()
        buffered = f"{STREAMED_AT} > CAST(? AS TIMESTAMPTZ)"
        found = (
            self.reader()
            .execute(
                f"SELECT count(*), count(*) FILTER ({buffered}), min({STREAMED_AT}) FILTER ({buffered})"  # noqa: S608
                f" FROM {table.sql_name} WHERE {table.unexpired(now)}",
                [now - self.buffered_for] * 2,
            )
            .fetchall()
        )
        total, fresh, oldest = found[0]
        return total - fresh, fresh, oldest

    def close(self) -> None:
        with self.lock:
            self._writer.close()


def save(connection: duckdb.DuckDBPyConnection, kind: str, key: Key, resource: dict[str, Any] | None) -> None:
    """Replace or, with None, remove a stored resource."""
    name = json.dumps(key)
    connection.execute("DELETE FROM standin.resources WHERE kind = ? AND key = ?", [kind, name])
    if resource is not None:
        connection.execute(
            "INSERT INTO standin.resources VALUES (?, ?, ?)", [kind, name, json.dumps(resource)]
        )


def write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: list[dict[str, Any]],
    streamed_at: dt.datetime | None,
) -> None:
    """One statement over one JSON text: 500 rows in milliseconds, where executemany takes seconds.

    Args:
        streamed_at: when they got into the streaming buffer; None for rows that never were there.
    """
    columns = [(quoted(f.name), f.type == "BYTES") for f in table.fields]
    names = ", ".join(name for name, _ in columns)
    values = ", ".join(f"from_base64(r.{name})" if is_bytes else f"r.{name}" for name, is_bytes in columns)
    structure = schema.structure((*table.fields, schema.Field(INSERT_ID, "STRING")))
    connection.execute(
        f"INSERT INTO {table.sql_name} ({names}, {STREAMED_AT}, {INSERT_ID})"  # noqa: S608
        f" SELECT {values}, ?, r.{INSERT_ID} FROM (SELECT unnest(from_json(?, ?)) AS r)",
        [streamed_at, json.dumps(rows), structure],
    )


def _purge(connection: duckdb.DuckDBPyConnection, table: Table, now: dt.datetime) -> None:
    condition = table.unexpired(now)
    if condition != "TRUE":
        connection.execute(f"DELETE FROM {table.sql_name} WHERE NOT {condition}")  # noqa: S608
