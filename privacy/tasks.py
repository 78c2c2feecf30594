"""What the worker does for privacy; each task is a management command too."""

from celery import shared_task

from privacy.erasure import machine


@shared_task
def advance_deletions() -> int:
    """Moves every deletion request on as far as it goes now."""
    return machine.advance_all()
