"""Who is asking, and what they allow: one statement, before anything is personal."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from leafloaf.lib import request_ids, statements
from privacy import consent

WHO = f"""
SELECT subject.id, coalesce(profile.version, 0),
       {consent.PERSONALIZES.format(subject="subject.id")},
       {consent.KEEPS_PURCHASES.format(subject="subject.id")},
       {consent.TRACKS_PRICES.format(subject="subject.id")},
       {consent.INFERS_HOUSEHOLD.format(subject="subject.id")}
FROM privacy_subject AS subject LEFT JOIN personalization_profile AS profile ON profile.subject_id = subject.id
WHERE subject.state = 'active'
"""  # noqa: S608 (SQL of our own)
KNOWN = f"{WHO} AND subject.user_id = %s"
NAMED = f"{WHO} AND subject.id = ANY(%s::uuid[])"


class Status(StrEnum):
    """Whether an answer is personal, or why it is not."""

    OK = "ok"
    OFF = "off"
    NO_HISTORY = "no_history"
    TIMEOUT = "timeout"


UNHURRIED = [Status.OK.value, Status.OFF.value, Status.NO_HISTORY.value]
"""Of an answer that has no deadline."""


@dataclass(frozen=True)
class Person:
    """Somebody under their pseudonym. `version` is another one after each change of what is remembered of them."""

    subject_id: UUID
    version: int
    is_personalized: bool
    keeps_purchases: bool
    tracks_prices: bool
    infers_household: bool


def known(user_id: str | None) -> Person | None:
    """The person behind a shop's user id; None for nobody, and for somebody never seen."""
    rows = statements.fetch(KNOWN, [user_id]) if user_id else []
    if not rows:
        return None
    person = Person(*rows[0])
    request_ids.note_subject(person.subject_id)
    return person


def by_pseudonym(subjects: Iterable[UUID]) -> dict[UUID, Person]:
    """Those of them who are there and are not being erased."""
    return {row[0]: Person(*row) for row in statements.fetch(NAMED, [list(subjects)])}
