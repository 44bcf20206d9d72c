-- Which checks could not tell, and what was missing?
-- takes: from, to
SELECT
    c.check AS "check",
    coalesce(json_extract_string(c.evidence, '$.why'), '') AS missing,
    count(DISTINCT decision_id) AS messages,
    count(DISTINCT decision_id) FILTER (sender_registered) AS registered
FROM (SELECT decision_id, sender_registered, unnest(checks) AS c
      FROM decisions
      WHERE event_time_ms >= $from_ms AND event_time_ms < $to_ms)
WHERE c.outcome = 'UNKNOWN'
GROUP BY ALL
ORDER BY messages DESC, "check", missing
