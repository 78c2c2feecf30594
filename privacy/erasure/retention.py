"""A person's own retention: what is older than they allow goes every night, in every store, by the steps of an erasure.

Nobody is fenced and nothing is certified; the request is gone when its steps have read every store again. Anonymous
visits are nobody's here: they go after the shop's own retention.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from privacy import consent, holders
from privacy.erasure import fence, machine
from privacy.holders import Scope
from privacy.models import DeletionRequest, PrivacySettings, Subject


def enforce(now: datetime | None = None) -> int:
    """Begins to purge what is too old of everybody who asked for less than the default; of how many people.

    Raises:
        holders.NotNow: the log does not answer; who was reached is on the way.
    """
    moment = now or timezone.now()
    fence.forget_expired(moment)
    return sum(_begin(settings, moment) for settings in _shorter())


def _shorter() -> Iterator[PrivacySettings]:
    """Those with a shorter retention, but not who is being erased."""
    asked = PrivacySettings.objects.filter(data_retention_days__lt=consent.DEFAULTS.data_retention_days)
    return asked.filter(subject__state=Subject.State.ACTIVE).order_by("pk").iterator(chunk_size=1000)


def _begin(settings: PrivacySettings, now: datetime) -> bool:
    """Everything else is made from the log, so where the log has nothing too old there is nothing to do."""
    scope = Scope(settings.subject_id, (), now - timedelta(days=settings.data_retention_days))
    sources = [name for name in holders.enabled() if holders.get(name).phase == holders.SOURCE]
    if not any(holders.get(name).plan(scope).rows for name in sources):
        return False
    with transaction.atomic():
        active = Subject.objects.filter(pk=scope.subject_id, state=Subject.State.ACTIVE)
        if not active.select_for_update(no_key=True):
            return False  # who has asked to be erased meanwhile is left to that
        mine = DeletionRequest.objects.filter(subject_id=scope.subject_id)
        if mine.filter(kind=DeletionRequest.Kind.RETENTION).exists():
            return False  # last night's is still on its way
        request = DeletionRequest.objects.create(
            kind=DeletionRequest.Kind.RETENTION,
            subject_id=scope.subject_id,
            user_hash=b"",
            before=scope.before,
        )
        machine.begin(request, machine.concerned(request))
        request.save()
    return True
