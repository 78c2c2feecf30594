"""Result rows in the API's `f`/`v` form.

https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults
https://cloud.google.com/bigquery/docs/reference/rest/v2/DataFormatOptions
"""

import base64
import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from typing import Any

from leafloaf.stack.bigquery.rows import EPOCH
from leafloaf.stack.bigquery.schema import Field, Fields

Encoder = Callable[[Any], Any]
MICROSECOND = dt.timedelta(microseconds=1)


def encode(fields: Fields, rows: Sequence[Sequence[Any]], timestamps: str = "float") -> list[dict[str, Any]]:
    """`timestamps` is "float" (seconds), "int64" (microseconds) or "iso8601"."""
    encoders = [_cell(field, timestamps) for field in fields]
    return [{"f": [{"v": e(v)} for e, v in zip(encoders, row, strict=True)]} for row in rows]


def timestamps_of(options: dict[str, Any]) -> str:
    """The wanted form, from a request's formatOptions."""
    if options.get("timestampOutputFormat") == "ISO8601_STRING":
        return "iso8601"
    if str(options.get("useInt64Timestamp", "")).lower() == "true":
        return "int64"
    return {"INT64": "int64"}.get(str(options.get("timestampOutputFormat")), "float")


def _cell(field: Field, timestamps: str) -> Encoder:
    one = _one(field, timestamps)
    if field.is_repeated:
        # An array is never null in a table: null is stored and shown as empty.
        return lambda values: [{"v": None if v is None else one(v)} for v in values or []]
    return lambda value: None if value is None else one(value)


def _one(field: Field, timestamps: str) -> Encoder:
    if field.type == "RECORD":
        cells = [(f.name, _cell(f, timestamps)) for f in field.fields]
        return lambda record: {"f": [{"v": cell(record[name])} for name, cell in cells]}
    return TIMESTAMPS[timestamps] if field.type == "TIMESTAMP" else ENCODERS.get(field.type, str)


def _decimal(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _float_seconds(value: dt.datetime) -> str:
    return repr((value - EPOCH) / dt.timedelta(seconds=1))


def _iso8601(value: dt.datetime) -> str:
    return f"{value.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
TIMESTAMPS: dict[str, Encoder] = {
    "float": _float_seconds,
    "int64": lambda value: str((value - EPOCH) // MICROSECOND),
    "iso8601": _iso8601,
}
ENCODERS: dict[str, Encoder] = {
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "BOOLEAN": lambda value: "true" if value else "false",
    "NUMERIC": _decimal,
    "BIGNUMERIC": _decimal,
    "FLOAT": lambda value: NOT_FINITE.get(str(value), repr(value)),
    "DATETIME": lambda value: value.isoformat(),
}
