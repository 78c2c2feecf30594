"""BigQuery: streaming inserts, one table an event type.

A row's `insertId` is its event id, which BigQuery remembers for about a minute (BigQuery documentation, "Best effort
de-duplication"). That is not enough for a retry after an outage, so a batch that may have been applied is asked for
before it is sent again, and only what is missing is inserted.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from capture import schema
from capture.records import Record, encoder
from capture.sinks.base import (
    TIMEOUT_SECONDS,
    BaseSink,
    Batch,
    BatchRefused,
    Misconfigured,
    Refusal,
    RowsRefused,
    Unavailable,
)

PERMANENT = {"invalid", "invalidQuery", "notImplemented"}
NOT_THIS_ROW = {"stopped"}
TOO_LARGE = 413
FAILURES = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    requests.RequestException,
    auth_exceptions.GoogleAuthError,
)


class BigQuerySink(BaseSink):
    """Streams into the tables that `setup_bigquery` made; never makes one itself.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
    """

    def __init__(self, project: str, dataset: str, location: str = "", endpoint: str = "") -> None:
        self.project = project
        self.dataset = dataset
        self.location = location
        self.endpoint = endpoint

    @cached_property
    def client(self) -> bigquery.Client:
        if self.endpoint.startswith(
            "http://"
        ):  # a local server: no credentials for it, and none to leak to it
            return bigquery.Client(
                project=self.project,
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": self.endpoint},
                location=self.location or None,
            )
        options = {"api_endpoint": self.endpoint} if self.endpoint else None
        return bigquery.Client(project=self.project, location=self.location or None, client_options=options)

    def table(self, event_type: str) -> str:
        return f"{self.project}.{self.dataset}.{schema.TABLES[event_type]}"

    def deliver(self, batch: Batch) -> None:
        refusals: dict[str, Refusal] = {}
        for event_type in schema.TABLES:
            records = [record for record in batch.records if record.event_type == event_type]
            if records and batch.is_repeated:
                held = self.held(event_type, batch.label, records)
                records = [record for record in records if record.event_id not in held]
            if records:
                refusals |= self.insert(event_type, batch.label, records)
        if refusals:
            raise RowsRefused(refusals)

    def insert(self, event_type: str, label: str, records: Sequence[Record]) -> dict[str, Refusal]:
        """Streams the rows; returns those refused for good, in which case others of theirs may not be stored either."""
        try:
            answer = self.client.insert_rows_json(
                self.table(event_type),
                [row(record, label) for record in records],
                row_ids=[record.event_id for record in records],
                timeout=TIMEOUT_SECONDS,
                retry=None,  # type: ignore[arg-type]
            )
        except FAILURES as error:
            if getattr(error, "code", None) == TOO_LARGE:
                return self.insert_halves(event_type, label, records, str(error))
            raise classified(error) from error
        except ValueError as error:  # an answer that is no JSON, such as a proxy's HTML page
            raise Unavailable(f"unreadable answer: {error}") from error
        return refused(records, answer)

    def insert_halves(
        self, event_type: str, label: str, records: Sequence[Record], said: str
    ) -> dict[str, Refusal]:
        """Sends what was too large for one request in two; a single row too large is refused for good."""
        if len(records) == 1:
            return {records[0].event_id: Refusal(f"row: {said}", {"code": TOO_LARGE})}
        middle = len(records) // 2
        first = self.insert(event_type, label, records[:middle])
        return first | self.insert(event_type, label, records[middle:])

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
        try:
            rows = self.client.query_and_wait(
                query,
                job_config=bigquery.QueryJobConfig(query_parameters=parameters, use_query_cache=False),
                api_timeout=TIMEOUT_SECONDS,
                wait_timeout=TIMEOUT_SECONDS,
                retry=None,  # type: ignore[arg-type]
                job_retry=None,  # type: ignore[arg-type]
            )
            return {found.event_id for found in rows}
        except FAILURES as error:
            raise classified(error) from error

    def probe(self) -> None:
        try:
            for event_type in schema.TABLES:
                self.client.get_table(self.table(event_type), timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
        except FAILURES as error:
            raise classified(error) from error


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


def refused(records: Sequence[Record], answer: Sequence[dict[str, Any]]) -> dict[str, Refusal]:
    """The rows that BigQuery will never take, from its `insertErrors`.

    A row is judged by `reason` and `index` alone; the wording is only kept to be shown.

    Raises:
        Unavailable: the answer names reasons that pass.
    """
    refusals: dict[str, Refusal] = {}
    passing: list[str] = []
    for item in answer:
        for error in item["errors"]:
            if error.get("reason") in PERMANENT:
                said = f"{error.get('location') or 'row'}: {error.get('message', '')}"
                refusals.setdefault(records[item["index"]].event_id, Refusal(said, item["errors"]))
            elif error.get("reason") not in NOT_THIS_ROW:
                passing.append(str(error.get("reason")))
    if answer and not refusals:
        raise Unavailable(f"insertErrors: {', '.join(sorted(set(passing))) or 'stopped'}")
    return refusals


def classified(error: Exception) -> Exception:
    """Try later, or a person first.

    403 is told apart by its reason: quota passes, denied access does not (BigQuery documentation, "Error messages").
    """
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.Forbidden):
        reasons = {str(detail.get("reason")) for detail in error.errors if isinstance(detail, dict)}
        return Unavailable(said) if reasons & {"quotaExceeded", "rateLimitExceeded"} else Misconfigured(said)
    if isinstance(error, exceptions.Unauthorized | exceptions.NotFound):
        return Misconfigured(said)
    if isinstance(error, auth_exceptions.GoogleAuthError) and not isinstance(
        error, auth_exceptions.TransportError
    ):
        return Misconfigured(said)
    if isinstance(error, exceptions.ClientError) and error.code not in {408, 429}:
        return BatchRefused(said)
    return Unavailable(said)
