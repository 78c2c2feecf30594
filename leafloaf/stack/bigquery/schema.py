"""Columns: the REST resource, the DuckDB type, and which changes BigQuery allows.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema
https://cloud.google.com/bigquery/docs/managing-table-schemas
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leafloaf.stack.http import ApiError

DUCKDB_TYPES = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,18)",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "JSON": "JSON",
}
SYNONYMS = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}
KNOWN_KEYS = {"name", "type", "mode", "description", "fields"}
RESERVED_PREFIXES = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_standin_")


@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    type: str
    mode: str = "NULLABLE"
    description: str | None = None
    fields: tuple["Field", ...] = ()

    @property
    def is_repeated(self) -> bool:
        return self.mode == "REPEATED"

    @property
    def is_required(self) -> bool:
        return self.mode == "REQUIRED"

    @property
    def element_type(self) -> str:
        """The DuckDB type of one value."""
        if self.type != "RECORD":
            return DUCKDB_TYPES[self.type]
        return "STRUCT(" + ", ".join(f"{quoted(f.name)} {f.duckdb_type}" for f in self.fields) + ")"

    @property
    def duckdb_type(self) -> str:
        return self.element_type + "[]" * self.is_repeated

    @property
    def structure(self) -> Any:
        """The type as `from_json` wants it. BYTES travel as base64 text."""
        one: Any = {f.name: f.structure for f in self.fields} or DUCKDB_TYPES[self.type]
        if self.type == "BYTES":
            one = "VARCHAR"
        return [one] if self.is_repeated else one

    def resource(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "type": self.type, "mode": self.mode}
        if self.description is not None:
            found["description"] = self.description
        if self.fields:
            found["fields"] = [f.resource() for f in self.fields]
        return found


Fields = tuple[Field, ...]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid", message)


def parse(schema: Mapping[str, Any] | None) -> Fields:
    """Read a TableSchema resource."""
    fields = tuple(_field(f, nested=False) for f in (schema or {}).get("fields", []))
    _refuse_twice(fields)
    return fields


def _field(resource: Mapping[str, Any], *, nested: bool) -> Field:
    name = resource.get("name") or ""
    if not re.fullmatch(r"[^\W\d][\w-]{0,299}", name) or name.lower().startswith(RESERVED_PREFIXES):
        raise invalid(f'Invalid field name "{name}".')
    for key in resource.keys() - KNOWN_KEYS:
        if resource[key]:
            raise ApiError(501, "notImplemented", f"The stand-in has no {key} (field: {name})")
    kind = str(resource.get("type", "")).upper()
    kind = SYNONYMS.get(kind, kind)
    mode = str(resource.get("mode") or "NULLABLE").upper()
    field = Field(name, kind, mode, resource.get("description"), _children(resource, kind))
    _check(field, nested)
    return field


def _children(resource: Mapping[str, Any], kind: str) -> Fields:
    if kind != "RECORD":
        return ()
    children = tuple(_field(f, nested=True) for f in resource.get("fields", []))
    if not children:
        raise invalid(f"Field {resource['name']} is type RECORD but has no schema")
    _refuse_twice(children)
    return children


def _check(field: Field, nested: bool) -> None:
    if field.type != "RECORD" and field.type not in DUCKDB_TYPES:
        raise invalid(f"Invalid value for type: {field.type} is not a valid value")
    if field.mode not in ("NULLABLE", "REQUIRED", "REPEATED"):
        raise invalid(f"Invalid value for mode: {field.mode} is not a valid value")
    if field.type == "BYTES" and (nested or field.is_repeated):
        raise ApiError(501, "notImplemented", "The stand-in has no BYTES inside a RECORD or an array")


def _refuse_twice(fields: Fields) -> None:
    names = [f.name.lower() for f in fields]
    for field in fields:
        if names.count(field.name.lower()) > 1:
            raise invalid(f"Field {field.name} already exists in schema")


def alterations(table: str, old: Fields, new: Fields, path: Sequence[str] = ()) -> Iterator[str]:
    """The ALTER TABLE actions from one schema to the next; what BigQuery forbids is a 400."""
    prefix = f"Provided Schema does not match Table {table}."
    fresh = {f.name.lower(): f for f in new}
    for field in old:
        successor = fresh.pop(field.name.lower(), None)
        where = ".".join([*path, field.name])
        if successor is None:
            raise invalid(f"{prefix} Field {where} is missing in new schema")
        yield from _changes(prefix, table, field, successor, path)
    for field in fresh.values():
        where = ".".join([*path, field.name])
        if field.is_required:
            raise invalid(f"{prefix} Cannot add required fields to an existing schema. (field: {where})")
        yield f"ADD COLUMN {'.'.join(map(quoted, [*path, field.name]))} {field.duckdb_type}"


def _changes(prefix: str, table: str, old: Field, new: Field, path: Sequence[str]) -> Iterator[str]:
    where = ".".join([*path, old.name])
    if old.type != new.type:
        raise invalid(f"{prefix} Field {where} has changed type from {old.type} to {new.type}")
    if old.mode != new.mode:
        if (old.mode, new.mode) != ("REQUIRED", "NULLABLE"):
            raise invalid(f"{prefix} Field {where} has changed mode from {old.mode} to {new.mode}")
        if not path:
            yield f"ALTER COLUMN {quoted(old.name)} DROP NOT NULL"
    if old.type == "RECORD":
        inner = [*path, old.name, "element"] if old.is_repeated else [*path, old.name]
        yield from alterations(table, old.fields, new.fields, inner)


def structure(fields: Fields) -> str:
    """The `from_json` structure of an array of rows."""
    return json.dumps([{f.name: f.structure for f in fields}])


_FROM_DUCKDB = {
    "varchar": "STRING",
    "uuid": "STRING",
    "enum": "STRING",
    "blob": "BYTES",
    "double": "FLOAT",
    "float": "FLOAT",
    "decimal": "NUMERIC",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMP",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "DATETIME",
    "interval": "INTERVAL",
}


def from_duckdb(name: str, kind: Any) -> Field:
    """The column of a query's result. BigQuery calls an untyped NULL INTEGER, and so do the rest here."""
    if kind.id in ("list", "array"):
        element = from_duckdb(name, dict(kind.children)["child"])
        return dataclasses.replace(element, mode="REPEATED")
    if kind.id == "struct":
        return Field(name, "RECORD", fields=tuple(from_duckdb(n, t) for n, t in kind.children))
    if str(kind) == "JSON":
        return Field(name, "JSON")
    return Field(name, _FROM_DUCKDB.get(kind.id, "INTEGER"))
