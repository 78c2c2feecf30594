"""What came of recommendations, from the log: clicks, adds and purchases, by day, source and model.

Invariants:
* An event is looked at once: those of finished transactions below the horizon, from the watermark on; the watermark
  moves in the transaction that counts. Impressions are counted with the mark in their row that says so.
* A product of a list is clicked, added or bought once at most, however often it was.
* A click or an add belongs to the list that its `search_id` names: by the list's own id, or by the id of the search it
  came with. One of another person belongs to none.
* A purchase belongs to the last list before it that the same person clicked or added the product from, in the days of
  `WITHIN`; or to the list that the order's `metadata.search_id` names.
"""

from datetime import timedelta

from django.db import transaction

from capture.models import Watermark
from leafloaf.lib import statements
from privacy import consent

NAME = "exposures"
WITHIN = timedelta(days=7)
LISTS_AT_ONCE = 5_000
UUID = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'"

BOUNDS = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text,
       (SELECT shown_at FROM personalization_exposure ORDER BY list_id LIMIT 1)
"""
NEW = """
FROM capture_event AS event WHERE xid >= %(since)s::text::xid8 AND xid < %(until)s::text::xid8
AND received_at >= %(oldest)s::timestamptz
"""
ITEM = """
CROSS JOIN LATERAL (
    SELECT item->>'source' AS source FROM jsonb_array_elements(exposure.items) AS item
    WHERE item->>'sku' = {product} LIMIT 1
) AS shown
"""
ADDED = """
    INSERT INTO personalization_exposureoutcome (list_id, product_id, kind, occurred_at)
    SELECT list_id, product_id, kind, min(occurred_at) FROM {found} GROUP BY list_id, product_id, kind
    ORDER BY list_id, product_id, kind ON CONFLICT DO NOTHING RETURNING list_id, product_id, kind
"""
COUNTED = f"""
    INSERT INTO personalization_exposurecount AS known
        (day, surface, source, model_version, clicks, adds, purchases)
    SELECT (shown_at AT TIME ZONE 'UTC')::date, surface, source, model_version,
           count(*) FILTER (WHERE kind = 'click'), count(*) FILTER (WHERE kind = 'add'),
           count(*) FILTER (WHERE kind = 'purchase')
    FROM added JOIN personalization_exposure AS exposure USING (list_id) {ITEM.format(product="added.product_id")}
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (day, surface, source, model_version) DO UPDATE SET clicks = known.clicks + excluded.clicks,
        adds = known.adds + excluded.adds, purchases = known.purchases + excluded.purchases
"""  # noqa: S608 (our own statement)
# `named` holds (subject_id, list, product_id, kind, occurred_at): what says itself which list it came from.
MATCHED = f"""
    SELECT exposure.list_id, named.product_id, named.kind, named.occurred_at
    FROM named CROSS JOIN LATERAL (
        SELECT * FROM personalization_exposure WHERE list_id = named.list
        UNION ALL SELECT * FROM personalization_exposure WHERE search_id = named.list AND list_id <> named.list
    ) AS exposure {ITEM.format(product="named.product_id")}
    WHERE (exposure.subject_id = named.subject_id) IS NOT FALSE
"""  # noqa: S608 (our own statement)
CLICKS = f"""
    WITH named AS MATERIALIZED (
        SELECT subject_id, CASE WHEN payload->>'search_id' ~ {UUID} THEN (payload->>'search_id')::uuid END AS list,
               payload->>'product_id' AS product_id, occurred_at,
               CASE event_type WHEN 'cart' THEN 'add' ELSE 'click' END AS kind
        {NEW} AND payload ? 'search_id' AND (
            event_type = 'interaction' AND payload->>'interaction_type' = 'product_click'
            OR event_type = 'cart' AND payload->>'action' = 'add')
    ), matched AS MATERIALIZED ({MATCHED}), added AS ({ADDED.format(found="matched")})
    {COUNTED}
"""
PURCHASES = f"""
    WITH bought AS MATERIALIZED (
        SELECT event.subject_id, event.occurred_at, line->>'product_id' AS product_id,
               CASE WHEN payload#>>'{{metadata,search_id}}' ~ {UUID}
                    THEN (payload#>>'{{metadata,search_id}}')::uuid END AS list
        FROM (SELECT * {NEW} AND event_type = 'order') AS event
        CROSS JOIN LATERAL jsonb_array_elements(
            CASE jsonb_typeof(payload->'items') WHEN 'array' THEN payload->'items' END) AS line
        WHERE event.subject_id IS NULL OR {consent.KEEPS_PURCHASES.format(subject="event.subject_id")}
    ), named AS (
        SELECT *, 'purchase' AS kind FROM bought WHERE list IS NOT NULL
    ), matched AS MATERIALIZED (
        {MATCHED}
        UNION ALL
        SELECT led.list_id, bought.product_id, 'purchase', bought.occurred_at
        FROM bought CROSS JOIN LATERAL (
            SELECT list_id FROM personalization_exposure AS exposure
                JOIN personalization_exposureoutcome AS outcome USING (list_id)
            WHERE exposure.subject_id = bought.subject_id AND outcome.product_id = bought.product_id
                AND outcome.kind <> 'purchase' AND outcome.occurred_at <= bought.occurred_at
                AND outcome.occurred_at > bought.occurred_at - make_interval(days => {WITHIN.days})
            ORDER BY outcome.occurred_at DESC, list_id DESC LIMIT 1
        ) AS led WHERE bought.list IS NULL
    ), added AS ({ADDED.format(found="matched")})
    {COUNTED}
"""  # noqa: S608 (our own statement)
IMPRESSIONS = """
    WITH due AS MATERIALIZED (
        SELECT list_id FROM personalization_exposure WHERE NOT is_counted
        ORDER BY list_id LIMIT %(lists)s::integer FOR UPDATE SKIP LOCKED
    ), marked AS (
        UPDATE personalization_exposure AS exposure SET is_counted = true FROM due
        WHERE exposure.list_id = due.list_id
        RETURNING exposure.list_id, shown_at, surface, model_version, items
    ), counted AS (
        INSERT INTO personalization_exposurecount AS known (day, surface, source, model_version, impressions)
        SELECT (shown_at AT TIME ZONE 'UTC')::date, surface, item->>'source', model_version, count(*)
        FROM marked CROSS JOIN LATERAL jsonb_array_elements(items) AS item
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, surface, source, model_version)
        DO UPDATE SET impressions = known.impressions + excluded.impressions
    )
    SELECT count(*) FROM marked
"""
QUIET = "SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true)"


def count() -> None:
    """Counts the lists and events that have appeared since the last time."""
    _count_events()
    while _count_impressions() == LISTS_AT_ONCE:
        pass


def _count_events() -> None:
    """One transaction; after a restore the watermark may lie ahead of the horizon: then nothing happens."""
    with transaction.atomic():
        statements.fetch(QUIET)
        watermark = _locked()
        ((until, oldest),) = statements.fetch(BOUNDS)
        if watermark.xid >= int(until):
            return
        if oldest is not None:
            parameters = {"since": str(watermark.xid), "until": until, "oldest": oldest - timedelta(days=1)}
            statements.fetch(CLICKS, parameters)
            statements.fetch(PURCHASES, parameters)
        watermark.xid = int(until)
        watermark.save(update_fields=["xid"])


def _count_impressions() -> int:
    with transaction.atomic():
        statements.fetch(QUIET)
        _locked()  # one at a time, so that counts are raised in one order
        ((lists,),) = statements.fetch(IMPRESSIONS, {"lists": LISTS_AT_ONCE})
        return int(lists)


def _locked() -> Watermark:
    Watermark.objects.bulk_create([Watermark(name=NAME)], ignore_conflicts=True)
    return Watermark.objects.select_for_update().get(name=NAME)
