-- Legal holds: what they cover.

-- name: put
INSERT INTO kgmem.hold (graph, kind, name, ids, keys, reason, by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *

-- name: guard
SELECT kgmem.guard_holds($1, $2, EXISTS (SELECT FROM kgmem.hold h WHERE h.graph = $1 AND h.released_at IS NULL))

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('kgmem hold', $1))

-- name: release
UPDATE kgmem.hold SET released_at = now(), released_by = $3, release_reason = $4
WHERE graph = $1 AND id = $2 AND released_at IS NULL RETURNING *

-- name: get
SELECT * FROM kgmem.hold WHERE graph = $1 AND id = $2

-- name: list
SELECT * FROM kgmem.hold WHERE graph = $1 AND ($2::boolean IS NULL OR $2 = (released_at IS NULL)) AND id < $3
ORDER BY id DESC LIMIT $4

-- name: active
SELECT id, reason FROM kgmem.hold WHERE graph = $1 AND released_at IS NULL ORDER BY id LIMIT 1

-- name: keyed
SELECT i.id, i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE s.path = $1 AND i.key = ANY ($2::text[]) AND i.kind < 3
UNION ALL
SELECT n.id, NULL FROM unnest($3::bigint[]) AS n (id)
WHERE EXISTS (SELECT FROM {index}.item i WHERE i.id = n.id) OR EXISTS (SELECT FROM {index}.edge e WHERE e.id = n.id)

-- name: held
SELECT f.id, f.hold, (SELECT h.reason FROM kgmem.hold h WHERE h.id = f.hold) AS reason FROM (
    SELECT i.id, kgmem.hold_on($1, s.path, array_append(i.labels, l.name), o.key, ARRAY[i.id]) AS hold
    FROM {index}.item i LEFT JOIN {index}.scope s ON s.id = i.scope LEFT JOIN {index}.source o ON o.id = i.source
    LEFT JOIN {index}.label l ON l.id = i.id >> 48 WHERE i.id = ANY ($2::bigint[])
    UNION ALL
    SELECT e.id, kgmem.hold_on($1, s.path, ARRAY[l.name], o.key, ARRAY[e.id, e.source, e.target])
    FROM {index}.edge e LEFT JOIN {index}.scope s ON s.id = e.scope LEFT JOIN {index}.source o ON o.id = e.origin
    LEFT JOIN {index}.label l ON l.id = e.kind WHERE e.id = ANY ($2::bigint[])
) f WHERE f.hold IS NOT NULL

-- name: held_claims
SELECT f.hold, (SELECT h.reason FROM kgmem.hold h WHERE h.id = f.hold) AS reason FROM (
    SELECT kgmem.hold_on($1, s.path, ARRAY[t.predicate], o.key,
        ARRAY(SELECT i.id FROM {index}.item i WHERE i.scope = t.scope AND i.key = t.subject AND i.kind = 1) || c.edge) AS hold
    FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic LEFT JOIN {index}.scope s ON s.id = t.scope
    LEFT JOIN {index}.source o ON o.id = c.source WHERE c.id = ANY ($2::bigint[])
) f WHERE f.hold IS NOT NULL LIMIT 1

-- name: held_scopes
-- Holds on the scopes themselves first, which cost least.
SELECT h.id AS hold, h.reason FROM kgmem.hold h
WHERE h.graph = $1 AND h.released_at IS NULL
  AND (h.kind = 'graph' OR (h.kind = 'scope' AND EXISTS (
        SELECT FROM unnest($2::text[]) AS p (path) WHERE p.path = h.name OR (h.name <> '' AND starts_with(p.path, h.name || '/')))))
LIMIT 1

-- name: held_in_scopes
SELECT f.hold, (SELECT h.reason FROM kgmem.hold h WHERE h.id = f.hold) AS reason FROM (
    SELECT kgmem.hold_on($1, s.path, array_append(i.labels, l.name), o.key, ARRAY[i.id]) AS hold
    FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id LEFT JOIN {index}.source o ON o.id = i.source
    LEFT JOIN {index}.label l ON l.id = i.id >> 48 WHERE s.path = ANY ($2::text[]) AND i.kind < 3
    UNION ALL
    SELECT kgmem.hold_on($1, s.path, ARRAY[l.name], o.key, ARRAY[e.id, e.source, e.target])
    FROM {index}.scope s JOIN {index}.edge e ON e.scope = s.id LEFT JOIN {index}.source o ON o.id = e.origin
    LEFT JOIN {index}.label l ON l.id = e.kind WHERE s.path = ANY ($2::text[])
    UNION ALL
    SELECT kgmem.hold_on($1, s.path, ARRAY[t.predicate], o.key, ARRAY[c.edge])
    FROM {index}.scope s JOIN {index}.topic t ON t.scope = s.id JOIN {index}.claim c ON c.topic = t.id
    LEFT JOIN {index}.source o ON o.id = c.source WHERE s.path = ANY ($2::text[])
) f WHERE f.hold IS NOT NULL LIMIT 1

-- name: of_texts
-- Texts of a scope, and what was extracted from them alone.
SELECT i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE s.path = $1 AND i.kind = 2 AND i.key = ANY ($2::text[])
UNION
SELECT coalesce(n.id, p.item) FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
JOIN {index}.provenance p ON p.episode = i.id AND p.kind IN (1, 3)
LEFT JOIN {index}.item n ON p.kind = 1 AND n.scope = i.scope AND n.key = p.key AND n.kind = 1
WHERE s.path = $1 AND i.kind = 2 AND i.key = ANY ($2::text[])
  AND NOT EXISTS (SELECT FROM {index}.provenance o WHERE o.item = p.item AND o.key = p.key AND o.kind = p.kind AND o.episode <> p.episode)

-- name: of_import
SELECT DISTINCT u.id FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id) WHERE c.import = $1 AND c.kind <= 3
