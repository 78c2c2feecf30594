"""What Celery calls for the catalogue; each task is a management command too."""

import threading

from celery import shared_task

from leafloaf.catalog import indexing, vectors

_embedding = threading.Lock()


@shared_task
def embed() -> int:
    """Embeds what is new or changed; one at a time in a process, so that a large load holds one thread only."""
    if not _embedding.acquire(blocking=False):
        return 0
    try:
        return vectors.update()
    finally:
        _embedding.release()


@shared_task
def refresh_search() -> None:
    """Counts anew how common the catalogue's words are."""
    indexing.refresh()
