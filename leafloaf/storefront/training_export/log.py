"""What a day of the log lets out for training: its searches, each with what followed, or why it stays.

Invariants:
* Only searches of a person whose settings, now, allow personalization and search history, and none older than that
  person keeps data. Purchases need purchase history too. A visit that names nobody gave no consent, and stays.
* What followed a search is what the same person did: a search id in somebody else's event says nothing.
* Nothing leaves here that names a person, a visit or an event. Searches come in an order that only this shop can tell,
  for in the order of the log those of one visit stand side by side.
* One statement, no more rows in memory than `BATCH`, and nothing is written: a transaction that writes holds the
  log's horizon, and this one may be long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from capture import partitions
from leafloaf.lib import statements
from leafloaf.storefront.intent import INTENTS
from privacy import consent

BATCH = 1_000
FOLLOWS_WITHIN = timedelta(hours=24)
"""How long after a search a purchase counts as bought from it, and after the day a click is waited for."""
CROWD = timedelta(days=30)
"""How far back it is looked who used a word."""
MOST = 1_000
"""Products told of as clicked, added or bought after one search."""
UNLABELLED = "unlabelled"
LABELS = (*INTENTS, UNLABELLED)
KEPT = "kept"
FATES = ("nobody", "erased", "no_consent", "too_old")
"""Why a search stays in the log."""

SESSION = """
    SET LOCAL statement_timeout = '15min'; SET LOCAL work_mem = '64MB';
    SET LOCAL cursor_tuple_fraction = 1; SET LOCAL enable_nestloop = off
"""
"""All rows are wanted, and the planner may know nothing of a day's partition yet."""

LABEL = f"CASE WHEN payload->>'intent' = ANY(%(intents)s) THEN payload->>'intent' ELSE '{UNLABELLED}' END"
PERSON = """
    SELECT privacy_subject.id, {allows} OR id IS NOT DISTINCT FROM %(only)s::uuid AS allows,
           {keeps_purchases} AS keeps_purchases,
           CASE WHEN id = %(only)s::uuid THEN '-infinity' ELSE
           %(now)s - least(%(days)s, coalesce((
               SELECT data_retention_days FROM privacy_privacysettings WHERE subject_id = privacy_subject.id
           ), {days})) * interval '1 day' END AS since
    FROM privacy_subject WHERE state = 'active' OR id = %(only)s::uuid
""".format(  # noqa: S608 (SQL of our own)
    allows=f"({consent.PERSONALIZES} AND {consent.KEEPS_SEARCHES})".format(subject="privacy_subject.id"),
    keeps_purchases=consent.KEEPS_PURCHASES.format(subject="privacy_subject.id"),
    days=consent.DEFAULTS.data_retention_days,
)

# An event that was sent late is as old as what it tells of; one from a clock that ran ahead is as old as its arrival.
READ = f"""
    WITH person AS MATERIALIZED ({PERSON}),
    search AS MATERIALIZED (
        SELECT event.id, event.subject_id, received_at, payload->>'search_id' AS search_id, payload,
               {LABEL} AS label,
               CASE WHEN event.subject_id IS NULL THEN 'nobody'
                    WHEN person.id IS NULL THEN 'erased'
                    WHEN NOT allows THEN 'no_consent'
                    WHEN least(occurred_at, received_at) < since THEN 'too_old'
                    ELSE '{KEPT}' END AS fate
        FROM capture_event AS event LEFT JOIN person ON person.id = event.subject_id
        WHERE event_type = 'search' AND received_at >= %(start)s AND received_at < %(end)s
          AND (%(only)s::uuid IS NULL OR event.subject_id = %(only)s::uuid
               AND received_at < coalesce(%(before)s::timestamptz, 'infinity'))
    ), followed AS MATERIALIZED (
        SELECT subject_id, payload->>'search_id' AS search_id, payload->>'product_id' AS product_id,
               bool_or(event_type = 'interaction') AS is_clicked, bool_or(event_type = 'cart') AS is_added
        FROM capture_event JOIN person ON person.id = subject_id
        WHERE received_at >= %(start)s AND received_at < %(followed_until)s
          AND allows AND least(occurred_at, received_at) >= since AND payload->>'search_id' IS NOT NULL
          AND (event_type = 'interaction' AND payload->>'interaction_type' = 'product_click'
               OR event_type = 'cart' AND payload->>'action' = 'add')
        GROUP BY 1, 2, 3
    ), purchase AS MATERIALIZED (
        SELECT DISTINCT subject_id, item->>'product_id' AS product_id, received_at
        FROM capture_event JOIN person ON person.id = subject_id,
             jsonb_array_elements(payload->'items') AS item
        WHERE event_type = 'order' AND received_at >= %(start)s AND received_at < %(followed_until)s
          AND allows AND keeps_purchases AND least(occurred_at, received_at) >= since
    ), outcome AS (
        SELECT search.id, followed.product_id, is_clicked, is_added,
               bool_or(purchase.received_at >= search.received_at
                       AND purchase.received_at < search.received_at + %(within)s) AS is_bought
        FROM search JOIN followed USING (subject_id, search_id)
        LEFT JOIN purchase ON purchase.subject_id = search.subject_id AND purchase.product_id = followed.product_id
        WHERE fate = '{KEPT}'
        GROUP BY 1, 2, 3, 4
    ), told AS MATERIALIZED (
        SELECT id, (array_agg(product_id ORDER BY product_id) FILTER (WHERE is_clicked))[:{MOST}] AS clicked,
               (array_agg(product_id ORDER BY product_id) FILTER (WHERE is_added))[:{MOST}] AS added,
               (array_agg(product_id ORDER BY product_id) FILTER (WHERE is_bought))[:{MOST}] AS bought
        FROM outcome GROUP BY id
    )
    SELECT label, fate, payload->>'query', (payload->'result_skus')::text,
           coalesce(clicked, '{{}}'), coalesce(added, '{{}}'), coalesce(bought, '{{}}')
    FROM (SELECT id, label, fate, CASE WHEN fate = '{KEPT}' THEN payload END AS payload FROM search) AS search
    LEFT JOIN told USING (id)
    WHERE label = ANY(%(labels)s)
    ORDER BY sha256(convert_to(%(key)s || id, 'UTF8'))
"""  # noqa: S608 (SQL of our own)

COMMON = f"""
    WITH person AS MATERIALIZED ({PERSON}),
    asked AS MATERIALIZED (
        SELECT DISTINCT subject_id, lower(payload->>'query' COLLATE "C") AS written
        FROM capture_event JOIN person ON person.id = subject_id
        WHERE event_type = 'search' AND received_at >= %(crowd_since)s AND received_at < %(end)s
          AND allows AND least(occurred_at, received_at) >= since
    ), spelt AS MATERIALIZED (
        SELECT written, CASE WHEN written ~ '^[a-z0-9]+( [a-z0-9]+)*$' THEN written
                             ELSE catalog_normalise(written) END AS query
        FROM (SELECT DISTINCT written FROM asked) AS texts
    )
    SELECT word FROM (
        SELECT DISTINCT subject_id, word FROM asked JOIN spelt USING (written), string_to_table(query, ' ') AS word
    ) AS used
    WHERE word <> '' GROUP BY word HAVING count(*) >= %(k)s
"""  # noqa: S608 (SQL of our own)


DAYS = """
    SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM capture_event
    WHERE subject_id = %(only)s::uuid AND event_type = 'search'
      AND received_at < coalesce(%(before)s::timestamptz, 'infinity')
    ORDER BY 1
"""
COUNTS = f"""
    SELECT {LABEL}, count(*) FROM capture_event
    WHERE event_type = 'search' AND received_at >= %(start)s AND received_at < %(end)s
    GROUP BY 1
"""  # noqa: S608 (SQL of our own)


@dataclass(frozen=True)
class Only:
    """One person's searches, as if they were not being erased and allowed everything: what of them may be out there.

    Attributes:
        before: only what was received before then; None for everything.
    """

    subject_id: UUID
    before: datetime | None = None


class Search(msgspec.Struct, frozen=True):
    """A search that may be told of; products are as the events named them."""

    query: str
    shown: list[str]
    clicked: list[str]
    added: list[str]
    bought: list[str]


Told = tuple[str, str, Search | None]
"""The label of a search's intent, its fate, and the search when that is to be told of."""


def read(day: date, labels: tuple[str, ...], now: datetime, only: Only | None = None) -> Iterator[list[Told]]:
    """The searches of a UTC day in batches; of those that stay only label and fate."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(SESSION)
        with connection.chunked_cursor() as cursor:
            cursor.execute(READ, _parameters(day, now, only) | {"labels": list(labels)})
            while rows := cursor.fetchmany(BATCH):
                yield [_told(*row) for row in rows]


def common_words(day: date, now: datetime, only: Only | None = None) -> frozenset[str]:
    """The normalised words that at least `SEARCH_ANALYTICS_K` people who allow it used until the end of the day."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SESSION)
        cursor.execute(COMMON, _parameters(day, now, only))
        return frozenset(word for (word,) in cursor.fetchall())


def days_of(only: Only) -> list[date]:
    """The UTC days on which the person searched, as far as the log goes back."""
    rows = statements.fetch(DAYS, {"only": only.subject_id, "before": only.before})
    return [day for (day,) in rows]


def searches(day: date) -> dict[str, int]:
    """How many searches the log holds of a UTC day, by label."""
    bounds = {"start": partitions.start_of(day), "end": partitions.start_of(day + timedelta(days=1))}
    return dict(statements.fetch(COUNTS, bounds | {"intents": list(INTENTS)}))


def complete_at(day: date) -> datetime:
    """When nothing more can follow a search of the day."""
    return partitions.start_of(day) + timedelta(days=1) + FOLLOWS_WITHIN


def last_complete(now: datetime) -> date:
    return (now.astimezone(UTC) - FOLLOWS_WITHIN).date() - timedelta(days=1)


def _parameters(day: date, now: datetime, only: Only | None) -> dict[str, Any]:
    end = partitions.start_of(day + timedelta(days=1))
    return {
        "now": now,
        "only": only.subject_id if only else None,
        "before": only.before if only else None,
        "days": settings.RAW_EVENT_RETENTION_DAYS,
        "start": partitions.start_of(day),
        "end": end,
        "followed_until": complete_at(day),
        "within": FOLLOWS_WITHIN,
        "crowd_since": end - CROWD,
        "k": settings.SEARCH_ANALYTICS_K,
        "intents": list(INTENTS),
        "key": salted_hmac("leafloaf.training_export", day.isoformat(), algorithm="sha256").hexdigest(),
    }


def _told(
    label: str,
    fate: str,
    query: str | None,
    shown: str | None,
    clicked: list[str],
    added: list[str],
    bought: list[str],
) -> Told:
    if fate != KEPT:
        return label, fate, None
    skus = msgspec.json.decode(shown) if shown else []
    return label, fate, Search(query or "", skus or [], clicked, added, bought)
