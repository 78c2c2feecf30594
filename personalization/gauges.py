"""What was learned and how good that is, what recommendations led to, and *Shop trends*, as gauges."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from prometheus_client import Metric

from leafloaf.lib.metering import Readings, gauge
from personalization.learning.hold_out import FIT
from personalization.models import LearnedVersion

DAYS = 7

VERSION = gauge("leafloaf_predictions_version", "The version of the predictions that is in use.")
MADE_AT = gauge("leafloaf_predictions_made_timestamp_seconds", "When it was learned.")
FITTED_AT = gauge(
    "leafloaf_predictions_fitted_timestamp_seconds", "When anything was last learned, used or not."
)
SCORES = gauge(
    "leafloaf_prediction_score",
    "How good the predictions in use were on orders that they had not seen: `recall` and `hits` at ten of baskets, "
    "`auc` and `error` of reorders.",
    "part",
    "figure",
)
HIT_RATE = gauge(
    "leafloaf_prediction_hit_rate",
    "Share of shoppers of whose last order at least one product was among the first ten predicted.",
)
SHOWN = gauge(
    "leafloaf_recommendations_7d",
    "Products recommended in 7 days and what came of them: `impressions`, `clicks`, `adds`, `purchases`.",
    "surface",
    "source",
    "kind",
)
MISHAPS = gauge(
    "leafloaf_recommendation_mishaps_24h", "Lists that were late or could not be logged, in 24 hours.", "kind"
)
ACTS = gauge(
    "leafloaf_activity_7d", "What shoppers did in 7 days: searches, views, clicks, adds, orders.", "act"
)
FUNNEL = gauge("leafloaf_search_funnel_7d", "How far the searches of 7 days led.", "stage")
COHORTS = gauge(
    "leafloaf_cohort_people", "People who shop about as often, where enough of them do.", "cohort"
)
COUNTED_AT = gauge(
    "leafloaf_aggregates_counted_timestamp_seconds", "When trends were last counted.", "report"
)

# A few rows for each hour or day, and none for a person, a product or an event.
ROWS = """
    SELECT %(shown)s, ARRAY[surface, source, kind], value::float8 FROM (
        SELECT surface, source, sum(impressions), sum(clicks), sum(adds), sum(purchases)
        FROM personalization_exposurecount WHERE day > %(since)s GROUP BY 1, 2
    ) AS sums (surface, source, impressions, clicks, adds, purchases) CROSS JOIN LATERAL (VALUES
        ('impressions', impressions), ('clicks', clicks), ('adds', adds), ('purchases', purchases)
    ) AS each (kind, value)
    UNION ALL SELECT %(mishaps)s, ARRAY[kind], sum(count) FROM personalization_recommendationmishap
        WHERE hour > %(yesterday)s GROUP BY kind
    UNION ALL SELECT %(acts)s, ARRAY[act], value FROM (
        SELECT sum(searches), sum(views), sum(clicks), sum(adds), sum(orders)
        FROM personalization_hourlyactivity WHERE day > %(since)s
    ) AS sums (searches, views, clicks, adds, orders) CROSS JOIN LATERAL (VALUES
        ('searches', searches), ('views', views), ('clicks', clicks), ('adds', adds), ('orders', orders)
    ) AS each (act, value)
    UNION ALL SELECT %(funnel)s, ARRAY[stage], value FROM (
        SELECT sum(searches), sum(with_results), sum(clicked), sum(added), sum(purchased)
        FROM personalization_dailyfunnel WHERE day > %(since)s
    ) AS sums (searches, with_results, clicked, added, purchased) CROSS JOIN LATERAL (VALUES
        ('searches', searches), ('with_results', with_results), ('clicked', clicked), ('added', added),
        ('purchased', purchased)) AS each (stage, value)
    UNION ALL SELECT %(cohorts)s, ARRAY[cohort_id], user_count FROM personalization_cohort
        WHERE user_count >= %(k)s
    UNION ALL SELECT %(counted_at)s, ARRAY[name], extract(epoch FROM counted_at) FROM personalization_aggregatereport
        WHERE counted_at IS NOT NULL
    UNION ALL SELECT %(fitted_at)s, ARRAY[]::text[], extract(epoch FROM max(made_at))
        FROM personalization_learnedversion
"""


def read() -> Iterable[Metric]:
    readings, now = Readings(), datetime.now(UTC)
    _add_predictions(readings)
    with connection.cursor() as cursor:
        cursor.execute(ROWS, parameters(now))
        for name, labels, value in cursor.fetchall():
            readings.add(name, value, *labels)
    return readings.metrics()


def parameters(now: datetime) -> dict[str, Any]:
    return {
        "shown": SHOWN,
        "mishaps": MISHAPS,
        "acts": ACTS,
        "funnel": FUNNEL,
        "cohorts": COHORTS,
        "counted_at": COUNTED_AT,
        "fitted_at": FITTED_AT,
        "since": now.date() - timedelta(days=DAYS),
        "yesterday": now - timedelta(days=1),
        "k": settings.SEARCH_ANALYTICS_K,
    }


def _add_predictions(readings: Readings) -> None:
    """Those in use: what they scored when they were learned, as *this fit*."""
    used = LearnedVersion.objects.filter(is_active=True).only("id", "made_at", "figures").first()
    if used is None:
        return
    readings.add(VERSION, used.pk)
    readings.add(MADE_AT, used.made_at)
    for part, figures in used.figures.items():
        for figure, value in figures.get(FIT, {}).items():
            readings.add(SCORES, value, part, figure)
    readings.add(HIT_RATE, used.figures.get("baskets", {}).get(FIT, {}).get("hits"))
