"""The dataset, the five tables and a view of each, made from the vocabulary, and the views that others bring."""

from google.cloud import bigquery

from capture import schema
from capture.sinks import bigquery_schema
from capture.sinks.base import TIMEOUT_SECONDS
from capture.sinks.bigquery import BigQuerySink
from capture.sinks.bigquery_answers import FAILURES, classified
from capture.sinks.bigquery_schema import Remedy

HARMLESS = {Remedy.SET_UP, Remedy.DROP}


class SchemaConflict(Exception):
    """A live table differs from the vocabulary in a way that cannot be mended by adding to it."""


def set_up(sink: BigQuerySink, retention_days: int) -> list[str]:
    """Makes the dataset, tables and views, or adds to them what is missing; returns a line for each.

    What only adds is done: a missing column that may be empty, a required one made optional, the partitions'
    expiration and filter, a view. A column that the vocabulary does not know is left alone.

    Raises:
        Unavailable: BigQuery does not answer or does not allow it.
        SchemaConflict: a table differs in another way; it and those after it are as they were.
    """
    try:
        dataset = bigquery.Dataset(f"{sink.project}.{sink.dataset}")
        dataset.location = sink.location or None
        sink.client.create_dataset(dataset, exists_ok=True, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
        tables = [_set_up_table(sink, event_type, retention_days) for event_type in schema.TABLES]
        return tables + [_set_up_view(sink, wanted) for wanted in sink.wanted_views(retention_days)]
    except FAILURES as error:
        raise classified(error) from error


def _set_up_table(sink: BigQuerySink, event_type: str, retention_days: int) -> str:
    name = sink.table(event_type)
    wanted = bigquery_schema.table(name, event_type, retention_days)
    live = sink.client.create_table(wanted, exists_ok=True, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    found = bigquery_schema.of_table(wanted, live)
    if conflicts := [str(difference) for difference in found if difference.remedy not in HARMLESS]:
        raise SchemaConflict("; ".join(conflicts))
    if not (changes := [difference.change for difference in found if difference.change]):
        return f"{name}: {live.num_rows or 0} rows, as the vocabulary has it"
    live.schema = bigquery_schema.merged(wanted.schema, live.schema)
    live.time_partitioning = wanted.time_partitioning
    live.require_partition_filter = True
    changed = ["schema", "time_partitioning", "require_partition_filter"]
    sink.client.update_table(live, changed, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    return f"{name}: {', '.join(changes)}"


def _set_up_view(sink: BigQuerySink, wanted: bigquery.Table) -> str:
    name = str(wanted.reference)
    live = sink.client.create_table(wanted, exists_ok=True, timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    found = bigquery_schema.of_table(wanted, live)
    if conflicts := [str(difference) for difference in found if difference.remedy not in HARMLESS]:
        raise SchemaConflict("; ".join(conflicts))
    if not found:
        return f"{name}: a view, as the vocabulary has it"
    live.view_query = wanted.view_query
    sink.client.update_table(live, ["view_query"], timeout=TIMEOUT_SECONDS, retry=None)  # type: ignore[arg-type]
    return f"{name}: {', '.join(difference.change for difference in found)}"
