-- Who is reported most, and how far has it come: from reports to findings to the sanction that stands?
-- takes: from, to
WITH charged AS (
    SELECT
        subject,
        count(DISTINCT report_id) AS reports,
        count(DISTINCT coalesce("group", reporter)) AS voters,
        min(reported_at_ms) AS first_ms
    FROM votes
    WHERE reported_at_ms >= $from_ms AND reported_at_ms < $to_ms
    GROUP BY subject
),
found AS (
    SELECT subject, string_agg(DISTINCT step || ' ' || reason, ', ' ORDER BY step || ' ' || reason) AS findings
    FROM findings
    WHERE releases IS NULL
    GROUP BY subject
),
standing AS (
    SELECT subject, string_agg(e.step || ' ' || e.reason, ', ' ORDER BY e.from_ms, e.step, e.reason) AS sanctions
    FROM (SELECT subject, unnest(arg_max(timeline, "offset")) AS e FROM sanctions_history GROUP BY subject)
    WHERE e.step NOT IN ('OBSERVE', 'WARN')
    GROUP BY subject
)
SELECT
    subject,
    reports,
    voters,
    local_time(first_ms) AS first_report,
    coalesce(findings, '') AS findings,
    coalesce(sanctions, '') AS sanctions
FROM charged LEFT JOIN found USING (subject) LEFT JOIN standing USING (subject)
ORDER BY voters DESC, reports DESC, subject
LIMIT 50
