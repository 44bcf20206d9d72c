-- Which registered senders were blocked or labelled, why, and over which relay?
-- takes: from, to
SELECT
    sender_key AS sender,
    action,
    reason.code AS reason,
    coalesce(route_relay_id, '-') AS relay,
    count(DISTINCT decision_id) AS messages,
    local_time(min(event_time_ms)) AS first,
    local_time(max(event_time_ms)) AS last
FROM (SELECT *, unnest(reasons) AS reason
      FROM decisions
      WHERE sender_registered AND action <> 'DELIVER' AND event_time_ms >= $from_ms AND event_time_ms < $to_ms)
WHERE reason.mode = CASE verdict WHEN 'BLOCK' THEN 'BLOCK' ELSE 'LABEL' END
GROUP BY ALL
ORDER BY messages DESC, sender, action, reason, relay
