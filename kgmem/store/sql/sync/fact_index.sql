-- name: put
-- A fact is an item under its edge's id, with what the edge tells. The key makes it unique among items, no more.
INSERT INTO {index}.item AS i (id, kind, scope, version, source, trust, known_from, valid, key)
SELECT e.id, 3, e.scope, e.version, e.origin, e.trust, e.known_from, e.valid, e.id::text
FROM {index}.edge e WHERE e.id = ANY ($1::bigint[])
ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, version = excluded.version, source = excluded.source,
    trust = excluded.trust, known_from = excluded.known_from, valid = excluded.valid
WHERE (i.scope, i.version, i.source, i.trust, i.known_from, i.valid) IS DISTINCT FROM
      (excluded.scope, excluded.version, excluded.source, excluded.trust, excluded.known_from, excluded.valid)

-- name: drop
DELETE FROM {index}.item WHERE id = ANY ($1::bigint[]) AND kind = 3 RETURNING id

-- name: forget_vectors
DELETE FROM {index}.past_vector v USING {index}.past_passage p, {index}.past_item i
WHERE v.passage = p.id AND p.item = i.id AND i.id = ANY ($1::bigint[]) AND i.kind = 3

-- name: forget_passages
DELETE FROM {index}.past_passage p USING {index}.past_item i
WHERE p.item = i.id AND i.id = ANY ($1::bigint[]) AND i.kind = 3

-- name: forget_items
DELETE FROM {index}.past_item WHERE id = ANY ($1::bigint[]) AND kind = 3

-- name: past
SELECT DISTINCT id FROM {index}.past_item WHERE kind = 3

-- name: strays
SELECT i.id FROM {index}.item i WHERE i.kind = 3 AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = i.id)

-- name: writers_wait
LOCK TABLE {index}.edge IN SHARE MODE

-- name: edges
SELECT id, source, target, strength, confidence FROM {index}.edge WHERE id = ANY ($1::bigint[])

-- name: page
-- Relationships of one kind that are facts under the setting $3, or were under another.
SELECT v.id FROM {graph}.{label} v
WHERE v.id > $1
  AND ($3 = 'all'
       OR ($3 = 'text' AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[v.properties, '"text"'::agtype]) IS NOT NULL)
       OR EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = v.id::text::bigint))
ORDER BY v.id LIMIT $2

-- name: lock
SELECT e.id FROM {index}.edge e WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id FOR UPDATE

-- name: made
UPDATE kgmem.graph SET facts_made = $2 WHERE id = $1 AND facts = $2

-- name: unmade
SELECT name FROM kgmem.graph WHERE facts_made IS DISTINCT FROM facts ORDER BY name
