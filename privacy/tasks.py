"""What the worker does for privacy; each task is a management command too."""

from celery import shared_task

from privacy import exporting, lookups, metrics
from privacy.erasure import machine, retention


@shared_task
def advance_deletions() -> int:
    """Moves every deletion request on as far as it goes now."""
    return machine.advance_all()


@shared_task
def report_overdue_deletions() -> int:
    """Says loudly which deletion requests are past their 72 hours."""
    return machine.report_overdue()


@shared_task
def enforce_retention() -> int:
    """Begins to purge what is older than each person allows."""
    people = retention.enforce()
    metrics.note_night(people)
    return people


@shared_task
def count_privacy() -> bool:
    """Counts the privacy metrics when they are due."""
    return metrics.count_due()


@shared_task
def make_exports() -> None:
    """Makes the exports that were asked for, and empties those that nobody took in time."""
    exporting.make_due()
    exporting.expire()


@shared_task
def prune_lookups() -> int:
    """Removes look-ups that ended long ago; what was looked at in them stays."""
    return lookups.prune()
