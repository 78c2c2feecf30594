"""*Shop trends*: what shoppers together do, from counted tables alone. A bounded number of bounded queries."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from leafloaf.lib.headlines import Headline
from personalization.aggregation import aggregates, trends
from personalization.aggregation.trends import Line, Use
from personalization.models import AggregateReport, DailyFunnel

OVERDUE = timedelta(minutes=5)
"""By how much a count may be late before the page says that nobody counts."""


@dataclass(frozen=True)
class Range:
    """How many days the page looks back, today included."""

    key: str
    title: str
    days: int


RANGES = (Range("28d", "28 days", 28), Range("7d", "7 days", 7), Range("90d", "90 days", 90))


@dataclass(frozen=True)
class Chart:
    """Lines that are drawn together."""

    title: str
    unit: str
    lines: list[Line]


class ShopTrends:
    """The page; there is nothing to press on it but the ways on."""

    title = "Shop trends"
    slug = "shop-trends"
    permission = "personalization.view_dailyproduct"
    template_name = "personalization/shop_trends.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now, chosen = datetime.now(UTC), chosen_range(request)
        report = counted()
        about: dict[str, Any] = {
            "ranges": sorted(RANGES, key=lambda offered: offered.days),
            "range": chosen,
            "k": settings.SEARCH_ANALYTICS_K,
            "kept_days": settings.RAW_EVENT_RETENTION_DAYS,
            "report": report,
        }
        if report is None:
            return about
        return about | {"is_overdue": now - report.due_at > OVERDUE} | told(first_day(chosen, now))

    def headline(self, request: HttpRequest) -> Headline:
        total = trends.totals(trends.used(first_day(RANGES[1], datetime.now(UTC))))
        if not any((total.views, total.clicks, total.adds, total.purchases)):
            is_counted = counted() is not None
            said = "Nothing viewed or bought in the last 7 days" if is_counted else "Not counted yet"
            return Headline("unknown", said)
        said = f"{total.views:,} product view{'' if total.views == 1 else 's'}"
        bought = f"{total.purchases:,} purchase{'' if total.purchases == 1 else 's'}"
        return Headline("healthy", f"{said} and {bought} in 7 days")


def counted() -> AggregateReport | None:
    return AggregateReport.objects.filter(name=aggregates.EVENTS, counted_at__isnull=False).first()


def chosen_range(request: HttpRequest) -> Range:
    wanted = request.GET.get("range", "")
    return next((offered for offered in RANGES if offered.key == wanted), RANGES[0])


def first_day(chosen: Range, now: datetime) -> date:
    """Not before the first day that is kept."""
    wanted = now.astimezone(UTC).date() - timedelta(days=chosen.days - 1)
    return max(wanted, aggregates.first_day(now))


def told(since: date) -> dict[str, Any]:
    """Everything that the page shows of the days from then on."""
    used, found = trends.used(since), trends.intents(since)
    funnel = list(DailyFunnel.objects.filter(day__gte=since).order_by("day"))
    weekdays = trends.weekdays(trends.temporal_patterns(since))
    return {
        "total": trends.totals(used),
        "is_quiet": not used and not found,
        "products": trends.wanted(since),
        "meant": trends.meant(found),
        "stages": trends.funnel(funnel) if funnel else [],
        "suppliers": trends.suppliers(since),
        "weekdays": weekdays if any(one.searches or one.orders for one in weekdays) else [],
        "cohorts": trends.cohorts(),
        "charts": charts(since, used, found, funnel),
    }


def charts(
    since: date, used: dict[date, Use], found: dict[str, dict[date, int]], funnel: list[DailyFunnel]
) -> list[Chart]:
    drawn = []
    if used:
        popularity = [
            trends.line(label, {day: float(getattr(use, name)) for day, use in used.items()}, since)
            for name, label in (
                ("views", "views"),
                ("clicks", "clicks"),
                ("adds", "into carts"),
                ("purchases", "purchases"),
            )
        ]
        rates = {day: use.conversion_rate for day, use in used.items()}
        drawn += [
            Chart("Popularity", "Products a day", popularity),
            Chart("Conversion", "Purchases per 100 views", [trends.line("conversion", rates, since, None)]),
        ]
    if found:
        drawn.append(Chart("Intents", "Searches a day", trends.intent_lines(found, since)))
    if funnel:
        outcomes = [
            trends.line(
                label,
                {row.day: trends.percent(getattr(row, name), row.searches) for row in funnel},
                since,
                None,
            )
            for name, label in (
                ("clicked", "clicked"),
                ("added", "into the cart"),
                ("purchased", "purchased"),
            )
        ]
        drawn.append(Chart("Outcome", "Per cent of searches", outcomes))
    return drawn
