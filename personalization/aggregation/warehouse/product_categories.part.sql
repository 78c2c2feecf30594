  SELECT
    product_id,
    ARRAY_AGG(category ORDER BY occurred_at DESC, event_id DESC, category DESC LIMIT 1)[OFFSET(0)] AS category
  FROM (
    SELECT product_id, category, occurred_at, event_id FROM `$interaction` WHERE $recent
    UNION ALL
    SELECT item.product_id, item.category, occurred_at, event_id
    FROM `$order` CROSS JOIN UNNEST(items) AS item WHERE $recent
  )
  WHERE category <> ''
  GROUP BY product_id
