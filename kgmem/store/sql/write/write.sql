-- name: insert_items
INSERT INTO {index}.item (id, kind, scope, key, source, content_hash, %(columns)s)
SELECT n.id, $1, n.scope, n.key, n.source, n.content_hash, %(values)s
FROM (
    -- Numbered in the order in which they were stated, which tells what was said after what.
    SELECT (label::bigint << 48) | nextval(sequence::oid::regclass) AS id, u.*
    FROM unnest($2::integer[], $3::bigint[], $4::integer[], $5::text[], $6::integer[], $7::integer[], $8::bigint[],
                %(arrays)s)
         AS u (label, sequence, scope, key, turn, source, content_hash, %(parts)s)
    OFFSET 0) n
ORDER BY n.turn
ON CONFLICT (scope, key, kind) DO NOTHING
RETURNING id, scope, key

-- name: lock_items
SELECT i.id, i.scope, i.key, i.version, i.content_hash, i.known_from, i.labels
FROM {index}.item i
JOIN unnest($2::integer[], $3::text[]) AS n (scope, key) ON i.scope = n.scope AND i.key = n.key AND i.kind = $1
ORDER BY i.id
FOR NO KEY UPDATE OF i

-- name: ends_may_go
-- Waits for bulk loads of relationships, which hold this table in SHARE mode (copy_load.sql, hold_ends), and they for this.
LOCK TABLE {index}.label IN ROW EXCLUSIVE MODE

-- name: lock_items_to_delete
-- Waits for those who are writing relationships to them, as lock_items need not.
SELECT i.id, i.scope, i.key, i.version, i.content_hash, i.known_from
FROM {index}.item i
JOIN unnest($2::integer[], $3::text[]) AS n (scope, key) ON i.scope = n.scope AND i.key = n.key AND i.kind = $1
ORDER BY i.id
FOR UPDATE OF i

-- name: insert_vertices
INSERT INTO {graph}.{label} (id, properties)
SELECT n.id, n.properties::agtype FROM unnest($1::graphid[], $2::text[]) AS n (id, properties)

-- name: read_vertices
SELECT id, properties::text AS properties FROM {graph}.{label} WHERE id = ANY ($1::graphid[])

-- name: existing
SELECT id FROM {graph}.{label} WHERE id = ANY ($1::graphid[])

-- name: update_vertices
UPDATE {graph}.{label} AS l SET properties = n.properties::agtype
FROM unnest($1::graphid[], $2::text[]) AS n (id, properties) WHERE l.id = n.id

-- name: delete_vertices
DELETE FROM {graph}.{label} WHERE id = ANY ($1::graphid[])

-- name: update_items
UPDATE {index}.item AS i
SET version = i.version + 1, known_from = greatest(now(), i.known_from + interval '1us'), source = coalesce(n.source, i.source),
    content_hash = n.content_hash, %(set)s
FROM unnest($1::bigint[], $2::integer[], $3::bigint[], %(arrays)s) AS n (id, source, content_hash, %(parts)s)
WHERE i.id = n.id

-- name: restate_items
UPDATE {index}.item AS i SET content_hash = n.content_hash
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, content_hash) WHERE i.id = n.id

-- name: keep_history
-- A version is known for a microsecond at least: a transaction may have begun before the one that it waited for.
INSERT INTO {index}.history (id, kind, version, known, deleted, record)
SELECT n.id, $1, n.version, tstzrange(n.known_from, greatest(now(), n.known_from + interval '1us')), $2, n.record::jsonb
FROM unnest($3::bigint[], $4::integer[], $5::timestamptz[], $6::text[]) AS n (id, version, known_from, record)
ON CONFLICT (id, version) DO NOTHING

-- name: read_passages
SELECT id, item, ordinal, body FROM {index}.passage WHERE item = ANY ($1::bigint[]) ORDER BY id FOR UPDATE

-- name: delete_passages
WITH gone AS (DELETE FROM {index}.passage WHERE id = ANY ($1::bigint[]) RETURNING id)
DELETE FROM {index}.embedding_queue u USING gone WHERE u.passage = gone.id

-- name: delete_vectors
DELETE FROM {index}.{table} WHERE passage = ANY ($1::bigint[])

-- name: passages_turn
-- A text index that an import has set aside has no latch.
SELECT pg_advisory_xact_lock(hashtextextended('kgmem passages', $1))
WHERE to_regclass('{index}.passage_words') IS NOT NULL

-- name: take_passage_ids
SELECT nextval('{index}.passage_id_seq') AS id FROM generate_series(1, $1)

-- name: insert_passages
-- One that comes with an id has its vector already in the graph's own space. Which spaces the graph ($6) has is read
-- here, not known beforehand: it may have begun or left one since. One of an item that was there before tells since when.
WITH made AS MATERIALIZED (
    SELECT coalesce(n.id, nextval('{index}.passage_id_seq')) AS id, n.id IS NOT NULL AS ready, item, ordinal, start, body
    FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::text[]) AS n (id, item, ordinal, start, body)
), waiting AS (
    INSERT INTO {index}.embedding_queue (passage, space)
    SELECT m.id, substr(s.vectors, length('vector_') + 1)
    FROM made m CROSS JOIN kgmem.graph g
    CROSS JOIN LATERAL (VALUES (g.space_table, false), (g.next_space_table, true)) AS s (vectors, next)
    WHERE g.id = $6 AND s.vectors IS NOT NULL AND (s.next OR NOT m.ready)
)
INSERT INTO {index}.passage (id, item, ordinal, start, body, since)
SELECT m.id, m.item, m.ordinal, m.start, m.body, (SELECT greatest(i.known_from, i.since) FROM {index}.item i
                                                  WHERE i.id = m.item AND i.version > 1)
FROM made m

-- name: passages_wait
-- Passages without vectors wait for one in each space that the graph ($2) has, as insert_passages has it.
INSERT INTO {index}.embedding_queue (passage, space)
SELECT n.id, substr(s.vectors, length('vector_') + 1)
FROM unnest($1::bigint[]) AS n (id) CROSS JOIN kgmem.graph g
CROSS JOIN LATERAL (VALUES (g.space_table), (g.next_space_table)) AS s (vectors)
WHERE g.id = $2 AND s.vectors IS NOT NULL

-- name: insert_vectors
INSERT INTO {index}.{table} (passage, item, given, embedding)
SELECT n.passage, n.item, $1, n.embedding
FROM unnest($2::bigint[], $3::bigint[], $4::halfvec[]) AS n (passage, item, embedding)
ON CONFLICT (passage) DO UPDATE SET given = excluded.given, embedding = excluded.embedding

-- name: vectors_arrived
DELETE FROM {index}.embedding_queue WHERE space = $1 AND passage = ANY ($2::bigint[])

-- name: change
INSERT INTO {index}.change (operation, kind, ids, keys) VALUES ($1, $2, $3, $4)

-- name: ends
-- The ends are locked, so that none is deleted or moved to another id before the relationship is committed.
SELECT n.at, a.id AS source, b.id AS target, (n.label::bigint << 48) | nextval(n.sequence::oid::regclass) AS id
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
     WITH ORDINALITY AS n (source, target, label, sequence, at)
LEFT JOIN LATERAL (
    SELECT id FROM {index}.item WHERE scope = 0 AND key = n.source AND kind = 1 FOR KEY SHARE) a ON true
LEFT JOIN LATERAL (
    SELECT id FROM {index}.item WHERE scope = 0 AND key = n.target AND kind = 1 FOR KEY SHARE) b ON true
ORDER BY n.at

-- name: ends_in_scopes
SELECT n.at, a.id AS source, b.id AS target, (n.label::bigint << 48) | nextval(n.sequence::oid::regclass) AS id
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[])
     WITH ORDINALITY AS n (source, target, label, sequence, paths, at)
LEFT JOIN LATERAL (
    SELECT i.id FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.key = n.source AND i.kind = 1
    WHERE s.path = ANY (string_to_array(n.paths, E'\x1f')) OR s.path = ''
    ORDER BY length(s.path) DESC LIMIT 1 FOR KEY SHARE OF i) a ON true
LEFT JOIN LATERAL (
    SELECT i.id FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.key = n.target AND i.kind = 1
    WHERE s.path = ANY (string_to_array(n.paths, E'\x1f')) OR s.path = ''
    ORDER BY length(s.path) DESC LIMIT 1 FOR KEY SHARE OF i) b ON true
ORDER BY n.at

-- name: any_edge
SELECT EXISTS (
    SELECT 1 FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::bigint[])
                  AS n (source, target, kind, scope, parallel_edge_hash)
    JOIN {index}.edge e ON e.source = n.source AND e.target = n.target AND e.kind = n.kind AND e.scope = n.scope
                       AND e.parallel_edge_hash = n.parallel_edge_hash)

-- name: insert_edges
INSERT INTO {index}.edge (id, source, target, kind, scope, origin, strength, confidence, valid, parallel_edge_hash,
                          content_hash, key, trust)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[], $7::real[],
                     $8::real[], $9::tstzrange[], $10::bigint[], $11::bigint[], $12::text[], $13::real[])
ON CONFLICT DO NOTHING
RETURNING id

-- name: lock_edges
SELECT n.at, e.id, e.source, e.target, e.kind, e.version, e.content_hash, e.known_from, e.origin
FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::bigint[])
     WITH ORDINALITY AS n (source, target, kind, scope, parallel_edge_hash, at)
JOIN {index}.edge e ON e.source = n.source AND e.target = n.target AND e.kind = n.kind AND e.scope = n.scope
                   AND e.parallel_edge_hash = n.parallel_edge_hash
ORDER BY e.id
FOR UPDATE OF e

-- name: lock_keyed_edges
SELECT n.at, e.id, e.source, e.target, e.kind, e.version, e.content_hash, e.known_from, e.origin
FROM unnest($1::integer[], $2::text[]) WITH ORDINALITY AS n (scope, key, at)
JOIN {index}.edge e ON e.scope = n.scope AND e.key = n.key
ORDER BY e.id
FOR UPDATE OF e

-- name: read_label_edges
SELECT id, start_id, end_id, properties::text AS properties FROM {graph}.{label} WHERE id = ANY ($1::graphid[])

-- name: insert_label_edges
INSERT INTO {graph}.{label} (id, start_id, end_id, properties)
SELECT n.id, n.source, n.target, n.properties::agtype
FROM unnest($1::graphid[], $2::graphid[], $3::graphid[], $4::text[]) AS n (id, source, target, properties)

-- name: update_label_edges
UPDATE {graph}.{label} AS l SET properties = n.properties::agtype, start_id = n.source, end_id = n.target
FROM unnest($1::graphid[], $2::graphid[], $3::graphid[], $4::text[]) AS n (id, source, target, properties)
WHERE l.id = n.id

-- name: update_edges
UPDATE {index}.edge AS e
SET version = e.version + 1, known_from = greatest(now(), e.known_from + interval '1us'), origin = coalesce(n.origin, e.origin),
    source = n.source, target = n.target, strength = n.strength, confidence = n.confidence,
    valid = tstzrange(n.valid_from, n.valid_to), content_hash = n.content_hash
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::real[], $6::real[], $7::timestamptz[],
            $8::timestamptz[], $9::bigint[])
     AS n (id, source, target, origin, strength, confidence, valid_from, valid_to, content_hash)
WHERE e.id = n.id

-- name: restate_edges
UPDATE {index}.edge AS e SET content_hash = n.content_hash
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, content_hash) WHERE e.id = n.id

-- name: lock_edges_by_id
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE e.id = ANY ($1::bigint[]) AND e.scope = $2 ORDER BY e.id FOR UPDATE

-- name: lock_edges_of
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE e.source = ANY ($1::bigint[]) OR e.target = ANY ($1::bigint[]) ORDER BY e.id FOR UPDATE

-- name: delete_edges
DELETE FROM {index}.edge WHERE id = ANY ($1::bigint[])

-- name: delete_items
DELETE FROM {index}.item WHERE id = ANY ($1::bigint[])

-- name: put_sources
INSERT INTO {index}.source (key, name, kind, trust, note)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
ON CONFLICT (key) DO UPDATE SET name = coalesce(excluded.name, source.name), kind = coalesce(excluded.kind, source.kind),
    trust = excluded.trust, note = coalesce(excluded.note, source.note)
WHERE (source.name, source.kind, source.trust, source.note) IS DISTINCT FROM
      (coalesce(excluded.name, source.name), coalesce(excluded.kind, source.kind), excluded.trust,
       coalesce(excluded.note, source.note))
RETURNING id, (xmax = 0) AS created

-- name: put_kinship
INSERT INTO {index}.source_origin AS k (source, parent, domain)
SELECT o.id, n.parent, n.domain FROM unnest($1::text[], $2::text[], $3::text[]) AS n (key, parent, domain)
JOIN {index}.source o ON o.key = n.key
ON CONFLICT (source) DO UPDATE SET parent = coalesce(excluded.parent, k.parent),
    domain = coalesce(excluded.domain, k.domain)
WHERE (k.parent, k.domain) IS DISTINCT FROM (coalesce(excluded.parent, k.parent), coalesce(excluded.domain, k.domain))
RETURNING source AS id, false AS created
