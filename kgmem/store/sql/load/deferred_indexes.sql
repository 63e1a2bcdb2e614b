-- name: few_passages
SELECT count(*) < $1 FROM (SELECT 1 FROM {index}.passage LIMIT $1) few

-- name: few_vectors
SELECT count(*) < $1 FROM (SELECT 1 FROM {index}.{table} LIMIT $1) few

-- name: few_edges
SELECT count(*) < $1 FROM (SELECT 1 FROM {index}.edge LIMIT $1) few

-- name: indexes
-- Indexes of these tables that no constraint stands on and that are not unique, with the text that makes each again.
SELECT x.relname::text AS name, i.indexrelid::regclass::text AS qualified, i.indrelid::regclass::text AS on,
       pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE (n.nspname = $1 AND t.relname = ANY ($2::name[]) AND NOT i.indisunique AND i.indisvalid
       AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid))

-- name: note
INSERT INTO kgmem.deferred_index (graph, name, definition)
SELECT $1, * FROM unnest($2::name[], $3::text[]) ON CONFLICT DO NOTHING

-- name: take_turn
SELECT pg_try_advisory_lock(hashtextextended('kgmem aside', $1))

-- name: give_turn
-- Also right for whoever had no turn yet; the connection holds no other lock of this kind.
SELECT pg_advisory_unlock_all()

-- name: held
SELECT name::text AS name, definition FROM kgmem.deferred_index WHERE graph = $1 ORDER BY name

-- name: forget
DELETE FROM kgmem.deferred_index WHERE graph = $1 AND name = $2::name

-- name: forget_standing
-- What was noted and is there all the same.
DELETE FROM kgmem.deferred_index a USING pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN kgmem.graph g ON n.nspname IN (g.index_name, g.age_name)
WHERE a.graph = $1 AND g.id = $1 AND c.relname = a.name AND i.indisvalid

-- name: built
SELECT i.indexrelid::regclass::text AS qualified, i.indisvalid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $1::name AND n.nspname = ANY ($2::name[])

-- name: left
-- Graphs of which something is set aside although no import of theirs has given a sign of life for a while. One that
-- made room for others goes on behind them, and builds what is set aside at its end.
SELECT DISTINCT g.name FROM kgmem.deferred_index a JOIN kgmem.graph g ON g.id = a.graph
WHERE NOT EXISTS (
    SELECT 1 FROM kgmem.import i
    WHERE i.graph = a.graph AND (i.state = 'running' OR (i.state = 'waiting' AND i.upload IS NOT NULL))
      AND coalesce(i.heartbeat_at, i.created_at)
          > now() - CASE i.state WHEN 'running' THEN interval '1 minute' ELSE interval '10 minutes' END)

-- name: rows_known
SELECT reltuples::bigint FROM pg_class WHERE oid = $1::regclass
