"""Pending streams: rows that wait in the file until they are committed, all at once.

https://cloud.google.com/bigquery/docs/write-api-batch
https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1
"""

import dataclasses
import datetime as dt
import json
import secrets
from collections.abc import Sequence
from typing import Any

import duckdb
import grpc
from google.cloud.bigquery_storage_v1 import types

from leafloaf.stack.bigquery.catalogue import Catalogue
from leafloaf.stack.bigquery.store import Table, write
from leafloaf.stack.http import ApiError

Codes = types.StorageError.StorageErrorCode
LIFE = dt.timedelta(days=7)
"""How long a stream is known (Google names that time for buffered ones)."""
TABLES = """
    CREATE TABLE IF NOT EXISTS standin.streams (
        name VARCHAR PRIMARY KEY, table_created VARCHAR, created_at TIMESTAMPTZ, rows BIGINT,
        is_finalized BOOLEAN, committed_at TIMESTAMPTZ);
    CREATE TABLE IF NOT EXISTS standin.stream_rows (stream VARCHAR, place BIGINT, rows VARCHAR)
"""


class StreamError(Exception):
    """An answer in gRPC's terms, with the code of the Storage Write API where there is one."""

    def __init__(self, status: grpc.StatusCode, message: str, code: Any = None, entity: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.entity = status, message, code, entity


@dataclasses.dataclass(frozen=True)
class Stream:
    name: str
    table: Table
    created_at: dt.datetime
    rows: int
    is_finalized: bool
    committed_at: dt.datetime | None


class Streams:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.store = catalogue.rows
        with self.store.writing() as connection:
            connection.execute(TABLES)

    def table(self, path: str) -> Table:
        """The table of `projects/…/datasets/…/tables/…`."""
        words = path.split("/")
        if len(words) != 6 or words[::2] != ["projects", "datasets", "tables"]:
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid table name: {path}")
        try:
            table = self.catalogue.table(*words[1::2])
        except ApiError as error:
            raise StreamError(
                grpc.StatusCode.NOT_FOUND, error.message, Codes.TABLE_NOT_FOUND, path
            ) from error
        if table.view_query is not None:
            raise StreamError(grpc.StatusCode.INVALID_ARGUMENT, f"{path} is a view")
        return table

    def create(self, path: str) -> Stream:
        table = self.table(path)
        stream = Stream(
            f"{path}/streams/{secrets.token_urlsafe(24)}", table, self.store.clock.now(), 0, False, None
        )
        with self.store.writing() as connection:
            connection.execute(
                "INSERT INTO standin.streams VALUES (?, ?, ?, 0, FALSE, NULL)",
                [stream.name, table.resource["creationTime"], stream.created_at],
            )
        return stream

    def get(self, name: str) -> Stream:
        """A stream of a table that is still the one it was made for."""
        table = self.table(name.partition("/streams/")[0])
        found = self.store.reader().execute("SELECT * FROM standin.streams WHERE name = ?", [name])
        row = found.fetchone()
        if row is None or row[1] != table.resource["creationTime"] or self._is_old(row[2]):
            said = f"Requested entity was not found. Entity: {name}"
            raise StreamError(grpc.StatusCode.NOT_FOUND, said, Codes.STREAM_NOT_FOUND, name)
        return Stream(name, table, row[2], row[3], row[4], row[5])

    def _is_old(self, created_at: dt.datetime) -> bool:
        return created_at + LIFE < self.store.clock.now()

    def append(self, name: str, offset: int | None, rows: Sequence[dict[str, Any]]) -> int:
        """Adds rows at the end, which must be at the offset if there is one; returns where that was."""
        with self.store.writing() as connection:
            stream = self.get(name)
            _refuse_closed(stream)
            _refuse_misplaced(stream, offset)
            connection.execute(
                "INSERT INTO standin.stream_rows VALUES (?, ?, ?)", [name, stream.rows, json.dumps(rows)]
            )
            connection.execute("UPDATE standin.streams SET rows = rows + ? WHERE name = ?", [len(rows), name])
        return stream.rows

    def finalize(self, name: str) -> int:
        with self.store.writing() as connection:
            stream = self.get(name)
            connection.execute("UPDATE standin.streams SET is_finalized = TRUE WHERE name = ?", [name])
        return stream.rows

    def commit(self, path: str, names: Sequence[str]) -> tuple[dt.datetime | None, list[StreamError]]:
        """All the streams or none: when, or what stops it."""
        table = self.table(path)
        with self.store.writing() as connection:
            errors = [error for name in names if (error := self._stops(name, path))]
            if errors:
                return None, errors
            now = self.store.clock.now()
            for name in names:
                _show(connection, table, name)
                connection.execute("UPDATE standin.streams SET committed_at = ? WHERE name = ?", [now, name])
        return now, []

    def _stops(self, name: str, path: str) -> StreamError | None:
        failed = grpc.StatusCode.FAILED_PRECONDITION
        if name.partition("/streams/")[0] != path:
            raise StreamError(
                grpc.StatusCode.INVALID_ARGUMENT, f"Stream {name} is not of the parent table {path}"
            )
        try:
            stream = self.get(name)
        except StreamError as error:
            return error
        if stream.committed_at is not None:
            return StreamError(failed, "Stream is already committed.", Codes.STREAM_ALREADY_COMMITTED, name)
        if not stream.is_finalized:
            return StreamError(failed, "Stream is not finalized.", Codes.INVALID_STREAM_STATE, name)
        return None


def _show(connection: duckdb.DuckDBPyConnection, table: Table, name: str) -> None:
    """Moves the rows into the table, past the streaming buffer."""
    found = connection.execute("SELECT rows FROM standin.stream_rows WHERE stream = ? ORDER BY place", [name])
    for (rows,) in found.fetchall():
        write(connection, table, json.loads(rows), None)
    connection.execute("DELETE FROM standin.stream_rows WHERE stream = ?", [name])


def _refuse_closed(stream: Stream) -> None:
    if stream.is_finalized:
        raise StreamError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Stream has been finalized and cannot be appended. Entity: {stream.name}",
            Codes.STREAM_FINALIZED,
            stream.name,
        )


def _refuse_misplaced(stream: Stream, offset: int | None) -> None:
    if offset is None or offset == stream.rows:
        return
    where = "within" if offset < stream.rows else "beyond"
    said = f"The offset is {where} stream, expected offset {stream.rows}, received {offset}"
    if offset < stream.rows:
        raise StreamError(grpc.StatusCode.ALREADY_EXISTS, said, Codes.OFFSET_ALREADY_EXISTS, stream.name)
    raise StreamError(grpc.StatusCode.OUT_OF_RANGE, said, Codes.OFFSET_OUT_OF_RANGE, stream.name)
