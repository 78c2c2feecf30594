"""SQL that adds up events by day: what can be added to, event by event, and needs nobody to be told apart.

The same definitions stand in `warehouse/` for BigQuery, and in docs/aggregates.md in words.
"""

SINCE_LAST = "xid >= %(since)s AND xid < %(until)s"
OF_DAYS = "xid < %(until)s AND (occurred_at AT TIME ZONE 'UTC')::date = ANY(%(days)s)"

# An event touches the days whose searches it may change the outcome of: see `people_counts`.
COUNT = """
    WITH event AS MATERIALIZED (
        SELECT event_type, event_id, occurred_at, (occurred_at AT TIME ZONE 'UTC')::date AS day, payload
        FROM capture_event
        WHERE {chosen} AND received_at >= %(oldest)s AND occurred_at >= %(oldest)s
    ), line AS (
        SELECT event_id, occurred_at, day, item->>'product_id' AS product_id, item->>'category' AS category,
               (item->>'quantity')::numeric > 0 AS is_bought
        FROM event, jsonb_array_elements(payload->'items') AS item WHERE event_type = 'order'
    ), signal AS MATERIALIZED (
        SELECT day, occurred_at, payload->>'product_id' AS product_id, payload->>'interaction_type' AS kind
        FROM event
        WHERE event_type = 'interaction' AND payload->>'interaction_type' IN ('product_view', 'product_click')
        UNION ALL
        SELECT day, occurred_at, payload->>'product_id', 'add' FROM event
        WHERE event_type = 'cart' AND payload->>'action' = 'add' AND (payload->>'quantity')::numeric > 0
        UNION ALL
        SELECT day, occurred_at, product_id, 'purchase' FROM line WHERE is_bought
        UNION ALL
        SELECT day, occurred_at, NULL, event_type FROM event WHERE event_type IN ('search', 'order')
    ), products AS (
        INSERT INTO personalization_dailyproduct AS known (day, product_id, views, clicks, adds, purchases)
        SELECT day, product_id, count(*) FILTER (WHERE kind = 'product_view'),
               count(*) FILTER (WHERE kind = 'product_click'), count(*) FILTER (WHERE kind = 'add'),
               count(*) FILTER (WHERE kind = 'purchase')
        FROM signal WHERE product_id IS NOT NULL GROUP BY 1, 2
        ON CONFLICT (day, product_id) DO UPDATE SET
            views = known.views + excluded.views, clicks = known.clicks + excluded.clicks,
            adds = known.adds + excluded.adds, purchases = known.purchases + excluded.purchases
    ), hours AS (
        INSERT INTO personalization_hourlyactivity AS known (day, hour, searches, views, clicks, adds, orders)
        SELECT day, date_trunc('hour', occurred_at, %(zone)s), count(*) FILTER (WHERE kind = 'search'),
               count(*) FILTER (WHERE kind = 'product_view'), count(*) FILTER (WHERE kind = 'product_click'),
               count(*) FILTER (WHERE kind = 'add'), count(*) FILTER (WHERE kind = 'order')
        FROM signal WHERE kind <> 'purchase' GROUP BY 1, 2
        ON CONFLICT (day, hour) DO UPDATE SET
            searches = known.searches + excluded.searches, views = known.views + excluded.views,
            clicks = known.clicks + excluded.clicks, adds = known.adds + excluded.adds,
            orders = known.orders + excluded.orders
    ), intents AS (
        INSERT INTO personalization_dailyintent AS known (day, intent, searches)
        SELECT day, coalesce(nullif(payload->>'intent', ''), 'unknown'), count(*)
        FROM event WHERE event_type = 'search' GROUP BY 1, 2
        ON CONFLICT (day, intent) DO UPDATE SET searches = known.searches + excluded.searches
    ), named AS (
        SELECT payload->>'product_id' AS product_id, payload->>'category' AS category, occurred_at, event_id
        FROM event WHERE event_type = 'interaction'
        UNION ALL
        SELECT product_id, category, occurred_at, event_id FROM line
    ), categories AS (
        INSERT INTO personalization_productcategory AS known (product_id, category, named_at, event_id)
        SELECT DISTINCT ON (product_id) product_id, category, occurred_at, event_id
        FROM named WHERE category <> ''
        ORDER BY product_id, occurred_at DESC, event_id COLLATE "C" DESC, category COLLATE "C" DESC
        ON CONFLICT (product_id) DO UPDATE SET
            category = excluded.category, named_at = excluded.named_at, event_id = excluded.event_id
        WHERE (excluded.named_at, excluded.event_id COLLATE "C") > (known.named_at, known.event_id COLLATE "C")
    ), touched AS (
        SELECT day FROM event WHERE event_type = 'search'
        UNION
        SELECT ((occurred_at + distance) AT TIME ZONE 'UTC')::date
        FROM event, unnest(%(distances)s) AS distance
        WHERE event_type = 'order' OR payload->>'search_id' IS NOT NULL
    )
    INSERT INTO personalization_aggregateday AS known (day, touches, counted_touches, k)
    SELECT day, 1, 0, 0 FROM touched WHERE day >= %(first)s ORDER BY day
    ON CONFLICT (day) DO UPDATE SET touches = known.touches + 1
"""
COUNT_NEW = COUNT.format(chosen=SINCE_LAST)
COUNT_AGAIN = COUNT.format(chosen=OF_DAYS)

HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
STEP_END = """
    SELECT xid::text FROM capture_event
    WHERE xid > %(since)s AND xid < %(horizon)s AND received_at >= %(oldest)s
    ORDER BY xid OFFSET %(events)s LIMIT 1
"""
