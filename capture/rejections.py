"""Counting what is refused at the door, by hour and reason. The events themselves are not kept."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError, connection, transaction

from capture import events, instruments
from capture.validation import Fault

logger = logging.getLogger(__name__)

ADD = """
    INSERT INTO capture_rejectioncount AS known (hour, event_type, code, pointer, count)
    SELECT %(hour)s, *
    FROM unnest(%(event_types)s::text[], %(codes)s::text[], %(pointers)s::text[], %(counts)s::bigint[])
    ON CONFLICT (hour, event_type, code, pointer) DO UPDATE SET count = known.count + excluded.count
"""


class Typed(msgspec.Struct):
    """As much of a refused event as tells its type."""

    event_type: str = ""


Refused = tuple[bytes, Iterable[Fault]]


def count(refused: Iterable[Refused], received_at: datetime) -> None:
    """Adds refused events and their faults to the counts of the hour, in one statement after their request's own.

    That the count fails is logged and costs nobody their answer.
    """
    several = [list(keys(body, faults)) for body, faults in refused]
    counts = Counter(key for found in several for key in found)
    if not counts:
        return
    instruments.note_events(instruments.REJECTED, (found[0][0] for found in several))
    instruments.note_faults(code for found in several for _, code, _ in found)
    rows = sorted(counts)  # two requests wait for each other, and do not dead-lock
    values: dict[str, Any] = {
        "hour": received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
        "event_types": [row[0] for row in rows],
        "codes": [row[1] for row in rows],
        "pointers": [row[2] for row in rows],
        "counts": [counts[row] for row in rows],
    }
    try:
        with guard(), connection.cursor() as cursor:
            cursor.execute(ADD, values)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Refused events could not be counted (%s).", type(error).__name__)


def guard() -> AbstractContextManager[None]:
    """A savepoint where the caller has a transaction open, or a failure would end that too."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def keys(body: bytes, faults: Iterable[Fault]) -> Iterator[tuple[str, str, str]]:
    event_type = type_of(body)
    for fault in faults:
        yield event_type, fault.code[:32], place(fault)


def place(fault: Fault) -> str:
    """The pointer without what the client made up: numbers of list items, and names that are in no vocabulary."""
    pointer = re.sub(r"/\d+(?=/|$)", "/*", fault.pointer)
    if fault.code == "unknown_field":
        pointer = pointer.rpartition("/")[0] + "/*"
    return pointer[:128]


def type_of(body: bytes) -> str:
    """The event's type, empty when it is none that there is or cannot be read."""
    try:
        named = msgspec.json.decode(body, type=Typed).event_type
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    return named if named in events.TYPES else ""
