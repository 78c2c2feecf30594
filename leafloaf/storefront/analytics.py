"""What shoppers search for, counted from the log into a few small tables.

Invariants:
* A query is written down only when at least k different shoppers made it in the range that is counted. What is rarer
  stays in the log, which forgets, and is in the totals alone.
* No shopper is written down, nor anything that leads to one.
* A report is counted anew as a whole, from one snapshot of the log: nothing is counted twice, a late click finds
  its search, a run that was cut short leaves the report of before, and what the log forgets is forgotten here.
* The log is read before anything is written: a transaction that writes holds the horizon, and this one is long.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from leafloaf.storefront.intent import INTENTS
from leafloaf.storefront.models import SearchIntent, SearchQuery, SearchReport

MOST_QUERIES = 100
"""Queries kept of a report by searches, and as many by searches without results."""
LOWEST_PLACE = 10_100
"""The last place that a search can show; a place beyond it is a mistake."""
SHARE = 50
"""Counting takes at most one part in so many of the time."""
MEMORY = "64MB"
TIMEOUT = timedelta(minutes=4)
"""Shorter than the time after which any range is due again, and than what Celery allows a task."""


@dataclass(frozen=True)
class Range:
    """How far a report looks back, how much time a point of its chart stands for, and how fresh it is to be."""

    key: str
    title: str
    span: timedelta
    step: timedelta
    every: timedelta


RANGES = (
    Range("24h", "24 hours", timedelta(hours=24), timedelta(hours=1), timedelta(minutes=5)),
    Range("7d", "7 days", timedelta(days=7), timedelta(hours=6), timedelta(hours=1)),
    Range("30d", "30 days", timedelta(days=30), timedelta(days=1), timedelta(hours=6)),
)

# A product that was clicked and then put into the cart was chosen once. A text is normalised once however often it
# was written, and not at all when it is plain words already. Both ends of the range let Postgres skip other days.
COUNT = """
    WITH search AS MATERIALIZED (
        SELECT floor(extract(epoch FROM received_at - %(since)s) / %(step)s)::int AS bucket,
               coalesce(subject_id::text, session_id) AS shopper,
               lower(payload->>'query' COLLATE "C") AS written, payload->>'search_id' AS search_id,
               CASE WHEN payload->>'intent' = ANY(%(intents)s) THEN payload->>'intent' ELSE '' END AS intent,
               (payload->>'results_count')::numeric = 0 AS is_empty,
               (payload->>'response_time_ms')::float8 AS ms
        FROM capture_event
        WHERE event_type = 'search' AND received_at >= %(since)s AND received_at < %(until)s
    ), spelt AS MATERIALIZED (
        SELECT written, CASE WHEN written ~ '^[a-z0-9]+( [a-z0-9]+)*$' THEN written
                             ELSE catalog_normalise(written) END AS query
        FROM (SELECT DISTINCT written FROM search) AS texts
    ), choice AS (
        SELECT payload->>'search_id' AS search_id, payload->>'product_id' AS product_id,
               min((payload->>'position')::numeric)
                   FILTER (WHERE (payload->>'position')::numeric BETWEEN 1 AND %(lowest)s) AS place
        FROM capture_event
        WHERE received_at >= %(since)s AND received_at < %(until)s AND payload->>'search_id' IS NOT NULL
          AND (event_type = 'interaction' AND payload->>'interaction_type' = 'product_click'
               OR event_type = 'cart' AND payload->>'action' = 'add')
        GROUP BY 1, 2
    ), chosen AS MATERIALIZED (
        SELECT search_id, count(place) AS choices, sum(place) AS places FROM choice GROUP BY 1
    ), told AS MATERIALIZED (
        SELECT search.*, query, chosen.search_id IS NOT NULL AS is_clicked, choices, places
        FROM search JOIN spelt USING (written) LEFT JOIN chosen USING (search_id)
    ), by_shopper AS MATERIALIZED (
        SELECT query, shopper, count(*) AS searches, count(*) FILTER (WHERE is_empty) AS no_results,
               count(*) FILTER (WHERE is_clicked) AS clicked, sum(choices) AS choices, sum(places) AS places
        FROM told GROUP BY 1, 2
    ), by_query AS MATERIALIZED (
        SELECT query, sum(searches)::bigint AS searches, count(shopper) AS shoppers,
               sum(no_results)::bigint AS no_results, sum(clicked)::bigint AS clicked,
               coalesce(sum(choices), 0)::bigint AS choices, coalesce(sum(places), 0)::bigint AS places
        FROM by_shopper GROUP BY 1
    ), common AS MATERIALIZED (
        SELECT *, row_number() OVER (ORDER BY searches DESC, query) AS rank,
               row_number() OVER (ORDER BY no_results DESC, searches DESC, query) AS no_results_rank
        FROM by_query WHERE query <> '' AND shoppers >= %(k)s
    )
    SELECT 'total', jsonb_build_object(
        'searches', coalesce(sum(searches), 0), 'no_results', coalesce(sum(no_results), 0),
        'clicked', coalesce(sum(clicked), 0), 'choices', coalesce(sum(choices), 0),
        'places', coalesce(sum(places), 0),
        'browsing', coalesce(sum(searches) FILTER (WHERE query = ''), 0),
        'queries', count(*) FILTER (WHERE query <> ''),
        'common_queries', (SELECT count(*) FROM common),
        'common_searches', (SELECT coalesce(sum(searches), 0) FROM common),
        'shoppers', (SELECT count(shopper) FROM (SELECT DISTINCT shopper FROM by_shopper) AS everyone),
        'half_ms', (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM search),
        'most_ms', (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FROM search)
    ) FROM by_query
    UNION ALL
    SELECT 'query', to_jsonb(common) - 'rank' - 'no_results_rank' FROM common
    WHERE rank <= %(most)s OR no_results > 0 AND no_results_rank <= %(most)s
    UNION ALL
    SELECT 'intent', jsonb_build_object(
        'bucket', bucket, 'intent', intent, 'searches', count(*),
        'no_results', count(*) FILTER (WHERE is_empty), 'clicked', count(*) FILTER (WHERE is_clicked)
    ) FROM told GROUP BY bucket, intent
"""


@dataclass(frozen=True)
class Counted:
    """What one look at the log found.

    They are the fields of a report, of its queries and of its intents, each of which says when by its `bucket`.
    """

    total: dict[str, Any]
    queries: list[dict[str, Any]]
    intents: list[dict[str, Any]]


def count_due(now: datetime | None = None) -> list[str]:
    """Counts the reports that are due, the shortest range first; returns their keys."""
    moment = now or datetime.now(UTC)
    return _count_where(Q(due_at__lte=moment) | ~Q(k=settings.SEARCH_ANALYTICS_K), moment)


def count(now: datetime | None = None) -> None:
    """Counts every report, due or not."""
    _count_where(Q(), now or datetime.now(UTC))


def _count_where(condition: Q, now: datetime) -> list[str]:
    reports = [SearchReport(range=chosen.key) for chosen in RANGES]
    SearchReport.objects.bulk_create(reports, ignore_conflicts=True)
    counted = []
    for chosen in RANGES:
        if _claim(chosen, condition, now):
            _count(chosen, now)
            counted.append(chosen.key)
    return counted


def _claim(chosen: Range, condition: Q, now: datetime) -> bool:
    """Takes a report for this run, so that no other counts it at once; should this one fail, it is due as usual."""
    reports = SearchReport.objects.filter(condition, range=chosen.key)
    return bool(reports.update(due_at=now + chosen.every, k=settings.SEARCH_ANALYTICS_K))


def _count(chosen: Range, now: datetime) -> None:
    """Replaces one report by what the log holds, at once for whoever looks at it."""
    started, since = time.monotonic(), now - chosen.span
    with transaction.atomic():
        found = read(chosen, since, now)
        took = timedelta(seconds=time.monotonic() - started)
        SearchReport.objects.filter(range=chosen.key).update(
            since=since, counted_at=now, due_at=now + max(chosen.every, took * SHARE), **found.total
        )
        SearchQuery.objects.filter(report_id=chosen.key).delete()
        SearchQuery.objects.bulk_create(SearchQuery(report_id=chosen.key, **one) for one in found.queries)
        SearchIntent.objects.filter(report_id=chosen.key).delete()
        SearchIntent.objects.bulk_create(_intent(chosen, since, **one) for one in found.intents)


def _intent(chosen: Range, since: datetime, bucket: int, **fields: Any) -> SearchIntent:
    return SearchIntent(report_id=chosen.key, moment=since + bucket * chosen.step, **fields)


def read(chosen: Range, since: datetime, until: datetime) -> Counted:
    """Counts one range in the log, and writes nothing."""
    parameters: dict[str, Any] = {
        "since": since,
        "until": until,
        "step": chosen.step.total_seconds(),
        "intents": list(INTENTS),
        "k": settings.SEARCH_ANALYTICS_K,
        "most": MOST_QUERIES,
        "lowest": LOWEST_PLACE,
    }
    found: dict[str, list[Any]] = {"total": [], "query": [], "intent": []}
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT.seconds}s'; SET LOCAL work_mem = '{MEMORY}'")
        cursor.execute(COUNT, parameters)
        for kind, row in cursor.fetchall():
            found[kind].append(msgspec.json.decode(row))
    (total,) = found["total"]
    return Counted(total, found["query"], found["intent"])
