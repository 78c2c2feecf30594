"""Events as the protobuf rows of the Storage Write API.

The message is described at run time from the vocabulary's columns, so that there is one source of them; BigQuery gets
the description along with the rows. Which type of protobuf serves a column: BigQuery documentation, "Supported protocol
buffer and Arrow data types".
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import EncodeError, Message

from capture import schema
from capture.records import Record, encoder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
NAME = "Row"

Field = descriptor_pb2.FieldDescriptorProto
LABELS = {
    "REQUIRED": Field.LABEL_REQUIRED,
    "NULLABLE": Field.LABEL_OPTIONAL,
    "REPEATED": Field.LABEL_REPEATED,
}
UNFIT = (TypeError, ValueError, ArithmeticError, AttributeError, EncodeError)
"""What a value raises that its column cannot hold."""


class UnfitRow(Exception):
    """A value that cannot be written as its column's type; the text begins with the column, and has not the value."""


def described(columns: Sequence[schema.Column], name: str = NAME) -> descriptor_pb2.DescriptorProto:
    """The message of a row with these columns, those of nested records within it."""
    message = descriptor_pb2.DescriptorProto(name=name)
    for number, column in enumerate(columns, start=1):
        field = message.field.add(name=column.name, number=number, label=LABELS[column.mode])
        if column.type == "RECORD":
            field.type, field.type_name = Field.TYPE_MESSAGE, f"{column.name}_"
            message.nested_type.append(described(column.fields, field.type_name))
        else:
            field.type = TYPES[column.type][0]
    return message


@cache
def row_type(columns: tuple[schema.Column, ...]) -> type[Message]:
    """The class of these columns' rows."""
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="leafloaf", syntax="proto2")
    file.message_type.append(described(columns))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"leafloaf.{NAME}"))
    return found


def encoded(record: Record, label: str) -> bytes:
    """The event's row.

    Raises:
        UnfitRow: see there.
    """
    return of_document(schema.columns(record.event_type), record.document(label))


def of_document(columns: tuple[schema.Column, ...], document: dict[str, Any]) -> bytes:
    """The values of these columns, by name, as one row; what is missing or None stands for NULL."""
    message = row_type(columns)()
    _fill(message, columns, document)
    try:
        return bytes(message.SerializeToString())
    except UNFIT as error:
        raise UnfitRow(f"row: {error}") from error


def _fill(message: Any, columns: Sequence[schema.Column], document: dict[str, Any], path: str = "") -> None:
    for column in columns:
        value = document.get(column.name)
        if value is None:
            continue
        try:
            _set(message, column, value, path)
        except UNFIT:  # whose text has the value in full, which may tell of a person
            said = f"{path}{column.name}: this {type(value).__name__} is no {column.type}"
            raise UnfitRow(said) from None


def _set(message: Any, column: schema.Column, value: Any, path: str) -> None:
    if column.type == "RECORD":
        records = value if column.mode == "REPEATED" else [value]
        for one in records:
            inner = getattr(message, column.name)
            nested = inner.add() if column.mode == "REPEATED" else inner
            nested.SetInParent()
            _fill(nested, column.fields, one, f"{path}{column.name}.")
    elif column.mode == "REPEATED":
        convert = TYPES[column.type][1]
        getattr(message, column.name).extend([convert(one) for one in value])
    else:
        setattr(message, column.name, TYPES[column.type][1](value))


def _moment(value: Any) -> int:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return (moment - EPOCH) // MICROSECOND


def _day(value: Any) -> int:
    day = value if isinstance(value, date) else date.fromisoformat(value)
    return (day - FIRST_DAY).days


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or value != int(value):
        raise ValueError("no whole number")
    return int(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _json(value: Any) -> str:
    return encoder.encode(value).decode()


def _bytes(value: Any) -> bytes:
    return bytes(value)


def _number(value: Any) -> float:
    return float(value)


Convert = Callable[[Any], Any]
TYPES: dict[str, tuple[Any, Convert]] = {
    "STRING": (Field.TYPE_STRING, _text),
    "BYTES": (Field.TYPE_BYTES, _bytes),
    "INTEGER": (Field.TYPE_INT64, _whole),
    "FLOAT": (Field.TYPE_DOUBLE, _number),
    "BOOLEAN": (Field.TYPE_BOOL, _truth),
    # As text: exact, and it is BigQuery that says what is no number.
    "NUMERIC": (Field.TYPE_STRING, str),
    "BIGNUMERIC": (Field.TYPE_STRING, str),
    "TIMESTAMP": (Field.TYPE_INT64, _moment),
    "DATE": (Field.TYPE_INT32, _day),
    "TIME": (Field.TYPE_STRING, str),
    "DATETIME": (Field.TYPE_STRING, str),
    "JSON": (Field.TYPE_STRING, _json),
}
"""How each type of column travels: BigQuery's preferred type of protobuf where it names one, and the conversion."""
