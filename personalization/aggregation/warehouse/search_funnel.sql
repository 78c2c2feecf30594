SELECT
  DATE(search.occurred_at) AS day,
  COUNT(*) AS searches,
  COUNTIF(COALESCE(search.results_count, 1) > 0) AS with_results,
  COUNTIF(outcome.is_clicked) AS clicked,
  COUNTIF(outcome.is_added) AS added,
  COUNTIF(outcome.is_purchased) AS purchased
FROM (SELECT event_id, occurred_at, results_count FROM `$search` WHERE $recent) AS search
LEFT JOIN (
$search_outcomes) AS outcome
ON outcome.event_id = search.event_id
GROUP BY day
