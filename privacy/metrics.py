"""Privacy in numbers: counted now and then into one row, so that no page counts a million people.

Invariants:
* A number of people, or of what people said, is rounded down to a multiple of `K`: nobody is told of a smaller group,
  and two numbers, or two days, that differ by one person do not differ by one.
* What the staff did is told exactly: they are accountable for it, and it says nothing of whom they looked at.
* Everything is read before anything is written: a transaction that writes holds the log's horizon.
"""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from privacy import staff_accesses
from privacy.models import PrivacyReport, RetentionNight, StaffAccess

NAME = "privacy"
K = 5
EVERY = timedelta(hours=1)
SHARE = 50
"""Counting takes at most one part in so many of the time."""
WEEKS = 13
STEP = timedelta(weeks=1)
SPAN = WEEKS * STEP
NO_ROLE = "In no group"
KEPT_NIGHTS = timedelta(days=90)

PEOPLE = "SELECT count(*) FROM privacy_subject"
SETTINGS = """
    SELECT count(*) FILTER (WHERE NOT personalization_enabled) AS without_personalization,
           count(*) FILTER (WHERE NOT search_history) AS without_search_history,
           count(*) FILTER (WHERE NOT purchase_history) AS without_purchase_history,
           count(*) FILTER (WHERE data_retention_days < 90) AS shorter_retention,
           count(*) FILTER (WHERE price_tracking) AS with_price_tracking,
           count(*) FILTER (WHERE household_inference) AS with_household_inference
    FROM privacy_privacysettings
"""
# Given and withdrawn are what a purpose's setting became; a retention is shortened or lengthened instead.
CONSENTS = """
    SELECT purpose, actor, floor(extract(epoch FROM at - %(since)s::timestamptz) / %(step)s)::int AS week,
           CASE WHEN purpose = 'retention' THEN value_after::text::int >= value_before::text::int
                ELSE value_after = 'true'::jsonb END AS is_given, count(*)
    FROM privacy_consentrecord WHERE at >= %(since)s AND at < %(now)s
    GROUP BY 1, 2, 3, 4
"""
EXPORTS = """
    SELECT count(*) AS asked, count(ready_at) AS made, count(downloaded_at) AS taken,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ready_at - created_at)) AS half_seconds
    FROM privacy_dataexport WHERE created_at >= %(since)s AND created_at < %(now)s
"""


def count_due(now: datetime | None = None) -> bool:
    """Counts if it is time; whether it was."""
    moment = now or timezone.now()
    PrivacyReport.objects.bulk_create([PrivacyReport(name=NAME)], ignore_conflicts=True)
    due = PrivacyReport.objects.filter(name=NAME, due_at__lte=moment)
    if not due.update(due_at=moment + EVERY):  # taken, so that no other run counts it at once
        return False
    count(moment)
    return True


def count(now: datetime | None = None) -> None:
    moment = now or timezone.now()
    started = time.monotonic()
    numbers = read(moment)
    took = timedelta(seconds=time.monotonic() - started)
    PrivacyReport.objects.update_or_create(
        name=NAME,
        defaults={
            "numbers": numbers,
            "counted_at": moment,
            "due_at": moment + max(EVERY, took * SHARE),
        },
    )


def read(now: datetime) -> dict[str, Any]:
    """The numbers as they are shown."""
    since = now - SPAN
    window = {"since": since, "now": now, "step": STEP.total_seconds()}
    return {
        "since": since.astimezone(UTC).isoformat(),
        "people": rounded(_row(PEOPLE, {})["count"]),
        "settings": {name: rounded(count) for name, count in _row(SETTINGS, {}).items()},
        "consents": consents(window),
        "exports": exports(_row(EXPORTS, window)),
        "accesses": accesses(since),
    }


def rounded(count: int) -> int:
    return count - count % K


def consents(window: dict[str, Any]) -> dict[str, Any]:
    """By purpose: given and withdrawn, in all and week by week, and by whom."""
    given: Counter[str] = Counter()
    withdrawn: Counter[str] = Counter()
    actors: Counter[str] = Counter()
    weekly: Counter[tuple[str, str, int]] = Counter()
    for purpose, actor, week, is_given, count in _rows(CONSENTS, window):
        (given if is_given else withdrawn)[purpose] += count
        actors[actor] += count
        weekly["given" if is_given else "withdrawn", purpose, week] += count
    weeks = {
        f"{kind} {purpose}": [rounded(weekly[kind, purpose, week]) for week in range(WEEKS)]
        for kind, purpose in {(kind, purpose) for kind, purpose, _ in weekly}
    }
    return {
        "given": {purpose: rounded(count) for purpose, count in given.items()},
        "withdrawn": {purpose: rounded(count) for purpose, count in withdrawn.items()},
        "actors": {actor: rounded(count) for actor, count in actors.items()},
        "weeks": weeks,
    }


def exports(row: dict[str, Any]) -> dict[str, Any]:
    half = float(row["half_seconds"]) if row["made"] >= K else None
    return {name: rounded(row[name]) for name in ("asked", "made", "taken")} | {"half_seconds": half}


def accesses(since: datetime) -> dict[str, dict[str, int]]:
    """Pages of a person that staff opened, by their groups and by the usual reasons."""
    counted = StaffAccess.objects.filter(at__gte=since).order_by()
    by_actor = dict(counted.values_list("actor").annotate(count=Count("pk")))
    roles = staff_accesses.roles(by_actor)
    by_role: Counter[str] = Counter()
    for actor, count in by_actor.items():
        by_role[roles[actor] or NO_ROLE] += count
    return {
        "by_role": dict(by_role),
        "by_reason": dict(counted.values_list("category").annotate(count=Count("pk"))),
    }


def note_night(people: int, now: datetime | None = None) -> None:
    """Keeps of how many people a run of the retention began to purge something."""
    moment = now or timezone.now()
    RetentionNight.objects.create(ran_at=moment, people=people)
    RetentionNight.objects.filter(ran_at__lt=moment - KEPT_NIGHTS).delete()


def _rows(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _row(query: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))
