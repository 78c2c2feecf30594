"""What went wrong with the sinks, grouped by what they said, with a sample of each: what was sent, and the answer.

A sample says what an event says only when it is nobody's; of somebody's event it has the names of the fields and their
kinds. Every query is bounded, however much a sink refuses.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from capture import cards, payloads
from capture.models import DeadLetter
from leafloaf.lib.row_numbers import row_number

LETTERS_LOOKED_AT = 500
"""Dead letters of each sink that are grouped by reason, the newest first."""
BATCHES_LOOKED_AT = 500
"""Batches of each sink among which those that failed are looked for, likewise."""
MOST_REASONS = 20

# By the index on (sink, state, created_at): a sink that refuses everything must not slow the page down. The event of
# a letter lies in the range of the batch that it left.
REASONS = """
    WITH grouped AS (
        SELECT letter.sink, letter.reason, count(*) AS count, max(letter.created_at) AS latest_at,
               count(DISTINCT letter.event_type) AS types, min(letter.event_type) AS event_type,
               max(letter.id) AS sample
        FROM unnest(%(sinks)s::text[]) AS named (sink) CROSS JOIN LATERAL (
            SELECT id, sink, reason, event_type, created_at FROM capture_deadletter
            WHERE capture_deadletter.sink = named.sink AND state = %(state)s
            ORDER BY created_at DESC LIMIT %(limit)s
        ) AS letter
        GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC LIMIT %(most)s
    )
    SELECT grouped.*, letter.response::text, event.id, event.is_somebodys, event.payload::text
    FROM grouped
    JOIN capture_deadletter AS letter ON letter.id = grouped.sample
    JOIN capture_outboxbatch AS batch ON batch.id = letter.batch_id
    LEFT JOIN LATERAL (
        SELECT id, payload, subject_id IS NOT NULL OR EXISTS (
                   SELECT FROM capture_event AS other
                   WHERE other.session_id = member.session_id AND other.subject_id IS NOT NULL
               ) AS is_somebodys
        FROM (
            SELECT id, event_id, subject_id, session_id, payload FROM capture_event
            WHERE (xid, id) >= (batch.first_xid, batch.first_id) AND (xid, id) <= (batch.last_xid, batch.last_id)
              AND received_at >= batch.day::timestamp AT TIME ZONE 'UTC'
              AND received_at < (batch.day + 1)::timestamp AT TIME ZONE 'UTC'
            ORDER BY capture_event.xid, id LIMIT batch.count + 1
        ) AS member
        WHERE member.event_id = letter.event_id LIMIT 1
    ) AS event ON true
    ORDER BY grouped.count DESC, grouped.latest_at DESC
"""
DELIVERIES = """
    SELECT batch.sink, batch.last_error, count(*), count(*) FILTER (WHERE batch.state <> 'delivered'),
           sum(batch.attempts), max(batch.id), max(batch.sealed_at)
    FROM unnest(%(sinks)s::text[]) AS named (sink) CROSS JOIN LATERAL (
        SELECT id, sink, last_error, state, attempts, sealed_at FROM capture_outboxbatch
        WHERE capture_outboxbatch.sink = named.sink ORDER BY sequence DESC LIMIT %(limit)s
    ) AS batch
    WHERE batch.last_error <> ''
    GROUP BY 1, 2 ORDER BY 4 DESC, 7 DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class Reason:
    """Dead letters that were refused in the same words, and one of them."""

    sink: str
    reason: str
    count: int
    latest_at: datetime
    event_types: int
    event_type: str
    sample: int
    response: str
    event: int | None
    is_somebodys: bool | None
    payload: str | None

    @property
    def title(self) -> str:
        return cards.title_of(self.sink)

    @property
    def answer(self) -> str:
        return payloads.laid_out(self.response)

    @property
    def sent(self) -> str:
        """What the sampled event says; empty when that is somebody's, or no longer in the log."""
        return payloads.laid_out(self.payload) if self.payload and not self.is_somebodys else ""

    @property
    def shape(self) -> list[tuple[str, str]]:
        return payloads.shape_of(self.payload) if self.payload else []


@dataclass(frozen=True)
class Failure:
    """Batches that one sink did not take, at least once, in the same words; `sample` is the newest."""

    sink: str
    said: str
    batches: int
    owed: int
    attempts: int
    sample: int
    latest_at: datetime

    @property
    def title(self) -> str:
        return cards.title_of(self.sink)


def reasons() -> list[Reason]:
    parameters = {"state": DeadLetter.State.DEAD, "limit": LETTERS_LOOKED_AT}
    return [Reason(*row) for row in _rows(REASONS, parameters)]


def deliveries() -> list[Failure]:
    return [Failure(*row) for row in _rows(DELIVERIES, {"limit": BATCHES_LOOKED_AT})]


def alike(letters: QuerySet[DeadLetter], number: str | None) -> QuerySet[DeadLetter]:
    """Those of the same sink and reason as the one of this number; none when there is no such."""
    sample = DeadLetter.objects.filter(pk=row_number(number) or 0).first()
    return letters.filter(sink=sample.sink, reason=sample.reason) if sample else letters.none()


def _rows(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {"sinks": list(settings.SINKS), "most": MOST_REASONS} | parameters
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
