-- What happened to a sender: decisions, reports, findings, day by day? Its key as published, e.g. kr:15881234.
-- A person's pseudonym in decisions is another one than in reports and findings: only decisions are found for it.
-- takes: sender, from, to
SELECT date, 'decisions' AS what, coalesce(leg, '') || ' over ' || coalesce(route_relay_id, '-') AS place, action AS said,
    coalesce(array_to_string([r.code FOR r IN reasons IF r.mode <> 'OBSERVE'], ', '), '') AS why,
    count(DISTINCT decision_id) AS count
FROM decisions
WHERE sender_key = $sender AND event_time_ms >= $from_ms AND event_time_ms < $to_ms
GROUP BY ALL
UNION ALL
SELECT date, 'reports', leg || ' over ' || coalesce(route_relay_id, '-'), 'reported', category, count(DISTINCT report_id)
FROM reports
WHERE displayed_sender = $sender AND reported_at_ms >= $from_ms AND reported_at_ms < $to_ms
GROUP BY ALL
UNION ALL
SELECT date, 'findings', source, step, reason, count(DISTINCT finding_id)
FROM findings
WHERE starts_with(subject, 'sender:' || $sender || '#') AND recorded_at_ms >= $from_ms AND recorded_at_ms < $to_ms
GROUP BY ALL
ORDER BY date, what, place, said, why
