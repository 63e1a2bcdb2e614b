-- name: take
DELETE FROM kgmem.captured c USING (
    SELECT ctid FROM kgmem.captured WHERE graph = $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
) t WHERE c.ctid = t.ctid RETURNING c.id

-- name: graphs
SELECT DISTINCT g.name FROM kgmem.captured c JOIN kgmem.graph g ON g.id = c.graph

-- name: forget_dropped
DELETE FROM kgmem.captured c WHERE NOT EXISTS (SELECT 1 FROM kgmem.graph g WHERE g.id = c.graph)

-- name: items
SELECT id, key, version, scope, kind, known_from FROM {index}.item WHERE id = ANY ($1::bigint[])
ORDER BY id FOR UPDATE

-- name: edges
SELECT id, version, scope, source, target, kind, key, known_from FROM {index}.edge WHERE id = ANY ($1::bigint[])
ORDER BY id FOR UPDATE

-- name: put_item
INSERT INTO {index}.item (id, kind, scope, key, source, valid, place, area, labels, version)
VALUES ($1, $2, $3, $4, $5, tstzrange($6, $7), point($8, $9), $10::text::box, $11::text[], $12)
ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, key = excluded.key, source = excluded.source,
    valid = excluded.valid, place = excluded.place, area = excluded.area, labels = excluded.labels,
    version = excluded.version, known_from = greatest(now(), item.known_from + interval '1us'), stated = NULL

-- name: key_taken
SELECT EXISTS (SELECT 1 FROM {index}.item WHERE scope = $1 AND key = $2 AND kind = $3 AND id <> $4)

-- name: put_edge
MERGE INTO {index}.edge e
USING (VALUES ($1::bigint)) AS n (id) ON e.id = n.id
WHEN MATCHED THEN UPDATE SET source = $2, target = $3, scope = $5, origin = $6, strength = $7, confidence = $8,
    valid = tstzrange($9, $10), discriminator = $11, key = $12, version = $13, known_from = greatest(now(), e.known_from + interval '1us'), stated = NULL
WHEN NOT MATCHED THEN
    INSERT (id, source, target, kind, scope, origin, strength, confidence, valid, discriminator, key, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, tstzrange($9, $10), $11, $12, $13)

-- name: edge_taken
SELECT EXISTS (SELECT 1 FROM {index}.edge WHERE source = $1 AND target = $2 AND kind = $3 AND scope = $4
               AND discriminator = $5 AND id <> $6)

-- name: edge_key_taken
SELECT EXISTS (SELECT 1 FROM {index}.edge WHERE scope = $1 AND key = $2 AND id <> $3)

-- name: deletions
SELECT coalesce(sum(n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1

-- name: orphan_items
SELECT i.id FROM {index}.item i WHERE i.id >= $1 AND i.id < $2
  AND NOT EXISTS (SELECT 1 FROM {graph}.{label} v WHERE v.id = i.id::text::ag_catalog.graphid)

-- name: orphan_edges
SELECT e.id FROM {index}.edge e WHERE e.kind = $1
  AND NOT EXISTS (SELECT 1 FROM {graph}.{label} v WHERE v.id = e.id::text::ag_catalog.graphid)

-- name: lost_label_items
SELECT i.id FROM {index}.item i WHERE NOT ((i.id >> 48) = ANY ($1::bigint[])) LIMIT 10000

-- name: page_of_ids
SELECT id FROM {graph}.{label} WHERE id > $1 ORDER BY id LIMIT $2

-- name: history_version
SELECT coalesce(max(version), 0) FROM {index}.history WHERE id = $1
