"""Which events of the log are a person's, which batches took them to a sink, and which of them a sink refused."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from capture.partitions import start_of
from capture.remake import Position
from leafloaf.lib import statements
from privacy.holders import Scope

THEIRS = """
    (subject_id = %(subject)s::uuid
     OR subject_id IS NULL AND session_id = ANY((SELECT %(sessions)s::text[])::text[]))
    AND received_at < coalesce(%(before)s::timestamptz, 'infinity')
"""
"""The condition on `capture_event`: signed-in events, and the anonymous ones of visits that only this person had."""

BATCHES = f"""
    WITH theirs AS MATERIALIZED (
        SELECT xid, id, event_id, (received_at AT TIME ZONE 'UTC')::date AS day FROM capture_event WHERE {THEIRS}
    )
    SELECT batch.id, batch.sequence, batch.object_name, batch.oldest_received_at,
           array_agg(theirs.event_id ORDER BY theirs.xid, theirs.id)
    FROM theirs
    JOIN capture_outboxbatch AS batch
      ON batch.sink = %(sink)s AND batch.day = theirs.day
     AND (theirs.xid, theirs.id) >= (batch.first_xid, batch.first_id)
     AND (theirs.xid, theirs.id) <= (batch.last_xid, batch.last_id)
    WHERE NOT batch.is_replay
       OR EXISTS (SELECT FROM capture_deadletter AS letter
                  WHERE letter.replay_batch_id = batch.id AND letter.event_id = theirs.event_id)
    GROUP BY batch.id ORDER BY batch.sequence
"""  # noqa: S608 (SQL of our own)
"""A replay batch has only the dead letters that it tries again, of all the events that its range spans."""

COUNT = f"SELECT count(*) FROM capture_event WHERE {THEIRS}"  # noqa: S608 (SQL of our own)
DAYS = f"""
    SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date AS day FROM capture_event WHERE {THEIRS} ORDER BY day
"""  # noqa: S608 (SQL of our own)
OF_DAY = f"""
    SELECT xid::text::bigint, id, event_id FROM capture_event
    WHERE {THEIRS} AND received_at >= %(day)s AND received_at < %(next_day)s
    ORDER BY xid, id LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)

BATCH_IDS = f"""
    WITH theirs AS MATERIALIZED (
        SELECT xid, id, (received_at AT TIME ZONE 'UTC')::date AS day FROM capture_event WHERE {THEIRS}
    )
    SELECT DISTINCT batch.id FROM theirs
    JOIN capture_outboxbatch AS batch
      ON batch.day = theirs.day AND NOT batch.is_replay
     AND (theirs.xid, theirs.id) >= (batch.first_xid, batch.first_id)
     AND (theirs.xid, theirs.id) <= (batch.last_xid, batch.last_id)
    ORDER BY batch.id
"""  # noqa: S608 (SQL of our own)

NAMED = "SELECT DISTINCT session_id FROM capture_event WHERE subject_id = %s::uuid AND session_id IS NOT NULL"
SHARED = """
    SELECT DISTINCT session_id FROM capture_event
    WHERE session_id = ANY(%s::text[]) AND subject_id IS NOT NULL AND subject_id <> %s::uuid
"""

TYPES = f"SELECT DISTINCT event_type FROM capture_event WHERE {THEIRS} ORDER BY event_type"  # noqa: S608
PAGE = f"""
    SELECT xid::text::bigint, id, event_id, event_type, subject_id, session_id, occurred_at, received_at, payload::text,
           schema_version
    FROM capture_event
    WHERE {THEIRS} AND event_type = %(event_type)s AND (xid, id) > (%(xid)s::text::xid8, %(id)s::bigint)
    ORDER BY xid, id LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
LETTERS = f"""
    WITH theirs AS MATERIALIZED (
        SELECT xid, id, event_id, (received_at AT TIME ZONE 'UTC')::date AS day FROM capture_event WHERE {THEIRS}
    )
    SELECT letter.sink, letter.event_id, letter.event_type, letter.reason, letter.response::text, letter.attempts,
           letter.state, letter.created_at, letter.resolved_at, letter.resolution
    FROM theirs
    JOIN capture_outboxbatch AS batch
      ON batch.day = theirs.day AND NOT batch.is_replay
     AND (theirs.xid, theirs.id) >= (batch.first_xid, batch.first_id)
     AND (theirs.xid, theirs.id) <= (batch.last_xid, batch.last_id)
    JOIN capture_deadletter AS letter ON letter.batch_id = batch.id AND letter.event_id = theirs.event_id
    ORDER BY letter.id
"""  # noqa: S608 (SQL of our own)
AT_ONCE = 1000


class Holding(NamedTuple):
    """A batch with events of the person."""

    id: int
    sequence: int
    object_name: str
    oldest_received_at: datetime
    event_ids: list[str]


class Row(NamedTuple):
    """An event as the log has it."""

    xid: int
    id: int
    event_id: str
    event_type: str
    subject_id: Any
    session_id: str | None
    occurred_at: datetime
    received_at: datetime
    payload: str
    schema_version: int


class Letter(NamedTuple):
    """A dead letter of an event."""

    sink: str
    event_id: str
    event_type: str
    reason: str
    response: str
    attempts: int
    state: str
    created_at: datetime
    resolved_at: datetime | None
    resolution: str


def parameters(scope: Scope) -> dict[str, Any]:
    return {"subject": scope.subject_id, "sessions": list(scope.sessions), "before": scope.before}


def batches(scope: Scope, sink: str) -> list[Holding]:
    """The batches of a sink that have events of the person, as long as the log holds them."""
    return [Holding(*row) for row in statements.fetch(BATCHES, parameters(scope) | {"sink": sink})]


def batch_ids(scope: Scope) -> list[int]:
    """The batches, of any sink, whose range has events of the person; none that replays dead letters."""
    return [key for (key,) in statements.fetch(BATCH_IDS, parameters(scope))]


def count(scope: Scope) -> int:
    [(found,)] = statements.fetch(COUNT, parameters(scope))
    return int(found)


def days(scope: Scope) -> list[date]:
    """The UTC days on which the person's events were received."""
    return [day for (day,) in statements.fetch(DAYS, parameters(scope))]


def of_day(scope: Scope, day: date, limit: int) -> list[Position]:
    """The first events of the person on that day, in the order of the log."""
    bounds = {"day": start_of(day), "next_day": start_of(day + timedelta(days=1)), "limit": limit}
    return [Position(*row) for row in statements.fetch(OF_DAY, parameters(scope) | bounds)]


def own_sessions(subject_id: Any) -> list[str]:
    """The visits that signed-in events of this person name, and those of nobody else."""
    named = [session_id for (session_id,) in statements.fetch(NAMED, [subject_id])]
    shared = (
        {session_id for (session_id,) in statements.fetch(SHARED, [named, subject_id])} if named else set()
    )
    return sorted(set(named) - shared)


def rows(scope: Scope) -> Iterator[Row]:
    """All events of the person, type by type, each in the order of the log."""
    for (event_type,) in statements.fetch(TYPES, parameters(scope)):
        place = {"event_type": event_type, "xid": "0", "id": 0, "limit": AT_ONCE}
        while page := [Row(*row) for row in statements.fetch(PAGE, parameters(scope) | place)]:
            yield from page
            place |= {"xid": str(page[-1].xid), "id": page[-1].id}


def letters(scope: Scope) -> list[Letter]:
    """The dead letters of the person's events, of every sink."""
    return [Letter(*row) for row in statements.fetch(LETTERS, parameters(scope))]
