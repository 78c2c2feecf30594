  SELECT
    search.event_id,
    LOGICAL_OR(choice.is_click) AS is_clicked,
    LOGICAL_OR(NOT choice.is_click) AS is_added,
    LOGICAL_OR(bought.product_id IS NOT NULL) AS is_purchased
  FROM (
    SELECT
      event_id, occurred_at, COALESCE(search_id, event_id) AS search_id, COALESCE(user_id, session_id) AS shopper
    FROM `$search` WHERE $recent
  ) AS search
  JOIN (
    SELECT search_id, product_id, occurred_at, TRUE AS is_click
    FROM `$interaction` WHERE $nearly_recent AND interaction_type = 'product_click'
    UNION ALL
    SELECT search_id, product_id, occurred_at, FALSE AS is_click
    FROM `$cart` WHERE $nearly_recent AND action = 'add' AND quantity > 0
  ) AS choice
  ON choice.search_id = search.search_id
    AND choice.occurred_at >= TIMESTAMP_SUB(search.occurred_at, INTERVAL $before)
    AND choice.occurred_at < TIMESTAMP_ADD(search.occurred_at, INTERVAL $after)
  LEFT JOIN (
    SELECT COALESCE(user_id, session_id) AS shopper, item.product_id, occurred_at
    FROM `$order` CROSS JOIN UNNEST(items) AS item WHERE $recent AND item.quantity > 0
  ) AS bought
  ON bought.shopper = search.shopper
    AND bought.product_id = choice.product_id
    AND bought.occurred_at >= search.occurred_at
    AND bought.occurred_at < TIMESTAMP_ADD(search.occurred_at, INTERVAL $after)
  GROUP BY search.event_id
