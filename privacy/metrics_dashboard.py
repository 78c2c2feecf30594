"""*Privacy metrics*: what people allow and ask for, in numbers that name nobody, by a bounded number of queries."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leafloaf.lib.headlines import Headline, Problem
from privacy import deletion_metrics, metrics
from privacy.deletion_metrics import Line
from privacy.models import (
    Actor,
    LookupReason,
    PrivacyReport,
    Purpose,
    RetentionNight,
    SuppressedCount,
)

OVERDUE = timedelta(minutes=10)
"""By how much a count may be late before the page says that nobody counts."""
NIGHT_OVERDUE = timedelta(hours=30)
EXPORT_OVERDUE = timedelta(hours=1)
NIGHTS, DAYS = 14, 30

SETTINGS = (
    ("without_personalization", "Personalization off", "Searched and shown to like anybody else."),
    ("without_search_history", "Search history off", "Their searches are kept without them."),
    ("without_purchase_history", "Purchase history off", "Their orders are kept without them."),
    (
        "shorter_retention",
        "Shorter retention than 90 days",
        "What is older goes every night, in every store.",
    ),
    ("with_price_tracking", "Price tracking on", "Off unless a person says so."),
    ("with_household_inference", "Household inference on", "Off unless a person says so."),
)
CHARTED = (Purpose.PERSONALIZATION, Purpose.SEARCH_HISTORY, Purpose.PURCHASE_HISTORY)


@dataclass(frozen=True)
class Setting:
    """How many people have set one thing to other than its default."""

    title: str
    meaning: str
    people: int
    rate: float | None


@dataclass(frozen=True)
class Said:
    """What people said of one purpose."""

    title: str
    given: int
    withdrawn: int


@dataclass(frozen=True)
class Reading:
    """What the page and the overview are about."""

    report: PrivacyReport | None
    last_night: datetime | None
    oldest_export: datetime | None
    """Of those that are still to be made."""


READ = """
    SELECT report.name, report.due_at, report.counted_at, report.numbers,
           (SELECT max(ran_at) FROM privacy_retentionnight),
           (SELECT min(created_at) FROM privacy_dataexport WHERE state = 'requested')
    FROM (SELECT) AS always
    LEFT JOIN privacy_privacyreport AS report ON report.name = %s AND report.counted_at IS NOT NULL
"""


def read() -> Reading:
    with connection.cursor() as cursor:
        cursor.execute(READ, [metrics.NAME])
        name, due_at, counted_at, numbers, last_night, oldest_export = cursor.fetchone()
    report = (
        PrivacyReport(name=name, due_at=due_at, counted_at=counted_at, numbers=json.loads(numbers))
        if name
        else None
    )
    return Reading(report, last_night, oldest_export)


class PrivacyMetrics:
    """The page; there is nothing to press on it but the ways on."""

    title = "Privacy metrics"
    slug = "privacy-metrics"
    permission = "privacy.view_metrics"
    template_name = "privacy/metrics.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        report = self._reading.report
        deletions = deletion_metrics.report(deletion_metrics.RANGES[0], now)
        about: dict[str, Any] = {
            "now": now,
            "k": metrics.K,
            "weeks": metrics.WEEKS,
            "report": report,
            "deletions": deletions.total,
            "may_see_deletions": request.user.has_perm("privacy.view_deletionrequest"),
            "problems": self._problems,
            "late_events": late_events(now),
            "late_days": DAYS,
            "nights": list(RetentionNight.objects.order_by("-ran_at")[:NIGHTS]),
        }
        return about | told(report.numbers) if report else about

    @cached_property
    def _reading(self) -> Reading:
        """Read once for the headline and the problems: there is a dashboard for each request."""
        return read()

    @cached_property
    def _problems(self) -> list[Problem]:
        now, reading = timezone.now(), self._reading
        found = (
            is_overdue(reading.report, now),
            missed_night(reading.last_night, now),
            stuck_export(reading.oldest_export, now),
        )
        return [problem for problem in found if problem]

    def problems(self, request: HttpRequest) -> list[Problem]:
        return self._problems

    def headline(self, request: HttpRequest) -> Headline:
        if found := self._problems:
            return Headline(found[0].state, found[0].sentence)
        if (report := self._reading.report) is None:
            return Headline("unknown", "Not counted yet")
        numbers = report.numbers
        people, off = numbers["people"], numbers["settings"]["without_personalization"]
        if not people:
            return Headline("unknown", f"Fewer than {metrics.K} people are known")
        without = f"{off:,}" if off else f"fewer than {metrics.K}"
        return Headline("healthy", f"{people:,} people, {without} without personalization")


def told(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The counted numbers with their words."""
    people, consents, accesses = numbers["people"], numbers["consents"], numbers["accesses"]
    weeks = Weeks(datetime.fromisoformat(numbers["since"]), consents["weeks"])
    reasons = dict(LookupReason.choices)
    return {
        "people": people,
        "settings": [
            Setting(title, meaning, count := numbers["settings"][name], share(count, people))
            for name, title, meaning in SETTINGS
        ],
        "said": [
            Said(purpose.label, consents["given"].get(purpose, 0), consents["withdrawn"].get(purpose, 0))
            for purpose in Purpose
        ],
        "actors": [(Actor(name).label, count) for name, count in ranked(consents["actors"])],
        "withdrawn_lines": weeks.lines("withdrawn"),
        "given_lines": weeks.lines("given"),
        "exports": numbers["exports"],
        "by_role": ranked(accesses["by_role"]),
        "by_reason": [
            (reasons.get(name, "None of the usual ones"), count)
            for name, count in ranked(accesses["by_reason"])
        ],
    }


@dataclass(frozen=True)
class Weeks:
    """What people said, week by week."""

    since: datetime
    counts: Mapping[str, list[int]]

    def lines(self, kind: str) -> list[Line]:
        """Purposes of their own, and all others together; none if nobody said anything."""
        others = [purpose for purpose in Purpose if purpose not in CHARTED]
        found = {purpose.label: self.of(kind, [purpose]) for purpose in CHARTED}
        found["All others"] = self.of(kind, others)
        lines = [self.line(label, values) for label, values in found.items()]
        return lines if any(any(values) for values in found.values()) else []

    def of(self, kind: str, purposes: list[Purpose]) -> list[int]:
        nothing = [0] * metrics.WEEKS
        series = [self.counts.get(f"{kind} {purpose}", nothing) for purpose in purposes]
        return [sum(counts) for counts in zip(*series, strict=True)]

    def line(self, label: str, values: list[int]) -> Line:
        return Line(
            label, [(self.since + week * metrics.STEP, float(value)) for week, value in enumerate(values)]
        )


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def share(part: int, whole: int) -> float | None:
    """Percent; None where the part is too small to be told, or the whole."""
    return min(100.0, 100 * part / whole) if whole and part else None


def late_events(now: datetime) -> list[Line]:
    """Refused events of who is being erased or was, by day; none if there were none."""
    first = now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    counts = dict(SuppressedCount.objects.filter(day__gte=first).values_list("day", "count"))
    if not counts:
        return []
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return [
        Line(
            "refused",
            [(datetime.combine(day, time(12), tzinfo=UTC), float(counts.get(day, 0))) for day in days],
        )
    ]


def is_overdue(report: PrivacyReport | None, now: datetime) -> Problem | None:
    if report is None or now - report.due_at <= OVERDUE:
        return None
    said = "The privacy metrics are counted no more: the worker or the scheduler is not running, or its log says why."
    return Problem("degraded", said, report.due_at, "Open Privacy metrics", address())


def missed_night(last: datetime | None, now: datetime) -> Problem | None:
    """Retentions that were enforced once and are no more."""
    if last is None or now - last <= NIGHT_OVERDUE:
        return None
    said = "Retentions were not enforced last night: what is older than people allow is still kept."
    return Problem("unhealthy", said, last, "See the nights", f"{address()}#nights")


def stuck_export(oldest: datetime | None, now: datetime) -> Problem | None:
    if oldest is None or now - oldest <= EXPORT_OVERDUE:
        return None
    said = (
        "An export that a person asked for has been waiting for more than an hour; the worker's log says why."
    )
    return Problem("degraded", said, oldest, "See the exports", f"{address()}#exports")


def address() -> str:
    return reverse("admin:dashboard", args=[PrivacyMetrics.slug])
