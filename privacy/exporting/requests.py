"""Asking for an export, following it, and taking it: once, within a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from leafloaf.access import encryption
from privacy import consent, subjects
from privacy.models import DataExport, Subject

LIFE = timedelta(hours=24)
REMEMBERED = timedelta(days=30)
"""How long it is known that there was an export."""
State = DataExport.State


class NotFound(LookupError):
    """There is no such export of this person: another's is not told from none."""


class NotReady(Exception):
    """It is still being made."""


class Gone(Exception):
    """It was taken, or its day is over."""


@dataclass(frozen=True)
class Taken:
    """The zip, in pieces, and how many bytes it has."""

    pieces: Iterator[bytes]
    size: int


def ask(user_id: str) -> DataExport:
    """The export that is being made or ready, or a new one; who was never seen becomes known by asking.

    Raises:
        consent.Erased: the person is being erased.
    """
    with transaction.atomic():
        if (subject_id := subjects.resolve([user_id]).get(user_id)) is None:
            raise consent.Erased("This person is being erased.")
        consent.hold(subject_id)
        now = timezone.now()
        under_way = Q(state=State.REQUESTED) | Q(state=State.READY, expires_at__gt=now)
        found = light(DataExport.objects.filter(under_way, subject_id=subject_id)).first()
        return found or DataExport.objects.create(subject_id=subject_id, created_at=now, available_at=now)


def of_user(user_id: str) -> list[DataExport]:
    """The exports of a person, the newest first; none of who is being erased."""
    return list(light(theirs(user_id)))


def get(user_id: str, export_id: UUID) -> DataExport:
    """One export of this person.

    Raises:
        NotFound: see there.
    """
    if found := light(theirs(user_id)).filter(pk=export_id).first():
        return found
    raise NotFound("There is no such export of this person.")


def take(user_id: str, export_id: UUID) -> Taken:
    """The zip, for this caller alone: of two at once, one gets it.

    Raises:
        NotFound, NotReady, Gone: see there.
    """
    with transaction.atomic():
        export = theirs(user_id).select_for_update().filter(pk=export_id).first()
        if export is None:
            raise NotFound("There is no such export of this person.")
        if export.state == State.REQUESTED:
            raise NotReady("This export is still being made.")
        if not is_downloadable(export):
            raise Gone("This export was downloaded, or its day is over; ask for a new one.")
        taken = opened(export)
        export.state, export.downloaded_at = State.DOWNLOADED, timezone.now()
        export.content = None
        export.save(update_fields=["state", "downloaded_at", "content"])
    return taken


def opened(export: DataExport) -> Taken:
    """The content decrypted piece by piece; the first piece at once, so that what cannot be read is found out now."""
    pieces = encryption.decrypt_chunks(memoryview(export.content or b""), name_of(export))
    try:
        first = next(pieces)
    except encryption.Unreadable as error:
        raise Gone("This export cannot be read any more; ask for a new one.") from error
    return Taken(chain([first], pieces), export.size or 0)


def is_downloadable(export: DataExport) -> bool:
    return (
        export.state == State.READY and export.expires_at is not None and export.expires_at > timezone.now()
    )


def state_of(export: DataExport) -> str:
    """As the person is told: what is over is over, even before it was emptied."""
    is_over = export.state == State.READY and not is_downloadable(export)
    return State.EXPIRED if is_over else State(export.state)


def expire() -> int:
    """Empties what nobody took in its day, and forgets exports of a month ago; how many were emptied."""
    now = timezone.now()
    ended = DataExport.objects.filter(state__in=[State.DOWNLOADED, State.EXPIRED])
    ended.filter(created_at__lt=now - REMEMBERED).delete()
    over = DataExport.objects.filter(state=State.READY, expires_at__lte=now)
    return over.update(state=State.EXPIRED, content=None)


def theirs(user_id: str) -> QuerySet[DataExport]:
    """The one place that decides whose export it is."""
    active = Subject.objects.filter(user_id=user_id, state=Subject.State.ACTIVE)
    return DataExport.objects.filter(subject_id__in=active.values("pk")).order_by("-created_at", "pk")


def light(exports: QuerySet[DataExport]) -> QuerySet[DataExport]:
    """Without the zip."""
    return exports.defer("content")


def name_of(export: DataExport) -> str:
    """What the content is bound to: it cannot be moved to another export."""
    return f"export {export.pk}"
