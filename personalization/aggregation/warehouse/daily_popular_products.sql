SELECT
  DATE(occurred_at) AS day,
  product_id,
  COUNTIF(kind = 'view') AS views,
  COUNTIF(kind = 'click') AS clicks,
  COUNTIF(kind = 'add') AS adds_to_cart,
  COUNTIF(kind = 'purchase') AS purchases,
  SAFE_DIVIDE(COUNTIF(kind = 'purchase'), COUNTIF(kind = 'view')) AS conversion_rate
FROM (
$product_signals)
GROUP BY day, product_id
