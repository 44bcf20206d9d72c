-- How many messages were blocked for each reason, day by day?
-- A message with several reasons counts under each of those that ran in mode BLOCK.
-- takes: from, to
SELECT
    date,
    leg,
    reason.code AS reason,
    reason.gate AS gate,
    count(DISTINCT decision_id) AS messages
FROM (SELECT date, leg, decision_id, unnest(reasons) AS reason
      FROM decisions
      WHERE verdict = 'BLOCK' AND event_time_ms >= $from_ms AND event_time_ms < $to_ms)
WHERE reason.mode = 'BLOCK'
GROUP BY ALL
ORDER BY date, messages DESC, leg, reason
