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

-- name: server
-- What Postgres tells of this database. A role without pg_monitor sees that others have sessions, not what they do.
SELECT a.*, d.xact_commit AS committed, d.xact_rollback AS rolled_back, d.blks_hit AS hit, d.blks_read AS read,
       d.deadlocks, d.temp_bytes, pg_database_size(current_database()) AS bytes,
       current_setting('max_connections')::int AS most,
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS transactions_since_freeze
FROM pg_stat_database d CROSS JOIN (
    SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'idle') AS idle,
           count(*) FILTER (WHERE starts_with(state, 'idle in transaction')) AS idle_in_transaction,
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
           coalesce(extract(epoch FROM max(now() - xact_start)), 0)::float8 AS oldest
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()) a
WHERE d.datname = current_database()

-- name: rows
-- Of the tables of all graphs and of kgmem, from the statistics; what updates and deletes have left is dead until a vacuum.
SELECT coalesce(sum(n_live_tup), 0)::bigint AS live, coalesce(sum(n_dead_tup), 0)::bigint AS dead FROM pg_stat_user_tables

-- name: standbys
SELECT coalesce(nullif(application_name, ''), 'unnamed') AS name,
       coalesce(max(pg_current_wal_lsn() - replay_lsn), 0)::float8 AS bytes,
       coalesce(extract(epoch FROM max(replay_lag)), 0)::float8 AS seconds
FROM pg_stat_replication WHERE NOT pg_is_in_recovery() GROUP BY 1
