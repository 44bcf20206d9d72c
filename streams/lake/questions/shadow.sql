-- What would the enforce profile block that was let through, by reason, and how much of it from registered senders?
-- blocks_now: messages blocked today in which the reason ran in mode BLOCK.
-- takes: from, to
WITH seen AS (
    SELECT DISTINCT ON (decision_id) *
    FROM decisions
    WHERE event_time_ms >= $from_ms AND event_time_ms < $to_ms
),
would AS (
    SELECT unnest(list_distinct(shadow_codes)) AS reason, 1 AS would_block, sender_registered::INT AS registered, 0 AS now
    FROM seen
    WHERE verdict = 'ALLOW' AND shadow_verdict = 'BLOCK'
),
now AS (
    SELECT unnest(list_distinct([r.code FOR r IN reasons IF r.mode = 'BLOCK'])) AS reason, 0, 0, 1
    FROM seen
    WHERE verdict = 'BLOCK'
)
SELECT
    reason,
    sum(now)::BIGINT AS blocks_now,
    sum(would_block)::BIGINT AS would_block,
    sum(registered)::BIGINT AS would_block_registered
FROM (FROM would UNION ALL FROM now)
GROUP BY reason
ORDER BY would_block DESC, blocks_now DESC, reason
