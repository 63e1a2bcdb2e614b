-- name: server
SELECT (SELECT system_identifier FROM pg_control_system())::text AS system,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       current_setting('server_version') AS version,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('wal_level') AS wal_level,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       coalesce(current_setting('summarize_wal', true), 'off') AS summarize_wal,
       current_setting('archive_mode') AS archive_mode,
       current_database() AS database, current_user AS role,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       (SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces,
       (SELECT sum(pg_database_size(oid))::bigint FROM pg_database
         WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')) AS bytes

-- name: extensions
SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY extname

-- name: summarize_wal
ALTER SYSTEM SET summarize_wal = on

-- name: reload
SELECT pg_reload_conf()

-- name: last_transaction
SELECT pg_snapshot_xmax(pg_current_snapshot())::text

-- name: holds_wal
-- Held by this session: what the backup needs is not removed before it is copied, and a dead session holds nothing.
SELECT slot_name::text FROM pg_create_physical_replication_slot('kgmem_backup_' || pg_backend_pid(), true, true)

-- name: has_graphs
SELECT to_regclass('kgmem.graph') IS NOT NULL

-- name: graphs
SELECT name, age_name::text AS age_name, index_name::text AS index_name FROM kgmem.graph ORDER BY name

-- name: tables
SELECT g.name AS graph, n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN n.nspname = g.age_name::name THEN 'labels.' ELSE 'index.' END || c.relname AS title,
       coalesce(pg_stat_get_tuples_inserted(c.oid), 0) AS inserted, coalesce(pg_stat_get_tuples_deleted(c.oid), 0) AS deleted
FROM kgmem.graph g
JOIN pg_namespace n ON n.nspname IN (g.age_name::name, g.index_name::name)
JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r' AND c.relpersistence = 'p'
ORDER BY g.name, title

-- name: vector_tables
SELECT g.name AS graph, n.nspname::text AS schema, c.relname::text AS name FROM kgmem.graph g
JOIN pg_namespace n ON n.nspname = g.index_name::name
JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r' AND c.relname LIKE 'vector\_%'
WHERE EXISTS (SELECT FROM pg_index i JOIN pg_class o ON o.oid = i.indexrelid JOIN pg_am a ON a.oid = o.relam
              WHERE i.indrelid = c.oid AND a.amname = 'hnsw')
ORDER BY 1, 3

-- name: nearest
-- The neighbours of a stored vector by the index, and how far the vector is from itself: it, or something nearer, must come.
WITH own AS MATERIALIZED (SELECT embedding FROM {schema}.{table} LIMIT 1),
     near AS MATERIALIZED (SELECT t.embedding <#> (SELECT embedding FROM own) AS distance FROM {schema}.{table} t
                           ORDER BY t.embedding <#> (SELECT embedding FROM own) LIMIT 5)
SELECT (SELECT count(*) FROM own) AS stored, (SELECT min(distance) FROM near) AS nearest,
       (SELECT embedding <#> embedding FROM own) AS itself

-- name: sample
SELECT s.path AS scope, left(p.body, 300) AS body
FROM {index}.passage p JOIN {index}.item i ON i.id = p.item JOIN {index}.scope s ON s.id = i.scope
WHERE upper(i.valid) IS NULL AND length(p.body) > 2 ORDER BY p.id LIMIT 5

-- name: keyword_graphs
SELECT g.id, g.index_name::text AS index_name FROM kgmem.graph g
JOIN pg_namespace n ON n.nspname = g.index_name::name
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'passage_words'
JOIN pg_am a ON a.oid = c.relam AND a.amname = 'bm25'
ORDER BY g.id

-- name: last_replayed
SELECT pg_last_xact_replay_timestamp()

-- name: archiver
SELECT current_setting('archive_mode') AS mode, a.last_archived_wal AS segment, a.last_archived_time AS archived_at,
       a.failed_count AS failures, a.last_failed_time AS failed_at,
       extract(epoch FROM now() - coalesce(a.last_archived_time, pg_postmaster_start_time()))::float8 AS seconds,
       pg_current_wal_lsn()::text AS position,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       pg_is_in_recovery() AS standby
FROM pg_stat_archiver a

-- name: write_something
-- A segment in which nothing was written is not handed over.
SELECT pg_logical_emit_message(true, 'kgmem', 'the archive begins')

-- name: switch
SELECT pg_switch_wal()::text
