"""When what a store keeps for time travel and soft delete is physically gone: a calendar, by day and by store.

The days are those of UTC, as on the certificates.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from django.db import connection

from privacy.erasure import requests

MONTHS = 3
MOST_DAYS = 400

# By the index on residual_until: what is still to come is what was erased in the last days or weeks. Several holders
# may keep something in one store, and the last of their dates is the request's.
EXPIRIES = """
    SELECT (until AT TIME ZONE 'UTC')::date AS day, store, count(*)
    FROM (
        SELECT step.request_id, step.store, max(residual_until) AS until
        FROM privacy_deletionstep AS step JOIN privacy_deletionrequest AS request ON request.id = step.request_id
        WHERE residual_until > %(now)s::timestamptz AND request.kind = 'erasure'
        GROUP BY 1, 2
    ) AS last
    GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(most)s::int
"""


@dataclass(frozen=True)
class Expiry:
    """What of one store is gone for good on one day."""

    store: str
    count: int

    @property
    def title(self) -> str:
        return requests.TITLES.get(self.store, self.store)


@dataclass(frozen=True)
class Day:
    """One field of the calendar."""

    day: date
    expiries: Sequence[Expiry]
    is_of_month: bool
    is_today: bool


@dataclass(frozen=True)
class Month:
    """One page of it, in weeks that begin on Monday."""

    first: date
    weeks: list[list[Day]]


@dataclass(frozen=True)
class Calendar:
    """The pages from this month on, and what lies beyond them."""

    months: list[Month]
    later: list[tuple[date, list[Expiry]]]
    stores: list[tuple[str, date, int]]
    """(title, last day, requests) of each store that could still bring something back."""

    @property
    def is_empty(self) -> bool:
        return not self.stores


def read(now: datetime) -> Calendar:
    with connection.cursor() as cursor:
        cursor.execute(EXPIRIES, {"now": now, "most": MOST_DAYS})
        rows = cursor.fetchall()
    by_day = {
        day: [Expiry(store, count) for _, store, count in group]
        for day, group in groupby(rows, key=lambda row: row[0])
    }
    today = now.astimezone(UTC).date()
    months = list(pages(today, max(by_day, default=today), by_day))
    shown = {day.day for month in months for week in month.weeks for day in week}
    return Calendar(
        months, [(day, found) for day, found in by_day.items() if day not in shown], last_days(by_day)
    )


def pages(today: date, last: date, by_day: Mapping[date, Sequence[Expiry]]) -> Iterator[Month]:
    """From the month of `today` to that of `last`, but no more than `MONTHS`."""
    first = today.replace(day=1)
    for _ in range(MONTHS):
        if first > last:
            return
        yield Month(first, weeks(first, today, by_day))
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)


def weeks(first: date, today: date, by_day: Mapping[date, Sequence[Expiry]]) -> list[list[Day]]:
    return [
        [
            Day(
                day,
                by_day.get(day, ()) if day.month == first.month else (),
                day.month == first.month,
                day == today,
            )
            for day in week
        ]
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]


def last_days(by_day: Mapping[date, Sequence[Expiry]]) -> list[tuple[str, date, int]]:
    found: dict[str, tuple[date, int]] = {}
    for day, expiries in by_day.items():
        for one in expiries:
            _, count = found.get(one.title, (day, 0))
            found[one.title] = day, count + one.count
    return [(title, day, count) for title, (day, count) in found.items()]
