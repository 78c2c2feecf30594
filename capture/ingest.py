"""Validate, de-duplicate, store: the only way into the log.

Invariants:
* What is accepted is committed, in one transaction with everything that hangs on it, before anyone is told so.
* An event id is stored once. The same id with the same content is a duplicate and changes nothing; with other
  content it is a conflict and is refused.
* A bad event costs itself only, never its batch.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction

from capture import arrays, duplicates, events, rejections, wakeup
from capture.validation import PAST, Checked, Fault, InvalidEvent, check, decode
from leafloaf.lib import statements
from leafloaf.lib.problems import Problem
from privacy import subjects


class Identified(msgspec.Struct):
    """As much of an event as its sender needs to recognise it."""

    event_id: str | None = None


Authorize = Callable[[str | None], str | None]
"""Says for which user an event that names this one counts, or raises a `Problem`."""

INSERT = """
    WITH given AS MATERIALIZED (
        SELECT *, CASE WHEN user_id IS NOT NULL
                       THEN ({pseudonym}) END AS subject_id
        FROM unnest(
            %(keys)s, %(digests)s, %(event_ids)s, %(event_types)s, %(user_ids)s, %(session_ids)s, %(occurred_at)s,
            %(payloads)s
        ) WITH ORDINALITY AS given (
            key, digest, event_id, event_type, user_id, session_id, occurred_at, payload, place
        )
    ), fresh AS (
        INSERT INTO capture_eventkey (key, digest, day)
        SELECT key, digest, %(day)s::date FROM given
        WHERE NOT EXISTS (SELECT FROM given WHERE user_id IS NOT NULL AND subject_id IS NULL)
        ORDER BY key
        ON CONFLICT (key) DO NOTHING
        RETURNING key
    )
    INSERT INTO capture_event
        (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
    SELECT event_id, event_type, subject_id, session_id, occurred_at, %(received_at)s::timestamptz, payload,
           %(version)s::smallint
    FROM given JOIN fresh USING (key)
    ORDER BY place
    RETURNING event_id
""".format(pseudonym=subjects.PSEUDONYM.format(user_id="given.user_id"))  # noqa: S608 (SQL of our own)
"""Nothing is stored while a user is not known yet.

Keys are taken in sorted order, so that two batches with the same ids wait for each other and do not dead-lock.
"""


class Rejection(msgspec.Struct, frozen=True, rename={"faults": "errors"}):
    """Why one event of a request was refused."""

    index: int
    event_id: str | None
    faults: Sequence[Fault]


class Receipt(msgspec.Struct):
    """What became of a request's events, as it is told to who sent them."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = []
    suppressed: int = 0


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
    duplicates.count(receipt.duplicates, received_at)
    return receipt


def record(event: events.Event, received_at: datetime | None = None) -> Receipt:
    """Stores one event that the application itself made."""
    received_at = received_at or datetime.now(UTC)
    receipt = Receipt()
    store({0: check(event, received_at)}, received_at, receipt)
    return receipt


def store(checked: dict[int, Checked], received_at: datetime, receipt: Receipt) -> None:
    """Writes checked events, keyed by their place in the request, and adds what came of it to the receipt."""
    places: dict[str, int] = {}
    repeated = [
        index for index, event in checked.items() if places.setdefault(event.event_id, index) != index
    ]
    if not places:
        return
    stored = insert([checked[index] for index in places.values()], received_at)
    receipt.accepted += len(stored)
    transaction.on_commit(lambda: wakeup.drain(len(stored)), robust=True)
    known = [index for event_id, index in places.items() if event_id not in stored] + repeated
    digests = digests_of({checked[index].key for index in known})
    for index in known:
        event = checked[index]
        if digests[event.key] == event.digest:
            receipt.duplicates += 1
        else:
            receipt.rejected.append(Rejection(index, event.event_id, [CONFLICT]))


def insert(batch: list[Checked], received_at: datetime) -> set[str]:
    """Inserts events whose ids are distinct; returns the ids that were not there before.

    One statement, atomic by itself: unless the caller has a transaction open, none is begun. Only who meets a new
    user needs one, and a second try.
    """
    parameters = columns(batch, received_at)
    stored = inserted(parameters)
    users = {event.user_id for event in batch if event.user_id}
    while users and not stored and len(digests_of({event.key for event in batch})) < len(batch):
        with transaction.atomic():
            subjects.resolve(users)
            stored = inserted(parameters)
    return stored


def inserted(parameters: dict[str, Any]) -> set[str]:
    return {event_id for (event_id,) in statements.fetch(INSERT, parameters)}


def columns(batch: list[Checked], received_at: datetime) -> dict[str, Any]:
    """The parameters of `INSERT`."""
    return {
        "keys": arrays.uuids([event.key for event in batch]),
        "digests": arrays.uuids([event.digest for event in batch]),
        "event_ids": arrays.texts([event.event_id for event in batch]),
        "event_types": arrays.texts([event.event_type for event in batch]),
        "user_ids": arrays.texts([event.user_id for event in batch]),
        "session_ids": arrays.texts([event.session_id for event in batch]),
        "occurred_at": arrays.moments([event.occurred_at for event in batch]),
        "payloads": arrays.documents([event.payload for event in batch]),
        "day": utc_day(received_at),
        "received_at": received_at,
        "version": events.SCHEMA_VERSION,
    }


def digests_of(keys: set[bytes]) -> dict[bytes, bytes]:
    """The stored digests; a statement of its own, to see what a concurrent request has just committed."""
    if not keys:
        return {}
    rows = statements.fetch(
        "SELECT key, digest FROM capture_eventkey WHERE key = ANY(%(keys)s)", {"keys": arrays.uuids(keys)}
    )
    return {key.bytes: digest.bytes for key, digest in rows}


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
