"""SQL that has to tell people, or searches, apart: counted anew as a whole, for there is nothing to add to.

The same definitions stand in `warehouse/` for BigQuery, and in docs/aggregates.md in words.
"""

BEFORE = "1 hour"
"""A clock that is not corrected may have a click happen before its search."""
AFTER = "24 hours"
"""What happens later is no outcome of a search."""
MOST_QUERIES = 10
MOST_CATEGORIES = 5
COHORTS = ((10, "weekly"), (5, "fortnightly"), (2, "monthly"), (1, "once"), (0, "browsing"))
"""Of people by how many orders they made, at least; the first that fits."""

SEARCHES = f"""
    WITH search AS MATERIALIZED (
        SELECT event_id, occurred_at, (occurred_at AT TIME ZONE 'UTC')::date AS day,
               coalesce(payload->>'search_id', event_id) AS search_id,
               coalesce(subject_id::text, session_id) AS shopper,
               lower(btrim(regexp_replace(payload->>'query', '[ \\t\\r\\n]+', ' ', 'g'))) AS query,
               coalesce((payload->>'results_count')::numeric, 1) > 0 AS has_results,
               payload->'suppliers' AS suppliers
        FROM capture_event
        WHERE event_type = 'search' AND received_at >= %(oldest)s
          AND (occurred_at AT TIME ZONE 'UTC')::date = ANY(%(days)s)
    ), choice AS MATERIALIZED (
        SELECT payload->>'search_id' AS search_id, payload->>'product_id' AS product_id, occurred_at,
               event_type = 'interaction' AS is_click
        FROM capture_event
        WHERE received_at >= %(oldest)s - interval '{BEFORE}' AND occurred_at >= %(oldest)s - interval '{BEFORE}'
          AND payload->>'search_id' IS NOT NULL
          AND (event_type = 'interaction' AND payload->>'interaction_type' = 'product_click'
               OR event_type = 'cart' AND payload->>'action' = 'add' AND (payload->>'quantity')::numeric > 0)
    ), bought AS MATERIALIZED (
        SELECT coalesce(subject_id::text, session_id) AS shopper, item->>'product_id' AS product_id, occurred_at
        FROM capture_event, jsonb_array_elements(payload->'items') AS item
        WHERE event_type = 'order' AND received_at >= %(oldest)s AND (item->>'quantity')::numeric > 0
    ), outcome AS (
        SELECT search.event_id, bool_or(is_click) AS is_clicked, bool_or(NOT is_click) AS is_added,
               bool_or(bought.product_id IS NOT NULL) AS is_purchased
        FROM search
        JOIN choice ON choice.search_id = search.search_id
                   AND choice.occurred_at >= search.occurred_at - interval '{BEFORE}'
                   AND choice.occurred_at < search.occurred_at + interval '{AFTER}'
        LEFT JOIN bought ON bought.shopper = search.shopper AND bought.product_id = choice.product_id
                        AND bought.occurred_at >= search.occurred_at
                        AND bought.occurred_at < search.occurred_at + interval '{AFTER}'
        GROUP BY 1
    ), told AS MATERIALIZED (
        SELECT search.*, coalesce(is_clicked, false) AS is_clicked, coalesce(is_added, false) AS is_added,
               coalesce(is_purchased, false) AS is_purchased
        FROM search LEFT JOIN outcome USING (event_id)
    ), showed AS MATERIALIZED (
        SELECT DISTINCT day, supplier, event_id, query, shopper, is_clicked
        FROM told, jsonb_array_elements_text(suppliers) AS supplier WHERE supplier <> ''
    ), asked AS (
        SELECT day, supplier, query, count(*) AS searches, count(DISTINCT shopper) AS shoppers
        FROM showed WHERE query <> '' GROUP BY 1, 2, 3
    ), common AS (
        SELECT *, row_number() OVER (
            PARTITION BY day, supplier ORDER BY searches DESC, query COLLATE "C") AS place
        FROM asked WHERE shoppers >= %(k)s
    ), top AS (
        SELECT day, supplier, jsonb_agg(
            jsonb_build_object('query', query, 'searches', searches, 'shoppers', shoppers) ORDER BY place) AS queries
        FROM common WHERE place <= {MOST_QUERIES} GROUP BY 1, 2
    )
    SELECT 'funnel', jsonb_build_object(
        'day', day, 'searches', count(*), 'with_results', count(*) FILTER (WHERE has_results),
        'clicked', count(*) FILTER (WHERE is_clicked), 'added', count(*) FILTER (WHERE is_added),
        'purchased', count(*) FILTER (WHERE is_purchased)
    ) FROM told GROUP BY day
    UNION ALL
    SELECT 'supplier', jsonb_build_object(
        'day', day, 'supplier', supplier, 'searches', searches, 'clicked', clicked,
        'top_queries', coalesce(queries, '[]')
    ) FROM (
        SELECT day, supplier, count(*) AS searches, count(*) FILTER (WHERE is_clicked) AS clicked
        FROM showed GROUP BY 1, 2
    ) AS shown LEFT JOIN top USING (day, supplier)
"""  # noqa: S608 (SQL of our own)

COHORT_OF = " ".join(f"WHEN orders >= {orders} THEN '{name}'" for orders, name in COHORTS)

PEOPLE = f"""
    WITH event AS MATERIALIZED (
        SELECT subject_id, event_type, payload FROM capture_event
        WHERE received_at >= %(oldest)s AND occurred_at >= %(oldest)s AND subject_id IS NOT NULL
    ), line AS MATERIALIZED (
        SELECT subject_id, payload->>'order_id' AS order_id, item->>'product_id' AS product_id
        FROM event, jsonb_array_elements(payload->'items') AS item
        WHERE event_type = 'order' AND (item->>'quantity')::numeric > 0
    ), person AS MATERIALIZED (
        SELECT subject_id, CASE {COHORT_OF} END AS cohort_id FROM (
            SELECT subject_id, count(DISTINCT payload->>'order_id') FILTER (WHERE event_type = 'order') AS orders
            FROM event GROUP BY 1
        ) AS ordered
    ), basket AS (
        SELECT subject_id, order_id, count(DISTINCT product_id) AS size FROM line GROUP BY 1, 2
    ), touched AS (
        SELECT subject_id, product_id FROM line
        UNION
        SELECT subject_id, payload->>'product_id' FROM event
        WHERE event_type = 'interaction' AND payload->>'interaction_type' IN ('product_view', 'product_click')
           OR event_type = 'cart' AND payload->>'action' = 'add' AND (payload->>'quantity')::numeric > 0
    ), liked AS (
        SELECT cohort_id, category, count(DISTINCT subject_id) AS people
        FROM touched JOIN person USING (subject_id)
        JOIN personalization_productcategory USING (product_id) GROUP BY 1, 2
    ), placed AS (
        SELECT *, row_number() OVER (PARTITION BY cohort_id ORDER BY people DESC, category COLLATE "C") AS place
        FROM liked WHERE people >= %(k)s
    ), common AS (
        SELECT cohort_id, jsonb_agg(category ORDER BY place) AS categories
        FROM placed WHERE place <= {MOST_CATEGORIES} GROUP BY 1
    )
    SELECT cohort_id, user_count, coalesce(categories, '[]'), avg_basket_size
    FROM (SELECT cohort_id, count(*) AS user_count FROM person GROUP BY 1) AS counted
    LEFT JOIN (
        SELECT cohort_id, avg(size)::float8 AS avg_basket_size
        FROM basket JOIN person USING (subject_id) GROUP BY 1
    ) AS filled USING (cohort_id)
    LEFT JOIN common USING (cohort_id)
    WHERE user_count >= %(k)s
"""  # noqa: S608 (SQL of our own)
