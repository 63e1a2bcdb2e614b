-- name: take
DELETE FROM kgmem.captured c USING (
    SELECT ctid FROM kgmem.captured WHERE graph = $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
) t WHERE c.ctid = t.ctid RETURNING c.id

-- name: graphs
SELECT DISTINCT g.name FROM kgmem.captured c JOIN kgmem.graph g ON g.id = c.graph

-- name: forget_dropped
DELETE FROM kgmem.captured c WHERE NOT EXISTS (SELECT 1 FROM kgmem.graph g WHERE g.id = c.graph)

-- name: items
SELECT id, key, version, scope, kind, known_from FROM {index}.item WHERE id = ANY ($1::bigint[]) AND kind < 3
ORDER BY id FOR NO KEY UPDATE

-- name: edges
SELECT id, version, scope, source, target, kind, key, known_from FROM {index}.edge WHERE id = ANY ($1::bigint[])
ORDER BY id FOR UPDATE

-- name: unindexed
SELECT n.id FROM unnest($1::bigint[]) AS n (id) WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = n.id)

-- name: edges_of
SELECT id FROM {index}.edge WHERE source = ANY ($1::bigint[])
UNION SELECT id FROM {index}.edge WHERE target = ANY ($1::bigint[])

-- name: label_edges_at
SELECT id FROM {graph}.{label} WHERE start_id = ANY ($1::graphid[])
UNION SELECT id FROM {graph}.{label} WHERE end_id = ANY ($1::graphid[])

-- name: endless_edges
SELECT e.id FROM {index}.edge e
WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = e.source)
   OR NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = e.target)

-- name: dangling
-- Edges in a label table of which an end is gone; the parent table has the rows of all vertices.
SELECT count(*) AS count, min(e.id::text::bigint) AS example
FROM {graph}.{label} e
WHERE NOT EXISTS (SELECT 1 FROM {graph}._ag_label_vertex v WHERE v.id = e.start_id)
   OR NOT EXISTS (SELECT 1 FROM {graph}._ag_label_vertex v WHERE v.id = e.end_id)

-- name: put_items
-- When the index is made anew ($1), what is held was not written, so it stays known since when it was.
INSERT INTO {index}.item AS i (id, kind, scope, key, version, source, %(columns)s)
SELECT n.id, n.kind, n.scope, n.key, n.version, n.source, %(values)s
FROM unnest($2::bigint[], $3::smallint[], $4::integer[], $5::text[], $6::integer[], $7::integer[], %(arrays)s)
     AS n (id, kind, scope, key, version, source, %(parts)s)
ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, key = excluded.key, source = excluded.source,
    version = excluded.version, content_hash = NULL, %(set_excluded)s,
    known_from = CASE WHEN $1 THEN i.known_from ELSE greatest(now(), i.known_from + interval '1us') END

-- name: put_plain_items
INSERT INTO {index}.item (id, kind, scope, key, valid, version)
SELECT n.id, n.kind, n.scope, n.key, tstzrange(NULL, NULL), 1
FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::text[]) AS n (id, kind, scope, key)

-- name: keys_taken
SELECT n.id FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::smallint[]) AS n (id, scope, key, kind)
JOIN {index}.item i ON i.scope = n.scope AND i.key = n.key AND i.kind = n.kind AND i.id <> n.id

-- name: put_edges
MERGE INTO {index}.edge e
USING unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::bigint[], $7::text[],
             $8::integer[], $9::real[], $10::real[], $11::timestamptz[], $12::timestamptz[], $13::integer[])
      AS n (id, source, target, kind, scope, parallel_edge_hash, key, origin, strength, confidence, valid_from, valid_to,
            version)
ON e.id = n.id
WHEN MATCHED THEN UPDATE SET source = n.source, target = n.target, scope = n.scope,
    parallel_edge_hash = n.parallel_edge_hash, key = n.key, origin = n.origin, strength = n.strength, confidence = n.confidence,
    valid = tstzrange(n.valid_from, n.valid_to), version = n.version, content_hash = NULL,
    known_from = CASE WHEN $14 THEN e.known_from ELSE greatest(now(), e.known_from + interval '1us') END
WHEN NOT MATCHED THEN
    INSERT (id, source, target, kind, scope, parallel_edge_hash, key, origin, strength, confidence, valid, version)
    VALUES (n.id, n.source, n.target, n.kind, n.scope, n.parallel_edge_hash, n.key, n.origin, n.strength, n.confidence,
            tstzrange(n.valid_from, n.valid_to), n.version)

-- name: edges_taken
SELECT n.id
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::bigint[])
     AS n (id, source, target, kind, scope, parallel_edge_hash)
JOIN {index}.edge e ON e.source = n.source AND e.target = n.target AND e.kind = n.kind AND e.scope = n.scope
                   AND e.parallel_edge_hash = n.parallel_edge_hash AND e.id <> n.id

-- name: edge_keys_taken
SELECT n.id FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS n (id, scope, key)
JOIN {index}.edge e ON e.scope = n.scope AND e.key = n.key AND e.id <> n.id

-- name: deletions
SELECT coalesce(sum(n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1

-- name: orphan_items
SELECT i.id FROM {index}.item i WHERE i.id >= $1 AND i.id < $2
  AND NOT EXISTS (SELECT 1 FROM {graph}.{label} v WHERE v.id = i.id::text::ag_catalog.graphid)

-- name: orphan_edges
SELECT e.id FROM {index}.edge e WHERE e.kind = $1
  AND NOT EXISTS (SELECT 1 FROM {graph}.{label} v WHERE v.id = e.id::text::ag_catalog.graphid)

-- name: lost_labels
-- Of labels that AGE does not have any more. It is asked in the same snapshot: a list that was read before it would lack
-- a label that somebody has made since, and with what was written of it.
WITH known AS MATERIALIZED (
    SELECT l.id::bigint AS id FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph g ON g.graphid = l.graph WHERE g.name = $1
)
SELECT i.id FROM {index}.item i WHERE NOT ((i.id >> 48) = ANY (ARRAY(SELECT id FROM known)))
UNION ALL
SELECT e.id FROM {index}.edge e WHERE NOT (e.kind = ANY (ARRAY(SELECT id FROM known)))

-- name: lost_vectors
DELETE FROM {index}.{table} v WHERE NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = v.passage)

-- name: lost_waiting
DELETE FROM {index}.embedding_queue u WHERE NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = u.passage)

-- name: page_of_ids
SELECT id FROM {graph}.{label} WHERE id > $1 ORDER BY id LIMIT $2

-- name: history_versions
SELECT id, max(version) AS version FROM {index}.history WHERE id = ANY ($1::bigint[]) GROUP BY id
