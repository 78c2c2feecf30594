WITH line AS (
  SELECT user_id, order_id, item.product_id
  FROM `$order` CROSS JOIN UNNEST(items) AS item WHERE $recent AND item.quantity > 0
),
person AS (
  SELECT user_id, CASE $cohort_of END AS cohort_id
  FROM (
    SELECT user_id, COUNT(DISTINCT order_id) AS orders
    FROM (
      SELECT user_id, CAST(NULL AS STRING) AS order_id FROM `$search` WHERE $recent
      UNION ALL
      SELECT user_id, CAST(NULL AS STRING) AS order_id FROM `$interaction` WHERE $recent
      UNION ALL
      SELECT user_id, CAST(NULL AS STRING) AS order_id FROM `$cart` WHERE $recent
      UNION ALL
      SELECT user_id, CAST(NULL AS STRING) AS order_id FROM `$recommendation_impression` WHERE $recent
      UNION ALL
      SELECT user_id, order_id FROM `$order` WHERE $recent
    )
    WHERE user_id IS NOT NULL
    GROUP BY user_id
  )
),
basket AS (
  SELECT user_id, order_id, COUNT(DISTINCT product_id) AS size FROM line GROUP BY user_id, order_id
),
liked AS (
  SELECT person.cohort_id, named.category, COUNT(DISTINCT signal.user_id) AS people
  FROM (
$product_signals) AS signal
  JOIN person ON person.user_id = signal.user_id
  JOIN (
$product_categories) AS named
  ON named.product_id = signal.product_id
  GROUP BY person.cohort_id, named.category
),
common AS (
  SELECT cohort_id, ARRAY_AGG(category ORDER BY people DESC, category LIMIT $most_categories) AS common_categories
  FROM liked WHERE people >= $k
  GROUP BY cohort_id
),
filled AS (
  SELECT person.cohort_id, AVG(basket.size) AS avg_basket_size
  FROM basket JOIN person ON person.user_id = basket.user_id
  GROUP BY person.cohort_id
),
counted AS (
  SELECT cohort_id, COUNT(*) AS user_count FROM person GROUP BY cohort_id HAVING COUNT(*) >= $k
)
SELECT counted.cohort_id, counted.user_count, common.common_categories, filled.avg_basket_size
FROM counted
LEFT JOIN common ON common.cohort_id = counted.cohort_id
LEFT JOIN filled ON filled.cohort_id = counted.cohort_id
