"""What Celery calls for personalization; each task is a management command too."""

import threading
from datetime import UTC, datetime

from celery import shared_task

from personalization.aggregation import aggregates
from personalization.companions import basket_counts, meal_groups
from personalization.graph_copy import drawing
from personalization.learning import fitting
from personalization.recommending import attribution, exposures
from personalization.signals import forgetting

_settling = threading.Lock()


@shared_task(soft_time_limit=280)
def count_aggregates() -> None:
    aggregates.count_due()


@shared_task
def count_baskets() -> None:
    basket_counts.run()


@shared_task
def renew_basket_counts() -> None:
    """What the log has forgotten is forgotten here as well: the runs after this one count it anew."""
    basket_counts.mark_dirty()


@shared_task
def group_meals() -> None:
    meal_groups.group()


@shared_task
def fit_predictions() -> None:
    fitting.fit()


@shared_task(soft_time_limit=280)
def count_recommendations() -> None:
    attribution.count()


@shared_task(soft_time_limit=280)
def prune_recommendations() -> None:
    exposures.prune(datetime.now(UTC))


@shared_task(soft_time_limit=280)
def forget_old_signals() -> None:
    """What a run that is broken off has not come to, the next one does."""
    forgetting.forget_old()


@shared_task
def settle_graph() -> None:
    """One at a time in a process, so that a slow Spanner holds one thread only."""
    if not _settling.acquire(blocking=False):
        return
    try:
        drawing.settle_if_on()
    finally:
        _settling.release()


@shared_task
def draw_graph() -> None:
    """What a run that is broken off has not come to, the next night does, or `manage.py draw_graph`."""
    drawing.draw_if_on()
