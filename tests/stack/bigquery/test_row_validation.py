"""What insertAll accepts in a cell. The shape of the errors and the types are documented at
cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll and
cloud.google.com/bigquery/docs/reference/standard-sql/data-types; sentences follow public reports."""

import contextlib
import datetime as dt
import decimal
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.stack.bigquery import rows, schema
from tests.stack.bigquery.conftest import Field, make_table

UTC = dt.UTC
ITEM = [Field("sku", "STRING", "REQUIRED"), Field("n", "INTEGER")]


def stored(client: bigquery.Client, field: Field, value: Any) -> Any:
    """What comes back of a value; a refusal's message when it is refused."""
    table = make_table(client, "t", field)
    errors = client.insert_rows_json(table, [{field.name: value}])
    if errors:
        (error,) = errors[0]["errors"]
        assert (error["reason"], error["debugInfo"]) == ("invalid", "")
        return error["message"]
    (row,) = client.list_rows(table)
    return row[0]


@pytest.mark.parametrize(
    ("kind", "sent", "found"),
    [
        ("STRING", "œuf", "œuf"),
        ("STRING", 5, "5"),
        ("BYTES", "aGk=", b"hi"),
        ("INTEGER", 2**63 - 1, 2**63 - 1),
        ("INTEGER", "-7", -7),
        ("INTEGER", 3.0, 3),
        ("FLOAT", 1, 1.0),
        ("FLOAT", "2.5", 2.5),
        ("FLOAT", "Infinity", float("inf")),
        ("NUMERIC", "5.990000001", decimal.Decimal("5.990000001")),
        ("NUMERIC", 5.99, decimal.Decimal("5.99")),
        ("BIGNUMERIC", "1.000000000000000001", decimal.Decimal("1.000000000000000001")),
        ("BOOLEAN", True, True),
        ("BOOLEAN", "false", False),
        ("TIMESTAMP", 0, dt.datetime(1970, 1, 1, tzinfo=UTC)),
        ("TIMESTAMP", 1.5, dt.datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-02T03:04:05.000006Z", dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-02 03:04", dt.datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-02 03:04:05-05:00", dt.datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-02 03:04:05 America/Montreal", dt.datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ("DATE", "2026-02-28", dt.date(2026, 2, 28)),
        ("TIME", "23:59:59.5", dt.time(23, 59, 59, 500000)),
        ("DATETIME", "2026-01-02T03:04:05", dt.datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001
        ("JSON", '{"a": [1, null]}', {"a": [1, None]}),
        ("STRING", None, None),
    ],
)
def test_a_good_value_comes_back(client: bigquery.Client, kind: str, sent: Any, found: Any) -> None:
    assert stored(client, Field("x", kind), sent) == found


@pytest.mark.parametrize(
    ("kind", "sent", "message"),
    [
        ("STRING", True, "Conversion from bool to std::string is unsupported."),
        ("STRING", {"a": 1}, "This field: x is not a record."),
        ("STRING", ["a"], "Array specified for non-repeated field: x."),
        ("BYTES", "not base64!", "Could not decode base64 string to bytes: not base64!"),
        ("INTEGER", 1.5, "Cannot convert value to integer (bad value): 1.5"),
        ("INTEGER", "1.5", "Cannot convert value to integer (bad value): 1.5"),
        ("INTEGER", "many", "Cannot convert value to integer (bad value): many"),
        ("INTEGER", 2**63, "Cannot convert value to integer (bad value): 9223372036854775808"),
        ("INTEGER", True, "Cannot convert value to integer (bad value): True"),
        ("FLOAT", "dear", "Cannot convert value to floating point (bad value): dear"),
        ("NUMERIC", "1e29", "Invalid NUMERIC value: 1e29"),
        ("NUMERIC", "0.1234567891", "Invalid NUMERIC value: 0.1234567891 Field: scale exceeds 9"),
        ("NUMERIC", "NaN", "Invalid NUMERIC value: NaN"),
        ("BOOLEAN", "yes", "Cannot convert value to boolean (bad value): yes"),
        ("BOOLEAN", 1, "Cannot convert value to boolean (bad value): 1"),
        ("DATE", "2026-02-30", "Invalid date: '2026-02-30'"),
        ("DATE", "2026-02-28T00:00:00Z", "Invalid date: '2026-02-28T00:00:00Z'"),
        ("TIME", "25:00:00", "Invalid time: '25:00:00'"),
        ("DATETIME", "2026-01-02T03:04:05Z", "Invalid datetime: '2026-01-02T03:04:05Z'"),
        ("JSON", "{", "Invalid JSON value: {"),
        ("JSON", {"a": 1}, "This field: x is not a record."),
        ("JSON", [1], "Array specified for non-repeated field: x."),
    ],
)
def test_a_bad_value_is_refused(client: bigquery.Client, kind: str, sent: Any, message: str) -> None:
    assert stored(client, Field("x", kind), sent) == message


@pytest.mark.parametrize("sent", ["soon", "2026-13-01", "2026-01-01 00:00:00 Mars/Base", True, 1e30])
def test_a_bad_timestamp_is_refused(client: bigquery.Client, sent: Any) -> None:
    """cloud.google.com/bigquery/docs/streaming-data-into-bigquery (Send date and time data)"""
    assert "timestamp" in stored(client, Field("x", "TIMESTAMP"), sent)


def test_records_and_arrays_come_back_in_order(client: bigquery.Client) -> None:
    sent = [{"sku": "milk", "n": 2}, {"sku": "egg", "n": None}]
    assert stored(client, Field("items", "RECORD", "REPEATED", fields=ITEM), sent) == sent


@pytest.mark.parametrize(
    ("mode", "sent", "message"),
    [
        ("NULLABLE", '{"sku": "milk"}', "This field: event_properties is not a record."),
        ("NULLABLE", 5, "This field: event_properties is not a record."),
        ("NULLABLE", [{"sku": "milk"}], "Array specified for non-repeated field: event_properties."),
        ("NULLABLE", {"sku": "a", "m": 1}, "no such field: event_properties.m."),
        ("NULLABLE", {"n": 1}, "Missing required field: Msg_0_CLOUD_QUERY_TABLE.event_properties.sku."),
        ("REPEATED", "milk", "This field: event_properties is not a record."),
        ("REPEATED", ["milk"], "This field: event_properties is not a record."),
        ("REPEATED", [None], "Only optional fields can be set to NULL. Field: event_properties; Value: NULL"),
    ],
)
def test_a_record_is_checked_inside(client: bigquery.Client, mode: str, sent: Any, message: str) -> None:
    assert stored(client, Field("event_properties", "RECORD", mode, fields=ITEM), sent) == message


def test_the_location_of_an_error_is_the_path_of_the_field(client: bigquery.Client) -> None:
    table = make_table(client, "t", Field("items", "RECORD", "REPEATED", fields=ITEM))
    errors = client.insert_rows_json(table, [{"items": [{"sku": "milk", "n": "two"}]}])
    assert errors[0]["errors"][0]["location"] == "items.n"


@pytest.mark.parametrize("row", [{}, {"x": None}])
def test_a_required_field_must_be_there(client: bigquery.Client, row: dict[str, Any]) -> None:
    table = make_table(client, "t", Field("x", "STRING", "REQUIRED"))
    errors = client.insert_rows_json(table, [row])
    assert errors[0]["errors"][0]["message"] == "Missing required field: Msg_0_CLOUD_QUERY_TABLE.x."


def test_unknown_fields_are_refused_unless_they_are_to_be_ignored(client: bigquery.Client) -> None:
    """…/tabledata/insertAll (ignoreUnknownValues)"""
    table = make_table(client, "t", Field("x", "STRING"))
    errors = client.insert_rows_json(table, [{"x": "a", "y": 1}])
    assert errors[0]["errors"][0] == {
        "reason": "invalid",
        "location": "y",
        "debugInfo": "",
        "message": "no such field: y.",
    }
    assert client.insert_rows_json(table, [{"x": "a", "y": 1}], ignore_unknown_values=True) == []


def test_column_names_do_not_regard_case(client: bigquery.Client) -> None:
    """cloud.google.com/bigquery/docs/schemas#column_names"""
    table = make_table(client, "t", Field("x", "STRING"))
    assert client.insert_rows_json(table, [{"X": "a"}]) == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(kind=st.sampled_from(sorted(schema.DUCKDB_TYPES)), sent=JSON_VALUES)
def test_every_value_is_either_taken_or_refused(kind: str, sent: Any) -> None:
    check = rows.checker((schema.Field("x", kind),), ignore_unknown=False)
    with contextlib.suppress(rows.RefusedRow):
        assert list(check({"x": sent})) == ["x"]
