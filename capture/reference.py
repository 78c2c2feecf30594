"""docs/events.md, from the vocabulary."""

from collections.abc import Iterable, Iterator

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
    return "\n".join([heading, *table(schema.own_columns(event_type)), ""])


def table(columns: Iterable[schema.Column]) -> Iterator[str]:
    yield "| field | type | mode | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in columns:
        yield f"| `{column.name}` | {column.type} | {column.mode.lower()} | {column.description} |"
        for field in column.fields:
            yield f"| `{column.name}[].{field.name}` | {field.type} | {field.mode.lower()} | {field.description} |"
