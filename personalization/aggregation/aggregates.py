"""What all shoppers together did, counted from the log into a few small tables; docs/aggregates.md says of what.

Invariants:
* What adds up is added event by event, up to the horizon of the log: each event once, in the transaction that moves
  the watermark over it. A run that was cut short goes on where it was.
* What needs people told apart is counted anew as a whole from one snapshot of the log, when it is due, and is kept
  only where at least k of them stand behind it. The log is read before anything is written: a transaction that
  writes holds the horizon, and this one is long.
* A day that events were erased from is made dirty, and counted anew from what the log still holds.
* Nothing is kept of a day that the log, and so BigQuery, has forgotten.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from capture.models import Watermark
from capture.partitions import start_of
from personalization.aggregation import daily_counts, people_counts
from personalization.aggregation.popularity import WATERMARK
from personalization.models import (
    AggregateDay,
    AggregateReport,
    Cohort,
    DailyFunnel,
    DailyIntent,
    DailyProduct,
    DailySupplier,
    HourlyActivity,
    ProductCategory,
)

STEP = 50_000
"""About so many events are added in one transaction."""
EVERY = timedelta(minutes=1)
RECENT, OLDER = timedelta(minutes=5), timedelta(hours=6)
"""How often the people of today and yesterday, and of the days before, are counted at most."""
SHARE = 50
"""Counting people takes at most one part in so many of the time."""
MEMORY = "64MB"
TIMEOUT = timedelta(minutes=4)
DISTANCES = [timedelta(hours=-24), timedelta(), timedelta(hours=1)]
"""From an event to the searches that it may be an outcome of: see `people_counts`."""
EVENTS, COHORTS = "events", "cohorts"
ADDED = (DailyProduct, DailyIntent, HourlyActivity)
BY_DAY = (*ADDED, DailyFunnel, DailySupplier, AggregateDay)


def first_day(now: datetime) -> date:
    """The first UTC day that is counted: the log and BigQuery hold all days from it on whole."""
    return now.astimezone(UTC).date() - timedelta(days=settings.RAW_EVENT_RETENTION_DAYS - 1)


def count_due(now: datetime | None = None) -> None:
    """Adds what is new, counts what is due, drops what is old."""
    moment = now or datetime.now(UTC)
    _add(moment)
    _count_people(Q(due_at__lte=moment) | ~Q(k=settings.SEARCH_ANALYTICS_K), moment)
    prune(moment)


def count(now: datetime | None = None) -> None:
    """The same with all that is out of date, due or not."""
    moment = now or datetime.now(UTC)
    _add(moment)
    _count_people(Q(), moment)
    prune(moment)


def rebuild(now: datetime | None = None) -> None:
    """Counts everything anew from the log."""
    moment = now or datetime.now(UTC)
    first = first_day(moment)
    with transaction.atomic():
        ProductCategory.objects.all().delete()
        make_dirty(first + timedelta(days=number) for number in range(settings.RAW_EVENT_RETENTION_DAYS))
    count(moment)


@transaction.atomic
def make_dirty(days: Iterable[date]) -> None:
    """Has everything of these UTC days counted anew: to be called in the transaction that takes events of them away.

    A day is that on which the events happened; the searches of the day before may have led to them.
    """
    wanted = {each for day in days for each in (day - timedelta(days=1), day)}
    AggregateDay.objects.bulk_create((AggregateDay(day=day) for day in sorted(wanted)), ignore_conflicts=True)
    AggregateDay.objects.filter(day__in=_held(AggregateDay.objects.filter(day__in=wanted))).update(
        is_dirty=True, touches=F("touches") + 1, due_at=datetime.now(UTC)
    )
    AggregateReport.objects.filter(name=COHORTS).update(due_at=datetime.now(UTC))


@transaction.atomic
def forget(days: Iterable[date], categories: Mapping[str, str]) -> None:
    """The log has lost events of these days, and those that named these categories last (product to event id).

    A product is without a category then, until an event names one for it again.
    """
    categories_of(categories).delete()
    first = first_day(datetime.now(UTC))
    make_dirty(day for day in days if day >= first)


def categories_of(categories: Mapping[str, str]) -> QuerySet[ProductCategory]:
    """Those of the products that the same events named still."""
    rows = ProductCategory.objects.filter(product_id__in=list(categories))
    return rows.filter(event_id__in=list(categories.values()))


def prune(now: datetime) -> None:
    """Drops the days that the log has forgotten."""
    first = first_day(now)
    for table in BY_DAY:
        table._default_manager.filter(day__lt=first).delete()
    ProductCategory.objects.filter(named_at__lt=start_of(first)).delete()


# What adds up


def _add(now: datetime) -> None:
    _mend(now)
    while _step(now):
        pass
    AggregateReport.objects.update_or_create(name=EVENTS, defaults={"counted_at": now, "due_at": now + EVERY})


def _mend(now: datetime) -> None:
    """Counts the dirty days anew, as far as the watermark; who makes one dirty meanwhile waits, and it is so again."""
    with transaction.atomic():
        watermark = _locked()
        dirty = AggregateDay.objects.filter(is_dirty=True, day__gte=first_day(now))
        if not (days := _held(dirty)):
            return
        for table in ADDED:
            table._default_manager.filter(day__in=days).delete()
        _run(daily_counts.COUNT_AGAIN, days[0], until=str(watermark.xid), days=days)
        dirty.filter(day__in=days).update(is_dirty=False)


def _step(now: datetime) -> bool:
    """Adds some of the events that have appeared since the last time; says whether there are more.

    After a restore the watermark may lie ahead of the horizon: then nothing happens until it is mended.
    """
    first = first_day(now)
    with transaction.atomic():
        watermark = _locked()
        horizon, until = _bounds(watermark.xid, first)
        if watermark.xid >= horizon:
            return False
        _run(daily_counts.COUNT_NEW, first, since=str(watermark.xid), until=str(until))
        watermark.xid = until
        watermark.save(update_fields=["xid"])
    return until < horizon


def _held(rows: QuerySet[AggregateDay]) -> list[date]:
    """The days, locked in order, so that two who want several cannot wait for each other."""
    return list(rows.order_by("day").select_for_update().values_list("day", flat=True))


def _locked() -> Watermark:
    Watermark.objects.bulk_create([Watermark(name=WATERMARK)], ignore_conflicts=True)
    return Watermark.objects.select_for_update().get(name=WATERMARK)


def _bounds(since: int, first: date) -> tuple[int, int]:
    """The horizon, and where a step of so many events ends."""
    with connection.cursor() as cursor:
        cursor.execute(daily_counts.HORIZON)
        horizon = int(cursor.fetchone()[0])
        parameters: dict[str, Any] = {"since": str(since), "horizon": str(horizon)}
        cursor.execute(daily_counts.STEP_END, parameters | {"oldest": start_of(first), "events": STEP})
        found = cursor.fetchone()
    return horizon, int(found[0]) if found else horizon


def _run(statement: str, first: date, **parameters: Any) -> None:
    about: dict[str, Any] = {
        "first": first,
        "oldest": start_of(first),
        "zone": settings.TIME_ZONE,
        "distances": DISTANCES,
    }
    with connection.cursor() as cursor:
        _allow_long(cursor)
        cursor.execute(statement, about | parameters)


def _allow_long(cursor: Any) -> None:
    cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT.seconds}s'; SET LOCAL work_mem = '{MEMORY}'")


# What needs people told apart


def _count_people(condition: Q, now: datetime) -> None:
    recent, k = now.astimezone(UTC).date() - timedelta(days=1), settings.SEARCH_ANALYTICS_K
    stale = AggregateDay.objects.filter(~Q(touches=F("counted_touches")) | ~Q(k=k), day__gte=first_day(now))
    for days, every in ((Q(day__gte=recent), RECENT), (Q(day__lt=recent), OLDER)):
        if claimed := _claimed(stale.filter(condition, days), now + every):
            _count_searches(claimed, every, now)
    AggregateReport.objects.bulk_create([AggregateReport(name=COHORTS)], ignore_conflicts=True)
    report = AggregateReport.objects.filter(condition, name=COHORTS)
    if report.update(due_at=now + OLDER, k=k):
        _count_cohorts(now)


def _claimed(due: Any, again_at: datetime) -> dict[date, int]:
    """The days that are this run's to count, with their touches; should it fail, they are due again as usual."""
    with transaction.atomic():
        days = dict(due.select_for_update(skip_locked=True).values_list("day", "touches"))
        if days:
            AggregateDay.objects.filter(day__in=days).update(due_at=again_at)
    return days


def _count_searches(claimed: dict[date, int], every: timedelta, now: datetime) -> None:
    """Replaces what the searches of these days came to, at once for whoever looks at it."""
    started, days, k = time.monotonic(), sorted(claimed), settings.SEARCH_ANALYTICS_K
    with transaction.atomic():
        rows = _read(people_counts.SEARCHES, days[0], days=days, k=k)
        due_at = now + max(every, timedelta(seconds=time.monotonic() - started) * SHARE)
        found: dict[str, list[Any]] = {"funnel": [], "supplier": []}
        for kind, row in rows:
            found[kind].append(msgspec.json.decode(row))
        DailyFunnel.objects.filter(day__in=days).delete()
        DailyFunnel.objects.bulk_create(DailyFunnel(**fields) for fields in found["funnel"])
        DailySupplier.objects.filter(day__in=days).delete()
        DailySupplier.objects.bulk_create(DailySupplier(**fields) for fields in found["supplier"])
        for day, touches in claimed.items():
            AggregateDay.objects.filter(day=day).update(counted_touches=touches, k=k, due_at=due_at)


def _count_cohorts(now: datetime) -> None:
    started = time.monotonic()
    with transaction.atomic():
        rows = _read(people_counts.PEOPLE, first_day(now), k=settings.SEARCH_ANALYTICS_K)
        due_at = now + max(OLDER, timedelta(seconds=time.monotonic() - started) * SHARE)
        Cohort.objects.all().delete()
        Cohort.objects.bulk_create(
            Cohort(
                cohort_id=cohort_id,
                user_count=people,
                common_categories=msgspec.json.decode(categories),
                avg_basket_size=size,
            )
            for cohort_id, people, categories, size in rows
        )
        AggregateReport.objects.filter(name=COHORTS).update(counted_at=now, due_at=due_at)


def _read(statement: str, first: date, **parameters: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        _allow_long(cursor)
        cursor.execute(statement, {"oldest": start_of(first)} | parameters)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return found
