-- name: create
-- Whether entities that are alike are joined, and up to where that was done. One row, or none: nobody has asked for it.
CREATE TABLE {index}.similarity_settings (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since xid8 NOT NULL DEFAULT '0',          -- what was written before this was looked at
    waits boolean NOT NULL DEFAULT true,      -- vectors were missing then
    min_similarity real NOT NULL              -- the cosine from which entities are linked
);

-- Which passages of entities were compared with those whose turn was before, by which vector (its row's transaction).
CREATE TABLE {index}.similarity_done (
    passage bigint PRIMARY KEY,
    item    bigint NOT NULL,
    vector  bigint NOT NULL,
    turn    bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX similarity_done_item ON {index}.similarity_done (item);

-- name: ask
INSERT INTO {index}.similarity_settings AS c (min_similarity) VALUES ($1)
ON CONFLICT (one) DO UPDATE SET min_similarity = excluded.min_similarity, since = '0' WHERE c.min_similarity <> excluded.min_similarity

-- name: forget_compared
DELETE FROM {index}.similarity_done

-- name: stop
DELETE FROM {index}.similarity_settings

-- name: asked
SELECT min_similarity FROM {index}.similarity_settings

-- name: take_turn
SELECT min_similarity FROM {index}.similarity_settings FOR UPDATE

-- name: is_behind
SELECT EXISTS (
    SELECT FROM {index}.similarity_settings c
    WHERE c.waits OR EXISTS (SELECT FROM {index}.change h WHERE h.xid >= c.since))

-- name: now
SELECT kgmem.settled_below()::text AS since,
       EXISTS (SELECT FROM {index}.embedding_queue u WHERE u.refused IS NULL) AS waits

-- name: done
UPDATE {index}.similarity_settings SET since = $1::text::xid8, waits = $2

-- name: gone
-- Passages that were compared and are gone, or have another vector now.
SELECT c.passage, c.item FROM {index}.similarity_done c LEFT JOIN {index}.{table} v ON v.passage = c.passage
WHERE v.passage IS NULL OR v.item <> c.item OR v.xmin::text::bigint <> c.vector
ORDER BY c.passage LIMIT $1

-- name: strays
-- Similarities of which an end was led over to another entity, by a merge or under another label.
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target
FROM {graph}.{label} l JOIN {index}.edge e ON e.id = l.id::text::bigint
WHERE e.key LIKE 'similar-%' AND e.key <> 'similar-' || e.source || '-' || e.target
ORDER BY e.id LIMIT $1 FOR UPDATE OF e

-- name: of_items
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE (e.source = ANY ($1::bigint[]) OR e.target = ANY ($1::bigint[])) AND e.kind = $2 AND e.key LIKE 'similar-%'
ORDER BY e.id FOR UPDATE

-- name: every
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target
FROM {graph}.{label} l JOIN {index}.edge e ON e.id = l.id::text::bigint
WHERE e.key LIKE 'similar-%' ORDER BY e.id LIMIT $1 FOR UPDATE OF e

-- name: uncompare
DELETE FROM {index}.similarity_done WHERE item = ANY ($1::bigint[]) OR passage = ANY ($2::bigint[])

-- name: next
-- Entities that were not compared yet, by their first passage.
SELECT v.passage, v.item, v.xmin::text::bigint AS vector, i.scope, s.path, i.key
FROM {index}.{table} v
JOIN {index}.passage p ON p.id = v.passage AND p.ordinal = 0
JOIN {index}.item i ON i.id = v.item AND i.kind = 1
JOIN {index}.scope s ON s.id = i.scope
WHERE v.passage > $1 AND NOT EXISTS (SELECT FROM {index}.similarity_done c WHERE c.passage = v.passage)
ORDER BY v.passage LIMIT $2

-- name: is_small
SELECT count(*) <= $2 FROM (SELECT FROM {index}.item i WHERE i.scope = $1 AND i.kind = 1 LIMIT $2 + 1) first

-- name: near_few
-- The entities of a small scope whose turn was before $5, the likest to this one first: read one by one.
SELECT i.id, i.key, -(v.embedding <#> q.embedding) AS similarity
FROM {index}.{table} q
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = $1 AND kind = 1 OFFSET 0) i
CROSS JOIN LATERAL (SELECT passage FROM {index}.similarity_done WHERE item = i.id AND turn < $5 OFFSET 0) c
CROSS JOIN LATERAL (SELECT embedding FROM {index}.{table} WHERE passage = c.passage OFFSET 0) v
WHERE q.passage = $2 AND -(v.embedding <#> q.embedding) >= $3
ORDER BY 3 DESC, 1 LIMIT $4

-- name: near_many
-- The same of a large scope, by the index on vectors.
SELECT id, key, similarity FROM (
    SELECT i.id, i.key, -(v.embedding <#> (SELECT q.embedding FROM {index}.{table} q WHERE q.passage = $2)) AS similarity
    FROM {index}.{table} v
    CROSS JOIN LATERAL (SELECT turn FROM {index}.similarity_done WHERE passage = v.passage OFFSET 0) c
    CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = v.item OFFSET 0) i
    WHERE c.turn < $5 AND i.scope = $1 AND i.kind = 1
    ORDER BY v.embedding <#> (SELECT q.embedding FROM {index}.{table} q WHERE q.passage = $2)
    LIMIT $4) nearest
WHERE similarity >= $3

-- name: by_index
SELECT set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '100', true),
       set_config('hnsw.max_scan_tuples', '20000', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)

-- name: compare
INSERT INTO {index}.similarity_done (passage, item, vector)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) RETURNING passage, turn
