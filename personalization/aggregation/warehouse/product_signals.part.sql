  SELECT user_id, occurred_at, product_id, 'view' AS kind
  FROM `$interaction` WHERE $recent AND interaction_type = 'product_view'
  UNION ALL
  SELECT user_id, occurred_at, product_id, 'click' AS kind
  FROM `$interaction` WHERE $recent AND interaction_type = 'product_click'
  UNION ALL
  SELECT user_id, occurred_at, product_id, 'add' AS kind
  FROM `$cart` WHERE $recent AND action = 'add' AND quantity > 0
  UNION ALL
  SELECT user_id, occurred_at, item.product_id, 'purchase' AS kind
  FROM `$order` CROSS JOIN UNNEST(items) AS item WHERE $recent AND item.quantity > 0
