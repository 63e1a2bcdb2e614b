-- name: ping
SELECT 1

-- name: position
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint

-- name: jobs
SELECT count(*) FILTER (WHERE status = 'todo') AS waiting, count(*) FILTER (WHERE status = 'doing') AS running,
       count(*) FILTER (WHERE status = 'failed') AS failed
FROM kgmem_jobs.procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')

-- name: passages_waiting
-- From the statistics, which are about right: counting would read a table a graph.
SELECT coalesce(sum(s.n_live_tup), 0)::bigint AS n
FROM kgmem.graph g JOIN pg_stat_user_tables s ON s.schemaname = g.index_name AND s.relname = 'unembedded'
