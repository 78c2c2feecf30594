"""The dataset and the five tables, made from the vocabulary."""

from collections.abc import Iterable

from google.cloud import bigquery
from google.cloud.bigquery import SchemaField, Table, TimePartitioning, TimePartitioningType

from capture import schema
from capture.sinks.base import TIMEOUT_SECONDS
from capture.sinks.bigquery import FAILURES, BigQuerySink, classified

DAY_MS = 24 * 60 * 60 * 1000


class SchemaConflict(Exception):
    """A live table differs from the vocabulary in a way that cannot be mended by adding to it."""


def set_up(sink: BigQuerySink, retention_days: int) -> list[str]:
    """Makes the dataset and tables, or adds the columns that are missing; returns a line for each.

    Raises:
        Unavailable: BigQuery does not answer or does not allow it.
        SchemaConflict: a table has columns that the vocabulary does not know, or with another type.
    """
    try:
        dataset = bigquery.Dataset(f"{sink.project}.{sink.dataset}")
        dataset.location = sink.location or None
        sink.client.create_dataset(dataset, exists_ok=True, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
        return [_set_up_table(sink, event_type, retention_days) for event_type in schema.TABLES]
    except FAILURES as error:
        raise classified(error) from error


def _set_up_table(sink: BigQuerySink, event_type: str, retention_days: int) -> str:
    name = sink.table(event_type)
    wanted = fields(schema.columns(event_type))
    table = Table(name, schema=wanted)
    table.time_partitioning = TimePartitioning(
        type_=TimePartitioningType.DAY,
        field=schema.PARTITION_COLUMN,
        expiration_ms=retention_days * DAY_MS,
    )
    table.require_partition_filter = True
    table.clustering_fields = list(schema.CLUSTERING[event_type])
    live = sink.client.create_table(table, exists_ok=True, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    missing = _missing(name, wanted, live.schema)
    if not missing:
        return f"{name}: {live.num_rows or 0} rows, as the vocabulary has it"
    live.schema = [*live.schema, *missing]
    sink.client.update_table(live, ["schema"], timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    return f"{name}: added {', '.join(field.name for field in missing)}"


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


def _missing(name: str, wanted: list[SchemaField], live: Iterable[SchemaField]) -> list[SchemaField]:
    """The wanted columns that the live table lacks."""
    known = {field.name: field for field in live}
    for field in wanted:
        there = known.get(field.name)
        if there and (there.field_type, there.mode) != (field.field_type, field.mode):
            raise SchemaConflict(
                f"{name}.{field.name} is {there.field_type} {there.mode} and should be "
                f"{field.field_type} {field.mode}; copy the table into a new one or rename it, then run this again"
            )
    missing = [field for field in wanted if field.name not in known]
    if required := [field.name for field in missing if field.mode == "REQUIRED"]:
        raise SchemaConflict(
            f"{name} lacks the required columns {', '.join(required)}; it is not one of our tables"
        )
    return missing
