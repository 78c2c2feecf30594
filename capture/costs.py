"""What BigQuery costs in dollars, by what it was given: arithmetic over days, without Django.

Prices are Google's list prices (`settings.BIGQUERY_PRICES`). What Google gives away each month is not taken off: it
is given once for all that a billing account pays for, which may be more than one shop.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

MIB, GIB, TIB = 1024**2, 1024**3, 1024**4
PER = {"streaming": 200 * MIB, "storage_write": GIB, "storage": GIB, "query": TIB}
"""For how many bytes each price is; storage is by the month."""
PACE_DAYS = 7

Prices = Mapping[str, float]


@dataclass(frozen=True)
class Given:
    """What was written, or asked, in one way on one UTC day."""

    day: date
    mode: str
    billed_bytes: int
    row_bytes: int


@dataclass(frozen=True)
class Month:
    """The dollars of one month, as of one of its days.

    Attributes:
        projected: at the pace of the last days; None before there has been a whole one.
    """

    today: float
    by_kind: Mapping[str, float]
    projected: float | None

    @property
    def spent(self) -> float:
        return sum(self.by_kind.values())


def month(given: Sequence[Given], today: date, retention_days: int, prices: Prices) -> Month:
    """Of all that was given since `first_day`."""
    began, days = today.replace(day=1), monthrange(today.year, today.month)[1]
    by_kind = dict.fromkeys(PER, 0.0)
    of_days: dict[date, float] = {}
    for one in given:
        dollars = charged(one.mode, one.billed_bytes, prices)
        of_days[one.day] = of_days.get(one.day, 0.0) + dollars
        if began <= one.day <= today:
            by_kind[one.mode] += dollars
    stored = held(given, began, today, retention_days)
    a_day = prices["storage"] / PER["storage"] / days
    by_kind["storage"] = a_day * sum(stored)
    rest = today.replace(day=days) - today
    projected = None
    if (pace := pace_of(of_days, today)) is not None:
        still_today = max(0.0, pace - of_days.get(today, 0.0))
        projected = sum(by_kind.values()) + still_today + rest.days * (pace + a_day * stored[-1])
    return Month(of_days.get(today, 0.0) + a_day * stored[-1], by_kind, projected)


def first_day(today: date, retention_days: int) -> date:
    """From when on what was given still matters to the month's bill."""
    return min(today.replace(day=1) - timedelta(days=retention_days), today - timedelta(days=PACE_DAYS))


def charged(mode: str, billed_bytes: float, prices: Prices) -> float:
    return prices[mode] * billed_bytes / PER[mode]


def held(given: Iterable[Given], first: date, last: date, retention_days: int) -> list[int]:
    """How many bytes lay in the tables on each day; a partition goes when it is older than its retention."""
    on_day: dict[date, int] = {}
    for one in given:
        on_day[one.day] = on_day.get(one.day, 0) + one.row_bytes
    lasting = timedelta(days=retention_days)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [sum(size for day, size in on_day.items() if each - lasting < day <= each) for each in days]


def pace_of(of_days: Mapping[date, float], today: date) -> float | None:
    """What a day costs to write and to ask: the mean of the last whole ones since the first that was counted."""
    begun = min(of_days, default=today)
    whole = [today - timedelta(days=back) for back in range(1, PACE_DAYS + 1)]
    counted = [of_days.get(day, 0.0) for day in whole if day >= begun]
    return sum(counted) / len(counted) if counted else None
