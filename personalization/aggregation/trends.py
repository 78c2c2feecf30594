"""What the aggregates come to over the last days, as the page *Shop trends* tells it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from leafloaf.catalog.models import Product
from leafloaf.lib import statements
from personalization.aggregation import people_counts
from personalization.models import Cohort, DailyFunnel, DailyIntent, DailyProduct, DailySupplier

LISTED = 20
SUPPLIERS_LISTED = 15
QUERIES_LISTED = 3
OTHERS = "all others"
CHARTED = 3
"""Intents with a line of their own; the others share one."""
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

PATTERNS = """
    SELECT 1 + extract(dow FROM hour AT TIME ZONE %(zone)s)::int, extract(hour FROM hour AT TIME ZONE %(zone)s)::int,
           sum(searches)::bigint, sum(views)::bigint, sum(clicks)::bigint, sum(adds)::bigint, sum(orders)::bigint
    FROM personalization_hourlyactivity WHERE day >= %(since)s::date GROUP BY 1, 2 ORDER BY 1, 2
"""
WANTED = """
    SELECT product_id, sum(views)::bigint, sum(clicks)::bigint, sum(adds)::bigint, sum(purchases)::bigint
    FROM personalization_dailyproduct WHERE day >= %(since)s::date GROUP BY 1
    ORDER BY sum(views) * %(view)s + sum(clicks) * %(click)s + sum(adds) * %(cart)s
             + sum(purchases) * %(purchase)s DESC, product_id
    LIMIT %(listed)s
"""


@dataclass(frozen=True)
class Use:
    """What was done with products."""

    views: int = 0
    clicks: int = 0
    adds: int = 0
    purchases: int = 0

    @property
    def conversion_rate(self) -> float | None:
        """Purchases per view, in percent; above 100 where products are bought without a look, as reorders are."""
        return percent(self.purchases, self.views)


@dataclass(frozen=True)
class Wanted(Use):
    """The same of one product; without a name it is no longer in the catalogue."""

    sku: str = ""
    name: str = ""


@dataclass(frozen=True)
class Stage:
    """How many searches came so far."""

    label: str
    meaning: str
    searches: int
    rate: float | None


@dataclass(frozen=True)
class Meant:
    """How many searches meant one thing."""

    label: str
    searches: int
    rate: float | None


@dataclass(frozen=True)
class Shown:
    """The searches that showed one supplier."""

    name: str
    searches: int
    click_rate: float | None
    queries: list[str]


@dataclass(frozen=True)
class Pattern:
    """What is done in one hour of the week, by the shop's own clock; weekday 1 is Sunday."""

    weekday: int
    hour: int
    searches: int
    views: int
    clicks: int
    adds: int
    orders: int


@dataclass(frozen=True)
class Weekday:
    """What is done on one day of the week."""

    name: str
    searches: int
    orders: int
    busiest: str


@dataclass(frozen=True)
class Crowd:
    """One cohort as it is shown."""

    name: str
    meaning: str
    people: int
    basket: float | None
    categories: list[str]


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    points: list[tuple[datetime, float | None]]


def percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def days(since: date) -> list[date]:
    """From then to today, both of UTC."""
    today = datetime.now(UTC).date()
    return [since + timedelta(days=number) for number in range((today - since).days + 1)]


def line(label: str, values: dict[date, float | None], since: date, default: float | None = 0.0) -> Line:
    """A value a day, each drawn at the midnight that begins the day on the page's own clock."""
    return Line(label, [(midnight(day), values.get(day, default)) for day in days(since)])


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def used(since: date) -> dict[date, Use]:
    """What was done with all products on each day."""
    sums = (
        DailyProduct.objects.filter(day__gte=since)
        .values("day")
        .annotate(seen=Sum("views"), clicked=Sum("clicks"), added=Sum("adds"), bought=Sum("purchases"))
    )
    return {row["day"]: Use(row["seen"], row["clicked"], row["added"], row["bought"]) for row in sums}


def wanted(since: date) -> list[Wanted]:
    """The products that most was done with, by the weights of the signals."""
    weights = {
        name: float(settings.SIGNALS[name]["weight"]) for name in ("view", "click", "cart", "purchase")
    }
    rows = statements.fetch(WANTED, weights | {"since": since, "listed": LISTED})
    names = dict(Product.objects.filter(sku__in=[row[0] for row in rows]).values_list("sku", "name"))
    return [
        Wanted(views, clicks, adds, purchases, sku, names.get(sku, ""))
        for sku, views, clicks, adds, purchases in rows
    ]


def intents(since: date) -> dict[str, dict[date, int]]:
    """Searches by intent and day, the most frequent intent first, those beyond the first few together.

    An intent is any text that a client sends, so there may be a great many.
    """
    counted = DailyIntent.objects.filter(day__gte=since)
    sums = counted.values("intent").annotate(whole=Sum("searches")).order_by("-whole", "intent")
    order = [row["intent"] for row in sums[:LISTED]]
    found: dict[str, dict[date, int]] = {intent: {} for intent in order}
    for day, intent, searches in counted.filter(intent__in=order).values_list("day", "intent", "searches"):
        found[intent][day] = searches
    rest = counted.exclude(intent__in=order).values("day").annotate(whole=Sum("searches"))
    if others := {row["day"]: row["whole"] for row in rest}:
        found[OTHERS] = others
    return found


def meant(found: dict[str, dict[date, int]]) -> list[Meant]:
    sums = {intent: sum(by_day.values()) for intent, by_day in found.items()}
    whole = sum(sums.values())
    return [Meant(label_of(intent), count, percent(count, whole)) for intent, count in sums.items()]


def intent_lines(found: dict[str, dict[date, int]], since: date) -> list[Line]:
    several = list(found.items())
    lines = [line(label_of(intent), floats(by_day), since) for intent, by_day in several[:CHARTED]]
    if rest := several[CHARTED:]:
        label = label_of(rest[0][0]) if len(rest) == 1 else OTHERS
        lines.append(line(label, floats(summed(by_day for _, by_day in rest)), since))
    return lines


def summed(several: Iterable[dict[date, int]]) -> dict[date, int]:
    sums: dict[date, int] = defaultdict(int)
    for by_day in several:
        for day, searches in by_day.items():
            sums[day] += searches
    return sums


def floats(counts: dict[date, int]) -> dict[date, float | None]:
    return {day: float(count) for day, count in counts.items()}


def label_of(intent: str) -> str:
    return intent.replace("_", " ")


def funnel(rows: Iterable[DailyFunnel]) -> list[Stage]:
    """The stages of all these days together."""
    stages = {
        "searches": ("Searches", "Every search, made here or elsewhere."),
        "with_results": ("With results", "Did not find nothing."),
        "clicked": ("Clicked", "A product was clicked from it within 24 hours."),
        "added": ("Into the cart", "A product was put into the cart from it within 24 hours."),
        "purchased": (
            "Purchased",
            "A product clicked or put into the cart from it was ordered within 24 hours.",
        ),
    }
    sums = {name: sum(getattr(row, name) for row in rows) for name in stages}
    return [
        Stage(label, meaning, sums[name], percent(sums[name], sums["searches"]))
        for name, (label, meaning) in stages.items()
    ]


def suppliers(since: date) -> list[Shown]:
    """The suppliers that most searches showed, with what was asked for most by at least k people on a day."""
    counted = DailySupplier.objects.filter(day__gte=since)
    sums = counted.values("supplier").annotate(whole=Sum("searches")).order_by("-whole", "supplier")
    found: dict[str, list[DailySupplier]] = {row["supplier"]: [] for row in sums[:SUPPLIERS_LISTED]}
    for row in counted.filter(supplier__in=found):
        found[row.supplier].append(row)
    return [_shown(name, rows) for name, rows in found.items()]


def _shown(name: str, rows: list[DailySupplier]) -> Shown:
    asked: dict[str, int] = defaultdict(int)
    for query in (query for row in rows for query in row.top_queries):
        if query["shoppers"] >= settings.SEARCH_ANALYTICS_K:
            asked[query["query"]] += query["searches"]
    searches = sum(row.searches for row in rows)
    queries = sorted(asked, key=lambda query: (-asked[query], query))[:QUERIES_LISTED]
    return Shown(name, searches, percent(sum(row.clicked for row in rows), searches), queries)


def temporal_patterns(since: date) -> list[Pattern]:
    return [Pattern(*row) for row in statements.fetch(PATTERNS, {"zone": settings.TIME_ZONE, "since": since})]


def weekdays(patterns: list[Pattern]) -> list[Weekday]:
    """What is done on each day of the week, and in which hour most."""
    by_day: dict[int, list[Pattern]] = defaultdict(list)
    for pattern in patterns:
        by_day[pattern.weekday].append(pattern)
    return [_weekday(name, by_day[number]) for number, name in enumerate(WEEKDAYS, 1)]


def _weekday(name: str, hours: list[Pattern]) -> Weekday:
    busiest = max(hours, key=_acts, default=None)
    when = f"{busiest.hour:02}:00 to {(busiest.hour + 1) % 24:02}:00" if busiest and _acts(busiest) else "–"
    return Weekday(name, sum(one.searches for one in hours), sum(one.orders for one in hours), when)


def _acts(one: Pattern) -> int:
    return one.searches + one.views + one.clicks + one.adds + one.orders


def cohorts() -> list[Crowd]:
    """Those that may be shown, the most frequent shoppers first; k is asked again, for it may have been raised."""
    rows = {row.cohort_id: row for row in Cohort.objects.filter(user_count__gte=settings.SEARCH_ANALYTICS_K)}
    return [
        Crowd(name, _orders(least), row.user_count, row.avg_basket_size, row.common_categories)
        for least, name in people_counts.COHORTS
        if (row := rows.get(name))
    ]


def _orders(least: int) -> str:
    bounds = sorted(orders for orders, _ in people_counts.COHORTS)
    more = [bound - 1 for bound in bounds if bound > least]
    if not more:
        return f"{least} orders or more"
    if more[0] > least:
        return f"{least} to {more[0]} orders"
    return {0: "no order", 1: "1 order"}.get(least, f"{least} orders")


def totals(by_day: dict[date, Use]) -> Use:
    sums: dict[str, Any] = {
        name: sum(getattr(use, name) for use in by_day.values())
        for name in ("views", "clicks", "adds", "purchases")
    }
    return Use(**sums)
