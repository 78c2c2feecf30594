"""One event as the sinks see it, and the document each store holds of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec

from capture import anonymised, schema
from privacy import shapes

QUERY = "query"

encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")


decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
anything = msgspec.json.Decoder(float_hook=Decimal)


class Record(msgspec.Struct, frozen=True, dict=True):
    """A row of the log. `user_id` is the pseudonym; `content` is JSON with the fields of the event's own type."""

    event_id: str
    event_type: str
    received_at: datetime
    occurred_at: datetime
    user_id: str | None
    session_id: str | None
    content: str
    schema_version: int

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The content, taken apart when somebody looks at it; numbers are as exact as they were sent."""
        return decoder.decode(self.content)

    @cached_property
    def told(self) -> str:
        """The query as analytics may know it; empty for what is no search."""
        query = self.payload.get(QUERY)
        return anonymised.told(query) if query else ""

    def document(self, batch: str) -> dict[str, Any]:
        """The event under the names of `capture.schema`, as both JSONL and BigQuery hold it.

        A repeated column is an empty list when the event has none: BigQuery knows no null there. The query is
        anonymised, and free JSON without what has the shape of an address or a number of somebody.
        """
        payload = self.payload
        document = {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "timestamp": rfc3339(self.received_at),
            "occurred_at": rfc3339(self.occurred_at),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "channel": payload.get("channel"),
            "metadata": free(metadata) if (metadata := payload.get("metadata")) else metadata,
            "schema_version": self.schema_version,
            "batch": batch,
        }
        for column in schema.own_columns(self.event_type):
            value = payload.get(column.name)
            if value is None:
                value = [] if column.mode == "REPEATED" else None
            elif column.type == "JSON":
                value = free(value)
            elif column.name == QUERY:
                value = self.told
            document[column.name] = value
        return document


def free(value: Any) -> Any:
    """The value of a column of any JSON, as analytics may know it."""
    text = encoder.encode(value).decode()
    return anything.decode(shapes.without(text)) if shapes.is_suspect(text) else value


def learn(records: Iterable[Record]) -> None:
    """Has the queries of a batch anonymised at once, with one look-up instead of one each."""
    anonymised.learn(query for record in records if (query := _query(record)))


def _query(record: Record) -> str | None:
    return record.payload.get(QUERY) if record.event_type == "search" else None


def rfc3339(moment: datetime) -> str:
    """The moment in UTC with microseconds, the precision that Postgres and BigQuery keep."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_line(document: dict[str, Any]) -> bytes:
    return encoder.encode(document) + b"\n"
