-- Which relays leak: what did the receiving side catch that the relay should have seen, of how much?
-- no_gate: caught here, and no gate stood at the relay. Shares in parts per million of the relay's messages.
-- takes: from, to
SELECT
    route_relay_id AS relay,
    count(*) AS messages,
    count(*) FILTER (verdict = 'BLOCK') AS blocked,
    count(*) FILTER (leak <> 'no_gate') AS leaked,
    count(*) FILTER (leak = 'no_gate') AS no_gate,
    count(*) FILTER (leak <> 'no_gate') * 1000000 // count(*) AS leaked_ppm,
    count(*) FILTER (leak = 'no_gate') * 1000000 // count(*) AS no_gate_ppm
FROM (SELECT DISTINCT decision_id, route_relay_id, verdict, leak
      FROM decisions
      WHERE leg = 'termination' AND route_relay_id IS NOT NULL
        AND event_time_ms >= $from_ms AND event_time_ms < $to_ms)
GROUP BY route_relay_id
ORDER BY leaked DESC, no_gate DESC, relay
