"""Protobuf rows as the Storage Write API takes them: which descriptions of rows, and what in a cell.

https://cloud.google.com/bigquery/docs/supported-data-types

A cell's value becomes what insertAll takes for the same column, and goes through the same checks.
"""

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from leafloaf.stack.bigquery import rows
from leafloaf.stack.bigquery.rows import EPOCH, RefusedRow
from leafloaf.stack.bigquery.schema import Field, Fields

Proto = descriptor_pb2.FieldDescriptorProto
FILE = "standin.proto"


class WrongSchema(Exception):
    """Rows of this description do not fit the table."""


class ExtraFields(WrongSchema):
    """They have fields that the table has no columns for."""


class Reader:
    """Reads rows of one description for one table.

    Raises:
        WrongSchema, ExtraFields: see there.
    """

    def __init__(self, described: descriptor_pb2.DescriptorProto, fields: Fields) -> None:
        self.type = _message_type(described)
        _compare(self.type.DESCRIPTOR, fields, "")
        self.fields = fields
        self._check = rows.checker(fields, ignore_unknown=False)

    def read(self, sent: bytes) -> dict[str, Any]:
        """The row as it is stored.

        Raises:
            RefusedRow: see there.
        """
        message = self.type()
        try:
            message.ParseFromString(sent)
        except DecodeError as error:
            raise RefusedRow("", f"Row cannot be parsed with the writer schema: {error}") from error
        if not message.IsInitialized():
            missing = ", ".join(message.FindInitializationErrors())
            raise RefusedRow(missing, f"Row lacks required fields: {missing}")
        stored: dict[str, Any] = self._check(_sent(message, self.fields))
        return stored


def _message_type(described: descriptor_pb2.DescriptorProto) -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name=FILE, package="standin", syntax="proto2")
    file.message_type.append(described)
    pool = descriptor_pool.DescriptorPool()
    try:
        pool.Add(file)
        found: type[Message] = message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"standin.{described.name}")
        )
    except (TypeError, KeyError) as error:
        raise WrongSchema(f"Invalid proto schema: {error}") from error
    return found


def _compare(message: descriptor.Descriptor, fields: Fields, path: str) -> None:
    columns = {field.name.lower(): field for field in fields}
    for one in message.fields:
        column = columns.pop(one.name.lower(), None)
        if column is None:
            raise ExtraFields(
                f"Input schema has more fields than BigQuery schema, extra fields: '{path}{one.name}'"
            )
        _compare_field(one, column, path)
    for column in columns.values():
        if column.is_required:
            raise WrongSchema(f"The required field {path}{column.name} is missing in the input schema")


def _compare_field(one: descriptor.FieldDescriptor, column: Field, path: str) -> None:
    where = path + column.name
    if one.is_repeated != column.is_repeated:
        raise WrongSchema(f"Field {where} is REPEATED in only one of proto schema and BigQuery table")
    if column.is_required and not one.is_required:
        raise WrongSchema(f"Field {where} is required in the BigQuery table, but not in the proto schema")
    if one.type not in PROTO_TYPES[column.type]:
        raise WrongSchema(f"The proto field mismatched with BigQuery field at {where}: {column.type}")
    if column.type == "RECORD":
        _compare(one.message_type, column.fields, f"{where}.")


def _sent(message: Any, fields: Fields) -> dict[str, Any]:
    """The message as insertAll's JSON."""
    return dict(_cells(message, {field.name.lower(): field for field in fields}))


def _cells(message: Any, columns: dict[str, Field]) -> Iterator[tuple[str, Any]]:
    for one, value in message.ListFields():
        column = columns[one.name.lower()]
        convert = (
            (lambda inner, column=column: _sent(inner, column.fields))
            if column.type == "RECORD"
            else CONVERSIONS.get(column.type, _same)
        )
        yield column.name, [convert(each) for each in value] if one.is_repeated else convert(value)


def _same(value: Any) -> Any:
    return value


def _timestamp(value: Any) -> Any:
    """Microseconds since 1970; text as in a literal."""
    try:
        return value if isinstance(value, str) else f"{EPOCH + dt.timedelta(microseconds=value)}"
    except OverflowError:
        return str(value) + " microseconds"


def _date(value: Any) -> Any:
    try:
        return value if isinstance(value, str) else f"{EPOCH.date() + dt.timedelta(days=value)}"
    except OverflowError:
        return str(value) + " days"


def _bytes(value: Any) -> str:
    raw = value if isinstance(value, bytes) else value.encode()
    return base64.b64encode(raw).decode()


def _truth(value: Any) -> bool:
    return bool(value)


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value)


WHOLE = {Proto.TYPE_INT32, Proto.TYPE_INT64, Proto.TYPE_UINT32}
NUMBERS = WHOLE | {Proto.TYPE_UINT64, Proto.TYPE_DOUBLE, Proto.TYPE_FLOAT, Proto.TYPE_STRING}
PROTO_TYPES: dict[str, set[Any]] = {
    "STRING": {Proto.TYPE_STRING},
    "BYTES": {Proto.TYPE_BYTES, Proto.TYPE_STRING},
    "INTEGER": WHOLE,
    "FLOAT": {Proto.TYPE_DOUBLE, Proto.TYPE_FLOAT},
    "NUMERIC": NUMBERS,
    "BIGNUMERIC": NUMBERS,
    "BOOLEAN": {Proto.TYPE_BOOL, *WHOLE, Proto.TYPE_UINT64},
    "TIMESTAMP": {*WHOLE, Proto.TYPE_STRING},
    "DATE": {Proto.TYPE_INT32, Proto.TYPE_INT64, Proto.TYPE_STRING},
    "TIME": {Proto.TYPE_STRING},
    "DATETIME": {Proto.TYPE_STRING},
    "JSON": {Proto.TYPE_STRING},
    "RECORD": {Proto.TYPE_MESSAGE},
}
"""Without enums, wrappers, and numbers for times of day and decimals as bytes: refused here, not there."""
CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "BYTES": _bytes,
    "BOOLEAN": _truth,
    "TIMESTAMP": _timestamp,
    "DATE": _date,
    "NUMERIC": _text,
    "BIGNUMERIC": _text,
}
