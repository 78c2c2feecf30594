"""*Search analytics*: what shoppers search for, from counted tables alone. A bounded number of bounded queries."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from leafloaf.lib.headlines import Headline
from leafloaf.storefront import analytics, tallies
from leafloaf.storefront.models import SearchQuery, SearchReport
from leafloaf.storefront.tallies import Tally

OVERDUE = timedelta(minutes=5)
"""By how much a count may be late before the page says that nobody counts."""
LISTED = 50
ADD_SYNONYM = "admin:catalog_synonym_add"
EVENTS = "admin:capture_event_changelist"
WORRYING_RATE, ENOUGH = 20.0, 50
"""Percent of searches without results that the overview warns of, and the searches it needs to tell."""


@dataclass(frozen=True)
class Named:
    """A query that enough shoppers made."""

    query: str
    tally: Tally


@dataclass(frozen=True)
class Others:
    """The searches of a range that are not listed by name: how many, and for how many queries."""

    rare_searches: int
    rare_queries: int
    more_searches: int
    more_queries: int


class SearchAnalytics:
    """The page; there is nothing to press on it but the ways on."""

    title = "Search analytics"
    slug = "search-analytics"
    permission = "storefront.view_searchreport"
    template_name = "storefront/search_analytics.html"

    def context(self, request: HttpRequest) -> dict[str, Any]:
        now = datetime.now(UTC)
        chosen = chosen_range(request)
        report = SearchReport.objects.filter(range=chosen.key, counted_at__isnull=False).first()
        about: dict[str, Any] = {
            "now": now,
            "ranges": analytics.RANGES,
            "range": chosen,
            "k": settings.SEARCH_ANALYTICS_K,
            "listed": LISTED,
            "report": report,
        }
        if report is None:
            return about
        named = common(report)
        return about | {
            "is_overdue": now - report.due_at > OVERDUE,
            "is_failing": is_failing(report, chosen, now),
            "tally": tallies.of(report),
            "queries": (top := named[:LISTED]),
            "others": others(report, top),
            "unanswered": unanswered(named),
            "add_synonym": synonym_address(request),
            "events": events_address(request),
            **tallies.of_intents(report, chosen),
        }

    def headline(self, request: HttpRequest) -> Headline:
        report = SearchReport.objects.filter(range="24h", counted_at__isnull=False).first()
        if report is None:
            return Headline("unknown", "Not counted yet")
        if not report.searches:
            return Headline("unknown", "No searches in the last 24 hours")
        rate = tallies.share(report.no_results, report.searches) or 0.0
        said = f"{report.searches:,} search{'' if report.searches == 1 else 'es'} in 24 hours, "
        is_worrying = rate >= WORRYING_RATE and report.searches >= ENOUGH
        return Headline("degraded" if is_worrying else "healthy", f"{said}{rate:.1f} % without results")


def chosen_range(request: HttpRequest) -> analytics.Range:
    wanted = request.GET.get("range", "")
    return next((offered for offered in analytics.RANGES if offered.key == wanted), analytics.RANGES[0])


def is_failing(report: SearchReport, chosen: analytics.Range, now: datetime) -> bool:
    """Whether it is tried when it is due, and has all the same not been counted for longer than any count takes."""
    if report.counted_at is None or now - report.due_at > OVERDUE:
        return False
    return now - report.counted_at > 2 * max(chosen.every, analytics.TIMEOUT * analytics.SHARE)


def common(report: SearchReport) -> list[Named]:
    """The queries that may be shown, the most frequent first; k is asked again, for it may have been raised since."""
    rows = SearchQuery.objects.filter(report=report, shoppers__gte=settings.SEARCH_ANALYTICS_K)
    return [Named(row.query, tallies.of(row)) for row in rows.order_by("-searches", "query")]


def others(report: SearchReport, listed: list[Named]) -> Others:
    searches = sum(one.tally.searches for one in listed)
    return Others(
        rare_searches=report.searches - report.browsing - report.common_searches,
        rare_queries=report.queries - report.common_queries,
        more_searches=max(0, report.common_searches - searches),
        more_queries=max(0, report.common_queries - len(listed)),
    )


def unanswered(named: list[Named]) -> list[Named]:
    """The queries that found nothing at least once, those that most often did first."""
    found = [one for one in named if one.tally.no_results]
    return sorted(found, key=lambda one: (-one.tally.no_results, -one.tally.searches, one.query))[:LISTED]


def synonym_address(request: HttpRequest) -> str:
    """Where staff add a synonym, if there is such a page and it is open to them."""
    if not request.user.has_perm("catalog.add_synonym"):
        return ""
    try:
        return reverse(ADD_SYNONYM)
    except NoReverseMatch:
        return ""


def events_address(request: HttpRequest) -> str:
    """The events behind the numbers, for who may see them."""
    if not request.user.has_perm("capture.view_event"):
        return ""
    return f"{reverse(EVENTS)}?event_type=search"
