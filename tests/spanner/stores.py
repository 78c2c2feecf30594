"""Databases of Spanner with the graph's tables, and a look inside."""

import uuid
from typing import Any

from capture.sinks import spanner_setup
from capture.sinks.spanner import SpannerSink

SOURCE = "personalization.graph_copy.source.memory"
PROJECT, INSTANCE = "shop-1", "leafloaf"
MOMENTS = ("written_at", "drawn_at")

Rows = dict[str, list[dict[str, Any]]]


def options(endpoint: str) -> dict[str, Any]:
    """Of a database that nobody else has."""
    database = f"t{uuid.uuid4().hex[:20]}"
    where = {"project": PROJECT, "instance": INSTANCE, "database": database, "endpoint": endpoint}
    return where | {"source": SOURCE, "accounts": ()}


def made(endpoint: str) -> SpannerSink:
    """A sink to a new database, set up."""
    sink = SpannerSink(**options(endpoint))
    spanner_setup.set_up(sink)
    return sink


def everything(sink: SpannerSink) -> Rows:
    """All rows of all people, without the moments at which they were written."""
    found: Rows = {}
    for table in sink.source.tables:
        rows = sink.read(table, {"all_": True})
        found[table.name] = [_told(table.name, row) for row in rows]
    return {name: rows for name, rows in found.items() if rows}


def _told(table: str, row: dict[str, Any]) -> dict[str, Any]:
    left_out = (*MOMENTS, "forget_at") if table == "Person" else MOMENTS
    return {name: value for name, value in row.items() if name not in left_out}


def of(sink: SpannerSink, subject: Any) -> Rows:
    """All rows of one person, whole."""
    found = {table.name: sink.rows_of(str(subject), table) for table in sink.source.tables}
    return {name: rows for name, rows in found.items() if rows}
