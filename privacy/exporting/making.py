"""Makes the exports that were asked for: claimed by lease, settled with the lease's token.

A worker that dies at any point leaves an export that another one takes when the lease runs out. A store that does not
answer is waited for; after `PATIENCE` the export is made without it, and its readme says so.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from io import SEEK_END
from typing import Any, BinaryIO
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from leafloaf.access import encryption
from privacy import consent, holders
from privacy.exporting import readme
from privacy.exporting.archive import Archive
from privacy.exporting.requests import LIFE, State, name_of
from privacy.holders import NeedsAttention, NotNow, Scope
from privacy.models import DataExport, Subject

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
PATIENCE = timedelta(hours=1)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(minutes=10)
SILENT = (NotNow, NeedsAttention)
"""A store that does not answer, and one that somebody has to look at: an export waits for both, and not for ever."""
INFERRED = "inferred/"
RENEW_EVERY = 10_000
"""Rows after which the lease is renewed."""

File = Iterator[tuple[str, dict[str, Any]]]


class Lost(Exception):
    """The export is another worker's by now, or the person is being erased."""


def make_due() -> int:
    """Makes every export that is due; returns how many became ready."""
    made = 0
    while export := claim():
        made += make(export)
    return made


@transaction.atomic
def claim() -> DataExport | None:
    """The export that has waited longest, leased to the caller."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    active = Subject.objects.filter(state=Subject.State.ACTIVE).values("pk")
    due = DataExport.objects.filter(
        free, state=State.REQUESTED, available_at__lte=now, subject_id__in=active
    ).select_for_update(skip_locked=True)
    if export := due.order_by("created_at", "pk").first():
        export.attempts += 1
        export.lease_token, export.leased_until = uuid4(), now + LEASE
        export.save(update_fields=["attempts", "lease_token", "leased_until"])
    return export


def make(export: DataExport) -> bool:
    """Makes a claimed export and settles it; False when it has to wait."""
    person = Subject.objects.filter(pk=export.subject_id, state=Subject.State.ACTIVE).first()
    with tempfile.TemporaryFile() as file:  # nameless: gone with the process
        try:
            if person is None:
                raise Lost
            write(person, export.created_at, file, partial(renew, export))
            settle(export, file)
        except SILENT as error:
            postpone(export, error)
        except Lost:
            logger.info("The export %s is not this worker's any more.", export.pk)
        else:
            return True
    return False


def write(person: Subject, asked_at: datetime, file: BinaryIO, keep: Callable[[], None]) -> None:
    """Writes the whole zip; calls `keep` now and then.

    Raises:
        NotNow, NeedsAttention: a store does not answer, and there is still time to wait for it.
        Exception: whatever `keep` raises.
    """
    is_patient = timezone.now() - asked_at < PATIENCE
    silent: dict[str, str] = {}
    scope, names = scope_of(person), holders.enabled()
    with Archive(file, asked_at) as archive:
        for name in names:
            try:
                archive.add(kept(holders.get(name).export(scope), keep))
            except SILENT as error:
                if is_patient:
                    raise
                silent[name] = str(error)
        archive.add(inferences(person.user_id), INFERRED)
        told = readme.Told(
            asked_at, names, dict(archive.rows), dict(archive.left_out), silent, consent.of(person.pk)
        )
        for path, text in readme.files(told):
            archive.text(path, text)


def scope_of(person: Subject) -> Scope:
    """The person, with the visits that only they had."""
    return Scope(person.pk, holders.visits(person.pk))


def inferences(user_id: str) -> File:
    """What `settings.EXPORT_INFERENCES` works out of a person, for it is stored nowhere."""
    for path in settings.EXPORT_INFERENCES:
        yield from import_string(path)(user_id)


def kept(rows: File, keep: Callable[[], None]) -> File:
    """The rows, with the lease renewed now and then."""
    for number, row in enumerate(rows, start=1):
        if number % RENEW_EVERY == 0:
            keep()
        yield row


def renew(export: DataExport) -> None:
    if not leased(export).update(leased_until=timezone.now() + LEASE):
        raise Lost


def leased(export: DataExport) -> QuerySet[DataExport]:
    """The export while it is this worker's, of a person who is not being erased."""
    active = Subject.objects.filter(pk=export.subject_id, state=Subject.State.ACTIVE).values("pk")
    return DataExport.objects.filter(
        pk=export.pk, lease_token=export.lease_token, state=State.REQUESTED, subject_id__in=active
    )


def settle(export: DataExport, file: BinaryIO) -> None:
    """Stores the zip, encrypted.

    Raises:
        Lost: see there.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    content = b"".join(encryption.encrypt_chunks(file, name_of(export)))
    now = timezone.now()
    is_stored = leased(export).update(
        state=State.READY, content=content, size=size, ready_at=now, expires_at=now + LIFE,
        lease_token=None, leased_until=None, last_error="",
    )  # fmt: skip
    if not is_stored:
        raise Lost


def postpone(export: DataExport, error: Exception) -> None:
    wait = min(SHORTEST_WAIT * 2 ** min(export.attempts - 1, 10), LONGEST_WAIT)
    leased(export).update(
        available_at=timezone.now() + wait, lease_token=None, leased_until=None, last_error=str(error)
    )
