SELECT day, meant AS intent, COUNT(*) AS searches
FROM (
  SELECT DATE(occurred_at) AS day, COALESCE(NULLIF(intent, ''), 'unknown') AS meant
  FROM `$search` WHERE $recent
)
GROUP BY day, meant
