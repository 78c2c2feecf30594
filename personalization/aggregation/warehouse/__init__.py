"""The aggregates as views in BigQuery: one SQL file a view, its parts in `*.part.sql`.

The same numbers as `daily_counts`, `people_counts` and `preferences` make in Postgres; docs/aggregates.md says in
words what each counts. `setup_bigquery` makes the views and `check_schema` compares them, for the options of the sink
in `settings.SINKS` name `personalization.aggregation.warehouse.views`.

Each event is read once, and only of the days that both stores hold whole. The bound on `timestamp` is a constant, so
that BigQuery leaves out older partitions; it loses nothing, for no event happens after it was received.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

from django.conf import settings

from personalization.aggregation.people_counts import AFTER, BEFORE, COHORTS, MOST_CATEGORIES, MOST_QUERIES
from personalization.aggregation.preferences import RECENT
from personalization.signals.projection import HIGH, LOW

FOLDER = Path(__file__).parent
PART = ".part.sql"
EVENT_TYPES = ("search", "interaction", "cart", "order", "recommendation_impression")
SINCE = "TIMESTAMP_SUB(TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), DAY), INTERVAL {} DAY)"


def views(once: Callable[[str], str], retention_days: int) -> Mapping[str, str]:
    """The query of each view by its name.

    Args:
        once: the full name of the view that shows each event of a type once.
        retention_days: how many days' partitions are kept.
    """
    values = values_of(retention_days) | {event_type: once(event_type) for event_type in EVENT_TYPES}
    parts = {path.name.removesuffix(PART): filled(path, values) for path in sorted(FOLDER.glob(f"*{PART}"))}
    return {
        path.stem: filled(path, values | parts).strip()
        for path in sorted(FOLDER.glob("*.sql"))
        if not path.name.endswith(PART)
    }


def filled(path: Path, values: Mapping[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(values)


def values_of(retention_days: int) -> dict[str, str]:
    """The settings and constants that the definitions share with Postgres, as SQL."""
    since = SINCE.format(retention_days - 1)
    nearly = f"TIMESTAMP_SUB({since}, INTERVAL {interval(BEFORE)})"
    return {
        "since": since,
        "recent": f"timestamp >= {since} AND occurred_at >= {since}",
        "nearly_recent": f"timestamp >= {nearly} AND occurred_at >= {nearly}",
        "before": interval(BEFORE),
        "after": interval(AFTER),
        "zone": settings.TIME_ZONE,
        "k": str(settings.SEARCH_ANALYTICS_K),
        "most_queries": str(MOST_QUERIES),
        "most_categories": str(MOST_CATEGORIES),
        "cohort_of": " ".join(f"WHEN orders >= {orders} THEN '{name}'" for orders, name in COHORTS),
        "recent_days": str(RECENT.days),
        "low": str(LOW),
        "high": str(HIGH),
        "weight": by_signal("weight"),
        "factor": by_signal("decay"),
        "days": by_signal("days"),
    }


def interval(text: str) -> str:
    """`24 hours` as BigQuery writes it."""
    return text.upper().removesuffix("S")


def by_signal(name: str) -> str:
    """One number of `settings.SIGNALS` as an expression over the signal's kind."""
    cases = " ".join(f"WHEN '{signal}' THEN {numbers[name]}" for signal, numbers in settings.SIGNALS.items())
    return f"CASE signal.kind {cases} END"
