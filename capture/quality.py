"""What the events are like: how many, how complete, how late, and what is refused.

Everything comes from counters that tasks and requests keep, or from a sample of the latest events: no query grows
with the log.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Max, QuerySet, Sum

from capture import duplicates, events
from capture.models import RejectionCount, Volume

SAMPLE = 10_000
SAMPLE_AGE = timedelta(days=7)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
ENOUGH = 50
"""Events a week ago, or now, below which a ratio says nothing."""
FEWEST, MOST = 0.5, 2.0
MOST_REASONS = 25
CONFLICT = "conflict"
"""The code of events that are refused because their id is another event's."""

# The newest by the order of the log; the days before the oldest of them are not even opened.
LATEST = """
    WITH sample AS MATERIALIZED (
        SELECT event_type, subject_id, session_id, occurred_at, received_at, payload
        FROM capture_event WHERE received_at >= %(since)s ORDER BY xid DESC, id DESC LIMIT %(size)s
    )
"""
FIELDS = """
    {latest}
    SELECT event_type, '', count(*) FROM sample GROUP BY 1
    UNION ALL
    SELECT event_type, name, count(*) FROM sample CROSS JOIN LATERAL (
        SELECT jsonb_object_keys(payload) AS name
        UNION ALL SELECT 'user_id' WHERE subject_id IS NOT NULL
        UNION ALL SELECT 'session_id' WHERE session_id IS NOT NULL
    ) AS given GROUP BY 1, 2
"""
LATENESS = """
    {latest}
    , late AS (
        SELECT coalesce(payload->>'channel', '') AS channel,
               extract(epoch FROM received_at - occurred_at)::float8 AS seconds FROM sample
    )
    SELECT channel, count(*), count(*) FILTER (WHERE seconds <= 0),
           percentile_disc(ARRAY[0.5, 0.9, 0.99]::float8[]) WITHIN GROUP (ORDER BY seconds), max(seconds)
    FROM late GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True)
class Compared:
    """A number of events beside that of the same time a week before.

    Attributes:
        is_comparable: any event at all came then; a shop in its first week has nothing to compare with.
    """

    now: int
    before: float
    is_comparable: bool = True

    @property
    def ratio(self) -> float | None:
        return self.now / self.before if self.before else None

    @property
    def is_odd(self) -> bool:
        """Far less or far more than a week ago, where there is enough of either to tell."""
        if not self.is_comparable or max(self.now, self.before) < ENOUGH:
            return False
        return self.ratio is None or not FEWEST <= self.ratio <= MOST


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    points: list[tuple[datetime, float | None]]


@dataclass(frozen=True)
class TypeVolume:
    """The events of one type: this hour so far, the 24 full hours before it, and those hour by hour."""

    event_type: str
    hour: Compared
    day: Compared
    lines: list[Line]

    @property
    def pair(self) -> tuple[Compared, Compared]:
        return self.hour, self.day

    @property
    def state(self) -> str:
        return "degraded" if self.day.is_odd else "healthy"


@dataclass(frozen=True)
class Volumes:
    """What was captured in the last day, by type and together."""

    types: list[TypeVolume]
    total: TypeVolume

    @property
    def charted(self) -> list[TypeVolume]:
        """The total and the types of which there is anything to draw."""
        return [one for one in (self.total, *self.types) if one.day.now or one.day.before]


@dataclass(frozen=True)
class SentAgain:
    """How many of the valid events sent in a time had an id that was known, with the same content or with another."""

    captured: int
    duplicates: int
    conflicts: int

    @property
    def duplicate_rate(self) -> float | None:
        return self._rate(self.duplicates)

    @property
    def conflict_rate(self) -> float | None:
        return self._rate(self.conflicts)

    def _rate(self, part: int) -> float | None:
        sent = self.captured + self.duplicates + self.conflicts
        return 100 * part / sent if sent else None


@dataclass(frozen=True)
class Repeats:
    """What was sent again: this hour so far, the 24 full hours before it, and those hour by hour."""

    hour: SentAgain
    day: SentAgain
    lines: list[Line]

    @property
    def state(self) -> str:
        return "degraded" if self.hour.conflicts or self.day.conflicts else "healthy"

    @property
    def spans(self) -> list[tuple[str, SentAgain]]:
        return [("This hour so far", self.hour), ("24 full hours", self.day)]


@dataclass(frozen=True)
class Reason:
    """Events refused in the last day for one reason."""

    event_type: str
    code: str
    pointer: str
    count: int
    latest: datetime


@dataclass(frozen=True)
class FieldUse:
    """How often an optional field was left out."""

    name: str
    missing: int
    sampled: int

    @property
    def rate(self) -> float:
        return 100 * self.missing / self.sampled


@dataclass(frozen=True)
class TypeFields:
    """The optional fields of one type, in the sample."""

    event_type: str
    sampled: int
    fields: list[FieldUse]


@dataclass(frozen=True)
class Lateness:
    """How long after it happened an event arrived, by channel; `punctual` were not late at all."""

    channel: str
    sampled: int
    punctual: int
    half: float
    most: float
    nearly_all: float
    worst: float

    @property
    def punctual_rate(self) -> float:
        return 100 * self.punctual / self.sampled


def volumes(now: datetime) -> Volumes:
    """This hour so far and the last 24 hours, against the same a week before.

    Of last week's counterpart of the running hour only the part that has passed is compared.
    """
    hours = _hours(now)
    counts = _counts(hours[0])
    passed = (now - hours[-1]) / HOUR
    sums: dict[datetime, int] = defaultdict(int)
    for by_hour in counts.values():
        for hour, count in by_hour.items():
            sums[hour] += count
    is_comparable = any(sums[hour - WEEK] for hour in hours)
    types = [_volume(name, counts[name], hours, passed, is_comparable) for name in events.TYPES]
    return Volumes(types, _volume("all", sums, hours, passed, is_comparable))


def _hours(now: datetime) -> list[datetime]:
    """The 24 full hours before the running one, and that."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [this_hour - DAY + number * HOUR for number in range(25)]


def _counts(first: datetime) -> dict[str, dict[datetime, int]]:
    found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    wanted = Volume.objects.filter(hour__gte=first - WEEK).exclude(
        hour__gt=first - WEEK + DAY, hour__lt=first
    )
    for event_type, hour, count in wanted.values_list("event_type", "hour", "count"):
        found[event_type][hour] = count
    return found


def _volume(
    name: str, counts: dict[datetime, int], hours: list[datetime], passed: float, is_comparable: bool
) -> TypeVolume:
    *whole, running = hours
    hour = Compared(counts[running], counts[running - WEEK] * passed, is_comparable)
    before = sum(counts[one - WEEK] for one in whole)
    day = Compared(sum(counts[one] for one in whole), before, is_comparable)
    lines = [
        Line("last 24 hours", [(one, float(counts[one])) for one in whole]),
        Line("a week before", [(one, float(counts[one - WEEK])) for one in whole]),
    ]
    return TypeVolume(name, hour, day, lines)


def repeats(now: datetime, captured: TypeVolume) -> Repeats:
    """The duplicates and conflicts of the last day, beside what was captured in it."""
    hours = _hours(now)
    counts = RejectionCount.objects.filter(code__in=[duplicates.CODE, CONFLICT], hour__gte=hours[0])
    known = {
        (code, hour): total
        for code, hour, total in counts.values_list("code", "hour").annotate(total=Sum("count"))
    }
    *whole, running = hours
    twice = {hour: known.get((duplicates.CODE, hour), 0) for hour in hours}
    otherwise = {hour: known.get((CONFLICT, hour), 0) for hour in hours}
    return Repeats(
        SentAgain(captured.hour.now, twice[running], otherwise[running]),
        SentAgain(
            captured.day.now, sum(twice[hour] for hour in whole), sum(otherwise[hour] for hour in whole)
        ),
        [
            Line("duplicates", [(hour, float(twice[hour])) for hour in whole]),
            Line("conflicts", [(hour, float(otherwise[hour])) for hour in whole]),
        ],
    )


def refused(now: datetime) -> QuerySet[RejectionCount]:
    """The counts of the last 24 hours of what was refused; a duplicate is not."""
    return RejectionCount.objects.filter(hour__gt=now - DAY).exclude(code=duplicates.CODE)


def reasons(now: datetime) -> list[Reason]:
    """Why events were refused in the last 24 hours, the most frequent first."""
    recent = refused(now)
    grouped = recent.values("event_type", "code", "pointer").annotate(total=Sum("count"), latest=Max("hour"))
    return [
        Reason(row["event_type"], row["code"], row["pointer"], row["total"], row["latest"])
        for row in grouped.order_by("-total", "code", "pointer")[:MOST_REASONS]
    ]


def fields(now: datetime) -> list[TypeFields]:
    """How often each optional field is missing among the latest events, by type."""
    given: dict[str, dict[str, int]] = defaultdict(dict)
    for event_type, name, count in _rows(FIELDS, now):
        given[event_type][name] = count
    return [
        TypeFields(name, given[name][""], [_use(field, given[name]) for field in optional(kind)])
        for name, kind in events.TYPES.items()
        if name in given
    ]


def optional(kind: type[events.Event]) -> list[str]:
    """The fields of a type that may be left out and are kept: those of the type first."""
    known = [field.name for field in msgspec.structs.fields(kind) if not field.required]
    own = [name for name in known if name not in events.ENVELOPE]
    return [*own, "user_id", "session_id", "channel", "metadata"]


def _use(name: str, given: dict[str, int]) -> FieldUse:
    return FieldUse(name, given[""] - given.get(name, 0), given[""])


def lateness(now: datetime) -> list[Lateness]:
    """How late the latest events arrived, by channel, the busiest first."""
    return [
        Lateness(channel, sampled, punctual, half, most, nearly_all, worst)
        for channel, sampled, punctual, (half, most, nearly_all), worst in _rows(LATENESS, now)
    ]


def _rows(query: str, now: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query.format(latest=LATEST), {"since": now - SAMPLE_AGE, "size": SAMPLE})
        return list(cursor.fetchall())
