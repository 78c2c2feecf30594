"""Columns, derived from the vocabulary: what each event type becomes in BigQuery and in JSONL.

Both stores hold the same fields under the same names. `timestamp` is the server's clock when the event was
received: partitions and retention hang on it, and no client may choose those. `occurred_at` is when it happened,
by the client's corrected clock.
"""

from dataclasses import dataclass
from functools import cache

import msgspec
from msgspec import inspect

from capture import events

TABLES = {
    "search": "user_search_events",
    "interaction": "product_interaction_events",
    "cart": "cart_modification_events",
    "order": "order_transaction_events",
    "recommendation_impression": "recommendation_impression_events",
}
CLUSTERING = {
    "search": ("user_id", "intent"),
    "interaction": ("product_id", "user_id"),
    "cart": ("product_id", "user_id"),
    "order": ("user_id",),
    "recommendation_impression": ("surface", "user_id"),
}
PARTITION_COLUMN = "timestamp"


@dataclass(frozen=True)
class Column:
    """A column as BigQuery names its parts: type, mode, description, nested fields of a RECORD."""

    name: str
    type: str
    mode: str
    description: str
    fields: tuple["Column", ...] = ()


COMMON = (
    Column("event_id", "STRING", "REQUIRED", "Idempotency key of the event"),
    Column("event_type", "STRING", "REQUIRED", "Type of the event"),
    Column("timestamp", "TIMESTAMP", "REQUIRED", "When LeafLoaf received it, by the server's clock"),
    Column("occurred_at", "TIMESTAMP", "REQUIRED", "When it happened, by the client's corrected clock"),
    Column("user_id", "STRING", "NULLABLE", "Pseudonym of the user; null for an anonymous session"),
    Column("session_id", "STRING", "NULLABLE", "The shop's id of the visit"),
    Column("channel", "STRING", "NULLABLE", "Where the shopper was: web, app, voice or server"),
    Column("metadata", "JSON", "NULLABLE", "Anything else the client sent along"),
    Column("schema_version", "INTEGER", "REQUIRED", "Version of the event vocabulary"),
    Column("batch", "STRING", "REQUIRED", "Outbox batch the row came in, for counting and tracing"),
)


@cache
def columns(event_type: str) -> tuple[Column, ...]:
    """All columns of an event type, the common ones first."""
    return COMMON + own_columns(event_type)


@cache
def own_columns(event_type: str) -> tuple[Column, ...]:
    """The columns that only this event type has."""
    fields = msgspec.structs.fields(events.TYPES[event_type])
    return tuple(
        _column(field.name, inspect.type_info(field.type)) for field in fields if _is_own(field.name)
    )


def _is_own(name: str) -> bool:
    return name not in events.ENVELOPE


def _column(name: str, info: inspect.Type, mode: str = "REQUIRED", description: str = "") -> Column:
    """A struct's field as a column; a union with None is NULLABLE, a list REPEATED."""
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return _column(name, inner, mode, description or (extra or {}).get("description", ""))
        case inspect.UnionType(types=types):
            present = [member for member in types if not isinstance(member, inspect.NoneType)]
            return _column(name, present[0], "NULLABLE", description)
        case inspect.ListType(item_type=item):
            return _column(name, item, "REPEATED", description)
        case inspect.StructType(fields=fields):
            nested = tuple(_column(field.name, field.type) for field in fields)
            return Column(name, "RECORD", mode, description, nested)
        case inspect.AnyType():
            return Column(name, "JSON", "NULLABLE", description)
        case _:
            return Column(name, BIGQUERY_TYPES[type(info)], mode, description)


BIGQUERY_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "STRING",
    inspect.LiteralType: "STRING",
    inspect.IntType: "INTEGER",
    inspect.FloatType: "FLOAT",
    inspect.DecimalType: "NUMERIC",
    inspect.BoolType: "BOOLEAN",
    inspect.DateTimeType: "TIMESTAMP",
    inspect.DictType: "JSON",
}
