"""Finding events in a log of millions, for staff: page by page along an index, never counted, never read to its end.

Invariants:
* A page examines at most `SCANNED` events, however rare what is looked for: it says how far it looked, and the next
  one goes on from there. Of a time within a day, what came later on that day is stepped over first.
* What an address says of a visit or a person is the number of one of their events in the log: it means nothing
  outside, and nothing at all once the event is erased.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from capture.event_keys import key_of
from capture.models import DeadLetter, Event, EventKey, OutboxBatch
from capture.partitions import start_of
from leafloaf.lib import statements

PAGE_SIZE = 50
SCANNED = 20_000
COLUMNS = "xid::text::bigint, id, event_id, event_type, subject_id, session_id, occurred_at, received_at"
FURTHEST = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT = (datetime(9999, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)

# The inner query walks the key of the log, or the index of a visit or a person, and stops; the outer one picks from it.
LOG = f"""
    SELECT {COLUMNS} FROM (
        SELECT * FROM capture_event
        WHERE received_at >= coalesce(%(since)s::timestamptz, '-infinity')
          AND received_at < coalesce(%(until)s::timestamptz, 'infinity')
          AND (xid, id) < (%(first)s::text::xid8, %(second)s::bigint)
          AND (xid, id) >= (%(low_xid)s::text::xid8, %(low_id)s::bigint)
        ORDER BY xid DESC, id DESC LIMIT %(scanned)s
    ) AS examined
    WHERE (%(event_type)s::text = '' OR event_type = %(event_type)s::text)
      AND (%(event_ids)s::text[] IS NULL OR event_id = ANY(%(event_ids)s::text[]))
    ORDER BY examined.xid DESC, examined.id DESC LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
END_OF_LOG = """
    SELECT xid::text::bigint, id, received_at FROM capture_event
    WHERE received_at >= coalesce(%(since)s::timestamptz, '-infinity')
      AND received_at < coalesce(%(until)s::timestamptz, 'infinity')
      AND (xid, id) < (%(first)s::text::xid8, %(second)s::bigint)
      AND (xid, id) >= (%(low_xid)s::text::xid8, %(low_id)s::bigint)
    ORDER BY capture_event.xid DESC, id DESC OFFSET %(scanned)s - 1 LIMIT 1
"""
OF = f"""
    SELECT {COLUMNS} FROM (
        SELECT * FROM capture_event
        WHERE {{whose}}
          AND received_at >= coalesce(%(since)s::timestamptz, '-infinity')
          AND received_at < coalesce(%(until)s::timestamptz, 'infinity')
          AND (received_at, id) < (coalesce(%(moment)s::timestamptz, 'infinity'), %(second)s::bigint)
        ORDER BY received_at DESC, id DESC LIMIT %(scanned)s
    ) AS examined
    WHERE (%(event_type)s::text = '' OR event_type = %(event_type)s::text)
    ORDER BY received_at DESC, examined.id DESC LIMIT %(limit)s
"""  # noqa: S608 (SQL of our own)
END_OF = """
    SELECT (extract(epoch FROM received_at) * 1000000)::bigint, id, received_at FROM capture_event
    WHERE {whose}
      AND received_at >= coalesce(%(since)s::timestamptz, '-infinity')
      AND received_at < coalesce(%(until)s::timestamptz, 'infinity')
      AND (received_at, id) < (coalesce(%(moment)s::timestamptz, 'infinity'), %(second)s::bigint)
    ORDER BY received_at DESC, id DESC OFFSET %(scanned)s - 1 LIMIT 1
"""
SESSION = "session_id = %(session)s::text"
SUBJECT = "subject_id = %(subject)s::uuid"
VISIT = f"{SESSION} AND (%(only_of)s::uuid IS NULL OR subject_id IS NULL OR subject_id = %(only_of)s::uuid)"
IN_DAY = f"""
    SELECT {COLUMNS} FROM capture_event
    WHERE received_at >= %(since)s AND received_at < %(until)s AND event_id = %(event_id)s LIMIT 1
"""  # noqa: S608 (SQL of our own)
LATEST_OF = f"SELECT {COLUMNS} FROM capture_event WHERE {{whose}} ORDER BY received_at DESC, id DESC LIMIT 1"  # noqa: S608
SIGNED_IN = f"""
    SELECT {COLUMNS} FROM (
        SELECT * FROM capture_event WHERE {SESSION} ORDER BY received_at DESC, id DESC LIMIT %(scanned)s
    ) AS visit WHERE subject_id IS NOT NULL LIMIT 1
"""  # noqa: S608 (SQL of our own)


class Row(NamedTuple):
    """An event without what it says."""

    xid: int
    id: int
    event_id: str
    event_type: str
    subject_id: UUID | None
    session_id: str | None
    occurred_at: datetime
    received_at: datetime

    @property
    def late(self) -> timedelta:
        """From happening, by the corrected clock, to arriving."""
        return max(self.received_at - self.occurred_at, timedelta(0))


class Place(NamedTuple):
    """Where a page begins: after this one. In the log by transaction, of a visit or a person by microseconds."""

    first: int
    second: int

    def __str__(self) -> str:
        return f"{self.first}-{self.second}"


START = Place(FURTHEST, FURTHEST)


@dataclass(frozen=True)
class Wanted:
    """What is looked for; what is left out means any.

    Attributes:
        only_of: of a visit in which several people were signed in, the one whose part is looked for.
    """

    event_type: str = ""
    since: datetime | None = None
    until: datetime | None = None
    session_id: str | None = None
    subject_id: UUID | None = None
    only_of: UUID | None = None
    batch: OutboxBatch | None = None
    after: Place = START

    @property
    def is_of_somebody(self) -> bool:
        return self.session_id is not None or self.subject_id is not None


@dataclass(frozen=True)
class Page:
    """Some of the events, the newest first; `next` is where the next page begins.

    `looked_back_to` is set when the page is not full and there is more to look through.
    """

    rows: list[Row]
    next: Place | None
    looked_back_to: datetime | None = None


def page(wanted: Wanted) -> Page:
    find, end = (OF, END_OF) if wanted.is_of_somebody else (LOG, END_OF_LOG)
    whose = SUBJECT if wanted.subject_id else VISIT
    values = _values(wanted)
    rows = [Row(*row) for row in statements.fetch(find.format(whose=whose), values)]
    if len(rows) > PAGE_SIZE:
        last = rows[PAGE_SIZE - 1]
        return Page(rows[:PAGE_SIZE], _place(last, wanted))
    if not wanted.event_type and wanted.batch is None:
        return Page(rows, None)
    for first, second, moment in statements.fetch(end.format(whose=whose), values):
        return Page(rows, Place(first, second), moment)
    return Page(rows, None)


@transaction.atomic
def event(number: int) -> Event | None:
    """The event of this number. Through the coarse index of numbers: Postgres 18 would walk the key of every day."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
    return Event.objects.filter(pk=number).first() if number <= FURTHEST else None


def found(event_id: str) -> Row | None:
    """The event of this id. Its key tells the day, and that day alone is searched."""
    key = EventKey.objects.filter(key=UUID(bytes=key_of(event_id))).first()
    if key is None:
        return None
    start = start_of(key.day)
    bounds = {"since": start, "until": start + timedelta(days=1), "event_id": event_id}
    return _first(IN_DAY, bounds)


def within(batch: OutboxBatch, event_id: str) -> Row | None:
    """An event by its id, if the batch has it: the few that it spans are all that is looked through."""
    values = _values(Wanted(batch=batch)) | {"event_ids": [event_id]}
    return _first(LOG, values)


def latest_of_session(session_id: str) -> Row | None:
    return _first(LATEST_OF.format(whose=SESSION), {"session": session_id})


def latest_of_subject(subject_id: UUID) -> Row | None:
    return _first(LATEST_OF.format(whose=SUBJECT), {"subject": subject_id})


def signed_in(session_id: str) -> Row | None:
    """An event of somebody who was signed in during the visit, whose it is then; among its latest `SCANNED`."""
    return _first(SIGNED_IN, {"session": session_id, "scanned": SCANNED})


def whose(event: Event | Row) -> tuple[int, UUID] | None:
    """The person that an event is of, with the number of an event that says so; None of an anonymous visit.

    What somebody does before signing in is theirs too, as it is when they are erased.
    """
    if event.subject_id:
        return event.id, event.subject_id
    named = signed_in(event.session_id) if event.session_id else None
    return (named.id, named.subject_id) if named and named.subject_id else None


def _values(wanted: Wanted) -> dict[str, Any]:
    values: dict[str, Any] = {
        "since": wanted.since,
        "until": wanted.until,
        "event_type": wanted.event_type,
        "scanned": SCANNED,
        "limit": PAGE_SIZE + 1,
    }
    if wanted.subject_id:
        return values | {"subject": wanted.subject_id} | _moment(wanted.after)
    if wanted.session_id:
        return values | {"session": wanted.session_id, "only_of": wanted.only_of} | _moment(wanted.after)
    return values | _range(wanted)


def _moment(after: Place) -> dict[str, Any]:
    moment = None if after.first > LAST_MOMENT else EPOCH + timedelta(microseconds=after.first)
    return {"moment": moment, "second": after.second}


def _range(wanted: Wanted) -> dict[str, Any]:
    """The part of the log: all of it, or what one batch of the outbox spans."""
    after, batch = wanted.after, wanted.batch
    if batch is None:
        return {
            "first": str(after.first),
            "second": after.second,
            "low_xid": "0",
            "low_id": 0,
            "event_ids": None,
        }
    end = min(after, Place(batch.last_xid, batch.last_id + 1))
    day = start_of(batch.day)
    return {
        "since": max(filter(None, (wanted.since, day))),
        "until": min(filter(None, (wanted.until, day + timedelta(days=1)))),
        "first": str(end.first),
        "second": end.second,
        "low_xid": str(batch.first_xid),
        "low_id": batch.first_id,
        "event_ids": _replayed(batch),
    }


def _replayed(batch: OutboxBatch) -> Sequence[str] | None:
    """A batch of dead letters has only those of all the events that it spans."""
    if not batch.is_replay:
        return None
    letters = DeadLetter.objects.filter(replay_batch=batch).values_list("event_id", flat=True)
    return list(letters[:SCANNED])


def _place(row: Row, wanted: Wanted) -> Place:
    if not wanted.is_of_somebody:
        return Place(row.xid, row.id)
    return Place((row.received_at - EPOCH) // timedelta(microseconds=1), row.id)


def _first(query: str, values: dict[str, Any]) -> Row | None:
    return next((Row(*row) for row in statements.fetch(query, values)), None)
