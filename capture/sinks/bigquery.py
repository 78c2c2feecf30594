"""BigQuery: streaming inserts, one table an event type.

A row's `insertId` is its event id, which BigQuery remembers for about a minute (BigQuery documentation, "Best effort
de-duplication"). That is not enough for a retry after an outage, so a batch that may have been applied is asked for
before it is sent again, and only what is missing is inserted.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery

from capture import schema
from capture.records import Record, encoder, learn
from capture.sinks import bigquery_schema, bigquery_sizes, bigquery_views, bigquery_wire, google_accounts
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    Acknowledged,
    BaseSink,
    Batch,
    Difference,
    Misconfigured,
    Recount,
    Refusal,
    RowsRefused,
    Unavailable,
)
from capture.sinks.bigquery_answers import FAILURES, classified, refused
from capture.sinks.bigquery_write import Streams
from capture.sinks.google_accounts import READER, Accounts, Acting
from capture.sinks.meter import KIB, STORAGE_WRITE, STREAMING, Place, queries

INSERT_ALL = "insert_all"
TOO_LARGE = 413
UNKNOWN_COLUMN = "no such field"
LEAST_QUERIED = 10 * KIB * KIB
"""A query is charged for so many bytes of a table at least (BigQuery documentation, "Pricing", on-demand)."""
REQUEST_ROWS = 500
"""So many rows a request at most are recommended (BigQuery documentation, "Quotas and limits", streaming inserts).

A batch may have more: it was sealed for pending streams.
"""
TABLE_CHECK_SECONDS = 10.0
"""How long the answer to "is the table as the vocabulary has it?" is believed."""

RECOUNT = """
    SELECT batch, COUNT(DISTINCT event_id) AS events, COUNT(DISTINCT IF(copies > 1, event_id, NULL)) AS doubled
    FROM (
        SELECT batch, event_id, COUNT(*) OVER (PARTITION BY event_id) AS copies
        FROM `{table}` WHERE timestamp >= @first AND timestamp < @end
    )
    WHERE batch IN UNNEST(@batches)
    GROUP BY batch
"""


class BigQuerySink(BaseSink, Acting):
    """Streams into the tables that `setup_bigquery` made; never makes one itself.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
        views: dotted paths to functions that give more views over the events, see `bigquery_views`.
        method: how rows are written: `insert_all`, or `storage_write` for one pending stream a batch and table.
        write_endpoint: the same as `endpoint` for `storage_write`, which is another service.
        accounts: as whom it reads, erases and verifies; it streams as `account`, which is the process's own when
            empty. What streams may add rows, and neither read nor delete one.
    """

    def __init__(
        self,
        project: str,
        dataset: str,
        location: str = "",
        endpoint: str = "",
        views: Sequence[str] = (),
        accounts: Accounts = (),
        account: str = "",
        method: str = INSERT_ALL,
        write_endpoint: str = "",
    ) -> None:
        self.project = project
        self.dataset = dataset
        self.location = location
        self.endpoint = endpoint
        self.views = views
        self.method = method
        self.write_endpoint = write_endpoint
        Acting.__init__(self, accounts, account)
        self._checked: dict[str, tuple[float, list[Difference]]] = {}

    @cached_property
    def client(self) -> bigquery.Client:
        return bigquery.Client(
            project=self.project,
            credentials=google_accounts.credentials(self.account, self.endpoint),
            client_options={"api_endpoint": self.endpoint} if self.endpoint else None,
            location=self.location or None,
        )

    @cached_property
    def wire(self) -> bigquery_wire.Wire:
        return bigquery_wire.metered(self.client)

    @cached_property
    def streams(self) -> Streams:
        return Streams(self)

    def as_account(self, account: str) -> "BigQuerySink":
        options = self.project, self.dataset, self.location, self.endpoint, self.views, self.accounts
        return BigQuerySink(*options, account, self.method, self.write_endpoint)

    def table(self, event_type: str) -> str:
        return f"{self.project}.{self.dataset}.{schema.TABLES[event_type]}"

    def once(self, event_type: str) -> str:
        """The view that shows each event of the table once."""
        return bigquery_schema.view_of(self.table(event_type))

    def deliver(self, batch: Batch) -> None:
        """A batch that has promised streams of these tables is theirs, also after the method was changed."""
        if (self.method == STORAGE_WRITE or batch.promised) and self.streams.deliver(batch):
            return
        self._insert_all(batch)

    def _insert_all(self, batch: Batch) -> None:
        refusals: dict[str, Refusal] = {}
        for event_type in schema.TABLES:
            records = [record for record in batch.records if record.event_type == event_type]
            if records and batch.is_repeated:
                held = self.held(event_type, batch.label, records)
                self.count_found(event_type, batch, [record for record in records if record.event_id in held])
                records = [record for record in records if record.event_id not in held]
            for start in range(0, len(records), REQUEST_ROWS):
                refusals |= self.insert(event_type, batch, records[start : start + REQUEST_ROWS])
        if refusals:
            raise RowsRefused(refusals)

    def insert(self, event_type: str, batch: Batch, records: Sequence[Record]) -> dict[str, Refusal]:
        """Streams the rows; returns those refused for good, in which case others of theirs may not be stored either."""
        learn(records)
        rows = [row(record, batch.label) for record in records]
        try:
            answer = self._stream(event_type, batch, rows)
        except FAILURES as error:
            if getattr(error, "code", None) == TOO_LARGE:
                return self.insert_halves(event_type, batch, records, str(error))
            raise classified(error) from error
        except (ValueError, AttributeError) as error:  # a proxy's: no JSON, or another object than BigQuery's
            raise Unavailable(f"unreadable answer: {error}") from error
        if refusals := refused(records, answer):
            self.blame_the_table(event_type, refusals)
        else:
            batch.meter.stored(place_of(event_type), bigquery_sizes.of_rows(event_type, rows))
        return refusals

    def _stream(self, event_type: str, batch: Batch, rows: Sequence[dict[str, Any]]) -> Any:
        """One request, which is counted if it reached BigQuery, whatever comes of it."""
        wire, seconds_left = self.wire, batch.seconds_left()
        try:
            return self.client.insert_rows_json(
                self.table(event_type),
                rows,
                row_ids=[row["event_id"] for row in rows],
                timeout=seconds_left,
                retry=None,  # type: ignore[arg-type]
            )
        finally:
            if (size := wire.taken()) is not None:
                batch.meter.request(place_of(event_type), len(rows), size)

    def count_found(self, event_type: str, batch: Batch, records: Sequence[Record]) -> None:
        """Rows of an attempt whose answer was lost: they are counted like those that were acknowledged."""
        learn(records)
        rows = [row(record, batch.label) for record in records]
        batch.meter.found(place_of(event_type), bigquery_sizes.of_rows(event_type, rows))

    def blame_the_table(self, event_type: str, refusals: Mapping[str, Refusal]) -> None:
        """Rows are not given up for a table that cannot take them: it is the table that has to be mended.

        Raises:
            Misconfigured: the table is not as the vocabulary has it, in a way that BigQuery refuses rows for.
            Unavailable: it is, but BigQuery does not know a new column yet, or cannot be asked.
        """
        if found := self._faults(event_type):
            raise Misconfigured(f"rows are refused, for {'; '.join(map(str, found[:3]))}")
        columns = {column.name for column in schema.columns(event_type)}
        for refusal in refusals.values():
            for error in refusal.response:
                top = str(error.get("location") or "").split(".")[0].split("[")[0]
                if top in columns and UNKNOWN_COLUMN in str(error.get("message")):
                    # Google says minutes ("Streaming data into BigQuery", changes to a table's schema).
                    raise Unavailable(f"BigQuery does not know the new column {error['location']} yet")

    def _faults(self, event_type: str) -> list[Difference]:
        """What is wrong with the live table that makes BigQuery refuse rows; asked for once in a while."""
        checked_at, found = self._checked.get(event_type, (0.0, []))
        if not checked_at or time.monotonic() - checked_at > TABLE_CHECK_SECONDS:
            wanted = bigquery_schema.table(self.table(event_type), event_type)
            found = [difference for difference in self._compared(wanted) if difference.stops_rows]
            self._checked[event_type] = time.monotonic(), found
        return found

    def insert_halves(
        self, event_type: str, batch: Batch, records: Sequence[Record], said: str
    ) -> dict[str, Refusal]:
        """Sends what was too large for one request in two; a single row too large is refused for good."""
        if len(records) == 1:
            return {records[0].event_id: Refusal(f"row: {said}", {"code": TOO_LARGE})}
        middle = len(records) // 2
        first = self.insert(event_type, batch, records[:middle])
        return first | self.insert(event_type, batch, records[middle:])

    def held(self, event_type: str, label: str, records: Iterable[Record]) -> set[str]:
        """Which of a batch's events the table already holds."""
        moments = [record.received_at for record in records]
        parameters = [
            bigquery.ScalarQueryParameter("batch", "STRING", label),
            bigquery.ScalarQueryParameter("first", "TIMESTAMP", min(moments)),
            bigquery.ScalarQueryParameter("last", "TIMESTAMP", max(moments)),
        ]
        query = (
            f"SELECT event_id FROM `{self.table(event_type)}` "  # noqa: S608 (our own table name)
            "WHERE timestamp BETWEEN @first AND @last AND batch = @batch"
        )
        return {found.event_id for found in self.acting(READER).ask(query, parameters)}

    def wanted_views(self, retention_days: int) -> list[bigquery.Table]:
        """Every view as it should be, those that others read first."""
        own = [bigquery_schema.view(self.table(event_type), event_type) for event_type in schema.TABLES]
        dataset = f"{self.project}.{self.dataset}"
        return own + bigquery_views.wanted(self.views, dataset, self.once, retention_days)

    def differences(self, retention_days: int) -> list[Difference]:
        found: list[Difference] = []
        for event_type in schema.TABLES:
            name = self.table(event_type)
            found += self._compared(bigquery_schema.table(name, event_type, retention_days))
        for view in self.wanted_views(retention_days):
            found += self._compared(view)
        return found + (self.streams.differences() if self.method == STORAGE_WRITE else [])

    def _compared(self, wanted: bigquery.Table) -> list[Difference]:
        try:
            live = self.client.get_table(wanted.reference, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
        except exceptions.NotFound:
            return [bigquery_schema.missing(wanted)]
        except FAILURES as error:
            raise classified(error) from error
        return bigquery_schema.of_table(wanted, live)

    def recount(self, batches: Sequence[Acknowledged]) -> Mapping[str, Recount]:
        """One query a table, over the days of these batches only; a batch that does not add up is asked for by id."""
        days = [batch.day for batch in batches]
        parameters = [
            bigquery.ScalarQueryParameter("first", "TIMESTAMP", f"{min(days)} 00:00:00+00:00"),
            bigquery.ScalarQueryParameter(
                "end", "TIMESTAMP", f"{max(days) + timedelta(days=1)} 00:00:00+00:00"
            ),
            bigquery.ArrayQueryParameter("batches", "STRING", [batch.label for batch in batches]),
        ]
        counts = {batch.label: (0, 0) for batch in batches}
        for event_type in schema.TABLES:
            for found in self.acting(READER).ask(RECOUNT.format(table=self.table(event_type)), parameters):
                events, doubled = counts[found.batch]
                counts[found.batch] = events + found.events, doubled + found.doubled
        recounts = {batch.label: self._recounted(batch, *counts[batch.label]) for batch in batches}
        return {label: recount for label, recount in recounts.items() if recount}

    def _recounted(self, batch: Acknowledged, events: int, doubled: int) -> Recount | None:
        if events == batch.count and not batch.is_remade:
            return Recount(events, doubled)
        records = batch.read()
        return None if records is None else Recount(self._held_of(batch.label, records), doubled)

    def _held_of(self, label: str, records: Sequence[Record]) -> int:
        held = 0
        for event_type in schema.TABLES:
            wanted = [record for record in records if record.event_type == event_type]
            if wanted:
                ids = {record.event_id for record in wanted}
                held += len(ids & self.held(event_type, label, wanted))
        return held

    def ask(self, query: str, parameters: Sequence[Any]) -> list[Any]:
        """The rows of a query's answer, all of them.

        Raises:
            Unavailable, Misconfigured, BatchRefused: see `classified`.
        """
        config = bigquery.QueryJobConfig(query_parameters=parameters, use_query_cache=False)
        try:
            answer = self.client.query_and_wait(
                query,
                job_config=config,
                api_timeout=TIMEOUT_SECONDS,
                wait_timeout=TIMEOUT_SECONDS,
                retry=None,  # type: ignore[arg-type]
                job_retry=None,  # type: ignore[arg-type]
            )
            queries.add(max(LEAST_QUERIED, answer.total_bytes_processed or 0))
            return list(answer)
        except FAILURES as error:
            raise classified(error) from error

    def probe(self) -> None:
        try:
            for event_type in schema.TABLES:
                self.client.get_table(self.table(event_type), timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
        except FAILURES as error:
            raise classified(error) from error
        if self.method == STORAGE_WRITE:
            self.streams.probe()


def place_of(event_type: str) -> Place:
    """The table as `Meter` counts it."""
    return schema.TABLES[event_type], STREAMING


def row(record: Record, label: str) -> dict[str, Any]:
    """The document as the insertAll API takes it: JSON columns as text, decimals as text."""
    document = record.document(label)
    return {
        column.name: cell(column, document[column.name])
        for column in schema.columns(record.event_type)
        if document[column.name] is not None
    }


def cell(column: schema.Column, value: Any) -> Any:
    if column.type == "JSON":
        return encoder.encode(value).decode()
    if column.type == "RECORD":
        return [{field.name: cell(field, line.get(field.name)) for field in column.fields} for line in value]
    return str(value) if isinstance(value, Decimal) else value
