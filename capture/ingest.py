"""Validate, de-duplicate, store: the only way into the log.

Invariants:
* What is accepted is committed, in one transaction with everything that hangs on it, before anyone is told so.
* An event id is stored once. The same id with the same content is a duplicate and changes nothing; with other
  content it is a conflict and is refused.
* A bad event costs itself only, never its batch.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from django.db import transaction

from capture import arrays, duplicates, event_keys, events, instruments, projections, rejections, wakeup
from capture.validation import PAST, Checked, Fault, InvalidEvent, check, decode
from leafloaf.lib import statements
from leafloaf.lib.problems import Problem
from privacy import consent, subjects, suppression, tombstones


class Identified(msgspec.Struct):
    """As much of an event as its sender needs to recognise it."""

    event_id: str | None = None


Authorize = Callable[[str | None], str | None]
"""Says for which user an event that names this one counts, or raises a `Problem`."""


class Fate(StrEnum):
    """What became of an event whose id was not taken."""

    STORED = "stored"
    WITHHELD = "withheld"
    """Its person does not want it kept."""
    REFUSED = "refused"
    """It is of somebody who is being erased, or was."""
    STRANGER = "stranger"
    """Nothing became of the whole batch: the user has no pseudonym yet."""


ALL_KNOWN = f"NOT EXISTS (SELECT FROM given WHERE fate = '{Fate.STRANGER}')"
INSERT = """
    WITH given AS MATERIALIZED (
        SELECT given.*, person.id AS subject_id,
               event_type = 'order' AND NOT {keeps_purchases} AS is_nobodys,
               CASE WHEN user_id IS NOT NULL AND person.id IS NULL THEN '{fate.STRANGER}'
                    WHEN {is_of_an_erased_person} THEN '{fate.REFUSED}'
                    WHEN user_id IS NULL AND {is_of_an_erased_visit} THEN '{fate.REFUSED}'
                    WHEN event_type = 'search' AND NOT {keeps_searches} THEN '{fate.WITHHELD}'
                    ELSE '{fate.STORED}' END AS fate
        FROM unnest(
            (SELECT %(keys)s), %(digests)s, %(event_ids)s, %(event_types)s, %(user_ids)s, %(session_ids)s,
            %(occurred_at)s, %(payloads)s
        ) WITH ORDINALITY AS given (
            key, digest, event_id, event_type, user_id, session_id, occurred_at, payload, place
        ) LEFT JOIN LATERAL ({person}) AS person ON true
    ), fresh AS (
        INSERT INTO capture_eventkey (key, digest, day)
        SELECT key, digest, %(day)s::date FROM given WHERE fate = '{fate.STORED}' AND {all_known}
        ORDER BY key
        ON CONFLICT (key) DO NOTHING
        RETURNING key
    ), stored AS MATERIALIZED (
        SELECT place, event_id, event_type, CASE WHEN NOT is_nobodys THEN subject_id END AS subject_id,
               session_id, occurred_at, payload, is_nobodys
        FROM given JOIN fresh USING (key)
    ), logged AS (
        INSERT INTO capture_event
            (event_id, event_type, subject_id, session_id, occurred_at, received_at, payload, schema_version)
        SELECT CASE WHEN is_nobodys THEN gen_random_uuid()::text ELSE event_id END, event_type, subject_id,
               CASE WHEN NOT is_nobodys THEN session_id END,
               CASE WHEN is_nobodys THEN date_trunc('hour', occurred_at, 'UTC') ELSE occurred_at END,
               %(received_at)s::timestamptz,
               CASE WHEN is_nobodys THEN capture_nobodys_order(payload) ELSE payload END, %(version)s::smallint
        FROM stored
        ORDER BY place
    )""".format(  # noqa: S608 (SQL of our own)
    fate=Fate,
    person=subjects.PERSON.format(user_id="given.user_id"),
    is_of_an_erased_person=suppression.OF_A_PERSON.format(person="person", occurred_at="occurred_at"),
    is_of_an_erased_visit=suppression.OF_A_VISIT.format(session_id="session_id"),
    keeps_searches=consent.KEEPS_SEARCHES.format(subject="person.id"),
    keeps_purchases=consent.KEEPS_PURCHASES.format(subject="person.id"),
    all_known=ALL_KNOWN,
)
"""Nothing is stored while a user is not known yet.

A search of who does not want searches kept is withheld. An order of who does not want purchases kept is nobody's:
what the shop's books need of it (migration 0010), under another id and number, to the hour. Its key alone is still made
of the client's own event id, one way, so that it is not stored again when it is sent again.

A fence that commits while this is at work is not seen. Whoever erases waits for all that began before it
(`privacy.erasure.fence`).

Keys are taken in sorted order, so that two batches with the same ids wait for each other and do not dead-lock.

`(SELECT %(keys)s)` hides from the planner how many events there are: it would find that a plan for one is cheaper
than its plan for any number, and plan a lone event anew each time, which takes twice as long as storing it.
"""
FATES = f"""
    SELECT event_id, '{Fate.STORED}' FROM stored
    UNION ALL SELECT event_id, fate FROM given WHERE fate <> '{Fate.STORED}'"""  # noqa: S608 (SQL of our own)


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
    started = time.perf_counter()
    fates = insert([checked[index] for index in places.values()], received_at, is_profiled)
    instruments.SIGNAL_LAG.observe(time.perf_counter() - started)
    stored = list(fates.values()).count(Fate.STORED)
    receipt.accepted += stored
    kept = (index for event_id, index in places.items() if fates.get(event_id) == Fate.STORED)
    instruments.note_events(instruments.ACCEPTED, (checked[index].event_type for index in kept))
    transaction.on_commit(lambda: wakeup.drain(stored), robust=True)
    if stored == len(checked):
        return
    known = [index for event_id, index in places.items() if event_id not in fates]
    known += [index for index in repeated if fates.get(checked[index].event_id) in (None, Fate.STORED)]
    digests = digests_of({checked[index].key for index in known})
    refused = [event for event in checked.values() if fates.get(event.event_id) == Fate.REFUSED]
    withheld = [event for event in checked.values() if fates.get(event.event_id) == Fate.WITHHELD]
    repeats = []
    for index in known:
        event = checked[index]
        if digests[event.key] == event.digest:
            repeats.append(event)
        elif digests[event.key] == event_keys.ERASED:
            refused.append(event)
        else:
            receipt.rejected.append(Rejection(index, event.event_id, [CONFLICT]))
    receipt.duplicates += len(repeats)
    receipt.suppressed += len(withheld) + len(refused)
    instruments.note_events(instruments.DUPLICATE, (event.event_type for event in repeats))
    instruments.note_events(instruments.SUPPRESSED, (event.event_type for event in withheld + refused))
    suppression.count(len(refused), utc_day(received_at))


def insert(batch: list[Checked], received_at: datetime, is_profiled: bool = True) -> dict[str, str]:
    """Inserts events whose ids are distinct; returns the `Fate` of each by its id, but for ids that were taken.

    One statement, atomic by itself: unless the caller has a transaction open, none is begun. Only who meets a new
    user needs one, and a second try. An event that is not stored anyhow makes nobody known.
    """
    fates = inserted(batch, received_at, is_profiled)
    late: set[str] = set()
    while Fate.STRANGER in fates.values():
        strangers = [event for event in batch if fates.get(event.event_id) == Fate.STRANGER]
        taken = digests_of({event.key for event in strangers})
        late |= of_the_erased(event for event in strangers if event.key not in taken)
        batch = [event for event in batch if event.key not in taken and event.event_id not in late]
        with transaction.atomic():
            subjects.resolve(event.user_id for event in batch if event.user_id)
            fates = inserted(batch, received_at, is_profiled)
    return fates | dict.fromkeys(late, Fate.REFUSED)


def of_the_erased(strangers: Iterable[Checked]) -> set[str]:
    """The ids of events of people who were erased: nobody comes back by what happened before."""
    events_of = {event.event_id: (event.user_id or "", event.occurred_at) for event in strangers}
    stones = tombstones.latest({user_id for user_id, _ in events_of.values()})
    return {
        event_id
        for event_id, (user_id, occurred_at) in events_of.items()
        if user_id in stones and tombstones.refuses(stones[user_id], occurred_at)
    }


def inserted(batch: list[Checked], received_at: datetime, is_profiled: bool) -> dict[str, str]:
    if not batch:
        return {}
    derived, their_own = projections.concerned(batch) if is_profiled else ((), {})
    given = columns(batch, received_at) | their_own
    started = time.perf_counter()
    fates = dict(statements.fetch(statement_with(derived), given))
    if derived:
        instruments.GRAPH_WRITE.observe(time.perf_counter() - started)
    return fates


@lru_cache
def statement_with(derived: tuple[projections.Projection, ...]) -> str:
    """The statement that stores events, and what these projections derive from them.

    In one line, so no `--` comments in it: psycopg reads a text of more than 4096 characters anew each time, at the
    cost of a tenth of storing a lone event.
    """
    statement = ", ".join([INSERT, *(projection.sql for projection in derived)]) + FATES
    return " ".join(statement.split())


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
