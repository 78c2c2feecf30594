"""Recommendations beside a search's results, if they can be had in time."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from leafloaf.storefront.search import Request
from personalization.recommending import exposures, recommend
from personalization.recommending.recommend import Recommendations
from personalization.signals.people import Person, Status

SURFACE = "search"
LENGTH = 10

Beside = tuple[Recommendations | None, Status]


def found(request: Request, person: Person | None, results: Iterable[str], now: datetime) -> Beside:
    """What to show beside these results, none of which it repeats; nothing for who is nobody."""
    if not request.recommendations or not request.is_personal or (person and not person.is_personalized):
        return None, Status.OFF
    if request.user_id is None:
        return None, Status.NO_HISTORY
    return recommend.within(
        settings.RECOMMENDATION_TIMEOUT, person, now, LENGTH, leave_out=frozenset(results)
    )


def log(shown: Beside, person: Person | None, search_id: str, now: datetime) -> None:
    """Writes down what was shown."""
    recommendations, _ = shown
    if recommendations and recommendations.items:
        subject_id = person.subject_id if person else None
        exposures.record(recommendations, subject_id, SURFACE, now, search_id)
