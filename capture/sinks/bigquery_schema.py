"""How a live table may differ from the vocabulary, and what mends it.

Nothing here calls BigQuery: the sink, `setup_bigquery` and `check_schema` bring the live table along.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from google.cloud.bigquery import SchemaField, Table, TimePartitioning, TimePartitioningType

from capture import schema
from capture.sinks.base import Difference

DAY_MS = 24 * 60 * 60 * 1000
SYNONYMS = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
}


class Remedy(StrEnum):
    """What to do about a difference."""

    SET_UP = "run `manage.py setup_bigquery`"
    DROP = "drop it, or add it to the vocabulary; until then it stays empty"
    LOOSEN = "drop it or make it NULLABLE: BigQuery refuses every row without it"
    RECLUSTER = "change it with `bq update --clustering_fields`; rows already there stay as they are"
    REBUILD = "it cannot be changed in place: copy or rename the table, then run `manage.py setup_bigquery`"


def fields(columns: Iterable[schema.Column]) -> list[SchemaField]:
    """The vocabulary's columns as BigQuery's client describes them."""
    return [
        SchemaField(
            column.name,
            column.type,
            mode=column.mode,
            description=column.description,
            fields=fields(column.fields),
        )
        for column in columns
    ]


def table(name: str, event_type: str, retention_days: int = 0) -> Table:
    """The table as it should be."""
    wanted = Table(name, schema=fields(schema.columns(event_type)))
    wanted.time_partitioning = TimePartitioning(
        type_=TimePartitioningType.DAY,
        field=schema.PARTITION_COLUMN,
        expiration_ms=retention_days * DAY_MS,
    )
    wanted.require_partition_filter = True
    wanted.clustering_fields = list(schema.CLUSTERING[event_type])
    return wanted


def missing(wanted: Table) -> Difference:
    stops_rows = not wanted.view_query
    return Difference(str(wanted.reference), "", "does not exist", Remedy.SET_UP, stops_rows=stops_rows)


def of_table(wanted: Table, live: Table) -> list[Difference]:
    """Every difference between two tables: columns, nested ones too, and layout; or between two views."""
    name = str(wanted.reference)
    if wanted.view_query:
        return _of_view(name, wanted, live)
    return [*of_columns(name, wanted.schema, live.schema), *_of_layout(name, wanted, live)]


def of_columns(
    name: str, wanted: Iterable[SchemaField], live: Iterable[SchemaField], path: str = ""
) -> list[Difference]:
    """The differences between two lists of columns; BigQuery does not tell upper case from lower."""
    there = {field.name.lower(): field for field in live}
    found: list[Difference] = []
    for field in wanted:
        match = there.pop(field.name.lower(), None)
        found += _absent(name, path, field) if match is None else _of_column(name, path, field, match)
    return found + [_surplus(name, path, field) for field in there.values()]


def merged(wanted: Sequence[SchemaField], live: Sequence[SchemaField]) -> list[SchemaField]:
    """The live columns, made optional where the vocabulary has them so, with the missing ones at the end."""
    known = {field.name.lower(): field for field in wanted}
    there = {field.name.lower() for field in live}
    kept = [_relaxed(known.get(field.name.lower()), field) for field in live]
    return kept + [field for field in wanted if field.name.lower() not in there]


def view_of(name: str) -> str:
    """The name of the view that shows each event of a table once."""
    return f"{name}_once"


def view_query(name: str, event_type: str) -> str:
    """Each event once, however often the table holds it.

    An event's rows carry one `timestamp`, so grouping by both loses nothing, and a filter on `timestamp` outside
    the view reaches the partitions inside; past a window function it would not. Copies differ in nothing but the
    batch they came in.
    """
    keys = ("event_id", schema.PARTITION_COLUMN)
    lines = []
    for column in schema.columns(event_type):
        picked = "MIN" if column.name == "batch" else "ANY_VALUE"
        lines.append(column.name if column.name in keys else f"{picked}({column.name}) AS {column.name}")
    selected = ",\n  ".join(lines)
    return f"SELECT\n  {selected}\nFROM `{name}`\nGROUP BY {', '.join(keys)}"


def view(name: str, event_type: str) -> Table:
    """The view of a table as it should be."""
    wanted = Table(view_of(name))
    wanted.view_query = view_query(name, event_type)
    return wanted


def events_query(once: Callable[[str], str], retention_days: int) -> str:
    """Every event of every type, once: the common columns, and those of its own type as JSON under their names.

    A constant bound on `timestamp` lets it be asked without one; what it leaves out is the day that is expiring.
    """
    since = f"TIMESTAMP_SUB(TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), DAY), INTERVAL {retention_days - 1} DAY)"
    common = ", ".join(column.name for column in schema.COMMON)
    parts = []
    for event_type in schema.TABLES:
        own = ", ".join(column.name for column in schema.own_columns(event_type))
        parts.append(
            f"SELECT {common},\n  TO_JSON(STRUCT({own})) AS details\n"
            f"FROM `{once(event_type)}`\nWHERE timestamp >= {since}"
        )
    return "\nUNION ALL\n".join(parts)


def _of_view(name: str, wanted: Table, live: Table) -> list[Difference]:
    if live.table_type != "VIEW":
        return [Difference(name, "", "is no view", Remedy.REBUILD)]
    if live.view_query != wanted.view_query:
        return [Difference(name, "", "has another query than the vocabulary's", Remedy.SET_UP, "renewed it")]
    return []


def _absent(name: str, path: str, field: SchemaField) -> list[Difference]:
    column = path + field.name
    if field.mode == "REQUIRED":
        said = f"is missing and should be {_kind(field)}"
        return [Difference(name, column, said, Remedy.REBUILD, stops_rows=True)]
    said = f"is missing and should be {_kind(field)}"
    return [Difference(name, column, said, Remedy.SET_UP, f"added {column}", stops_rows=True)]


def _surplus(name: str, path: str, field: SchemaField) -> Difference:
    said = f"is {_kind(field)} and unknown to the vocabulary"
    if field.mode == "REQUIRED":
        return Difference(name, path + field.name, said, Remedy.LOOSEN, stops_rows=True)
    return Difference(name, path + field.name, said, Remedy.DROP)


def _of_column(name: str, path: str, wanted: SchemaField, live: SchemaField) -> list[Difference]:
    column = path + wanted.name
    said = f"is {_kind(live)} and should be {_kind(wanted)}"
    if _type(live) != _type(wanted):
        return [Difference(name, column, said, Remedy.REBUILD, stops_rows=True)]
    found = []
    if _is_stricter(live, wanted):
        found.append(
            Difference(name, column, said, Remedy.SET_UP, f"made {column} optional", stops_rows=True)
        )
    elif live.mode != wanted.mode:
        is_looser = (live.mode, wanted.mode) == ("NULLABLE", "REQUIRED")
        found.append(Difference(name, column, said, Remedy.REBUILD, stops_rows=not is_looser))
    return found + of_columns(name, wanted.fields, live.fields, f"{column}.")


def _of_layout(name: str, wanted: Table, live: Table) -> Iterator[Difference]:
    if _partitioning(live) != _partitioning(wanted):
        said = f"is partitioned by {_partitioning(live)} and should be by {_partitioning(wanted)}"
        yield Difference(name, "", said, Remedy.REBUILD)
    else:
        if (expires := _expiration_days(live)) != _expiration_days(wanted):
            said = (
                f"keeps its partitions for {expires or 'all'} days and should for {_expiration_days(wanted)}"
            )
            yield Difference(name, "", said, Remedy.SET_UP, "set the partition expiration")
        if not live.require_partition_filter:
            said = "does not require a partition filter"
            yield Difference(name, "", said, Remedy.SET_UP, "required a partition filter")
    if list(live.clustering_fields or ()) != list(wanted.clustering_fields or ()):
        is_, should = (", ".join(found.clustering_fields or ["nothing"]) for found in (live, wanted))
        said = f"is clustered by {is_} and should be by {should}"
        yield Difference(name, "", said, Remedy.RECLUSTER)


def _relaxed(wanted: SchemaField | None, live: SchemaField) -> SchemaField:
    """The live column with everything it carries, made optional if it should be."""
    if wanted is None:
        return live
    resource = live.to_api_repr()
    if _is_stricter(live, wanted):
        resource["mode"] = "NULLABLE"
    if live.fields:
        resource["fields"] = [field.to_api_repr() for field in merged(wanted.fields, live.fields)]
    return SchemaField.from_api_repr(resource)


def _is_stricter(live: SchemaField, wanted: SchemaField) -> bool:
    return (live.mode, wanted.mode) == ("REQUIRED", "NULLABLE")


def _kind(field: SchemaField) -> str:
    return f"{_type(field)} {field.mode}"


def _type(field: SchemaField) -> str:
    return SYNONYMS.get(field.field_type, field.field_type)


def _partitioning(table: Table) -> str:
    found = table.time_partitioning
    return f"{found.type_} of {found.field or 'the time of loading'}" if found else "nothing"


def _expiration_days(table: Table) -> float:
    milliseconds = table.time_partitioning.expiration_ms if table.time_partitioning else None
    days = int(milliseconds or 0) / DAY_MS
    return int(days) if days == int(days) else days
