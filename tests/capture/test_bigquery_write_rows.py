"""Every type of column as a protobuf row, told by the vocabulary's columns alone, and read back from the table."""

import base64
import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto

from capture import schema
from capture.schema import Column
from capture.sinks import bigquery_schema, bigquery_write_rows
from capture.sinks.bigquery_write_client import Writer
from capture.sinks.bigquery_write_rows import UnfitRow
from leafloaf.stack import http
from leafloaf.stack.bigquery import api
from leafloaf.stack.bigquery.write_api import WriteServer

NESTED = (
    Column("name", "STRING", "REQUIRED", ""),
    Column("price", "NUMERIC", "NULLABLE", ""),
    Column("tags", "STRING", "REPEATED", ""),
    Column("size", "RECORD", "NULLABLE", "", (Column("grams", "INTEGER", "NULLABLE", ""),)),
)
ALL = (
    Column("id", "STRING", "REQUIRED", ""),
    Column("text", "STRING", "NULLABLE", ""),
    Column("raw", "BYTES", "NULLABLE", ""),
    Column("whole", "INTEGER", "NULLABLE", ""),
    Column("real", "FLOAT", "NULLABLE", ""),
    Column("truth", "BOOLEAN", "NULLABLE", ""),
    Column("exact", "NUMERIC", "NULLABLE", ""),
    Column("more_exact", "BIGNUMERIC", "NULLABLE", ""),
    Column("moment", "TIMESTAMP", "NULLABLE", ""),
    Column("day", "DATE", "NULLABLE", ""),
    Column("time", "TIME", "NULLABLE", ""),
    Column("local", "DATETIME", "NULLABLE", ""),
    Column("anything", "JSON", "NULLABLE", ""),
    Column("numbers", "INTEGER", "REPEATED", ""),
    Column("moments", "TIMESTAMP", "REPEATED", ""),
    Column("prices", "NUMERIC", "REPEATED", ""),
    Column("one", "RECORD", "NULLABLE", "", NESTED),
    Column("many", "RECORD", "REPEATED", "", NESTED),
)
FULL = {
    "id": "full",
    "text": 'lait 2 % "bio" 🥛',
    "raw": b"\x00\xff",
    "whole": -(2**63),
    "real": Decimal("0.1"),
    "truth": True,
    "exact": Decimal("-12345678901234567890.123456789"),
    "more_exact": Decimal("1.000000000000000001"),
    "moment": "2026-11-21T23:59:59.999999Z",
    "day": "1969-12-31",
    "time": "23:59:59.5",
    "local": "2026-11-21T01:02:03.000004",
    "anything": {"deep": [1, None, "x", Decimal("1.50")]},
    "numbers": [1, 2**53 + 1],
    "moments": ["1960-01-01T00:00:00.000001Z"],
    "prices": [Decimal("5.99"), Decimal("6.00")],
    "one": {"name": "a", "price": None, "tags": [], "size": {"grams": 5}},
    "many": [{"name": "b", "price": Decimal("1.5"), "tags": ["x", "y"], "size": None}, {"name": "c"}],
}
READ = {
    **FULL,
    "real": 0.1,
    "moment": datetime(2026, 11, 21, 23, 59, 59, 999999, UTC),
    "day": date(1969, 12, 31),
    "time": datetime(2000, 1, 1, 23, 59, 59, 500000, UTC).time(),
    "local": datetime(2026, 11, 21, 1, 2, 3, 4),  # noqa: DTZ001 (a DATETIME has no zone)
    "anything": {"deep": [1, None, "x", 1.5]},
    "moments": [datetime(1960, 1, 1, 0, 0, 0, 1, UTC)],
    "many": [
        {"name": "b", "price": Decimal("1.5"), "tags": ["x", "y"], "size": None},
        {"name": "c", "price": None, "tags": [], "size": None},
    ],
}
EMPTY = {"id": "empty"}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bigquery.Client, Writer]]:
    app, catalogue = api.opened(tmp_path_factory.mktemp("bigquery"))
    with http.Server(app) as server, WriteServer(app, catalogue) as writing:
        client = bigquery.Client(
            "p", AnonymousCredentials(), client_options=ClientOptions(api_endpoint=server.url)
        )
        client.create_dataset("d")
        client.create_table(bigquery.Table("p.d.t", schema=bigquery_schema.fields(ALL)))
        yield client, Writer(writing.url)
        client.close()
    with contextlib.suppress(RuntimeError):
        catalogue.rows.close()


def written(writer: Writer, *documents: dict[str, Any]) -> dict[int, str]:
    path, described = "projects/p/datasets/d/tables/t", bigquery_write_rows.described(ALL)
    rows = [bigquery_write_rows.of_document(ALL, document) for document in documents]
    stream = writer.create(path, 5)
    errors = writer.append(stream, rows, described, 0, 5)
    if not errors:
        writer.finalize(stream, 5)
        writer.commit(path, stream, 5)
    return errors


def test_a_value_of_every_type_comes_back_as_it_went(table: tuple[bigquery.Client, Writer]) -> None:
    client, writer = table
    assert written(writer, FULL, EMPTY) == {}
    empty, full = client.query_and_wait("SELECT * FROM `p.d.t` ORDER BY id")
    assert dict(full.items()) == READ
    repeated = {column.name for column in ALL if column.mode == "REPEATED"}
    nothing: dict[str, Any] = {column.name: [] if column.name in repeated else None for column in ALL}
    assert dict(empty.items()) == nothing | EMPTY


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("exact", "many"),
        ("exact", Decimal("1e40")),
        ("exact", Decimal("0.0000000001")),
        ("more_exact", "1,5"),
        ("time", "25:00"),
        ("local", "yesterday"),
        ("prices", ["dear"]),
    ],
)
def test_what_travels_as_text_is_refused_by_the_table(
    table: tuple[bigquery.Client, Writer], column: str, value: Any
) -> None:
    errors = written(table[1], {"id": "good"}, {"id": "bad", column: value})
    assert errors.keys() == {1}
    assert column in errors[1]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", 5),
        ("whole", 2**63),
        ("whole", Decimal("1.5")),
        ("whole", "one"),
        ("whole", True),
        ("real", "much"),
        ("truth", "yes"),
        ("moment", "soon"),
        ("day", "2026-13-01"),
        ("numbers", [1, "two"]),
        ("numbers", 5),
        ("one", "a record"),
        ("many", [{"name": 5}]),
    ],
)
def test_a_value_that_the_type_cannot_hold_is_told_with_its_column(column: str, value: Any) -> None:
    with pytest.raises(UnfitRow, match=rf"^{column}(\.\w+)?: "):
        bigquery_write_rows.of_document(ALL, {"id": "bad", column: value})


@pytest.mark.parametrize("column", ["whole", "real", "truth", "moment", "day", "numbers", "one", "many"])
def test_what_is_said_of_a_value_has_its_type_and_not_the_value(column: str) -> None:
    """It becomes a dead letter's reason, and may tell of a person."""
    with pytest.raises(UnfitRow, match=r"this str is no [A-Z]+$") as raised:
        bigquery_write_rows.of_document(ALL, {"id": "bad", column: "ann@example.com"})
    assert "ann" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_nested_value_is_not_told_either() -> None:
    with pytest.raises(UnfitRow, match=r"^text: this dict is no STRING$"):
        bigquery_write_rows.of_document(ALL, {"id": "bad", "text": {"email": "ann@example.com"}})


def test_a_row_without_a_required_value_is_told() -> None:
    with pytest.raises(UnfitRow, match="id"):
        bigquery_write_rows.of_document(ALL, {"text": "no id"})


def test_the_description_says_what_the_columns_say() -> None:
    described = bigquery_write_rows.described(ALL)
    kinds = {field.name: field.type for field in described.field}
    assert kinds["moment"] == Proto.TYPE_INT64
    assert kinds["day"] == Proto.TYPE_INT32
    assert kinds["exact"] == kinds["anything"] == Proto.TYPE_STRING
    labels = {field.name: field.label for field in described.field}
    assert labels["id"] == Proto.LABEL_REQUIRED
    assert labels["text"] == Proto.LABEL_OPTIONAL
    assert labels["many"] == Proto.LABEL_REPEATED
    assert [field.number for field in described.field] == list(range(1, len(ALL) + 1))


def test_every_column_of_the_vocabulary_can_be_described() -> None:
    for event_type in schema.TABLES:
        columns = schema.columns(event_type)
        described = bigquery_write_rows.described(columns)
        assert [field.name for field in described.field] == [column.name for column in columns]
    assert set(schema.BIGQUERY_TYPES.values()) <= set(bigquery_write_rows.TYPES)


def test_bytes_are_bytes() -> None:
    row = bigquery_write_rows.of_document(ALL, {"id": "x", "raw": base64.b64decode("AP8=")})
    assert bigquery_write_rows.row_type(ALL).FromString(row).raw == b"\x00\xff"
