SELECT
  weekday,
  hour,
  COUNTIF(kind = 'search') AS searches,
  COUNTIF(kind = 'product_view') AS views,
  COUNTIF(kind = 'product_click') AS clicks,
  COUNTIF(kind = 'add') AS adds,
  COUNTIF(kind = 'order') AS orders
FROM (
  SELECT
    EXTRACT(DAYOFWEEK FROM occurred_at AT TIME ZONE '$zone') AS weekday,
    EXTRACT(HOUR FROM occurred_at AT TIME ZONE '$zone') AS hour,
    kind
  FROM (
    SELECT occurred_at, 'search' AS kind FROM `$search` WHERE $recent
    UNION ALL
    SELECT occurred_at, interaction_type AS kind
    FROM `$interaction` WHERE $recent AND interaction_type IN ('product_view', 'product_click')
    UNION ALL
    SELECT occurred_at, 'add' AS kind FROM `$cart` WHERE $recent AND action = 'add' AND quantity > 0
    UNION ALL
    SELECT occurred_at, 'order' AS kind FROM `$order` WHERE $recent
  )
)
GROUP BY weekday, hour
