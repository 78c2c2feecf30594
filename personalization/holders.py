"""What personalization keeps of people, for erasure and export: the holders of `settings.DATA_HOLDERS`.

Profiles and recommendations forget by age themselves, each night and by each person's own days, so a retention finds
nothing to do there. Sums over everybody name nobody, but are counted anew from a log that has lost events.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Max
from django.utils import timezone

from capture.holders import theirs
from leafloaf.lib import cache, statements
from personalization.aggregation import aggregates
from personalization.companions import basket_counts
from personalization.models import AggregateDay
from personalization.recommending import dismissals, exposures
from personalization.signals import erasing
from privacy.holders import SOURCE, BaseHolder, Finding, NotNow, Plan, Presence, Purged, Scope, Task
from privacy.models import DeletionStep

File = Iterator[tuple[str, dict[str, Any]]]


class ProfilesHolder(BaseHolder):
    """What is remembered of a person, and the copies of it in Redis, which are no rows: they last an hour at most."""

    store = "postgres"
    title = "What is remembered: products and what was done with them"
    models = frozenset(
        {"personalization.Profile", "personalization.ProductHistory", "personalization.GraphDebt"}
    )

    def plan(self, scope: Scope) -> Plan:
        return Plan(0 if scope.before else erasing.rows(scope.subject_id))

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        try:
            for task in tasks:
                if not task.scope.before:
                    erasing.erase(task.scope.subject_id)
        except cache.AWAY as error:
            raise NotNow(f"Redis keeps copies and is away ({type(error).__name__})") from error
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        if task.scope.before:
            return Finding.of(0)
        try:
            return Finding.of(erasing.left(task.scope.subject_id))
        except cache.AWAY as error:
            return Finding(Presence.UNREACHABLE, said=f"Redis: {type(error).__name__}")

    def export(self, scope: Scope) -> File:
        for row in erasing.export(scope.subject_id):
            yield ("profile" if row.pop("kind") == "profile" else "products"), row

    def fields(self) -> dict[str, str]:
        return {
            "profile": "When anything of what is remembered changed last.",
            "products": "Each product you looked at, clicked, put into the cart, rated or bought: when and how many, "
            "and the prices you paid if you allow that these are kept.",
        }


class RecommendationsHolder(BaseHolder):
    """Lists that a person was shown, what came of them, and what they never want to see again."""

    store = "postgres"
    title = "Recommendations shown, their clicks, and products dismissed"
    models = frozenset(
        {"personalization.Exposure", "personalization.ExposureOutcome", "personalization.Dismissal"}
    )

    def plan(self, scope: Scope) -> Plan:
        if scope.before:
            return Plan(0)
        return Plan(exposures.rows(scope.subject_id) + dismissals.rows(scope.subject_id))

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        for task in tasks:
            if not task.scope.before:
                exposures.forget(task.scope.subject_id)
                dismissals.forget(task.scope.subject_id)
        return [Purged() for _ in tasks]

    def verify(self, task: Task) -> Finding:
        return Finding.of(
            0 if task.scope.before else statements.fetch(RECOMMENDED, [task.scope.subject_id])[0][0]
        )

    def export(self, scope: Scope) -> File:
        for name, row in exposures.export(scope.subject_id):
            yield name, msgspec.to_builtins(row)
        for name, row in dismissals.export(scope.subject_id):
            yield name, msgspec.to_builtins(row)

    def fields(self) -> dict[str, str]:
        return {
            "recommendations": "Each list of products that you were shown: where, when, by which version of what the "
            "shop has learned, and for each product its place, score, source and reasons.",
            "recommendation_outcomes": "Which products of those lists you clicked, put into the cart or bought first.",
            "dismissals": "Products that you never want to be recommended again, and since when.",
        }


RECOMMENDED = """
    WITH person AS (SELECT %s::uuid AS id)
    SELECT (SELECT count(*) FROM personalization_exposure, person WHERE subject_id = id)
         + (SELECT count(*) FROM personalization_dismissal, person WHERE subject_id = id)
"""
"""An outcome leads to somebody through its list only, and goes in the transaction that takes the list away."""


class AggregatesHolder(BaseHolder):
    """Counts over all shoppers: not whose, but the log that they were counted from is another one now.

    Days are counted anew at once, and so are the sums of baskets, as far as a few seconds reach; the rest is done by
    the task of every minute. The one row that leads to an event is the category that it named for a product.
    """

    store = "postgres"
    title = "Counts over all shoppers: they name nobody, and are made again without these events"
    models = frozenset({"personalization.ProductCategory"})

    def plan(self, scope: Scope) -> Plan:
        asked = theirs.parameters(scope)
        days = [(day.isoformat(), orders) for day, orders in statements.fetch(DAYS, asked)]
        return Plan(
            0,
            details={
                "days": [day for day, _ in days],
                "orders": sum(orders for _, orders in days),
                "categories": [list(row) for row in statements.fetch(CATEGORIES, asked)],
            },
        )

    def erase(self, tasks: Sequence[Task]) -> Sequence[Purged]:
        emptied = {task.scope.subject_id: _emptied_at(task) for task in tasks if _counts_baskets(task)}
        last = max(emptied.values(), default=timezone.now())
        if emptied and last <= timezone.now():  # a count that begins earlier would be one too old
            basket_counts.renew(last)
            basket_counts.run(AT_ONCE.total_seconds())
        waiting = {person for person, moment in emptied.items() if basket_counts.is_older(moment)}
        if ready := [task for task in tasks if task.scope.subject_id not in waiting]:
            aggregates.forget(_days(ready), _categories(ready))
            aggregates.count_due()
        again = Purged(
            max(timezone.now() + AGAIN, last), "What is bought together is being counted anew from the log."
        )
        return [again if task.scope.subject_id in waiting else Purged() for task in tasks]

    def verify(self, task: Task) -> Finding:
        days = AggregateDay.objects.filter(day__in=_days([task]), is_dirty=True).count()
        is_old = _counts_baskets(task) and basket_counts.is_older(task.purge_started_at)
        return Finding.of(days + is_old + aggregates.categories_of(_categories([task])).count())

    def export(self, scope: Scope) -> File:
        yield from ()


MARGIN = timedelta(seconds=1)
"""By which the clocks of database and workers may differ."""
AT_ONCE = timedelta(seconds=5)
AGAIN = timedelta(seconds=0.2)
DAYS = f"""
    SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, count(*) FILTER (WHERE event_type = 'order')
    FROM capture_event WHERE {theirs.THEIRS} GROUP BY 1 ORDER BY 1
"""  # noqa: S608 (SQL of our own)
CATEGORIES = f"""
    SELECT product_id, event_id FROM personalization_productcategory WHERE event_id IN (
        SELECT event_id FROM capture_event WHERE event_type IN ('interaction', 'order') AND {theirs.THEIRS}
    ) ORDER BY 1
"""  # noqa: S608 (SQL of our own)


def _days(tasks: Sequence[Task]) -> list[date]:
    return sorted({date.fromisoformat(day) for task in tasks for day in task.plan.details["days"]})


def _categories(tasks: Sequence[Task]) -> dict[str, str]:
    return {product: event for task in tasks for product, event in task.plan.details["categories"]}


def _counts_baskets(task: Task) -> bool:
    """By retention baskets are not counted anew: `renew_basket_counts` does it for everybody, every night."""
    return bool(task.plan.details["orders"]) and not task.scope.before


def _emptied_at(task: Task) -> datetime:
    """When the log had lost the person's events: as their step says, if somebody keeps steps."""
    steps = DeletionStep.objects.filter(request__subject_id=task.scope.subject_id, phase=SOURCE)
    found = steps.aggregate(at=Max("purged_at"))["at"]
    return found + MARGIN if found else task.purge_started_at
