"""tabledata.insertAll.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
https://cloud.google.com/bigquery/quotas#streaming_inserts
"""

import dataclasses
import datetime as dt
import threading
from typing import Any

from leafloaf.stack.bigquery import rows
from leafloaf.stack.bigquery.schema import invalid
from leafloaf.stack.bigquery.store import Store, Table
from leafloaf.stack.http import ApiError

REQUEST_BYTES = 10 * 1024 * 1024
REQUEST_ROWS = 50_000
INSERT_ID_LENGTH = 128
KNOWN_KEYS = {"kind", "skipInvalidRows", "ignoreUnknownValues", "rows", "traceId"}
# https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#time-unit_column_partitioning
PAST, FUTURE = dt.timedelta(days=3650), dt.timedelta(days=366)


class LossyRows:
    """A fault of our own: answer 200 and silently leave out every n-th row of a table."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._every: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def set(self, table: str, every: int) -> None:
        with self._lock:
            self._every[table], self._seen[table] = every, 0

    def keeps(self, table: str) -> bool:
        with self._lock:
            every = self._every.get(table, 0)
            if every <= 0:
                return True
            self._seen[table] += 1
            return bool(self._seen[table] % every)


@dataclasses.dataclass
class Sorted:
    """The rows of a request: those that may be stored, and what is wrong with the others."""

    stored: list[dict[str, Any]]
    ids: list[str | None]
    indexes: list[int]
    refused: dict[int, rows.RefusedRow]


def insert_all(table: Table, request: dict[str, Any], store: Store, lossy: LossyRows) -> dict[str, Any]:
    _check(table, request)
    sorted_rows = _sort(table, request, store.clock.now())
    answer: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
    if sorted_rows.refused:
        answer["insertErrors"] = _errors(sorted_rows, skip=bool(request.get("skipInvalidRows")))
    if sorted_rows.stored and (not sorted_rows.refused or request.get("skipInvalidRows")):
        kept = [
            (r, i)
            for r, i in zip(sorted_rows.stored, sorted_rows.ids, strict=True)
            if lossy.keeps(table.name)
        ]
        store.insert(table, [row for row, _ in kept], [insert_id for _, insert_id in kept])
    return answer


def _check(table: Table, request: dict[str, Any]) -> None:
    if table.view_query is not None:
        raise invalid(f"Cannot stream into {table.id}: it is a view")
    for key in request.keys() - KNOWN_KEYS:
        if request[key]:
            raise ApiError(501, "notImplemented", f"The stand-in has no {key}")
    sent = request.get("rows") or []
    if not sent:
        raise invalid("No rows present in the request.")
    if len(sent) > REQUEST_ROWS:
        raise invalid(f"too many rows present in the request, limit: {REQUEST_ROWS} row count: {len(sent)}.")
    if any(len(row.get("insertId") or "") > INSERT_ID_LENGTH for row in sent):
        raise invalid(f"insertId is longer than {INSERT_ID_LENGTH} characters")


def _sort(table: Table, request: dict[str, Any], now: dt.datetime) -> Sorted:
    check = rows.checker(table.fields, ignore_unknown=bool(request.get("ignoreUnknownValues")))
    found = Sorted([], [], [], {})
    for index, sent in enumerate(request["rows"]):
        try:
            row = check(sent.get("json"))
            check_partition(table, row, now)
        except rows.RefusedRow as refused:
            found.refused[index] = refused
        else:
            found.stored.append(row)
            found.ids.append(sent.get("insertId"))
            found.indexes.append(index)
    return found


def _errors(found: Sorted, *, skip: bool) -> list[dict[str, Any]]:
    errors = [{"index": index, "errors": [refused.resource()]} for index, refused in found.refused.items()]
    if not skip:
        stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
        errors += [{"index": index, "errors": [stopped]} for index in found.indexes]
    return errors


def check_partition(table: Table, row: dict[str, Any], now: dt.datetime) -> None:
    """Streaming reaches from 10 years back to 1 year ahead; other dates need a load job."""
    value = row.get(table.partition_field or "")
    if value is None:
        return
    moment = dt.datetime.fromisoformat(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if not now - PAST <= moment <= now + FUTURE:
        micros = (moment - rows.EPOCH) // dt.timedelta(microseconds=1)
        raise rows.RefusedRow(
            table.partition_field or "",
            f"Value {micros} for field {table.partition_field} of the destination table {table.id} is outside"
            f" the allowed bounds. You can only stream to date range within {PAST.days} days in the past and"
            f" {FUTURE.days} days in the future relative to the current date.",
        )
