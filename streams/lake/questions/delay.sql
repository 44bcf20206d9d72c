-- How long from the first report on a subject to the first sanction that reports led to?
-- takes: from, to
WITH first_vote AS (
    SELECT subject, min(reported_at_ms) AS at_ms, count(DISTINCT report_id) AS reports
    FROM votes
    WHERE reported_at_ms >= $from_ms AND reported_at_ms < $to_ms
    GROUP BY subject
),
first_sanction AS (
    SELECT subject, min(from_ms) AS at_ms, arg_min(step, from_ms) AS step, arg_min(reason, from_ms) AS reason
    FROM findings
    WHERE source = 'tally' AND releases IS NULL AND step NOT IN ('OBSERVE', 'WARN')
    GROUP BY subject
)
SELECT
    subject,
    s.step AS step,
    s.reason AS reason,
    local_time(v.at_ms) AS first_report,
    local_time(s.at_ms) AS sanction_from,
    (s.at_ms - v.at_ms) // 60000 AS minutes,
    v.reports AS reports
FROM first_vote v JOIN first_sanction s USING (subject)
WHERE s.at_ms >= v.at_ms
ORDER BY minutes DESC, subject
