"""The database, its tables and the property graph over them, as the source wants them; only adds."""

from typing import Any

from google.api_core import exceptions
from google.cloud.spanner_admin_instance_v1 import InstanceAdminClient
from google.cloud.spanner_admin_instance_v1.services.instance_admin.transports import (
    InstanceAdminGrpcTransport,
)

from capture.sinks import spanner_tables
from capture.sinks.base import TIMEOUT_SECONDS, Difference
from capture.sinks.spanner import SpannerSink
from capture.sinks.spanner_answers import FAILURES, classified

LONGEST_SECONDS = 600
"""A change of the schema is an operation of its own, which a large table makes long."""


class SchemaConflict(Exception):
    """A live table differs from what is wanted in a way that cannot be mended by adding to it."""


def set_up(sink: SpannerSink) -> list[str]:
    """Makes database, tables and graph, or adds to them what is missing; returns a line for each.

    The instance is there, for it has a price: only a local server is given one.

    Raises:
        Unavailable: Spanner does not answer or does not allow it.
        SchemaConflict: a table differs in another way; nothing was changed.
    """
    try:
        if sink.channel:
            _make_instance(sink)
        lines = [_make_database(sink)]
        return [*lines, *_make_tables(sink), _make_graph(sink)]
    except FAILURES as error:
        raise classified(error) from error


def _make_instance(sink: SpannerSink) -> None:
    client = InstanceAdminClient(transport=InstanceAdminGrpcTransport(channel=sink.channel))
    name = sink.instance.rpartition("/")[2]
    config = f"projects/{sink.project}/instanceConfigs/emulator-config"
    instance = {"config": config, "display_name": name, "node_count": 1}
    request = {"parent": f"projects/{sink.project}", "instance_id": name, "instance": instance}
    try:
        client.create_instance(request=request, **_as(sink))
    except exceptions.AlreadyExists:
        return


def _make_database(sink: SpannerSink) -> str:
    name = sink.database.rpartition("/")[2]
    request = {"parent": sink.instance, "create_statement": f"CREATE DATABASE `{name}`"}
    try:
        sink.admin.get_database(request={"name": sink.database}, **_as(sink))
    except exceptions.NotFound:
        made = sink.admin.create_database(request=request, **_as(sink))
        made.result(timeout=LONGEST_SECONDS)
        return f"{sink.database}: made"
    return f"{sink.database}: there already"


def _make_tables(sink: SpannerSink) -> list[str]:
    wanted, live = spanner_tables.wanted(sink.source), sink.live()
    found = spanner_tables.differences(wanted, live)
    if conflicts := [
        str(each) for each in found if each.remedy == spanner_tables.BY_HAND and each.stops_rows
    ]:
        raise SchemaConflict("; ".join(conflicts))
    missing = [table.ddl for table in wanted if table.name not in live]
    known = [(table, live[table.name]) for table in wanted if table.name in live]
    added = [statement for table, found_as in known for statement in spanner_tables.mending(table, found_as)]
    change(sink, [*missing, *added])
    return [
        f"{table.name}: {_told([each for each in found if each.table == table.name])}" for table in wanted
    ]


def _told(found: list[Difference]) -> str:
    changes = [each.change for each in found if each.change]
    left = [str(each) for each in found if not each.change]
    return ", ".join([*changes, *left]) or "as it should be"


def _make_graph(sink: SpannerSink) -> str:
    """What the graph's statement replaces is a view of the tables; no row is touched."""
    name = sink.source.graph_name
    try:
        sink.graphs()
    except NotImplementedError:
        return f"{name}: no property graph, for this server knows none; its tables are all there"
    change(sink, [sink.source.graph_ddl])
    return f"{name}: a property graph over the tables, as it should be"


def change(sink: SpannerSink, statements: list[str]) -> None:
    if statements:
        request = {"database": sink.database, "statements": statements}
        started = sink.admin.update_database_ddl(request=request, **_as(sink))
        started.result(timeout=LONGEST_SECONDS)


def _as(sink: SpannerSink) -> dict[str, Any]:
    return {"timeout": TIMEOUT_SECONDS, "retry": None, "metadata": sink.metadata}
