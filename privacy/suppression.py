"""Refusing the events of who is being erased, or was: asked inside the statement that stores events, and counted.

Invariants:
* A statement that begins after the fence has committed stores nothing of the person. One that began before may still
  do so; purging waits until those are over (`privacy.erasure.fence`).
* How many were refused is kept by day; of whom is not.
"""

import logging
from datetime import date

from django.db import DatabaseError, InterfaceError, transaction

from leafloaf.lib import statements
from privacy.models import SuppressedCount

logger = logging.getLogger(__name__)

OF_A_PERSON = "({person}.state <> 'active' OR {occurred_at} <= {person}.begins_at)"
"""SQL: whether an event of this person (`subjects.PERSON`) is refused; NULL or false if not.

It is while they are being erased; and when they came back, if it is of the time before.
"""
# A query for one value: Postgres would read the whole table for an EXISTS, to have its hash for all events.
OF_A_VISIT = """(
    SELECT until > now() FROM privacy_suppressedsession WHERE session_hash = sha256(convert_to({session_id}, 'UTF8'))
)"""
"""SQL: whether an anonymous event of this visit is refused, because only somebody being erased, or erased, had it;
NULL or false if not.
"""

ADD = """
    INSERT INTO privacy_suppressedcount AS known (day, count) VALUES (%(day)s::date, %(count)s::bigint)
    ON CONFLICT (day) DO UPDATE SET count = known.count + excluded.count
"""


def count(number: int, day: date) -> None:
    """Adds refused events to the count of the UTC day, after the statement that refused them.

    That the count fails is logged and costs nobody their answer.
    """
    if not number:
        return
    try:
        with transaction.atomic():
            statements.fetch(ADD, {"day": day, "count": number})
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Suppressed events could not be counted (%s).", type(error).__name__)


def count_of(day: date) -> int:
    """How many events of people being erased, or erased, were refused on a UTC day."""
    return sum(SuppressedCount.objects.filter(day=day).values_list("count", flat=True))
