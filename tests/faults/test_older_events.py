"""A deploy with a newer vocabulary while older events, and batches sealed before it, still wait."""

import json

import msgspec
import pytest
from django.db import connection

from capture import schema, seal
from tests.faults import pipeline
from tests.flows.stores import Stores


def as_an_older_version_wrote_them() -> None:
    """Version 0, without any optional field, and with one that the vocabulary has lost since."""
    required = {
        event_type: [column.name for column in schema.own_columns(event_type) if column.mode == "REQUIRED"]
        + [column.name for column in schema.own_columns(event_type) if column.mode == "REPEATED"]
        for event_type in schema.TABLES
    }
    with connection.cursor() as cursor:
        for event_type, names in required.items():
            cursor.execute(
                """
                UPDATE capture_event SET schema_version = 0, payload = '{"forgotten": [1]}'::jsonb || (
                    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(payload) WHERE key = ANY(%s)
                ) WHERE event_type = %s
                """,
                [names, event_type],
            )


@pytest.mark.parametrize("is_sealed_before", [True, False])
def test_events_of_an_older_version_are_valid_documents_of_the_newer(
    stores: Stores, is_sealed_before: bool
) -> None:
    pipeline.capture("older", 100)
    as_an_older_version_wrote_them()
    if is_sealed_before:
        for sink in ("redis", "cloud_storage", "bigquery"):
            assert seal.due(sink, is_final=True) == 1
    pipeline.capture("newer", 50)
    assert pipeline.cycle() == {"redis": 150, "cloud_storage": 150, "bigquery": 150}
    pipeline.assert_all_hold_the_log_once(stores)
    lines = [
        json.loads(line) for found in stores.objects() for line in found.download_as_bytes().splitlines()
    ]
    assert {line["schema_version"] for line in lines if line["event_id"].startswith("older")} == {0}
    for line in lines:
        assert set(line) == {column.name for column in schema.columns(line["event_type"])}
    assert msgspec.json.encode(lines)
