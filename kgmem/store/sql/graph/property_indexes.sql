-- name: make_unique
-- The property comes first, so that questions for its values use the index too.
CREATE UNIQUE INDEX {made} ON {graph}.{label} (%(values)s, (%(scope)s)%(left)s) NULLS NOT DISTINCT WHERE %(present)s

-- name: make_plain
CREATE INDEX {made} ON {graph}.{label} (%(values)s)

-- name: make_vectors
CREATE INDEX {made} ON {graph}.{label} USING hnsw ((%(vector)s) {operators})

-- name: make_words
CREATE INDEX {made} ON {graph}.{label} USING gin ((%(words)s))

-- name: describe
COMMENT ON INDEX {graph}.{made} IS %(told)s

-- name: drop
DROP INDEX {graph}.{made}

-- name: held
SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'i' AND c.relname ~ '^kgmem_(unique|indexed|vectors|words)_'

-- name: keep_writers_out
LOCK TABLE {graph}.{label} IN SHARE MODE

-- name: duplicate
SELECT %(shown)s AS value,
       (array_agg(ag_catalog.agtype_out(%(key)s)::text ORDER BY id))[1:2] AS keys
FROM {graph}.{label} WHERE %(present)s
GROUP BY %(values)s, (%(scope)s)%(left)s HAVING count(*) > 1 LIMIT 1

-- name: described
SELECT obj_description(to_regclass(format('%I.%I', $1::text, $2::text)), 'pg_class')

-- name: holder
SELECT ag_catalog.agtype_out(%(key)s)::text AS key FROM {graph}.{label}
WHERE %(equal)s AND %(scope)s IS NOT DISTINCT FROM $2::text::ag_catalog.agtype
