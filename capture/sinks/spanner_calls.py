"""Calls to Spanner, one by one, each with its time: clients, sessions, and reading.

The client's own `Database` is not used: its commit has no time limit, and it takes the address of an emulator from the
environment behind our back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
from google.api_core import exceptions
from google.cloud.spanner_admin_database_v1 import DatabaseAdminClient
from google.cloud.spanner_admin_database_v1.services.database_admin.transports import (
    DatabaseAdminGrpcTransport,
)
from google.cloud.spanner_v1 import SpannerClient
from google.cloud.spanner_v1.services.spanner.transports import SpannerGrpcTransport
from google.cloud.spanner_v1.types import ResultSet

from capture.sinks import google_accounts
from capture.sinks.base import TIMEOUT_SECONDS, Misconfigured, Unavailable
from capture.sinks.spanner_answers import FAILURES, classified, is_lost_session
from capture.sinks.spanner_tables import Live, Table, decoded, encoded

TABLES = """
    SELECT table_name, COALESCE(parent_table_name, ''), COALESCE(row_deletion_policy_expression, '')
    FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = ''
"""
COLUMNS = """
    SELECT table_name, column_name, spanner_type, is_nullable
    FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = ''
"""
KEPT = """
    SELECT option_value FROM INFORMATION_SCHEMA.DATABASE_OPTIONS
    WHERE schema_name = '' AND option_name = 'version_retention_period'
"""
SHORTEST = timedelta(hours=1)
"""What a database keeps of earlier states when nobody asked for more, and the least that it can."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
GRAPHS = "SELECT property_graph_name FROM INFORMATION_SCHEMA.PROPERTY_GRAPHS"
PAGE = 5_000
STRONG = {"single_use": {"read_only": {"strong": True}}}

Answer = TypeVar("Answer")
Seconds = Callable[[], float]
"""How long the next call may take; raises `Unavailable` when no time is left."""


class Connection:
    """One database, as one account.

    Args:
        endpoint: another address than Google's own; an http:// one gets no credentials.
        account: as whom it is asked; the process's own when empty.
    """

    def __init__(self, database: str, endpoint: str, account: str) -> None:
        self.database = database
        self.endpoint = endpoint
        self.account = account
        self._own = threading.local()

    @cached_property
    def client(self) -> SpannerClient:
        if channel := self.channel:
            return SpannerClient(transport=SpannerGrpcTransport(channel=channel))
        return SpannerClient(
            credentials=google_accounts.credentials(self.account, self.endpoint), client_options=self.address
        )

    @cached_property
    def admin(self) -> DatabaseAdminClient:
        if channel := self.channel:
            return DatabaseAdminClient(transport=DatabaseAdminGrpcTransport(channel=channel))
        return DatabaseAdminClient(
            credentials=google_accounts.credentials(self.account, self.endpoint), client_options=self.address
        )

    @cached_property
    def channel(self) -> grpc.Channel | None:
        """To a local server, which speaks without TLS; None for Google."""
        if not self.endpoint.startswith("http://"):
            return None
        return grpc.insecure_channel(urlsplit(self.endpoint).netloc)

    @property
    def address(self) -> dict[str, str] | None:
        return {"api_endpoint": urlsplit(self.endpoint).netloc} if self.endpoint else None

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """Also the account's name, for a local server: it is told no secret."""
        told = [("google-cloud-resource-prefix", self.database)]
        return [*told, ("authorization", f"Bearer {self.account}")] if self.channel and self.account else told

    def read(
        self, table: Table, keys: Mapping[str, Any], seconds: Seconds | None = None, limit: int = 0
    ) -> Iterator[dict[str, Any]]:
        """Rows in the order of their keys as they are at this moment, whatever a replica may have.

        Raises:
            Unavailable, Misconfigured, BatchRefused: see `classified`.
        """
        asked = {"table": table.name, "columns": table.names, "key_set": keys, "limit": limit}
        request = asked | {"transaction": STRONG}
        for values in self._answered(self.client.read, request, seconds):
            told = zip(table.columns, values, strict=True)
            yield {column.name: decoded(column, value) for column, value in told}

    def rows_of(self, subject: str, table: Table) -> list[dict[str, Any]]:
        """A person's rows of a table, a page at a time: one answer has at most 10 MiB."""
        found: list[dict[str, Any]] = []
        start: dict[str, Any] = {"start_closed": [subject]}
        while True:
            keys = {"ranges": [start | {"end_closed": [subject]}]}
            page = [*self.read(table, keys, limit=PAGE)]
            found += page
            if len(page) < PAGE or table.key == 1:
                return found
            start = {"start_open": [encoded(page[-1][name]) for name in table.names[: table.key]]}

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[list[Any]]:
        """The rows of a query's answer, as of this moment.

        Raises:
            Unavailable, Misconfigured, BatchRefused: see `classified`.
        """
        request = {"sql": query, "params": dict(parameters), "transaction": STRONG}
        if parameters:
            kind = {"code": "ARRAY", "array_element_type": {"code": "STRING"}}
            text = {"code": "STRING"}
            request["param_types"] = {
                name: kind if isinstance(value, list) else text for name, value in parameters.items()
            }
        return [*self._answered(self.client.execute_sql, request, None)]

    def _answered(
        self, method: Callable[..., Any], request: dict[str, Any], seconds: Seconds | None
    ) -> Iterator[list[Any]]:
        try:
            answer = self.call(method, request, seconds or until(time.monotonic() + TIMEOUT_SECONDS))
        except FAILURES as error:
            raise classified(error) from error
        for row in ResultSet.pb(answer).rows:
            yield [_plain(value) for value in row.values]

    def live(self) -> dict[str, Live]:
        """Every table as it is."""
        columns: dict[str, dict[str, tuple[str, bool]]] = {}
        for table, column, kind, nullable in self.ask(COLUMNS, {}):
            columns.setdefault(table, {})[column] = kind, nullable == "NO"
        return {
            table: Live(columns.get(table, {}), parent, policy)
            for table, parent, policy in self.ask(TABLES, {})
        }

    def kept_for(self) -> timedelta:
        """How long this database can be asked for an earlier state.

        Raises:
            Unavailable, Misconfigured, BatchRefused: see `classified`.
        """
        return max((_period(str(row[0])) for row in self.ask(KEPT, {})), default=SHORTEST)

    def graphs(self) -> set[str]:
        """
        Raises:
            NotImplementedError: this server knows no property graphs.
        """
        try:
            answer = self.call(self.client.execute_sql, {"sql": GRAPHS, "transaction": STRONG}, half_a_minute)
        except exceptions.InvalidArgument as error:  # there is no such table in its INFORMATION_SCHEMA
            raise NotImplementedError(str(error)) from error
        except FAILURES as error:
            raise classified(error) from error
        return {row.values[0].string_value for row in ResultSet.pb(answer).rows}

    def call(self, method: Callable[..., Answer], request: dict[str, Any], seconds: Seconds) -> Answer:
        """One call, with this thread's session; a session that the server has forgotten is made anew."""
        for is_last in (False, True):
            session = self._session(seconds)
            try:
                asked = request | {"session": session}
                return method(request=asked, timeout=seconds(), retry=None, metadata=self.metadata)
            except exceptions.NotFound as error:
                if is_last or not is_lost_session(error):
                    raise
                self._own.session = ""
                if "transaction_id" in request:
                    raise exceptions.Aborted(str(error)) from error
        raise AssertionError

    def _session(self, seconds: Seconds) -> str:
        if not getattr(self._own, "session", ""):
            made = self.client.create_session(
                request={"database": self.database, "session": {"multiplexed": True}},
                timeout=seconds(),
                retry=None,
                metadata=self.metadata,
            )
            self._own.session = made.name
        name: str = self._own.session
        return name


def _period(text: str) -> timedelta:
    """As the option has it: a whole number and its unit, `7d`."""
    told = text.strip("'\"")
    if told[-1:] not in UNITS or not told[:-1].isdigit():
        raise Misconfigured(f"version_retention_period is {text}, which says no time")
    return timedelta(**{UNITS[told[-1]]: int(told[:-1])})


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None if kind == "null_value" else getattr(value, kind)


def until(deadline: float) -> Seconds:
    def left() -> float:
        seconds = min(TIMEOUT_SECONDS, deadline - time.monotonic())
        if seconds <= 0:
            raise Unavailable("no time is left")
        return seconds

    return left


def half_a_minute() -> float:
    return TIMEOUT_SECONDS
