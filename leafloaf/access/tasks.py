"""What the worker does for access; each task is a management command too."""

from celery import shared_task

from leafloaf.access.throttling import postgres_store


@shared_task
def prune_throttles() -> int:
    """Deletes what is left of limits that nobody has used any of for so long that all is there again."""
    return postgres_store.prune()
