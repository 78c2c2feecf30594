"""What tabledata.insertAll accepts in a cell, and its words when it refuses.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#send_date_and_time_data
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types

Google documents the shape of the errors and not every sentence; the sentences here are those seen
in public reports of the real service. Programs should look at `reason` and `index` only.
Where reports differ, this refuses: a row that passes here passes there.
"""

import base64
import binascii
import datetime as dt
import decimal
import json
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from leafloaf.stack.bigquery.schema import Field, Fields

INT64 = range(-(2**63), 2**63)
Check = Callable[[Any], Any]


class RefusedRow(Exception):
    """One row's first error: where and why."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.location, self.message = location, message

    def resource(self) -> dict[str, str]:
        return {"reason": "invalid", "location": self.location, "debugInfo": "", "message": self.message}


def checker(fields: Fields, *, ignore_unknown: bool) -> Check:
    """A function that turns a row as sent into a row as stored, or raises RefusedRow."""
    checks = {f.name.lower(): (f.name, _cell(f, f.name, ignore_unknown)) for f in fields}
    required = [f.name for f in fields if f.is_required]

    def row(sent: Any) -> dict[str, Any]:
        if not isinstance(sent, dict):
            raise RefusedRow("", "Invalid row: not a JSON object.")
        return _record(sent, "", checks, required, ignore_unknown)

    return row


def _record(
    sent: Mapping[str, Any],
    path: str,
    checks: Mapping[str, tuple[str, Check]],
    required: list[str],
    ignore_unknown: bool,
) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for key, value in sent.items():
        found = checks.get(key.lower())
        if found is not None:
            stored[found[0]] = found[1](value)
        elif not ignore_unknown:
            raise RefusedRow(path + key, f"no such field: {path + key}.")
    for name in required:
        if stored.get(name) is None:
            raise RefusedRow("", f"Missing required field: Msg_0_CLOUD_QUERY_TABLE.{path}{name}.")
    return stored


def _cell(field: Field, path: str, ignore_unknown: bool) -> Check:
    one = _nested(field, path, ignore_unknown) if field.type == "RECORD" else _scalar(field, path)

    def single(value: Any) -> Any:
        if isinstance(value, list):
            raise RefusedRow(path, f"Array specified for non-repeated field: {path}.")
        return None if value is None else one(value)

    def repeated(value: Any) -> Any:
        if isinstance(value, str) and field.type == "RECORD":
            raise RefusedRow(path, f"This field: {path} is not a record.")
        if not isinstance(value, list):
            raise RefusedRow(path, f"Repeated field must be imported as a JSON array. Field: {path}.")
        if None in value:
            raise RefusedRow(path, f"Only optional fields can be set to NULL. Field: {path}; Value: NULL")
        return [single(item) for item in value]

    return repeated if field.is_repeated else single


def _nested(field: Field, path: str, ignore_unknown: bool) -> Check:
    checks = {f.name.lower(): (f.name, _cell(f, f"{path}.{f.name}", ignore_unknown)) for f in field.fields}
    required = [f.name for f in field.fields if f.is_required]

    def record(value: Any) -> Any:
        if not isinstance(value, dict):
            raise RefusedRow(path, f"This field: {path} is not a record.")
        return _record(value, f"{path}.", checks, required, ignore_unknown)

    return record


def _scalar(field: Field, path: str) -> Check:
    convert = CONVERSIONS[field.type]

    def scalar(value: Any) -> Any:
        if isinstance(value, dict):
            raise RefusedRow(path, f"This field: {path} is not a record.")
        try:
            return convert(value)
        except ValueError as error:
            raise RefusedRow(path, str(error)) from error

    return scalar


def _string(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError("Conversion from bool to std::string is unsupported.")
    return value if isinstance(value, str) else json.dumps(value)


def _bytes(value: Any) -> str:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (TypeError, binascii.Error) as error:
        raise ValueError(f"Could not decode base64 string to bytes: {value}") from error


def _integer(value: Any) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        number = int(value)
        if number not in INT64:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(f"Cannot convert value to integer (bad value): {value}") from None
    return number


def _float(value: Any) -> float | str:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"Cannot convert value to floating point (bad value): {value}") from None
    return number if number - number == 0 else str(number)


def _decimal(kind: str, whole: int, scale: int) -> Check:
    """A decimal with at most so many digits before and after the point.

    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
    """

    def convert(value: Any) -> str:
        try:
            number = decimal.Decimal(value if isinstance(value, str) else repr(value))
        except decimal.InvalidOperation:
            raise ValueError(f"Invalid {kind} value: {value}") from None
        if not number.is_finite() or abs(number) >= 10**whole:
            raise ValueError(f"Invalid {kind} value: {value}")
        if -int(number.normalize().as_tuple().exponent) > scale:
            raise ValueError(f"Invalid {kind} value: {value} Field: scale exceeds {scale}")
        return f"{number:f}"

    return convert


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"Cannot convert value to boolean (bad value): {value}")


_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?)?"
    r"(?: ?([Zz]|UTC|[+-]\d{1,2}(?::?\d{2})?)| ([A-Za-z_]+(?:/[A-Za-z_]+)*))?"
)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def timestamp(value: Any) -> str:
    """Seconds since 1970, or the string forms of a TIMESTAMP; UTC when no zone is named."""
    if isinstance(value, bool):
        raise ValueError("Conversion from bool to timestamp is unsupported.")
    try:
        if not isinstance(value, str) or re.fullmatch(r"-?\d+(\.\d+)?([eE]\d+)?", value):
            micros = int(decimal.Decimal(str(value)) * 1_000_000)
            return f"{EPOCH + dt.timedelta(microseconds=micros)}"
        return f"{_parsed(value).astimezone(dt.UTC)}"
    except (decimal.InvalidOperation, ValueError, OverflowError):
        raise ValueError(
            f"Could not parse '{value}' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]]"
        ) from None


def _parsed(text: str) -> dt.datetime:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError
    *numbers, fraction, offset, zone = match.groups()
    micros = int((fraction or "0").ljust(6, "0"))
    return dt.datetime(*(int(n or 0) for n in numbers), micros, tzinfo=_zone(offset, zone))  # type: ignore[misc,arg-type]


def _zone(offset: str | None, name: str | None) -> dt.tzinfo:
    if name:
        try:
            return zoneinfo.ZoneInfo(name)
        except zoneinfo.ZoneInfoNotFoundError as error:
            raise ValueError from error
    if offset is None or offset in ("Z", "z", "UTC"):
        return dt.UTC
    hours, minutes = re.fullmatch(r"[+-](\d{1,2}):?(\d{2})?", offset).groups()  # type: ignore[union-attr]
    ahead = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
    return dt.timezone(-ahead if offset[0] == "-" else ahead)


def _date(value: Any) -> str:
    return _iso(value, "date", r"\d{4}-\d{1,2}-\d{1,2}")


def _datetime(value: Any) -> str:
    return _iso(value, "datetime", r"\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?)?")


def _time(value: Any) -> str:
    return _iso(value, "time", r"\d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?", prefix="1970-01-01 ")


def _iso(value: Any, kind: str, pattern: str, prefix: str = "") -> str:
    try:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        moment = _parsed(prefix + value).replace(tzinfo=None)
    except ValueError:
        raise ValueError(f"Invalid {kind}: '{value}'") from None
    return {"date": f"{moment.date()}", "datetime": f"{moment}", "time": f"{moment.time()}"}[kind]


def _json(value: Any) -> Any:
    """A JSON column is sent as text; an object here is refused by `_scalar`, as by Google."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except ValueError:
        raise ValueError(f"Invalid JSON value: {value}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


CONVERSIONS: dict[str, Check] = {
    "STRING": _string,
    "BYTES": _bytes,
    "INTEGER": _integer,
    "FLOAT": _float,
    "NUMERIC": _decimal("NUMERIC", 29, 9),
    # BigQuery's own is 38 digits on both sides; DuckDB's widest decimal holds 20 and 18.
    "BIGNUMERIC": _decimal("BIGNUMERIC", 20, 18),
    "BOOLEAN": _boolean,
    "TIMESTAMP": timestamp,
    "DATE": _date,
    "TIME": _time,
    "DATETIME": _datetime,
    "JSON": _json,
}
