"""*BigQuery: use and costs* as gauges: what was given today, how near the limits are, and the dollars of the month."""

from collections.abc import Iterable

from prometheus_client import Metric

from capture import quotas
from leafloaf.lib.metering import Readings, gauge

ROWS = gauge(
    "leafloaf_bigquery_rows_today", "Rows that BigQuery took today (UTC), each once.", "table", "mode"
)
BYTES = gauge(
    "leafloaf_bigquery_sent_bytes_today",
    "Bytes of the requests of today, those too that were refused or sent again.",
    "table",
    "mode",
)
REQUESTS = gauge("leafloaf_bigquery_requests_today", "Requests of today, likewise.", "table", "mode")
LARGEST = gauge(
    "leafloaf_bigquery_largest_request_rows",
    "Rows of today's largest streaming request: LeafLoaf never puts more than 500 into one.",
)
LIMIT = gauge(
    "leafloaf_bigquery_limit_used_ratio",
    "How much of one of BigQuery's limits was used at the worst moment of today.",
    "limit",
)
DOLLARS = gauge(
    "leafloaf_bigquery_month_dollars",
    "List price of this month so far, by what it is for: `streaming`, `storage_write`, `storage`, `query`.",
    "kind",
)
PROJECTED = gauge(
    "leafloaf_bigquery_projected_dollars", "What the month costs at the pace of the last seven days."
)
BUDGET = gauge("leafloaf_bigquery_budget_dollars", "The month's budget; none where there is none.")
BUDGET_USED = gauge("leafloaf_bigquery_budget_used_ratio", "How much of it was spent this month; likewise.")


def read() -> Iterable[Metric]:
    """Nothing, and no statement, where BigQuery is off."""
    readings = Readings()
    if found := quotas.overview():
        for one in found.tables:
            readings.add(ROWS, one.rows, one.table_name, one.mode)
            readings.add(BYTES, one.sent_bytes, one.table_name, one.mode)
            readings.add(REQUESTS, one.requests, one.table_name, one.mode)
        readings.add(LARGEST, quotas.largest_rows(found.tables))
        for limit in quotas.of_requests(found.tables):
            if not limit.is_own:
                readings.add(LIMIT, limit.share, limit.key)
        for kind, dollars in found.month.by_kind.items():
            readings.add(DOLLARS, dollars, kind)
        readings.add(PROJECTED, found.month.projected)
        if found.budget:
            readings.add(BUDGET, found.budget)
            readings.add(BUDGET_USED, found.month.spent / found.budget)
    return readings.metrics()
