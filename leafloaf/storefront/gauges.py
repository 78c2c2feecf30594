"""*Search analytics* as gauges: the counted reports. No query ever stands in a label."""

from collections.abc import Iterable

from django.db import connection
from prometheus_client import Metric

from leafloaf.lib.metering import Readings, gauge

SEARCHES = gauge(
    "leafloaf_searches_reported", "Searches of the last 24 hours, 7 and 30 days, as last counted.", "range"
)
EMPTY = gauge("leafloaf_searches_without_results", "Those of them that found nothing.", "range")
CHOSEN = gauge("leafloaf_searches_with_choice", "Those of them that a product was chosen from.", "range")
SHOPPERS = gauge("leafloaf_search_shoppers", "Different shoppers who searched.", "range")
PLACE = gauge(
    "leafloaf_search_choice_place", "The place on the page of what was chosen, on average.", "range"
)
TOOK = gauge(
    "leafloaf_search_reported_seconds",
    "Half of the searches took no longer, and 95 of 100.",
    "range",
    "quantile",
)
COUNTED = gauge("leafloaf_search_report_timestamp_seconds", "When the report was counted.", "range")
INTENTS = gauge(
    "leafloaf_searches_by_intent", "Searches by what they meant; `none` for none of ours.", "range", "intent"
)

ROWS = """
    SELECT name, ARRAY[range], value FROM storefront_searchreport CROSS JOIN LATERAL (VALUES
        (%(searches)s, searches::float8), (%(empty)s, no_results), (%(chosen)s, clicked), (%(shoppers)s, shoppers),
        (%(place)s, places::float8 / nullif(choices, 0)), (%(counted)s, extract(epoch FROM counted_at))
    ) AS each (name, value) WHERE counted_at IS NOT NULL
    UNION ALL SELECT %(took)s, ARRAY[range, quantile], ms / 1000 FROM storefront_searchreport CROSS JOIN LATERAL (
        VALUES ('0.5', half_ms), ('0.95', most_ms)) AS each (quantile, ms) WHERE counted_at IS NOT NULL
    UNION ALL SELECT %(intents)s, ARRAY[report_id, coalesce(nullif(intent, ''), 'none')], sum(searches)
        FROM storefront_searchintent GROUP BY report_id, intent
"""


def read() -> Iterable[Metric]:
    readings = Readings()
    named = {
        "searches": SEARCHES,
        "empty": EMPTY,
        "chosen": CHOSEN,
        "shoppers": SHOPPERS,
        "place": PLACE,
        "took": TOOK,
        "counted": COUNTED,
        "intents": INTENTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(ROWS, named)
        for name, labels, value in cursor.fetchall():
            readings.add(name, value, *labels)
    return readings.metrics()
