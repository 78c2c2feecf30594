"""docs/events.md, from the vocabulary."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec
from msgspec import inspect

from capture import events, schema

INTRODUCTION = """# Events

Written by `make openapi` from `capture/events.py`; do not edit.

Every event is sent to `POST /api/v1/events`, and ends as one line in Cloud Storage and one row in BigQuery, with the
columns below. Times are RFC 3339 with a zone. `timestamp` in the stores is when LeafLoaf received the event, by the
server's clock; the client's own `timestamp` is there as `occurred_at`, corrected for a wrong clock.
"""

FOOTNOTE = """
A field that is not listed is refused: put it into `metadata`, an object of at most 4 KiB.
"""


def events_page() -> str:
    """The page as Markdown."""
    sections = [section(name) for name in events.TYPES]
    common = ["## Common columns\n", *table(schema.COMMON)]
    return "\n".join([INTRODUCTION, *common, *sections, FOOTNOTE.strip(), ""])


def section(event_type: str) -> str:
    about = (events.TYPES[event_type].__doc__ or "").strip()
    heading = f"\n## {event_type}\n\n{about} BigQuery table `{schema.TABLES[event_type]}`.\n"
    return "\n".join([heading, *table(schema.own_columns(event_type), words(event_type)), ""])


def words(event_type: str) -> dict[str, str]:
    """By field, what stands behind its meaning where only some words are taken."""
    fields = msgspec.structs.fields(events.TYPES[event_type])
    taken = {field.name: taken_by(inspect.type_info(field.type)) for field in fields}
    return {
        name: f": {', '.join(f'`{word}`' for word in known[:-1])} or `{known[-1]}`"
        for name, known in taken.items()
        if known
    }


def taken_by(info: inspect.Type) -> tuple[object, ...]:
    match info:
        case inspect.Metadata(type=inner):
            return taken_by(inner)
        case inspect.LiteralType(values=values):
            return tuple(values)
        case _:
            return ()


def table(columns: Iterable[schema.Column], words: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    yield "| field | type | mode | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in columns:
        meaning = column.description + words.get(column.name, "")
        yield f"| `{column.name}` | {column.type} | {column.mode.lower()} | {meaning} |"
        for field in column.fields:
            yield f"| `{column.name}[].{field.name}` | {field.type} | {field.mode.lower()} | {field.description} |"
