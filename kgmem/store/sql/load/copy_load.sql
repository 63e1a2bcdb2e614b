-- name: entity_stage
-- Temporary tables are neither logged nor seen by others; their rows go with the transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS kgmem_entities (
    at         integer GENERATED ALWAYS AS IDENTITY,
    place      bigint NOT NULL,           -- Orders what the batch says.
    file       text NOT NULL,
    line       bigint NOT NULL,
    number     bigint NOT NULL,
    scope      text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    label      text COLLATE "C" NOT NULL,
    relabels   boolean NOT NULL,
    source     text COLLATE "C",
    %(definitions)s,
    stored     text NOT NULL,
    removed    text,
    body       text NOT NULL,
    further    text,
    derived_from text,                    -- As JSON.
    version    integer,
    embedding  halfvec
) ON COMMIT DELETE ROWS

-- name: entity_keys_merged
-- Staged keys under which an entity was merged away.
SELECT DISTINCT n.scope, n.key FROM kgmem_entities n
WHERE EXISTS (SELECT 1 FROM {index}.merge m WHERE m.gone_key = n.key AND m.undone_at IS NULL)

-- name: relationship_keys_merged
SELECT n.scope, n.start_key AS key FROM kgmem_relationships n
WHERE EXISTS (SELECT 1 FROM {index}.merge m WHERE m.gone_key = n.start_key AND m.undone_at IS NULL)
UNION
SELECT n.scope, n.end_key FROM kgmem_relationships n
WHERE EXISTS (SELECT 1 FROM {index}.merge m WHERE m.gone_key = n.end_key AND m.undone_at IS NULL)

-- name: redirect_entity
UPDATE kgmem_entities n
SET key = k.kept, stored = jsonb_set(n.stored::jsonb, ARRAY['key'], to_jsonb(k.kept))::text
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (scope, gone, kept)
WHERE n.scope = k.scope AND n.key = k.gone

-- name: redirect_relationship
UPDATE kgmem_relationships n
SET start_key = coalesce(a.kept, n.start_key), end_key = coalesce(b.kept, n.end_key)
FROM kgmem_relationships o
LEFT JOIN unnest($1::text[], $2::text[], $3::text[]) AS a (scope, gone, kept) ON a.scope = o.scope AND a.gone = o.start_key
LEFT JOIN unnest($1::text[], $2::text[], $3::text[]) AS b (scope, gone, kept) ON b.scope = o.scope AND b.gone = o.end_key
WHERE o.at = n.at AND (a.kept IS NOT NULL OR b.kept IS NOT NULL)

-- name: relationship_stage
CREATE TEMPORARY TABLE IF NOT EXISTS kgmem_relationships (
    at            integer GENERATED ALWAYS AS IDENTITY,
    place         bigint NOT NULL,
    file          text NOT NULL,
    line          bigint NOT NULL,
    number        bigint NOT NULL,
    scope         text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    start_key     text COLLATE "C" NOT NULL,
    end_key       text COLLATE "C" NOT NULL,
    key           text COLLATE "C",
    source        text COLLATE "C",
    strength      real,
    confidence    real,
    valid_from    timestamptz,
    valid_to      timestamptz,
    parallel_edge_hash bigint NOT NULL,
    stored        text NOT NULL,
    removed       text,
    derived_from  text
) ON COMMIT DELETE ROWS

-- name: found_stage
CREATE TEMPORARY TABLE IF NOT EXISTS kgmem_found (
    at            integer NOT NULL,
    place         bigint NOT NULL,
    id            bigint NOT NULL,
    source        bigint NOT NULL,
    target        bigint NOT NULL,
    kind          integer NOT NULL,
    scope         integer NOT NULL,
    origin        integer,
    strength      real,
    confidence    real,
    valid         tstzrange NOT NULL,
    parallel_edge_hash bigint NOT NULL,
    content_hash bigint NOT NULL,
    key           text COLLATE "C",
    stored        text NOT NULL,
    plain         boolean NOT NULL         -- says nothing that only a merge can do
) ON COMMIT DELETE ROWS

-- name: one_at_a_time
SELECT pg_advisory_xact_lock(hashtextextended('kgmem numbers', $1))

-- name: take_numbers
SELECT min(number) AS first, CASE WHEN max(number) - min(number) + 1 <> count(*) THEN array_agg(number) END AS scattered
FROM (SELECT nextval($1::bigint::oid::regclass) AS number FROM generate_series(1, $2)) taken

-- name: renumber
UPDATE {table} s SET number = n.number
FROM unnest($2::bigint[]) WITH ORDINALITY AS n (number, place)
WHERE s.{column} = $1 COLLATE "C" AND s.number = n.place - 1

-- name: insert_items
-- Only what is said first of a key, so that what a batch says of it later is merged into that.
INSERT INTO {index}.item (id, kind, scope, key, source, content_hash, %(columns)s)
SELECT l.base + n.number, 1, c.id, n.key, o.id,
       hashtextextended(concat(n.stored, n.removed, n.embedding), hashtext(n.label)), %(values)s
FROM kgmem_entities n
LEFT JOIN unnest($1::text[], $2::bigint[]) AS l (label, base) ON l.label = n.label COLLATE "C"
LEFT JOIN unnest($3::text[], $4::integer[]) AS c (path, id) ON c.path = n.scope COLLATE "C"
LEFT JOIN {index}.source o ON o.key = n.source
WHERE n.version IS NULL AND n.removed IS NULL
  AND NOT EXISTS (SELECT 1 FROM kgmem_entities b WHERE (b.version IS NOT NULL OR b.removed IS NOT NULL)
                  AND b.scope = n.scope AND b.key = n.key AND (b.place, b.at) < (n.place, n.at)) %(mixed)s
ORDER BY c.id, n.key, n.place, n.at
ON CONFLICT (scope, key, kind) DO NOTHING

-- name: of_one_label
-- What gets another label within the batch is told of, and moves, one statement after the other.
AND NOT EXISTS (SELECT 1 FROM kgmem_entities b
                WHERE b.scope = n.scope AND b.key = n.key AND b.label <> n.label)

-- name: insert_vertices
INSERT INTO {graph}.{label} (id, properties)
SELECT ($2::bigint + s.number)::text::graphid, s.stored::agtype
FROM kgmem_entities s WHERE s.label = $1 %(new)s

-- name: only_new_items
AND EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = $2::bigint + s.number)

-- name: held_items
-- What was not inserted: where it is held, and whether all that the batch says of it is just what was said last.
SELECT s.at, i.id, bool_and(coalesce(i.content_hash
                                     = hashtextextended(concat(s.stored, s.removed, s.embedding), hashtext(s.label)), false)
                            AND s.version IS NULL) OVER (PARTITION BY i.id) AS same
FROM kgmem_entities s
LEFT JOIN unnest($1::text[], $2::bigint[]) AS l (label, base) ON l.label = s.label COLLATE "C"
LEFT JOIN unnest($3::text[], $4::integer[]) AS c (path, id) ON c.path = s.scope COLLATE "C"
LEFT JOIN {index}.item i ON i.scope = c.id AND i.key = s.key AND i.kind = 1
WHERE i.id IS DISTINCT FROM l.base + s.number
ORDER BY s.place, s.at

-- name: entities_at
SELECT s.*, hashtextextended(concat(s.stored, s.removed, s.embedding), hashtext(s.label)) AS content_hash
FROM kgmem_entities s WHERE s.at = ANY ($1::integer[]) ORDER BY s.place, s.at

-- name: insert_passages
WITH new AS MATERIALIZED (
    SELECT nextval('{index}.passage_id_seq') AS id, l.base + s.number AS item, p.ordinal, p.start, p.body,
           CASE WHEN p.ordinal = 0 THEN s.embedding END AS embedding
    FROM kgmem_entities s
    LEFT JOIN unnest($1::text[], $2::bigint[]) AS l (label, base) ON l.label = s.label COLLATE "C"
    CROSS JOIN LATERAL (
        SELECT 0 AS ordinal, 0 AS start, s.body WHERE s.body <> ''
        UNION ALL
        SELECT (f->>0)::integer, (f->>1)::integer, f->>2 FROM jsonb_array_elements(s.further::jsonb) AS f) p
    WHERE true %(new)s
), waiting AS (
    INSERT INTO {index}.embedding_queue (passage, space)
    SELECT n.id, substr(v.vectors, length('vector_') + 1)
    FROM new n CROSS JOIN kgmem.graph g
    CROSS JOIN LATERAL (VALUES (g.space_table, false), (g.next_space_table, true)) AS v (vectors, next)
    WHERE g.id = $3 AND v.vectors IS NOT NULL AND (v.next OR n.embedding IS NULL)
) %(vectors)s
INSERT INTO {index}.passage (id, item, ordinal, start, body) SELECT id, item, ordinal, start, body FROM new

-- name: insert_vectors
, vectors AS (
    INSERT INTO {index}.{table} (passage, item, given, embedding)
    SELECT id, item, true, embedding FROM new WHERE embedding IS NOT NULL
)

-- name: said_properties
-- What sources state of weighed properties ($1, as they are stored), where no verdict comes with the value; rows of $4 are
-- recorded already.
SELECT c.id AS scope, s.key, n.name, (j.stored -> n.name)::text AS value, o.id AS source, s.derived_from
FROM kgmem_entities s
JOIN {index}.source o ON o.key = s.source
JOIN unnest($2::text[], $3::integer[]) AS c (path, id) ON c.path = s.scope COLLATE "C"
CROSS JOIN LATERAL (SELECT s.stored::jsonb AS stored OFFSET 0) j
CROSS JOIN unnest($1::text[]) AS n (name)
WHERE j.stored ? n.name AND s.at <> ALL ($4::integer[])
  AND NOT coalesce(jsonb_typeof(j.stored -> 'consensus') = 'object' AND j.stored -> 'consensus' ? n.name, false)
ORDER BY s.place, s.at

-- name: only_new_passages
AND EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = l.base + s.number)

-- name: tell_entities
INSERT INTO {index}.change (operation, kind, ids, import)
SELECT 1, 1, array_agg(l.base + s.number ORDER BY s.at), $3
FROM kgmem_entities s LEFT JOIN unnest($1::text[], $2::bigint[]) AS l (label, base) ON l.label = s.label COLLATE "C"
WHERE true %(new)s
HAVING count(*) > 0

-- name: tell
INSERT INTO {index}.change (operation, kind, ids, import) VALUES ($1, $2, $3, $4)

-- name: mark_changes
-- The changes that this transaction told of so far came with the import.
UPDATE {index}.change SET import = $1 WHERE xid = pg_current_xact_id() AND import IS NULL

-- name: hold_ends
-- Deletions and moves take this table in ROW EXCLUSIVE mode, which waits for SHARE and SHARE for it; either is free
-- among its own kind. So no end vanishes between here and the commit, without a lock on each of a million rows.
LOCK TABLE {index}.label IN SHARE MODE

-- name: large_beside
-- Whether the items are so many that looking up each end costs less than reading them all.
SELECT pg_relation_size('{index}.item') / 150 > 10 * $1

-- name: find_ends
-- Every row finds its label, scope and source; these are outer joins so that the planner, which knows nothing of a
-- temporary table but its size, does not take the rows for few. Who states a relationship is a claim of its own, and
-- makes no difference to what is stated.
INSERT INTO kgmem_found
SELECT s.at, s.place, l.base + s.number, a.id, b.id, l.id, 0, o.id, s.strength, s.confidence,
       tstzrange(s.valid_from, s.valid_to), s.parallel_edge_hash,
       hashtextextended(concat(CASE WHEN s.source IS NULL THEN s.stored ELSE (s.stored::jsonb - 'source')::text END, s.removed),
                        hashtext(s.start_key || E'\x1f' || s.end_key)), s.key, s.stored,
       s.removed IS NULL
FROM kgmem_relationships s
LEFT JOIN unnest($1::text[], $2::bigint[], $3::integer[]) AS l (kind, base, id) ON l.kind = s.kind COLLATE "C"
JOIN (SELECT id, key FROM {index}.item WHERE scope = 0 AND kind = 1 OFFSET 0) a ON a.key = s.start_key
JOIN (SELECT id, key FROM {index}.item WHERE scope = 0 AND kind = 1 OFFSET 0) b ON b.key = s.end_key
LEFT JOIN {index}.source o ON o.key = s.source

-- name: look_up_ends
INSERT INTO kgmem_found
SELECT s.at, s.place, l.base + s.number, a.id, b.id, l.id, 0, o.id, s.strength, s.confidence,
       tstzrange(s.valid_from, s.valid_to), s.parallel_edge_hash,
       hashtextextended(concat(CASE WHEN s.source IS NULL THEN s.stored ELSE (s.stored::jsonb - 'source')::text END, s.removed),
                        hashtext(s.start_key || E'\x1f' || s.end_key)), s.key, s.stored,
       s.removed IS NULL
FROM kgmem_relationships s
LEFT JOIN unnest($1::text[], $2::bigint[], $3::integer[]) AS l (kind, base, id) ON l.kind = s.kind COLLATE "C"
CROSS JOIN LATERAL (SELECT id FROM {index}.item WHERE scope = 0 AND key = s.start_key AND kind = 1 OFFSET 0) a
CROSS JOIN LATERAL (SELECT id FROM {index}.item WHERE scope = 0 AND key = s.end_key AND kind = 1 OFFSET 0) b
LEFT JOIN {index}.source o ON o.key = s.source

-- name: find_ends_in_scopes
INSERT INTO kgmem_found
SELECT s.at, s.place, l.base + s.number, a.id, b.id, l.id, c.id, o.id, s.strength, s.confidence,
       tstzrange(s.valid_from, s.valid_to), s.parallel_edge_hash,
       hashtextextended(concat(CASE WHEN s.source IS NULL THEN s.stored ELSE (s.stored::jsonb - 'source')::text END, s.removed),
                        hashtext(s.start_key || E'\x1f' || s.end_key)), s.key, s.stored,
       s.removed IS NULL
FROM kgmem_relationships s
LEFT JOIN unnest($1::text[], $2::bigint[], $3::integer[]) AS l (kind, base, id) ON l.kind = s.kind COLLATE "C"
LEFT JOIN unnest($4::text[], $5::integer[], $6::text[]) AS c (path, id, seen) ON c.path = s.scope COLLATE "C"
CROSS JOIN LATERAL (
    SELECT i.id FROM {index}.scope v JOIN {index}.item i ON i.scope = v.id AND i.key = s.start_key AND i.kind = 1
    WHERE v.path = ANY (string_to_array(c.seen, E'\x1f')) OR v.path = ''
    ORDER BY length(v.path) DESC LIMIT 1) a
CROSS JOIN LATERAL (
    SELECT i.id FROM {index}.scope v JOIN {index}.item i ON i.scope = v.id AND i.key = s.end_key AND i.kind = 1
    WHERE v.path = ANY (string_to_array(c.seen, E'\x1f')) OR v.path = ''
    ORDER BY length(v.path) DESC LIMIT 1) b
LEFT JOIN {index}.source o ON o.key = s.source

-- name: joined_labels
-- The tables of the ends, and their labels where these are not those of the tables.
SELECT DISTINCT f.kind, f.source >> 48 AS source_table, f.target >> 48 AS target_table,
       CASE WHEN a.labels[1] = '' THEN a.labels[2] END AS source_label,
       CASE WHEN b.labels[1] = '' THEN b.labels[2] END AS target_label
FROM kgmem_found f LEFT JOIN {index}.item a ON a.id = f.source LEFT JOIN {index}.item b ON b.id = f.target

-- name: take_joined
WITH gone AS (
    DELETE FROM kgmem_found f
    USING (SELECT f.at, n.* FROM kgmem_found f
           LEFT JOIN {index}.item a ON a.id = f.source LEFT JOIN {index}.item b ON b.id = f.target
           JOIN unnest($1::integer[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
               AS n (kind, source_table, target_table, source_label, target_label)
               ON f.kind = n.kind AND f.source >> 48 = n.source_table AND f.target >> 48 = n.target_table
              AND CASE WHEN a.labels[1] = '' THEN a.labels[2] END IS NOT DISTINCT FROM n.source_label
              AND CASE WHEN b.labels[1] = '' THEN b.labels[2] END IS NOT DISTINCT FROM n.target_label) n
    WHERE f.at = n.at
    RETURNING f.at, n.source_table, n.target_table, n.source_label, n.target_label
), staged AS (
    DELETE FROM kgmem_relationships s USING gone g WHERE s.at = g.at
    RETURNING s.*, g.source_table, g.target_table, g.source_label, g.target_label
)
SELECT * FROM staged ORDER BY place, at

-- name: wait_for_key
-- Something said before under the same key waits for an end.
DELETE FROM kgmem_found f
USING kgmem_relationships s,
      (SELECT b.scope, b.key, min(b.place) AS place FROM kgmem_relationships b
       WHERE b.key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM kgmem_found g WHERE g.at = b.at) GROUP BY 1, 2) w
WHERE f.at = s.at AND s.scope = w.scope AND s.key = w.key AND s.place >= w.place

-- name: something_waits
SELECT EXISTS (SELECT 1 FROM kgmem.import_relationship WHERE import = $1)

-- name: wait_behind
-- Something said of the same relationship in a batch before still waits for an end.
DELETE FROM kgmem_found f
USING kgmem_relationships s
WHERE f.at = s.at AND (
    EXISTS (SELECT 1 FROM kgmem.import_relationship w
            WHERE w.import = $1 AND w.start_key = s.start_key AND w.end_key = s.end_key AND w.kind = s.kind
              AND w.scope = s.scope AND w.parallel_edge_hash = s.parallel_edge_hash)
    OR EXISTS (SELECT 1 FROM kgmem.import_relationship w WHERE w.import = $1 AND w.key = s.key AND w.scope = s.scope))

-- name: insert_edges
-- Only what is said first of a relationship; one with a key may be said to lead somewhere else later.
INSERT INTO {index}.edge (id, source, target, kind, scope, origin, strength, confidence, valid, parallel_edge_hash,
                          content_hash, key)
SELECT id, source, target, kind, scope, origin, strength, confidence, valid, parallel_edge_hash, content_hash, key
FROM kgmem_found f WHERE plain
  AND NOT EXISTS (SELECT 1 FROM kgmem_found b WHERE NOT b.plain
                  AND (b.source, b.kind, b.target, b.scope, b.parallel_edge_hash)
                  = (f.source, f.kind, f.target, f.scope, f.parallel_edge_hash) AND (b.place, b.at) < (f.place, f.at))
  AND NOT EXISTS (SELECT 1 FROM kgmem_found b WHERE b.key = f.key AND b.scope = f.scope AND (b.place, b.at) < (f.place, f.at))
ORDER BY source, kind, target, place, at
ON CONFLICT DO NOTHING

-- name: insert_label_edges
INSERT INTO {graph}.{label} (id, start_id, end_id, properties)
SELECT f.id::text::graphid, f.source::text::graphid, f.target::text::graphid, f.stored::agtype
FROM kgmem_found f WHERE f.kind = $1 %(new)s

-- name: only_new_edges
AND EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = f.id)

-- name: insert_facts
-- What is said in JSON of 900 characters fits into one passage. Blank is what write/fact_index.py calls so. What was merged into
-- something else of the batch is a fact already.
WITH said AS MATERIALIZED (
    SELECT f.id, f.scope, f.origin, f.valid, f.stored::jsonb->>'text' AS body
    FROM kgmem_found f WHERE f.stored LIKE '%%"text":%%' AND length(f.stored) <= 900
      AND NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = f.id) %(new)s
), new AS MATERIALIZED (
    SELECT nextval('{index}.passage_id_seq') AS passage, s.* FROM said s WHERE btrim(s.body, E' \t\n\r\f\v') <> ''
), facts AS (
    INSERT INTO {index}.item (id, kind, scope, source, valid, key)
    SELECT id, 3, scope, origin, valid, id::text FROM new
), waiting AS (
    INSERT INTO {index}.embedding_queue (passage, space)
    SELECT n.passage, substr(v.vectors, length('vector_') + 1)
    FROM new n CROSS JOIN kgmem.graph g
    CROSS JOIN LATERAL (VALUES (g.space_table), (g.next_space_table)) AS v (vectors)
    WHERE g.id = $1 AND v.vectors IS NOT NULL
)
INSERT INTO {index}.passage (id, item, ordinal, start, body) SELECT passage, id, 0, 0, body FROM new

-- name: facts_apart
-- New relationships of which the text may be long, and, where all are facts ($1), those without one.
SELECT f.id FROM kgmem_found f
WHERE CASE WHEN f.stored LIKE '%%"text":%%'
           THEN length(f.stored) > 900 OR ($1 AND btrim(coalesce(f.stored::jsonb->>'text', ''), E' \t\n\r\f\v') = '')
           ELSE $1 END %(new)s
ORDER BY f.id

-- name: held_edges
SELECT f.at, coalesce(k.id, e.id) AS id,
       bool_and(coalesce((coalesce(k.content_hash, e.content_hash), coalesce(k.source, e.source),
                          coalesce(k.target, e.target))
                         = (f.content_hash, f.source, f.target), false)
                AND (f.origin IS NULL OR coalesce(k.origin, e.origin) IS NOT NULL))
       OVER (PARTITION BY coalesce(k.id, e.id)) AS same
FROM kgmem_found f
LEFT JOIN {index}.edge k ON k.scope = f.scope AND k.key = f.key AND f.key IS NOT NULL
LEFT JOIN {index}.edge e ON e.source = f.source AND e.kind = f.kind AND e.target = f.target AND e.scope = f.scope
                        AND e.parallel_edge_hash = f.parallel_edge_hash AND k.id IS NULL
WHERE coalesce(k.id, e.id) IS DISTINCT FROM f.id
ORDER BY f.place, f.at

-- name: relationships_at
SELECT s.* FROM kgmem_relationships s WHERE s.at = ANY ($1::integer[]) ORDER BY s.place, s.at

-- name: restate_edges
UPDATE {index}.edge e SET content_hash = f.content_hash
FROM (SELECT DISTINCT ON (source, kind, target, scope, parallel_edge_hash) * FROM kgmem_found
      WHERE at = ANY ($1::integer[])
      ORDER BY source, kind, target, scope, parallel_edge_hash, place DESC, at DESC) f
WHERE e.source = f.source AND e.kind = f.kind AND e.target = f.target
  AND e.scope = f.scope AND e.parallel_edge_hash = f.parallel_edge_hash
  AND e.content_hash IS DISTINCT FROM f.content_hash

-- name: tell_edges
INSERT INTO {index}.change (operation, kind, ids, import)
SELECT 1, 3, array_agg(f.id ORDER BY f.at), $1 FROM kgmem_found f WHERE true %(new)s
HAVING count(*) > 0

-- name: any_said
SELECT EXISTS (SELECT 1 FROM kgmem_found WHERE origin IS NOT NULL)

-- name: lock_staged_topics
-- Of kinds that are weighed, before the relationships are locked, as whoever weighs them does.
SELECT count(*) FROM (
    SELECT 1 FROM {index}.topic t
    JOIN (SELECT DISTINCT f.scope, s.start_key, s.kind FROM kgmem_found f JOIN kgmem_relationships s ON s.at = f.at
          WHERE f.origin IS NOT NULL AND s.kind = ANY ($1::text[])) n
      ON t.scope = n.scope AND t.subject = n.start_key AND t.predicate = n.kind
    ORDER BY t.id FOR NO KEY UPDATE OF t) locked

-- name: stating_sources
SELECT DISTINCT f.origin AS source FROM kgmem_found f WHERE f.origin IS NOT NULL

-- name: said_anew
-- What sources state by new relationships, but for kinds that hold a value ($3). See claims.sql, said_of_edges.
SELECT f.at, f.id AS item, f.scope, s.start_key AS subject, s.kind AS predicate, s.end_key AS object,
       NULL::jsonb AS value, '' COLLATE "C" AS about, f.origin AS source,
       CASE WHEN s.stored LIKE '%"valid_%' THEN s.stored::jsonb ->> 'valid_from' END AS valid_from,
       CASE WHEN s.stored LIKE '%"valid_%' THEN s.stored::jsonb ->> 'valid_to' END AS valid_to,
       f.confidence, NULL::text AS episode, true AS tied, true AS fresh, $2::boolean AS partial
FROM kgmem_found f JOIN kgmem_relationships s ON s.at = f.at
WHERE f.origin IS NOT NULL AND s.kind <> ALL ($3::text[])

-- name: said_again
-- The same where some of the relationships were there before; those of $4 are recorded already.
SELECT f.at, coalesce(k.id, e.id) AS item, f.scope, s.start_key AS subject, s.kind AS predicate, s.end_key AS object,
       NULL::jsonb AS value, '' COLLATE "C" AS about, f.origin AS source,
       CASE WHEN s.stored LIKE '%"valid_%' THEN s.stored::jsonb ->> 'valid_from' END AS valid_from,
       CASE WHEN s.stored LIKE '%"valid_%' THEN s.stored::jsonb ->> 'valid_to' END AS valid_to,
       f.confidence, NULL::text AS episode, true AS tied, coalesce(k.id, e.id) = f.id AS fresh, $2::boolean AS partial
FROM kgmem_found f JOIN kgmem_relationships s ON s.at = f.at
LEFT JOIN {index}.edge k ON k.scope = f.scope AND k.key = f.key AND f.key IS NOT NULL
LEFT JOIN {index}.edge e ON e.source = f.source AND e.kind = f.kind AND e.target = f.target AND e.scope = f.scope
                        AND e.parallel_edge_hash = f.parallel_edge_hash AND k.id IS NULL
WHERE f.origin IS NOT NULL AND s.kind <> ALL ($3::text[]) AND f.at <> ALL ($4::integer[])
  AND coalesce(k.id, e.id) IS NOT NULL

-- name: said_values
-- Statements of kinds that hold a value ($1), which are recorded one by one; those of $2 are already.
SELECT s.*, coalesce(k.id, e.id) AS edge, coalesce(k.id, e.id) = f.id AS fresh
FROM kgmem_found f JOIN kgmem_relationships s ON s.at = f.at
LEFT JOIN {index}.edge k ON k.scope = f.scope AND k.key = f.key AND f.key IS NOT NULL
LEFT JOIN {index}.edge e ON e.source = f.source AND e.kind = f.kind AND e.target = f.target AND e.scope = f.scope
                        AND e.parallel_edge_hash = f.parallel_edge_hash AND k.id IS NULL
WHERE f.origin IS NOT NULL AND s.kind = ANY ($1::text[]) AND f.at <> ALL ($2::integer[])
  AND coalesce(k.id, e.id) IS NOT NULL
ORDER BY f.place, f.at

-- name: said_derived
-- What sources state that they derived, but for the rows of $1, of which that is noted already.
SELECT coalesce(k.id, e.id) AS edge, f.origin AS source, s.derived_from
FROM kgmem_found f JOIN kgmem_relationships s ON s.at = f.at
LEFT JOIN {index}.edge k ON k.scope = f.scope AND k.key = f.key AND f.key IS NOT NULL
LEFT JOIN {index}.edge e ON e.source = f.source AND e.kind = f.kind AND e.target = f.target AND e.scope = f.scope
                        AND e.parallel_edge_hash = f.parallel_edge_hash AND k.id IS NULL
WHERE f.origin IS NOT NULL AND s.derived_from IS NOT NULL AND f.at <> ALL ($1::integer[])
  AND coalesce(k.id, e.id) IS NOT NULL
ORDER BY f.place, f.at

-- name: any_derived
SELECT EXISTS (SELECT 1 FROM kgmem_relationships WHERE derived_from IS NOT NULL)

-- name: said_before
-- Relationships that other sources state already, which may have been written before every statement became a claim.
SELECT DISTINCT e.id AS edge, f.origin AS source FROM kgmem_found f
JOIN {index}.edge e ON e.source = f.source AND e.kind = f.kind AND e.target = f.target AND e.scope = f.scope
                   AND e.parallel_edge_hash = f.parallel_edge_hash
WHERE f.origin IS NOT NULL AND e.id <> f.id AND e.origin <> f.origin

-- name: named_after_decisions
-- Relationships with keys as those of decisions have, where the import rejected something.
SELECT s.at, s.scope, s.start_key, s.end_key, s.key FROM kgmem_relationships s
WHERE (s.key LIKE '%/evidence/%' OR s.key LIKE '%/caused/%')
  AND EXISTS (SELECT FROM kgmem.import_rejection r WHERE r.import = $1)

-- name: take_out
DELETE FROM kgmem_relationships WHERE at = ANY ($1::integer[]) RETURNING *

-- name: endless
-- Relationships of which an end is missing.
SELECT s.* FROM kgmem_relationships s WHERE NOT EXISTS (SELECT 1 FROM kgmem_found f WHERE f.at = s.at) ORDER BY s.place, s.at

-- name: set_aside
INSERT INTO kgmem.import_relationship (import, file, line, scope, kind, start_key, end_key, key, source, strength,
                                       confidence, valid_from, valid_to, parallel_edge_hash, stored, removed,
                                       derived_from)
SELECT $1, s.file, s.line, s.scope, s.kind, s.start_key, s.end_key, s.key, s.source, s.strength, s.confidence,
       s.valid_from, s.valid_to, s.parallel_edge_hash, s.stored, s.removed, s.derived_from
FROM kgmem_relationships s WHERE NOT EXISTS (SELECT 1 FROM kgmem_found f WHERE f.at = s.at)
ORDER BY s.place, s.at

-- name: take_back
WITH taken AS (
    DELETE FROM kgmem.import_relationship WHERE import = $1 AND id <= (
        SELECT max(id) FROM (SELECT id FROM kgmem.import_relationship WHERE import = $1 ORDER BY id LIMIT $2) next)
    RETURNING *
), staged AS (
    INSERT INTO kgmem_relationships (place, file, line, number, scope, kind, start_key, end_key, key, source, strength,
                                     confidence, valid_from, valid_to, parallel_edge_hash, stored, removed, derived_from)
    SELECT id, file, line, row_number() OVER (PARTITION BY kind ORDER BY id) - 1, scope, kind, start_key, end_key, key, source,
           strength, confidence, valid_from, valid_to, parallel_edge_hash, stored, removed, derived_from
    FROM taken ORDER BY id
    RETURNING kind, scope
)
SELECT kind, scope, count(*) AS count FROM staged GROUP BY kind, scope

-- name: is_there
SELECT EXISTS (SELECT 1 FROM {index}.scope v JOIN {index}.item i ON i.scope = v.id AND i.key = $2 AND i.kind = 1
               WHERE v.path = ANY ($1::text[]) OR v.path = '')
