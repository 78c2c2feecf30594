"""Validate, de-duplicate, store: the only way into the log.

Invariants:
* What is accepted is committed, in one transaction with everything that hangs on it, before anyone is told so.
* An event id is stored once. The same id with the same content is a duplicate and changes nothing; with other
  content it is a conflict and is refused.
* A bad event costs itself only, never its batch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
from django.db import connection, transaction

from capture import events, rejections, wakeup
from capture.records import encoder
from capture.validation import PAST, Checked, Fault, InvalidEvent, check, decode
from leafloaf.lib.problems import Problem
from privacy import subjects


class Identified(msgspec.Struct):
    """As much of an event as its sender needs to recognise it."""

    event_id: str | None = None


Authorize = Callable[[str | None], str | None]
"""Says for which user an event that names this one counts, or raises a `Problem`."""

INSERT = """
    WITH given AS (
        SELECT * FROM ROWS FROM (json_to_recordset(%(rows)s::json) AS (
            event_id text, digest text, event_type text, subject_id uuid, session_id text, occurred_at timestamptz,
            payload jsonb
        )) WITH ORDINALITY AS given (event_id, digest, event_type, subject_id, session_id, occurred_at, payload, place)
    ), fresh AS (
        INSERT INTO capture_eventkey (event_id, digest, day)
        SELECT event_id, decode(digest, 'hex'), %(day)s FROM given ORDER BY event_id
        ON CONFLICT (event_id) DO NOTHING
        RETURNING event_id
    )
    INSERT INTO capture_event
        (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
    SELECT event_id, event_type, subject_id, session_id, occurred_at, %(received_at)s, payload, %(version)s
    FROM given JOIN fresh USING (event_id)
    ORDER BY place
    RETURNING event_id
"""
"""Rows travel as one JSON text that Postgres takes apart, a third of the work of an array for each column.

Keys are taken in sorted order, so that two batches with the same ids wait for each other and do not dead-lock.
"""


class Row(msgspec.Struct):
    """One row of `INSERT`."""

    event_id: str
    digest: str
    event_type: str
    subject_id: UUID | None
    session_id: str | None
    occurred_at: datetime
    payload: msgspec.Raw


@dataclass(frozen=True)
class Rejection:
    """Why one event of a request was refused."""

    index: int
    event_id: str | None
    faults: Sequence[Fault]


@dataclass
class Receipt:
    """What became of a request's events."""

    accepted: int = 0
    duplicates: int = 0
    suppressed: int = 0
    rejected: list[Rejection] = field(default_factory=list)


def accept(
    bodies: Sequence[bytes],
    authorize: Authorize = lambda user_id: user_id,
    received_at: datetime | None = None,
    past: timedelta | None = PAST,
) -> Receipt:
    """Stores the valid ones among JSON events.

    Args:
        bodies: one JSON object each.
        received_at: the server's clock; an argument for history and tests.
        past: how long ago an event may have happened; None for any time.
    """
    received_at = received_at or datetime.now(UTC)
    receipt = Receipt()
    checked: dict[int, Checked] = {}
    for index, body in enumerate(bodies):
        try:
            event = decode(body)
            event.user_id = authorized(event, authorize)
            checked[index] = check(event, received_at, past)
        except InvalidEvent as error:
            receipt.rejected.append(Rejection(index, said_event_id(body), error.faults))
    store(checked, received_at, receipt)
    receipt.rejected.sort(key=lambda rejection: rejection.index)
    rejections.count(((bodies[refused.index], refused.faults) for refused in receipt.rejected), received_at)
    return receipt


def record(event: events.Event, received_at: datetime | None = None) -> Receipt:
    """Stores one event that the application itself made."""
    received_at = received_at or datetime.now(UTC)
    receipt = Receipt()
    store({0: check(event, received_at)}, received_at, receipt)
    return receipt


def store(checked: dict[int, Checked], received_at: datetime, receipt: Receipt) -> None:
    """Writes checked events, keyed by their place in the request, and adds what came of it to the receipt."""
    fresh: dict[str, Checked] = {}
    repeated: list[tuple[int, Checked]] = []
    for index, event in checked.items():
        if event.event_id in fresh:
            repeated.append((index, event))
        else:
            fresh[event.event_id] = event
    if not fresh:
        return
    with transaction.atomic():
        stored = insert(list(fresh.values()), received_at)
        first_places = {event.event_id: index for index, event in reversed(checked.items())}
        known = [
            (first_places[event_id], event) for event_id, event in fresh.items() if event_id not in stored
        ]
        digests = digests_of({event.event_id for _, event in known + repeated})
        transaction.on_commit(lambda: wakeup.drain(len(stored)), robust=True)
    receipt.accepted += len(stored)
    for index, event in known + repeated:
        if digests[event.event_id] == event.digest:
            receipt.duplicates += 1
        else:
            receipt.rejected.append(Rejection(index, event.event_id, [CONFLICT]))


def insert(batch: list[Checked], received_at: datetime) -> set[str]:
    """Inserts events whose ids are distinct; returns the ids that were not there before."""
    pseudonyms = subjects.resolve(event.user_id for event in batch if event.user_id)
    rows = [
        Row(
            event.event_id,
            event.digest.hex(),
            event.event_type,
            pseudonyms[event.user_id] if event.user_id else None,
            event.session_id,
            event.occurred_at,
            msgspec.Raw(event.payload),
        )
        for event in batch
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT,
            {
                "rows": encoder.encode(rows).decode(),
                "day": utc_day(received_at),
                "received_at": received_at,
                "version": events.SCHEMA_VERSION,
            },
        )
        return {event_id for (event_id,) in cursor.fetchall()}


def digests_of(event_ids: Iterable[str]) -> dict[str, bytes]:
    """The stored digests; a statement of its own, to see what a concurrent request has just committed."""
    wanted = list(event_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id, digest FROM capture_eventkey WHERE event_id = ANY(%s)", [wanted])
        return {event_id: bytes(digest) for event_id, digest in cursor.fetchall()}


CONFLICT = Fault("/event_id", "conflict", "409: this event_id was used for another event; make a new one.")


def authorized(event: events.Event, authorize: Authorize) -> str | None:
    try:
        return authorize(event.user_id)
    except Problem as problem:
        code = problem.errors[0]["code"] if problem.errors else problem.default_code
        raise InvalidEvent(Fault("/user_id", code, str(problem.detail))) from problem


def said_event_id(body: bytes) -> str | None:
    """The event id of an event too broken to read as one, so that its sender can find it."""
    try:
        return msgspec.json.decode(body, type=Identified).event_id
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
