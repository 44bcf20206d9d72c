-- Which sanctions were in force at a time?
-- An entry that is no longer in its subject's row was either withdrawn before it began or had ended long ago.
-- takes: at
WITH history AS (
    SELECT
        subject,
        timeline,
        "offset" AS place,
        lead(list_max([greatest(e.recorded_at_ms, coalesce(e.end_recorded_at_ms, 0)) FOR e IN timeline]))
            OVER (PARTITION BY subject ORDER BY "offset") AS next_ms
    FROM sanctions_history
),
last AS (
    SELECT subject, arg_max(e, place) AS e, arg_max(coalesce(next_ms, 9007199254740992), place) AS next_ms
    FROM (SELECT subject, place, next_ms, unnest(timeline) AS e FROM history)
    GROUP BY subject, e.sanction_id
)
SELECT
    subject,
    e.step AS step,
    e.reason AS reason,
    e.authority AS authority,
    array_to_string(e.scope.legs, ', ') AS legs,
    local_time(e.from_ms) AS "from",
    local_time(e.to_ms) AS until,
    e.sanction_id AS sanction
FROM last
WHERE e.recorded_at_ms <= $at_ms AND e.from_ms <= $at_ms AND (e.to_ms IS NULL OR $at_ms < e.to_ms)
  AND (next_ms = 9007199254740992 OR e.to_ms < next_ms)
  AND coalesce(len([a FOR a IN e.appeals IF a.paused_from_ms <= $at_ms AND $at_ms < coalesce(a.paused_to_ms, $at_ms + 1)]), 0) = 0
ORDER BY subject, e.from_ms, e.sanction_id
