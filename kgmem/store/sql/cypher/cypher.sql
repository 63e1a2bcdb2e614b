-- name: take_ids
SELECT ($1::bigint << 48) | nextval($2::bigint::oid::regclass) AS id FROM generate_series(1, $3)

-- name: lock_nodes
SELECT id, key, version, scope, kind, known_from FROM {index}.item WHERE id = ANY ($1::bigint[]) AND kind < 3
ORDER BY id FOR NO KEY UPDATE

-- name: lock_nodes_to_delete
-- Waits for those who are writing relationships to them.
SELECT id, key, version, scope, kind, known_from FROM {index}.item WHERE id = ANY ($1::bigint[]) AND kind < 3
ORDER BY id FOR UPDATE

-- name: hold_ends
-- So that none is deleted or moved to another id before the relationship is committed.
SELECT i.id, s.path FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.id = ANY ($1::bigint[]) AND i.kind < 3 ORDER BY i.id FOR KEY SHARE OF i

-- name: doubled_keys
SELECT id, key FROM {index}.item WHERE id = ANY ($1::bigint[]) AND right(key, length('#' || id)) = '#' || id ORDER BY id

-- name: merged_keys
-- Nodes with the key of one that was merged away, each with the key of the kept one, through further merges.
WITH RECURSIVE went AS (
    SELECT i.id, i.key AS gone, m.scope, m.kept_key AS key FROM {index}.item i
    JOIN {index}.merge m ON m.scope = i.scope AND m.gone_key = i.key AND m.undone_at IS NULL
    WHERE i.id = ANY ($1::bigint[]) AND i.kind = 1
    UNION
    SELECT w.id, w.gone, m.scope, m.kept_key FROM went w
    JOIN {index}.merge m ON m.scope = w.scope AND m.gone_key = w.key AND m.undone_at IS NULL
)
SELECT w.gone, k.key AS kept FROM went w
JOIN {index}.item k ON k.scope = w.scope AND k.key = w.key AND k.kind = 1 AND k.id <> w.id
ORDER BY w.id LIMIT 1

-- name: both_ways
SELECT id, kind, scope, source, target, source AS here, target AS there, true AS ahead FROM {index}.edge
UNION ALL SELECT id, kind, scope, source, target, target, source, false FROM {index}.edge

-- name: both_ways_once
(%(edge)s.ahead OR %(edge)s.source <> %(edge)s.target)

-- name: chain
WITH RECURSIVE walk (here, path, depth) AS (
    SELECT %(start)s::bigint, '{}'::bigint[], 0
    UNION ALL SELECT e.there, %(grown)s, w.depth + 1 FROM walk w CROSS JOIN LATERAL (%(edges)s) e WHERE %(goes_on)s)
SELECT here, path FROM walk WHERE depth >= %(least)s

-- name: next_out
SELECT x.id, x.target AS there FROM {index}.edge x WHERE x.source = w.here AND NOT x.id = ANY (w.path)%(asked)s

-- name: next_in
SELECT x.id, x.source AS there FROM {index}.edge x WHERE x.target = w.here AND NOT x.id = ANY (w.path)%(asked)s

-- name: expand_out
SELECT x.source, x.id, x.target FROM {index}.edge x WHERE x.source = ANY ($1::bigint[])%(asked)s

-- name: expand_in
SELECT x.target, x.id, x.source FROM {index}.edge x WHERE x.target = ANY ($1::bigint[])%(asked)s

-- name: surroundings
-- Level by level from a node ($1), and against the direction from another ($2): a1, b1, a2, b2.
WITH a1 (here, id, there) AS MATERIALIZED (SELECT * FROM (%(ahead)s) o LIMIT %(most)s),
     b1 (here, id, there) AS MATERIALIZED (SELECT * FROM (%(back)s) o LIMIT %(most)s),
     one AS MATERIALIZED (
        SELECT a, b, na, nb, na >= %(most)s OR nb >= %(most)s AS far, %(met)s AS met
        FROM (SELECT array_agg(DISTINCT there) AS a, count(*) AS na FROM a1) a,
             (SELECT array_agg(DISTINCT there) AS b, count(*) AS nb FROM b1) b),
     a2 (here, id, there) AS MATERIALIZED (
        SELECT t.* FROM one CROSS JOIN LATERAL (SELECT * FROM (%(ahead_next)s) t LIMIT %(most)s) t
        WHERE NOT one.far AND %(a2_needed)s),
     b2 (here, id, there) AS MATERIALIZED (
        SELECT t.* FROM one CROSS JOIN LATERAL (SELECT * FROM (%(back_next)s) t LIMIT %(most)s) t
        WHERE NOT one.far AND %(b2_needed)s),
     two AS MATERIALIZED (SELECT %(met_next)s AS met)
SELECT 0 AS level, here, a1.id, there FROM a1, one WHERE %(a1_kept)s
UNION ALL SELECT 1, here, b1.id, there FROM b1, one WHERE %(b1_kept)s
UNION ALL SELECT 2, here, a2.id, there FROM a2, two WHERE %(a2_kept)s
UNION ALL SELECT 3, here, b2.id, there FROM b2, two WHERE %(b2_kept)s

-- name: known_from
-- Of any version: a later one changes what is known, not since when.
SELECT min(known_from) FROM (
    SELECT known_from FROM {index}.item WHERE id = $1
    UNION ALL SELECT known_from FROM {index}.edge WHERE id = $1
    UNION ALL SELECT lower(known) FROM {index}.history WHERE id = $1) held

-- name: any_further
(SELECT true FROM {index}.item WHERE labels IS NOT NULL LIMIT 1)

-- name: label_rows
SELECT t.id::text::bigint AS id, t.properties FROM {graph}.{label} t WHERE true

-- name: shared_rows
SELECT t.id, t.properties FROM %(rows)s t WHERE true

-- name: read_once
WITH n AS MATERIALIZED (%(rows)s) SELECT * FROM n

-- name: tables_with_further
-- One look into the index for each table that has such nodes, and one more.
WITH RECURSIVE tables (first) AS (
    SELECT min(id) FROM {index}.item WHERE labels IS NOT NULL
    UNION ALL
    SELECT (SELECT min(i.id) FROM {index}.item i WHERE i.labels IS NOT NULL AND i.id >= ((t.first >> 48) + 1) << 48)
    FROM tables t WHERE t.first IS NOT NULL)
SELECT first >> 48 FROM tables WHERE first IS NOT NULL

-- name: number_form
CASE WHEN agtype_out(%(value)s)::text ~ '^-?[0-9]+$' THEN 1
     WHEN agtype_out(%(value)s)::text LIKE '%%::numeric' THEN 2 ELSE 0 END

-- name: properties_by_id
(SELECT t.properties FROM {graph}.{label} t WHERE t.id = (%(id)s)::text::graphid)

-- name: lock_names
-- In the order given, so that no two transactions wait for each other.
SELECT pg_advisory_xact_lock($1, n.number) FROM unnest($2::integer[]) AS n (number)

-- name: nearest_by_index
SELECT t.id, %(distance)s AS rank FROM {graph}.{label} t WHERE (%(held)s) IS NOT NULL%(seen)s
ORDER BY %(distance)s LIMIT %(most)s

-- name: worded_by_index
SELECT t.id, ts_rank(%(words)s, a.asked, 1) AS rank FROM {graph}.{label} t, to_tsquery('simple', $1) AS a (asked)
WHERE %(words)s @@ a.asked%(seen)s ORDER BY rank DESC, t.id LIMIT %(most)s

-- name: bears_further
 AND t.id IN (SELECT i.id::text::graphid FROM {index}.item i
              WHERE i.labels IS NOT NULL AND i.labels && $3::text[]
                AND (i.labels[1] = '' OR (i.id >> 48) <> ALL ('{%(tables)s}'::bigint[])))

-- name: best_of_parts
SELECT id, rank FROM (%(parts)s) AS part ORDER BY rank %(order)s, id LIMIT $2

-- name: ordered
-- What comes first by a property, as the text of an agtype, and what is level with the last of that: numbers are
-- compared as floats, so that what is level here may not be so in Cypher, which orders it once more. A list, a map, a
-- time, or a text with characters that AGE escapes is odd: it comes before all others and says that this is not Cypher's
-- order. Texts begin with ", truth values with t and f, null with n, lists and maps with [ and {.
SELECT %(names)s, kind = %(odd)s
FROM (SELECT *, CASE ascii(text)
                    WHEN 34 THEN CASE WHEN strpos(text, E'\\') = 0 THEN 0 ELSE %(odd)s END
                    WHEN 102 THEN 1 WHEN 116 THEN 1 WHEN 110 THEN 3 WHEN 91 THEN %(odd)s WHEN 123 THEN %(odd)s
                    ELSE CASE WHEN text IS NULL THEN 3 WHEN strpos(text, ':') = 0 THEN 2 ELSE %(odd)s END
                END AS kind
      FROM (SELECT %(columns)s, %(text)s AS text %(rest)s OFFSET 0) plain OFFSET 0) kinds
ORDER BY kind %(way)s,
         CASE kind WHEN 0 THEN substr(text, 2, length(text) - 2) END COLLATE "C" %(way)s,
         CASE kind WHEN 2 THEN text::float8 WHEN 1 THEN (text = 'true')::integer END %(way)s
FETCH FIRST %(most)s ROWS WITH TIES
