-- name: ping
SELECT 1

-- name: position
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint

-- name: jobs
SELECT count(*) FILTER (WHERE status = 'todo') AS waiting, count(*) FILTER (WHERE status = 'doing') AS running,
       count(*) FILTER (WHERE status = 'failed') AS failed
FROM kgmem_jobs.procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')

-- name: oldest_job
-- Of those that could run; what is tried again later waits from then on.
SELECT coalesce(extract(epoch FROM max(now() - greatest(j.scheduled_at, (
           SELECT max(e.at) FROM kgmem_jobs.procrastinate_events e
           WHERE e.job_id = j.id AND e.type IN ('deferred', 'deferred_for_retry'))))), 0)::float8
FROM kgmem_jobs.procrastinate_jobs j
WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())

-- name: passages_waiting
-- From the statistics, which are about right: counting would read a table a graph.
SELECT coalesce(sum(s.n_live_tup), 0)::bigint AS n
FROM kgmem.graph g JOIN pg_stat_user_tables s ON s.schemaname = g.index_name AND s.relname = 'embedding_queue'

-- name: integrity
-- Reports of graphs that were dropped count no more.
WITH newest AS (
    SELECT i.graph, i.checked_at, i.report FROM kgmem.integrity i
    WHERE i.graph = 0 OR EXISTS (SELECT 1 FROM kgmem.graph g WHERE g.id = i.graph)
)
SELECT count(*) FILTER (WHERE d ->> 'state' = 'warning') AS warning,
       count(*) FILTER (WHERE d ->> 'state' = 'problem') AS problem,
       coalesce((SELECT extract(epoch FROM now() - min(coalesce(n.checked_at, g.created_at)))
                 FROM kgmem.graph g LEFT JOIN newest n ON n.graph = g.id), 0)::float8 AS unchecked
FROM newest CROSS JOIN LATERAL jsonb_array_elements(newest.report -> 'damages') AS d

-- name: small_sort_memory
SET LOCAL work_mem = '64kB'

-- name: write_to_disk
SELECT count(*) FROM (SELECT repeat(md5(n::text), 8) AS text FROM generate_series(1, 6000) AS n ORDER BY 1 OFFSET 0) s

-- name: database_size
SELECT pg_database_size(current_database())
