"""What Celery calls for the storefront; each task is a management command too."""

from celery import shared_task

from leafloaf.storefront import analytics, training_export


@shared_task
def count_searches() -> None:
    analytics.count_due()


@shared_task
def export_training_data() -> None:
    training_export.export_due()
