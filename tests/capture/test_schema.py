"""The columns follow from the vocabulary, whatever it says."""

import pytest

from capture import events, schema
from capture.records import Record, json_line, rfc3339
from tests.capture.test_sink_contract import records


@pytest.mark.parametrize("event_type", list(events.TYPES))
def test_every_type_has_a_table_and_every_column_a_description(event_type: str) -> None:
    assert schema.TABLES[event_type].endswith("_events")
    assert all(column.description for column in schema.columns(event_type))
    nested = [field for column in schema.columns(event_type) for field in column.fields]
    assert all(field.description for field in nested)


@pytest.mark.parametrize("event_type", list(events.TYPES))
def test_tables_are_clustered_by_columns_they_have(event_type: str) -> None:
    assert set(schema.CLUSTERING[event_type]) <= {column.name for column in schema.columns(event_type)}


def test_modes_say_what_may_be_missing() -> None:
    modes = {column.name: (column.type, column.mode) for column in schema.columns("order")}
    assert modes["order_id"] == ("STRING", "REQUIRED")
    assert modes["items"] == ("RECORD", "REPEATED")
    assert modes["total_value"] == ("NUMERIC", "NULLABLE")
    assert modes["discounts"] == ("JSON", "NULLABLE")


def test_nothing_about_the_sending_is_kept() -> None:
    names = {column.name for kind in events.TYPES for column in schema.own_columns(kind)}
    assert not names & {"sent_at", "user_id", "event_id", "timestamp"}


@pytest.mark.parametrize("record", records(5), ids=lambda record: record.event_type)
def test_a_document_has_exactly_the_columns(record: Record) -> None:
    document = record.document("batch-1")
    assert list(document) == [column.name for column in schema.columns(record.event_type)]
    assert document["timestamp"] == rfc3339(record.received_at)
    assert json_line(document).endswith(b"}\n")
