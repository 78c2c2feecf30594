"""Which events of the log are a person's, and which batches took them to a sink."""

from datetime import datetime
from typing import Any, NamedTuple

from leafloaf.lib import statements
from privacy.holders import Scope

THEIRS = """
    (subject_id = %(subject)s::uuid
     OR subject_id IS NULL AND session_id = ANY((SELECT %(sessions)s::text[])::text[]))
    AND received_at < coalesce(%(before)s::timestamptz, 'infinity')
"""
"""The condition on `capture_event`: signed-in events, and the anonymous ones of visits that only this person had."""

BATCHES = f"""
    WITH theirs AS MATERIALIZED (SELECT xid, id, event_id FROM capture_event WHERE {THEIRS})
    SELECT batch.id, batch.sequence, batch.object_name, batch.oldest_received_at,
           array_agg(theirs.event_id ORDER BY theirs.xid, theirs.id)
    FROM theirs
    JOIN capture_outboxbatch AS batch
      ON (theirs.xid, theirs.id) >= (batch.first_xid, batch.first_id)
     AND (theirs.xid, theirs.id) <= (batch.last_xid, batch.last_id)
    WHERE batch.sink = %(sink)s
    GROUP BY batch.id ORDER BY batch.sequence
"""  # noqa: S608 (SQL of our own)
"""Replay batches too: their range spans the dead letters that they try again."""


class Holding(NamedTuple):
    """A batch with events of the person."""

    id: int
    sequence: int
    object_name: str
    oldest_received_at: datetime
    event_ids: list[str]


def parameters(scope: Scope) -> dict[str, Any]:
    return {"subject": scope.subject_id, "sessions": list(scope.sessions), "before": scope.before}


def batches(scope: Scope, sink: str) -> list[Holding]:
    """The batches of a sink that have events of the person, as long as the log holds them."""
    return [Holding(*row) for row in statements.fetch(BATCHES, parameters(scope) | {"sink": sink})]
