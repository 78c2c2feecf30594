"""How many bytes a row takes in BigQuery, as Google counts them for storage and streaming.

By the types of its cells and not by the text that was sent (BigQuery documentation, "Pricing", "Data size
calculation"): a null takes nothing, a text its bytes in UTF-8 and two more.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from capture import schema

FIXED = {"INTEGER": 8, "FLOAT": 8, "TIMESTAMP": 8, "NUMERIC": 16, "BOOLEAN": 1}
BESIDE = 2
"""What a text takes beside itself; JSON takes nothing."""


class Plan(NamedTuple):
    """Columns by how their size is told: by type alone, by their text, of each text in a list, or of each record."""

    always: int
    fixed: tuple[tuple[str, int], ...]
    texts: tuple[str, ...]
    json: tuple[str, ...]
    lists: tuple[tuple[str, int], ...]
    records: tuple[tuple[str, "Plan"], ...]


@cache
def _plan(columns: tuple[schema.Column, ...]) -> Plan:
    single = [column for column in columns if column.mode != "REPEATED" and column.type != "RECORD"]
    fixed = [column for column in single if column.type in FIXED]
    return Plan(
        sum(FIXED[column.type] for column in fixed if column.mode == "REQUIRED"),
        tuple((column.name, FIXED[column.type]) for column in fixed if column.mode != "REQUIRED"),
        tuple(column.name for column in single if column.type == "STRING"),
        tuple(column.name for column in single if column.type == "JSON"),
        tuple(
            (column.name, FIXED.get(column.type, 0))
            for column in columns
            if column.mode == "REPEATED" and column.type != "RECORD"
        ),
        tuple((column.name, _plan(column.fields)) for column in columns if column.type == "RECORD"),
    )


def of_rows(event_type: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Of rows as they are sent, without the columns that are null, by event id."""
    columns = _plan(schema.columns(event_type))
    return {row["event_id"]: _of(columns, row) for row in rows}


def _of(columns: Plan, row: Mapping[str, Any]) -> int:
    texts = [row[name] for name in columns.texts if name in row]
    total = columns.always + _of_texts(texts)
    for name, size in columns.fixed:
        if name in row:
            total += size
    for name in columns.json:
        if name in row:
            total += len(row[name].encode())
    for name, size in columns.lists:
        if values := row.get(name):
            total += size * len(values) if size else _of_texts(values)
    for name, inside in columns.records:
        if value := row.get(name):
            total += sum(_of(inside, _there(one)) for one in (value if isinstance(value, list) else [value]))
    return total


def _of_texts(texts: Sequence[str]) -> int:
    return len("".join(texts).encode()) + BESIDE * len(texts)


def _there(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what is null, which a record has and a row has not."""
    return {name: value for name, value in record.items() if value is not None}
