"""What a person is about to buy again, and how sure that is.

A product that they bought in at least two orders has a cycle: the days between two purchases, on average.

* overdue: it was last bought longer ago than the cycle and a quarter of it, at least two days, ask for;
* due: the cycle ends, or the purchase is expected, within two days;
* upcoming: later than that;
* given up, and so not told at all: it was last bought more than three cycles and half a year ago, or the probability of
  a purchase within thirty days is below one in fifty.
"""

from calendar import month_name
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from django.utils import timezone

from personalization.learning import learned
from personalization.learning.shop_history import DAY
from personalization.prediction import reorder
from personalization.prediction.reorder import Reorders
from personalization.prediction.reorder_training import HORIZONS
from personalization.recommending import dismissals
from personalization.signals import marks, memory, people
from personalization.signals.marks import Signal
from personalization.signals.memory import Memory, Row
from personalization.signals.people import Person

SOON_DAYS = 2
MARGIN = 0.25
GIVEN_UP_CYCLES, GIVEN_UP_DAYS = 3, 180
LEAST_CHANCE = 0.02


class Status(StrEnum):
    DUE = "due"
    OVERDUE = "overdue"
    UPCOMING = "upcoming"


@dataclass(frozen=True)
class ReorderItem:
    """One product; `confidence` is the probability of a purchase by `next_expected`."""

    sku: str
    name: str
    cycle_days: float
    confidence: float
    last_purchase: datetime
    next_expected: datetime
    p7: float
    p14: float
    p30: float
    typical_quantity: float
    status: Status
    reason: str


@dataclass(frozen=True)
class Answer:
    outcome: people.Status
    items: list[ReorderItem]


def due(person: Person | None, now: datetime, limit: int = 20) -> list[ReorderItem]:
    """What the person buys again, the likeliest within a week first; nothing of who does not want it known."""
    return answer(person, now, limit).items


def answer(person: Person | None, now: datetime, limit: int = 20) -> Answer:
    """`due`, and why it is empty if it is."""
    if person is None:
        return Answer(people.Status.NO_HISTORY, [])
    if not (person.is_personalized and person.keeps_purchases):
        return Answer(people.Status.OFF, [])
    items = of_memory(memory.read(person), now, limit, dismissals.of(person.subject_id))
    return Answer(people.Status.OK if items else people.Status.NO_HISTORY, items)


def of_memory(
    remembered: Memory, now: datetime, limit: int, leave_out: Collection[str] = ()
) -> list[ReorderItem]:
    """The same from what is remembered of somebody, without the SKUs to leave out."""
    known = learned.current()
    shop, skus = known.shop_of(remembered)
    today = max(int(now.timestamp()) // DAY, int(shop.record.last_day[0]))
    found = reorder.of_record(shop.record, shop.products, today, known.reorder_weights)
    rows = {row.product_id: row for row in remembered.products if row.product_id not in leave_out}
    items: list[ReorderItem] = []
    for place in np.argsort(-found.within[7], kind="stable").tolist():
        row = rows.get(skus[found.product[place]])
        if row and row.name is not None and len(items) < limit and _is_live(found, place, today):
            items.append(_item(found, place, row, row.name, today, now))
    return items


def _is_live(found: Reorders, place: int, today: int) -> bool:
    waited = today - found.last_purchase[place]
    is_past = waited > max(GIVEN_UP_CYCLES * found.cycle_days[place], GIVEN_UP_DAYS)
    return not is_past and bool(found.within[30][place] >= LEAST_CHANCE)


def _item(found: Reorders, place: int, row: Row, name: str, today: int, now: datetime) -> ReorderItem:
    cycle, chances = float(found.cycle_days[place]), [float(found.within[days][place]) for days in HORIZONS]
    every = marks.marks(row.marks)
    bought = every[every["signal"] == Signal.PURCHASE]
    quantities = sorted(bought["quantity"].tolist())
    last = datetime.fromtimestamp(int(bought["second"].max()), UTC)
    wait = int(found.next_expected[place]) - today
    p7, p14, p30 = (round(chance, 4) for chance in chances)
    return ReorderItem(
        sku=row.product_id,
        name=name,
        cycle_days=round(cycle, 1),
        confidence=round(float(found.confidence[place]), 4),
        last_purchase=last,
        next_expected=max(now, last + timedelta(days=today + wait - int(found.last_purchase[place]))),
        p7=p7,
        p14=p14,
        p30=p30,
        typical_quantity=quantities[len(quantities) // 2] / marks.HUNDREDTHS,
        status=status_of(cycle, today - int(found.last_purchase[place]), wait),
        reason=reason_of(cycle, last, now),
    )


def status_of(cycle: float, waited: int, wait: int) -> Status:
    """From the days of the cycle, those since the last purchase, and those to the next that is expected."""
    if waited > cycle + max(SOON_DAYS, MARGIN * cycle):
        return Status.OVERDUE
    return Status.DUE if min(cycle - waited, wait) <= SOON_DAYS else Status.UPCOMING


def reason_of(cycle: float, last: datetime, now: datetime) -> str:
    """In a sentence; the day is the shop's."""
    days = max(round(cycle), 1)
    pace = "day" if days == 1 else f"{days} days"
    zone = timezone.get_current_timezone()
    day, today = last.astimezone(zone), now.astimezone(zone)
    date = f"{day.day} {month_name[day.month]}" + (f" {day.year}" if day.year != today.year else "")
    return f"You buy this about every {pace}; last on {date}"
