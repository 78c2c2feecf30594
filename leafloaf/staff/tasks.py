"""What Celery calls for the staff's pages; each task is a management command too."""

from celery import shared_task

from leafloaf.staff.signing_in import lock_out


@shared_task
def prune_sign_ins() -> None:
    lock_out.prune()
