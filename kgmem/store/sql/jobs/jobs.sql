-- name: list
SELECT j.id, j.task_name, j.status::text AS status, j.attempts, j.args,
       (SELECT min(e.at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred') AS created_at
FROM procrastinate_jobs j
WHERE (%(id)s::bigint IS NULL OR j.id = %(id)s)
  AND (%(graph)s::text IS NULL OR j.args ->> 'graph' = %(graph)s)
  AND (%(states)s::text[] IS NULL OR j.status::text = ANY (%(states)s::text[]))
ORDER BY j.id DESC
LIMIT %(limit)s

-- name: waiting
SELECT count(*) FROM procrastinate_jobs
WHERE status = 'todo' AND task_name = %(task)s AND args ->> 'graph' = %(graph)s

-- name: rest
-- The newest part of a job that was broken off.
SELECT j.status::text AS status, j.attempts FROM procrastinate_jobs j
WHERE j.id > %(id)s AND j.args ->> 'continues' = %(id)s::bigint::text
ORDER BY j.id DESC LIMIT 1

-- name: keep_progress
UPDATE procrastinate_jobs SET args = jsonb_set(args, '{progress}', %(progress)s::jsonb) WHERE id = %(own)s
RETURNING id

-- name: others_wait
-- Whether anything could run in the place of a job now. What is less urgent could not: the rest of the job, asked for
-- anew, would come before it again. What waits for a lock of this very job could; what is the same task for the same
-- graph would only be this job's rest, or has to wait for it.
SELECT EXISTS (
    SELECT FROM procrastinate_jobs j JOIN procrastinate_jobs own ON own.id = %(own)s
    WHERE (j.task_name, j.args ->> 'graph') IS DISTINCT FROM (own.task_name, own.args ->> 'graph')
      AND j.status = 'todo' AND j.queue_name = ANY (%(queues)s::text[]) AND j.priority >= %(priority)s
      AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
      AND NOT EXISTS (SELECT FROM procrastinate_jobs o
                      WHERE o.lock = j.lock AND o.status = 'doing' AND o.id <> own.id)) AS others

-- name: raise_old
-- What has waited for long comes as early as imports do, so that nothing waits for ever.
UPDATE procrastinate_jobs j SET priority = %(priority)s
FROM (SELECT j.id FROM procrastinate_jobs j
      WHERE j.status = 'todo' AND j.priority < %(priority)s
        AND greatest(j.scheduled_at, (SELECT max(e.at) FROM procrastinate_events e
                                      WHERE e.job_id = j.id AND e.type IN ('deferred', 'deferred_for_retry')))
            < now() - make_interval(secs => %(seconds)s)
      ORDER BY j.id LIMIT 100 FOR UPDATE SKIP LOCKED) old
WHERE j.id = old.id

-- name: foreign_writes
SELECT EXISTS (SELECT FROM kgmem.captured) AS waiting

-- name: put_back_lost
-- Jobs that say they run and do not: their worker is gone or gave no sign of life for too long, or it is of this process
-- and knows nothing of them (the end of the job could not be written). Rows are locked and looked at again, so that two
-- processes never put the same job back twice. A job that took its worker along ten times is not tried again.
WITH lost AS (
    SELECT j.id, j.attempts >= 10 AS hopeless
    FROM procrastinate_jobs j
    LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing'
      AND (w.id IS NULL
           OR w.last_heartbeat < now() - make_interval(secs => %(silence)s)
           OR (w.id = ANY (%(workers)s::bigint[]) AND j.id <> ALL (%(running)s::bigint[])
               AND NOT EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'started'
                               AND e.at > now() - make_interval(secs => %(silence)s))))
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE procrastinate_jobs j
SET status = CASE WHEN lost.hopeless THEN 'failed' ELSE 'todo' END::procrastinate_job_status,
    attempts = j.attempts + 1,
    scheduled_at = NULL,
    worker_id = NULL,
    abort_requested = false
FROM lost WHERE lost.id = j.id
RETURNING j.id, j.task_name, lost.hopeless
