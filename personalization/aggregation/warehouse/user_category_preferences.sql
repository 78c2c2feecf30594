SELECT
  user_id,
  category,
  COUNT(*) AS interaction_count,
  AVG(weight) AS avg_weight,
  LEAST(1.0, GREATEST(0.0, SUM(IF(age_days <= $recent_days, weight * POW(factor, age_days), 0.0)))) AS last_30d_score
FROM (
  SELECT
    signal.user_id,
    COALESCE(named.category, 'unknown') AS category,
    $weight AS weight,
    $factor AS factor,
    $days AS days,
    GREATEST(UNIX_MICROS(CURRENT_TIMESTAMP()) / 1e6 - UNIX_SECONDS(signal.occurred_at), 0) / 86400 AS age_days
  FROM (
    SELECT user_id, occurred_at, product_id, CASE
      WHEN interaction_type = 'product_view' THEN 'view'
      WHEN interaction_type IN ('product_click', 'add_to_list') OR rating >= $high THEN 'click'
      WHEN rating <= $low THEN 'disliked'
    END AS kind
    FROM `$interaction` WHERE $recent
    UNION ALL
    SELECT user_id, occurred_at, product_id, CASE
      WHEN action = 'add' AND quantity > 0 THEN 'cart'
      WHEN action = 'remove' OR action = 'update' AND quantity = 0 THEN 'removed'
    END AS kind
    FROM `$cart` WHERE $recent
    UNION ALL
    SELECT user_id, occurred_at, item.product_id, 'purchase' AS kind
    FROM `$order` CROSS JOIN UNNEST(items) AS item WHERE $recent AND item.quantity > 0
  ) AS signal
  LEFT JOIN (
$product_categories) AS named
  ON named.product_id = signal.product_id
  WHERE signal.user_id IS NOT NULL AND signal.kind IS NOT NULL
)
WHERE age_days <= days
GROUP BY user_id, category
