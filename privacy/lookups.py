"""Looking at one person: opened for a reason that is asked once, used by who opened it alone, over after half an hour.

Invariants:
* An address has the look-up's id and nothing else of the person; who has not opened it cannot use it.
* `seen` commits that somebody looked before anything is shown. Who may be looked at is active: who is being erased, or
  was, is as unknown as somebody who never was there.
* The audit says that somebody was looked up, and for which usual reason; not who, nor in which words.
"""

import re
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from leafloaf.access import audit
from privacy import anonymise, staff_accesses, subjects
from privacy.models import LookupReason, PersonLookup, Subject

OPEN_FOR = timedelta(minutes=30)
MOST_AN_HOUR = 60
"""Look-ups that one of the staff may make, those that find nobody too."""
KEPT_FOR = timedelta(days=90)
"""After its end; what was looked at in it stays for as long as the person does."""
LONGEST_REASON = 500
SHORT_ID = 4
"""A shorter id is found in many a word that has nothing to do with it."""
ACTIVE = (Subject.State.ACTIVE,)
ACTION = "look up a person"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('privacy.lookups'), hashtext(%s))"


class TooMany(Exception):
    """This member of the staff has looked up as many people as one may within an hour."""


class UnusableReason(Exception):
    """There is none, or it says who the person is; the text says which."""


def open_for(
    user_id: str, staff: str, reason: str, category: LookupReason = LookupReason.OTHER
) -> PersonLookup | None:
    """A look-up of whom the shop knows by this id; None when there is nobody of that id, who then stays unknown.

    Raises:
        TooMany, UnusableReason: see there.
    """
    said = _usable(reason, category, user_id)
    return _open(Subject.objects.filter(user_id=user_id, state__in=ACTIVE).first(), staff, said, category)


def open_subject(
    subject_id: UUID, staff: str, reason: str, category: LookupReason = LookupReason.OTHER
) -> PersonLookup | None:
    """The same from a pseudonym, for whoever comes from something of the person.

    Raises:
        TooMany, UnusableReason: see there.
    """
    subject = Subject.objects.filter(pk=subject_id, state__in=ACTIVE).first()
    said = _usable(reason, category, str(subject_id), subject.user_id if subject else "")
    return _open(subject, staff, said, category)


def current(staff: str, subject_id: UUID) -> PersonLookup | None:
    """The one that this member of the staff has open of a person, the latest when there are several."""
    return of_staff(staff).filter(subject_id=subject_id).first()


def get(pk: UUID, staff: str) -> PersonLookup | None:
    """An open one by its id; None when it is over, or somebody else's."""
    return of_staff(staff).filter(pk=pk).first()


def of_staff(staff: str) -> QuerySet[PersonLookup]:
    """Those that are open, the latest first."""
    now = timezone.now()
    mine = PersonLookup.objects.filter(actor=staff, expires_at__gt=now, ended_at=None)
    return mine.filter(subject_id__isnull=False).order_by("-opened_at")


def seen(lookup: PersonLookup, page: str) -> bool:
    """Writes down, and commits, that a page of the person is looked at; False when they are no longer there.

    An error of the database is the caller's to let through: what could not be written down must not be shown.
    """
    if lookup.subject_id is None:
        return False
    with transaction.atomic(durable=True):
        return staff_accesses.write_down(
            lookup.subject_id, lookup.actor, page, lookup.reason, ACTIVE, lookup.category
        )


def end(lookup: PersonLookup) -> None:
    PersonLookup.objects.filter(pk=lookup.pk, ended_at=None).update(ended_at=timezone.now())


def prune() -> int:
    """Removes those that ended long ago."""
    long_ago = timezone.now() - KEPT_FOR
    return PersonLookup.objects.filter(expires_at__lt=long_ago).delete()[0]


@transaction.atomic
def _open(subject: Subject | None, staff: str, reason: str, category: LookupReason) -> PersonLookup | None:
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, [staff])
    now = timezone.now()
    lately = PersonLookup.objects.filter(actor=staff, opened_at__gt=now - timedelta(hours=1))
    if lately.count() >= MOST_AN_HOUR:
        raise TooMany(
            f"You have looked up {MOST_AN_HOUR} people within an hour. Wait a while before the next."
        )
    is_there = subject is not None and subjects.hold(subject.pk, ACTIVE)
    lookup = PersonLookup(
        subject_id=subject.pk if subject and is_there else None,
        actor=staff,
        category=category,
        reason=reason,
        opened_at=now,
        expires_at=now + OPEN_FOR,
    )
    lookup.save(force_insert=True)
    audit.record(staff, ACTION, str(lookup.pk), reason=category.label, found=is_there)
    return lookup if is_there else None


def _usable(reason: str, category: LookupReason, *names: str) -> str:
    """The reason as it is kept: in the words given or, without any, the usual one.

    Raises:
        UnusableReason: see there.
    """
    words = reason.replace("\0", "").strip()[:LONGEST_REASON]
    if any(name and _is_said(name, words) for name in names):
        raise UnusableReason("Say why without the person's id: the reason is kept, and they can read it.")
    if not words and category == LookupReason.OTHER:
        raise UnusableReason("Say why: the person can see who looked at them, and for what reason.")
    return anonymise.scrub(words) or category.label


def _is_said(name: str, words: str) -> bool:
    edge = r"\b" if len(name) < SHORT_ID else ""
    return re.search(f"{edge}{re.escape(name)}{edge}", words, re.IGNORECASE) is not None
