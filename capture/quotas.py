"""How near BigQuery's limits and the shop's budget are, and what staff are told of it.

The limits are those of Google's page "Quotas and limits", https://cloud.google.com/bigquery/quotas, sections "Streaming
inserts" and "Storage Write API", as of 2025; docs/costs.md has each with what it means here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.conf import settings

from capture import costs, notices, sinks, usage
from capture.models import UsageDay
from capture.sinks.meter import QUERY, STORAGE_WRITE, STREAMING

SINK = "bigquery"
KIND = "bigquery usage"
ALARM = 0.8
STEPS = (1.0, 0.9, ALARM)
"""A notice names the highest that was passed, so that it stays the same sentence meanwhile."""
MEGABYTE = 1000 * 1000

KINDS = {
    STREAMING: "streaming",
    STORAGE_WRITE: "Storage Write API",
    "storage": "storage",
    QUERY: "LeafLoaf's own queries",
}

REQUEST_ROWS = 500
"""Of the 50,000 that a request may have, Google advises so many; LeafLoaf's batches are never larger."""
REQUEST_BYTES = 10 * MEGABYTE
SECOND_ROWS = 100_000
"""A table's, where rows have ids; outside of the US and the EU that of a project too."""
HOUR_STREAMS = 30_000 // 4
"""Of a project in a region, of 30,000 in four hours: copies of Google's page differ, and this is the stricter."""


@dataclass(frozen=True)
class Limit:
    """One limit and how much of it was used.

    Attributes:
        is_own: LeafLoaf keeps to it by itself, and a full batch reaches it: no alarm before it is passed.
    """

    key: str
    title: str
    used: float
    allowed: float
    unit: str
    is_own: bool = False

    @property
    def share(self) -> float:
        return self.used / self.allowed

    @property
    def name(self) -> str:
        return f"{self.title[:1].upper()}{self.title[1:]}"

    @property
    def percent(self) -> str:
        return f"{self.share:.0%}".removesuffix("%")

    @property
    def used_said(self) -> str:
        return said(self.used, self.unit)

    @property
    def allowed_said(self) -> str:
        return said(self.allowed, self.unit)

    @property
    def state(self) -> str:
        if self.share > 1 or (self.share >= 1 and not self.is_own):
            return "unhealthy"
        return "degraded" if self.share >= ALARM and not self.is_own else "healthy"

    @property
    def notice(self) -> str:
        """What staff are told; empty while all is well."""
        if self.state == "healthy":
            return ""
        passed = next(step for step in STEPS if self.share >= step)  # an alarm is past the last of them
        return f"BigQuery: {self.title} have reached {passed:.0%} of what is allowed, {self.allowed_said}."


@dataclass(frozen=True)
class Kind:
    """One thing that is paid for, and what it has cost this month."""

    title: str
    dollars: float

    @property
    def said(self) -> str:
        return money(self.dollars)


@dataclass(frozen=True)
class Overview:
    """BigQuery's day and month."""

    day: date
    tables: Sequence[UsageDay]
    queries: UsageDay | None
    month: costs.Month
    budget: float

    @property
    def today_said(self) -> str:
        return money(self.month.today)

    @property
    def spent_said(self) -> str:
        return money(self.month.spent)

    @property
    def projected_said(self) -> str:
        return "–" if self.month.projected is None else money(self.month.projected)

    @property
    def budget_said(self) -> str:
        return money(self.budget) if self.budget else "none"

    @property
    def limits(self) -> list[Limit]:
        return [*of_requests(self.tables), *self._budget()]

    def _budget(self) -> list[Limit]:
        if not self.budget:
            return []
        return [Limit("budget", "the costs of this month", self.month.spent, self.budget, "dollars")]

    @property
    def kinds(self) -> list[Kind]:
        """What was used; storage always is."""
        return [Kind(KINDS[kind], dollars) for kind, dollars in self.month.by_kind.items() if dollars]

    @property
    def is_over_budget(self) -> bool:
        return bool(self.budget) and self.month.spent >= ALARM * self.budget

    @property
    def is_over_budget_soon(self) -> bool:
        return bool(self.budget) and (self.month.projected or 0) > self.budget

    @property
    def notices(self) -> list[str]:
        told = [limit.notice for limit in self.limits if limit.notice]
        if self.is_over_budget_soon and self.month.spent < self.budget:
            told.append(
                f"BigQuery: at the pace of the last days this month costs more than its budget, "
                f"{self.budget_said}."
            )
        return told


def of_requests(tables: Sequence[UsageDay]) -> list[Limit]:
    """Of today; peaks of tables are added up where the limit is for all of them, as if they came together."""
    written = by(STORAGE_WRITE, tables)
    return [*_of_streaming(by(STREAMING, tables)), *(_of_storage_write(written) if written else [])]


def _of_streaming(tables: Sequence[UsageDay]) -> list[Limit]:
    rows, second = largest_rows(tables), sum(one.busiest_rows for one in tables)
    return [
        Limit("request_rows", "rows in a request", rows, REQUEST_ROWS, "rows", is_own=True),
        Limit("request_bytes", "bytes of a request", _largest_bytes(tables), REQUEST_BYTES, "bytes"),
        Limit("second_rows", "rows in a second", second, SECOND_ROWS, "rows"),
    ]


def _of_storage_write(tables: Sequence[UsageDay]) -> list[Limit]:
    """Its requests are filled up to 9 MiB, so that nearly all of the limit is used in a rush, and nothing is wrong."""
    size, streams = _largest_bytes(tables), sum(one.busiest_streams for one in tables)
    title = "bytes of a request by the Storage Write API"
    return [
        Limit("storage_write_bytes", title, size, REQUEST_BYTES, "bytes", is_own=True),
        Limit("hour_streams", "streams in an hour", streams, HOUR_STREAMS, "streams"),
    ]


def by(mode: str, tables: Sequence[UsageDay]) -> list[UsageDay]:
    return [one for one in tables if one.mode == mode]


def largest_rows(tables: Sequence[UsageDay]) -> int:
    """Of streaming requests, to which the advice is given; those of the Storage Write API have thousands."""
    return max((one.largest_rows for one in by(STREAMING, tables)), default=0)


def _largest_bytes(tables: Sequence[UsageDay]) -> int:
    return max((one.largest_bytes for one in tables), default=0)


def overview(now: datetime | None = None) -> Overview | None:
    """One bounded statement; None, and no statement, where BigQuery is off."""
    if SINK not in settings.SINKS or not sinks.is_enabled(SINK):
        return None
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    retention = settings.RAW_EVENT_RETENTION_DAYS
    days = usage.since(costs.first_day(today, retention), today)
    given = [costs.Given(one.day, one.mode, one.billed_bytes, one.row_bytes) for one in days]
    of_today = [one for one in days if one.day == today]
    return Overview(
        day=today,
        tables=[one for one in of_today if one.mode != QUERY],
        queries=next((one for one in of_today if one.mode == QUERY), None),
        month=costs.month(given, today, retention, settings.BIGQUERY_PRICES),
        budget=settings.BIGQUERY_BUDGET_DOLLARS,
    )


def watch(now: datetime | None = None) -> None:
    """Tells staff what is near its limit, and no more of what is not."""
    found = overview(now)
    notices.replace(KIND, found.notices if found else [])


def said(amount: float, unit: str) -> str:
    """With its unit, where the title does not name it."""
    if unit == "dollars":
        return money(amount)
    if unit == "bytes":
        return f"{amount / MEGABYTE:,.2f}".rstrip("0").rstrip(".") + " MB"
    return f"{amount:,.0f}"


def money(dollars: float) -> str:
    """`$1,204.50`; what is less than a cent is not nothing."""
    return "under $0.01" if 0 < dollars < 0.005 else f"${dollars:,.2f}"
