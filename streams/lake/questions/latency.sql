-- How long after its event time was a message decided, by gate and day? In milliseconds.
-- takes: from, to
SELECT
    date,
    observed_gate AS gate,
    count(*) AS decisions,
    quantile_disc(observed_decided_at_ms - event_time_ms, 0.5) AS p50_ms,
    quantile_disc(observed_decided_at_ms - event_time_ms, 0.99) AS p99_ms,
    max(observed_decided_at_ms - event_time_ms) AS max_ms
FROM decisions
WHERE observed_decided_at_ms IS NOT NULL AND event_time_ms >= $from_ms AND event_time_ms < $to_ms
GROUP BY ALL
ORDER BY date, gate
