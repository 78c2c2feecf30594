WITH showed AS (
  SELECT DISTINCT
    DATE(search.occurred_at) AS day,
    supplier,
    search.event_id,
    LOWER(TRIM(REGEXP_REPLACE(search.query, r'[ \t\r\n]+', ' '), ' ')) AS query,
    COALESCE(search.user_id, search.session_id) AS shopper
  FROM `$search` AS search CROSS JOIN UNNEST(search.suppliers) AS supplier
  WHERE search.timestamp >= $since AND search.occurred_at >= $since AND supplier <> ''
),
shown AS (
  SELECT showed.day, showed.supplier, COUNT(*) AS searches, COUNTIF(outcome.is_clicked) AS clicked
  FROM showed
  LEFT JOIN (
$search_outcomes) AS outcome
  ON outcome.event_id = showed.event_id
  GROUP BY showed.day, showed.supplier
),
common AS (
  SELECT day, supplier, query, COUNT(*) AS searches, COUNT(DISTINCT shopper) AS shoppers
  FROM showed
  WHERE query <> ''
  GROUP BY day, supplier, query
  HAVING COUNT(DISTINCT shopper) >= $k
),
top AS (
  SELECT
    day,
    supplier,
    ARRAY_AGG(STRUCT(query, searches, shoppers) ORDER BY searches DESC, query LIMIT $most_queries) AS top_queries
  FROM common
  GROUP BY day, supplier
)
SELECT shown.day, shown.supplier, shown.searches, shown.clicked, top.top_queries
FROM shown
LEFT JOIN top ON top.day = shown.day AND top.supplier = shown.supplier
