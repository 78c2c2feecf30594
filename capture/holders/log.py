"""A person's events in the log, and their dead letters.

Invariants:
* Nothing that was sealed before may write the person back: what is being sent is taken from its worker
  (`capture.remake`), and `erase` does not end before nothing can be on its way any more.
* A piece of a day is a transaction: whoever dies leaves whole pieces, and the next one goes on with what is left.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import OperationalError

from capture import events, partitions, rebase, remake, schema
from capture.holders import theirs
from capture.records import rfc3339
from leafloaf.lib import statements
from privacy.holders import SOURCE, BaseHolder, Finding, NotNow, Plan, Purged, Scope, Task

AT_ONCE = 100
"""Events in a transaction, for whose two tenths of a second deliveries wait."""
BUDGET_SECONDS = 20.0
LOOK_AGAIN = timedelta(seconds=2)
COUNTED = 10_000
"""A log of up to so many events is counted for the guard, a larger one estimated."""
CHECKED = 5_000
"""Batches that are read again at most."""
REFUSED = "events/refused"

FEW = "SELECT count(*) FROM (SELECT FROM capture_event LIMIT %s) AS few"
ESTIMATE = """
    SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'capture_event'::regclass
"""
SIGNED_IN = """
    SELECT count(*) FROM (
        SELECT FROM capture_event
        WHERE subject_id = %(subject)s::uuid AND received_at < coalesce(%(before)s::timestamptz, 'infinity') LIMIT 1000
    ) AS found
"""
ANONYMOUS = """
    SELECT count(*) FROM (
        SELECT FROM capture_event
        WHERE session_id = ANY(%(sessions)s::text[]) AND subject_id IS NULL
          AND received_at < coalesce(%(before)s::timestamptz, 'infinity') LIMIT 1000
    ) AS found
"""
# In one statement each, as others may be erased from the same batches at the same time.
STRAY_LETTERS = """
    SELECT count(*) FROM capture_deadletter AS letter JOIN capture_outboxbatch AS batch ON batch.id = letter.batch_id
    WHERE batch.id = ANY(%(batches)s::bigint[]) AND letter.event_id NOT IN (
        SELECT event_id FROM capture_event
        WHERE (xid, id) >= (batch.first_xid, batch.first_id) AND (xid, id) <= (batch.last_xid, batch.last_id)
          AND received_at >= batch.day::timestamp AT TIME ZONE 'UTC'
          AND received_at < (batch.day + 1)::timestamp AT TIME ZONE 'UTC')
"""
CHANGED = """
    SELECT count(*) FROM capture_outboxbatch AS batch CROSS JOIN LATERAL (
        SELECT count(*) AS count, md5(coalesce(string_agg(event_id || E'\n', '' ORDER BY xid, id), '')) AS checksum
        FROM capture_event
        WHERE (xid, id) >= (batch.first_xid, batch.first_id) AND (xid, id) <= (batch.last_xid, batch.last_id)
          AND received_at >= batch.day::timestamp AT TIME ZONE 'UTC'
          AND received_at < (batch.day + 1)::timestamp AT TIME ZONE 'UTC'
    ) AS log
    WHERE batch.id = ANY(%(batches)s::bigint[]) AND NOT batch.is_replay AND batch.checksum <> %(not_whole)s
      AND (log.count, log.checksum) <> (batch.count, batch.checksum)
"""


class EventLogHolder(BaseHolder):
    store = "postgres"
    title = "Searches, clicks, carts and orders"
    phase = SOURCE
    models = frozenset({"capture.Event", "capture.EventKey", "capture.DeadLetter"})

    def sessions(self, subject_id: Any) -> Sequence[str]:
        return theirs.own_sessions(subject_id)

    def plan(self, scope: Scope) -> Plan:
        """Rows are events; dead letters hang on them."""
        rows = theirs.count(scope)
        details = {
            "days": [str(day) for day in theirs.days(scope)],
            "dead_letters": len(theirs.letters(scope)),
            "batches": theirs.batch_ids(scope)[:CHECKED],
        }
        claimed = rows - theirs.count(replace(scope, sessions=()))
        return Plan(rows, max(rows, in_all()), details, claimed)

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        if rebase.is_due():
            raise NotNow("the log was restored into another cluster and is not mended yet")
        deadline = time.monotonic() + BUDGET_SECONDS
        is_done = [erased(task.scope, deadline) for task in tasks]
        until = remake.in_flight_until()
        return [waiting(until) if done else Purged(datetime.now(UTC), "there is more") for done in is_done]

    def verify(self, task: Task) -> Finding:
        """By subject, by visit, and by what batches and dead letters still say of events that are not there."""
        ids = {"batches": task.plan.details.get("batches", []), "not_whole": remake.NOT_WHOLE}
        own = theirs.parameters(task.scope)
        found = sum(number(query, own) for query in (SIGNED_IN, ANONYMOUS))
        strays, changed = number(STRAY_LETTERS, ids), number(CHANGED, ids)
        said = f"{changed} batches are not what the log holds" if changed else ""
        finding = Finding.of(found + strays + changed)
        return Finding(finding.presence, finding.found, said=said)

    def export(self, scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in theirs.rows(scope):
            yield f"events/{row.event_type}", event(row)
        for letter in theirs.letters(scope):
            yield REFUSED, refused(letter)

    def fields(self) -> dict[str, str]:
        described = {f"events/{event_type}": described_type(event_type) for event_type in events.TYPES}
        return described | {REFUSED: REFUSED_FIELDS}


def erased(scope: Scope, deadline: float) -> bool:
    """Erases piece by piece; returns whether nothing was left before the time was up."""
    for day in theirs.days(scope):
        while count := erase_some(scope, day):
            if time.monotonic() > deadline:
                return False
            if count < AT_ONCE:
                break
    return True


def erase_some(scope: Scope, day: date) -> int:
    """A transaction that gives way to the dropping of a day, or a long back-fill; how many events it erased.

    Raises:
        NotNow: the log is busy, or Postgres away.
    """
    try:
        return partitions.patiently(partial(_erase_some, scope, day))
    except OperationalError as error:
        raise NotNow(f"Postgres: {type(error.__cause__ or error).__name__}") from error


def _erase_some(scope: Scope, day: date) -> int:
    held = remake.hold_still()
    found = theirs.of_day(scope, day, AT_ONCE)
    if found:
        remake.without(day, found, held)
    return len(found)


def waiting(until: datetime | None) -> Purged:
    """Whether something that was erased may still be on its way to a store."""
    if until is None:
        return Purged()
    return Purged(min(until, datetime.now(UTC) + LOOK_AGAIN), "a batch is being sent")


def in_all() -> int:
    """About how many events the log holds."""
    few = number(FEW, [COUNTED])
    return few if few < COUNTED else max(few, number(ESTIMATE))


def number(query: str, parameters: Any = ()) -> int:
    [(found,)] = statements.fetch(query, parameters)
    return int(found)


def event(row: theirs.Row) -> dict[str, Any]:
    """The event with all that the log has of it."""
    return {
        "event_id": row.event_id,
        "event_type": row.event_type,
        "subject_id": str(row.subject_id) if row.subject_id else None,
        "session_id": row.session_id,
        "occurred_at": rfc3339(row.occurred_at),
        "received_at": rfc3339(row.received_at),
        "schema_version": row.schema_version,
        "position": f"{row.xid}/{row.id}",
        "payload": json.loads(row.payload),
    }


def refused(letter: theirs.Letter) -> dict[str, Any]:
    read = {
        "response": json.loads(letter.response),
        "created_at": rfc3339(letter.created_at),
        "resolved_at": rfc3339(letter.resolved_at) if letter.resolved_at else None,
    }
    return letter._asdict() | read


ENVELOPE = (
    "event_id: its number; subject_id: your pseudonym, none before you signed in; session_id: the visit; "
    "occurred_at: when it happened; received_at: when it reached us; schema_version, position: where we keep it; "
    "payload: what it says"
)
REFUSED_FIELDS = (
    "Events that one of our stores would not take. sink: which; event_id, event_type: which event; reason, response: "
    "what it answered; attempts: how often it was tried; state: what became of it; created_at, resolved_at: when; "
    "resolution: why."
)


def described_type(event_type: str) -> str:
    """What the file of a type of event has, from the vocabulary."""
    own = "; ".join(
        f"{column.name}: {column.description}" if column.description else column.name
        for column in schema.own_columns(event_type)
    )
    return f"{ENVELOPE} ({own})."
