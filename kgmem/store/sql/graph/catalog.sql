-- name: register
INSERT INTO kgmem.graph (name, age_name, index_name, strict, schema, fusion, facts, facts_made, extraction, recipe)
VALUES ($1, gen_random_uuid()::text, gen_random_uuid()::text, $2, $3::text::jsonb, $4, $5, $5, $6, $7)
RETURNING id

-- name: place
UPDATE kgmem.graph SET age_name = $2, index_name = $3, space = $4::text::jsonb, space_table = $5 WHERE id = $1

-- name: get
SELECT id, name, age_name, index_name, strict, schema::text, space::text, space_table, next_space::text,
       next_space_table, fusion, facts, extraction, recipe, created_at, subsystems, names_erased,
       xmin::text::bigint AS register,
       EXISTS (SELECT 1 FROM kgmem.deferred_index a WHERE a.graph = graph.id AND a.name LIKE '%passage_words') AS wordless
FROM kgmem.graph WHERE name = $1

-- name: subsystems
SELECT subsystems FROM kgmem.graph WHERE id = $1

-- name: add_subsystem
-- The second of two waits here for the first, and then changes nothing.
UPDATE kgmem.graph SET subsystems = subsystems || $2::text WHERE id = $1 AND $2 <> ALL (subsystems)
RETURNING index_name, space_table, next_space_table

-- name: list
SELECT id, name, strict, schema::text, space::text, fusion, facts, extraction, recipe, created_at
FROM kgmem.graph ORDER BY name

-- name: update
UPDATE kgmem.graph SET strict = $2, schema = $3::text::jsonb, fusion = $4, facts = $5, extraction = $6, recipe = $7,
    facts_made = CASE WHEN facts = $5 THEN facts_made END
WHERE name = $1 RETURNING id

-- name: unregister
DELETE FROM kgmem.graph WHERE name = $1 RETURNING id, age_name, index_name

-- name: imports_wait
-- Behind the batches that are being stored; those that come later find that the graph is gone.
SELECT pg_advisory_xact_lock(hashtext('kgmem graph'), $1)

-- name: forget_imports
DELETE FROM kgmem.import WHERE graph = $1

-- name: forget_set_aside
DELETE FROM kgmem.deferred_index WHERE graph = $1

-- name: forget_integrity
DELETE FROM kgmem.integrity WHERE graph = $1

-- name: drop_index
DROP SCHEMA {index} CASCADE

-- name: stats
SELECT (SELECT count(*) FROM {index}.item WHERE kind = 1) AS entities,
       (SELECT count(*) FROM {index}.item WHERE kind = 2) AS episodes,
       (SELECT count(*) FROM {index}.edge) AS relationships,
       (SELECT count(*) FROM {index}.item WHERE kind = 3) AS facts,
       (SELECT count(*) FROM {index}.passage) AS passages,
       (SELECT count(DISTINCT passage) FROM {index}.embedding_queue WHERE refused IS NULL) AS waiting,
       (SELECT count(DISTINCT passage) FROM {index}.embedding_queue WHERE refused IS NOT NULL) AS refused,
       (SELECT count(*) FROM {index}.scope) AS scopes,
       (SELECT count(*) FROM {index}.source) AS sources,
       coalesce((SELECT id FROM {index}.change WHERE xid < (SELECT kgmem.settled_below())
                 ORDER BY xid DESC, id DESC LIMIT 1), 0) AS last_change,
       (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ($1, $2) AND c.relkind = 'r') AS bytes

-- name: stats_labels
-- Nodes that do not bear the label of their table count by that which they bear.
SELECT l.kind, coalesce(c.borne, l.name) AS name, sum(c.n)::bigint AS n
FROM {index}.label l
JOIN (SELECT id >> 48 AS label, CASE WHEN labels[1] = '' THEN labels[2] END AS borne, count(*) AS n
      FROM {index}.item WHERE kind < 3 GROUP BY 1, 2
      UNION ALL SELECT kind, NULL, count(*) FROM {index}.edge GROUP BY 1) c ON c.label = l.id
GROUP BY 1, 2
ORDER BY n DESC, name

-- name: stats_vectors
SELECT count(*) FROM {index}.{table}

-- name: next_space
UPDATE kgmem.graph SET next_space = $2::text::jsonb, next_space_table = $3 WHERE id = $1

-- name: switch_space
UPDATE kgmem.graph SET space = next_space, space_table = next_space_table, next_space = NULL, next_space_table = NULL
WHERE id = $1 RETURNING space_table
