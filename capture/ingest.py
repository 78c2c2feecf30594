"""Validate, de-duplicate, store: the only way into the log.

Invariants:
* What is accepted is committed, in one transaction with everything that hangs on it, before anyone is told so.
* An event id is stored once. The same id with the same content is a duplicate and changes nothing; with other
  content it is a conflict and is refused.
* A bad event costs itself only, never its batch.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from django.db import transaction

from capture import arrays, duplicates, events, projections, rejections, wakeup
from capture.validation import PAST, Checked, Fault, InvalidEvent, check, decode
from leafloaf.lib import statements
from leafloaf.lib.problems import Problem
from privacy import consent, subjects


class Identified(msgspec.Struct):
    """As much of an event as its sender needs to recognise it."""

    event_id: str | None = None


Authorize = Callable[[str | None], str | None]
"""Says for which user an event that names this one counts, or raises a `Problem`."""

ALL_KNOWN = "NOT EXISTS (SELECT FROM given WHERE user_id IS NOT NULL AND subject_id IS NULL)"
INSERT = """
    WITH given AS MATERIALIZED (
        SELECT named.*,
               CASE event_type WHEN 'search' THEN NOT {keeps_searches} ELSE false END AS is_withheld,
               CASE event_type WHEN 'order' THEN NOT {keeps_purchases} ELSE false END AS is_nobodys
        FROM (
            SELECT *, CASE WHEN user_id IS NOT NULL
                           THEN ({pseudonym}) END AS subject_id
            FROM unnest(
                (SELECT %(keys)s), %(digests)s, %(event_ids)s, %(event_types)s, %(user_ids)s, %(session_ids)s,
                %(occurred_at)s, %(payloads)s
            ) WITH ORDINALITY AS given (
                key, digest, event_id, event_type, user_id, session_id, occurred_at, payload, place
            )
        ) AS named
    ), fresh AS (
        INSERT INTO capture_eventkey (key, digest, day)
        SELECT key, digest, %(day)s::date FROM given WHERE NOT is_withheld AND {all_known}
        ORDER BY key
        ON CONFLICT (key) DO NOTHING
        RETURNING key
    ), stored AS MATERIALIZED (
        SELECT given.* FROM given JOIN fresh USING (key)
    ), logged AS (
        INSERT INTO capture_event
            (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
        SELECT event_id, event_type, CASE WHEN NOT is_nobodys THEN subject_id END,
               CASE WHEN NOT is_nobodys THEN session_id END, occurred_at, %(received_at)s::timestamptz, payload,
               %(version)s::smallint
        FROM stored
        ORDER BY place
    )""".format(  # noqa: S608 (SQL of our own)
    pseudonym=subjects.PSEUDONYM.format(user_id="given.user_id"),
    keeps_searches=consent.KEEPS_SEARCHES.format(subject="named.subject_id"),
    keeps_purchases=consent.KEEPS_PURCHASES.format(subject="named.subject_id"),
    all_known=ALL_KNOWN,
)
"""Nothing is stored while a user is not known yet.

A search of who does not want searches kept is withheld; an order of who does not want purchases kept is nobody's.

Keys are taken in sorted order, so that two batches with the same ids wait for each other and do not dead-lock.

`(SELECT %(keys)s)` hides from the planner how many events there are: it would find that a plan for one is cheaper
than its plan for any number, and plan a lone event anew each time, which takes twice as long as storing it.
"""
NEW = f"""
    SELECT event_id, false FROM stored
    UNION ALL SELECT event_id, true FROM given WHERE is_withheld AND {ALL_KNOWN}"""  # noqa: S608 (SQL of our own)


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
    is_profiled: bool = True,
) -> Receipt:
    """Stores the valid ones among JSON events.

    Args:
        bodies: one JSON object each.
        received_at: the server's clock; an argument for history and tests.
        past: how long ago an event may have happened; None for any time.
        is_profiled: whether `settings.PROJECTIONS` may learn from them.
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
    store(checked, received_at, receipt, is_profiled)
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


def store(
    checked: dict[int, Checked], received_at: datetime, receipt: Receipt, is_profiled: bool = True
) -> None:
    """Writes checked events, keyed by their place in the request, and adds what came of it to the receipt."""
    places: dict[str, int] = {}
    repeated = [
        index for index, event in checked.items() if places.setdefault(event.event_id, index) != index
    ]
    if not places:
        return
    stored, withheld = insert([checked[index] for index in places.values()], received_at, is_profiled)
    receipt.accepted += len(stored)
    receipt.suppressed += sum(checked[index].event_id in withheld for index in checked)
    transaction.on_commit(lambda: wakeup.drain(len(stored)), robust=True)
    known = [index for event_id, index in places.items() if event_id not in stored] + repeated
    known = [index for index in known if checked[index].event_id not in withheld]
    digests = digests_of({checked[index].key for index in known})
    for index in known:
        event = checked[index]
        if digests[event.key] == event.digest:
            receipt.duplicates += 1
        else:
            receipt.rejected.append(Rejection(index, event.event_id, [CONFLICT]))


def insert(
    batch: list[Checked], received_at: datetime, is_profiled: bool = True
) -> tuple[set[str], set[str]]:
    """Inserts events whose ids are distinct; returns the ids that were not there before, and those withheld.

    One statement, atomic by itself: unless the caller has a transaction open, none is begun. Only who meets a new
    user needs one, and a second try.
    """
    derived, their_own = projections.concerned(batch) if is_profiled else ((), {})
    statement, parameters = statement_with(derived), columns(batch, received_at) | their_own
    stored, withheld = inserted(statement, parameters)
    users = {event.user_id for event in batch if event.user_id}
    while (
        users and not stored and not withheld and len(digests_of({event.key for event in batch})) < len(batch)
    ):
        with transaction.atomic():
            subjects.resolve(users)
            stored, withheld = inserted(statement, parameters)
    return stored, withheld


@lru_cache
def statement_with(derived: tuple[projections.Projection, ...]) -> str:
    """The statement that stores events, and what these projections derive from them."""
    return ", ".join([INSERT, *(projection.sql for projection in derived)]) + NEW


def inserted(statement: str, parameters: dict[str, Any]) -> tuple[set[str], set[str]]:
    rows = statements.fetch(statement, parameters)
    return {name for name, is_withheld in rows if not is_withheld}, {name for name, held in rows if held}


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
