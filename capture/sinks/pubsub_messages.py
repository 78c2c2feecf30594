"""The messages of the stream: one for each event, and one for each person whom subscribers have to erase too.

docs/streams.md says what subscribers may rely on.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from google.pubsub_v1 import types

from capture.records import Record, encoder, rfc3339
from capture.sinks.base import Refusal

Message = types.PubsubMessage.pb()
Request = types.PublishRequest.pb()
"""Protobuf's own classes: their wrappers take ten times as long over a batch."""

MOST_MESSAGES = 1000
MOST_BYTES = 10_000_000
"""Of a request to publish (Pub/Sub documentation, "Quotas and limits")."""

DELETION = "deletion"
"""The `event_type` of a message that is no event."""
DELETION_VERSION = 1
DELETIONS = UUID("6f2c3f0e-6c0b-4b0e-9d0a-5a2f5f0f7c11")
"""Namespace of the ids of deletion messages, so that a repeated one has the same."""


def of_event(record: Record, batch: str) -> Any:
    """The event as Cloud Storage has it in a line, and what subscriptions may filter by."""
    return Message(
        data=encoder.encode(record.document(batch)),
        attributes={
            "event_id": record.event_id,
            "event_type": record.event_type,
            "schema_version": str(record.schema_version),
            "batch": batch,
        },
    )


def of_deletion(
    subject_id: UUID, sessions: Sequence[str], before: datetime | None, asked_at: datetime
) -> Any:
    """Tells subscribers to erase a pseudonym and its visits: all of it, or what was received `before`."""
    event_id = str(uuid5(DELETIONS, f"{subject_id} {before} {asked_at}"))
    document = {
        "event_id": event_id,
        "event_type": DELETION,
        "timestamp": rfc3339(asked_at),
        "user_id": str(subject_id),
        "session_ids": list(sessions),
        "before": rfc3339(before) if before else None,
        "schema_version": DELETION_VERSION,
    }
    attributes = {"event_id": event_id, "event_type": DELETION, "schema_version": str(DELETION_VERSION)}
    return Message(data=encoder.encode(document), attributes=attributes)


def requests(topic: str, messages: Sequence[Any]) -> Iterator[Any]:
    """The messages in as few requests as Pub/Sub takes."""
    request = Request(topic=topic)
    size = request.ByteSize()
    for message in messages:
        needed = size_of(message)
        if request.messages and (len(request.messages) == MOST_MESSAGES or size + needed > MOST_BYTES):
            yield request
            request = Request(topic=topic)
            size = request.ByteSize()
        request.messages.append(message)
        size += needed
    if request.messages:
        yield request


def too_large(topic: str, messages: Sequence[Any]) -> dict[str, Refusal]:
    """The events that no request can hold, by event id."""
    room = MOST_BYTES - int(Request(topic=topic).ByteSize())
    return {
        message.attributes["event_id"]: Refusal(
            f"a message of {size_of(message):,} bytes; Pub/Sub takes {room:,}", {"bytes": size_of(message)}
        )
        for message in messages
        if size_of(message) > room
    }


def size_of(message: Any) -> int:
    """As part of a request: with the tag, and the length in up to four bytes."""
    return int(message.ByteSize()) + 5
