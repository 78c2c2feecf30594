"""What the person is about to buy again, on the days of the next four weeks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from leafloaf.staff.people.pages import Visit
from personalization.recommending import reorders
from personalization.recommending.reorders import ReorderItem

MOST = 100
DAYS, WEEK = 28, 7
MOST_A_DAY = 5


@dataclass(frozen=True)
class Day:
    """A field of the calendar; `others` are the products that have no room in it."""

    date: date
    is_past: bool
    is_today: bool
    items: Sequence[ReorderItem]
    others: int


def context(visit: Visit, request: HttpRequest) -> dict[str, Any]:
    found = reorders.answer(visit.person, visit.now, MOST)
    today = timezone.localdate(visit.now)
    return {
        "status": found.outcome,
        "keeps_purchases": visit.allows.purchase_history,
        "weeks": weeks(found.items, today) if found.items else [],
        "items": found.items,
        "later": sum(day_of(item) >= today + timedelta(days=DAYS) for item in found.items),
        "most": MOST,
        "today": today,
    }


def weeks(items: Sequence[ReorderItem], today: date) -> list[list[Day]]:
    """Whole weeks, from the Monday before or on today, until four weeks are over."""
    by_day = defaultdict(list)
    for item in items:
        by_day[day_of(item)].append(item)
    begin = today - timedelta(days=today.weekday())
    count = -(-(today.weekday() + DAYS) // WEEK)
    days = [day(begin + timedelta(days=number), today, by_day) for number in range(count * WEEK)]
    return [days[first : first + WEEK] for first in range(0, len(days), WEEK)]


def day(of: date, today: date, by_day: dict[date, list[ReorderItem]]) -> Day:
    due = by_day.get(of, [])
    return Day(of, of < today, of == today, due[:MOST_A_DAY], max(len(due) - MOST_A_DAY, 0))


def day_of(item: ReorderItem) -> date:
    """The shop's."""
    return timezone.localtime(item.next_expected).date()
