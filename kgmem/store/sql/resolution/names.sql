-- name: create
-- The names of entities as resolution looks them up: derived, and brought up to date from the change feed when asked.
CREATE TABLE {index}.entity_name (
    item   bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    parts  text[] NOT NULL,                   -- words (with = before them) and trigrams
    PRIMARY KEY (item, folded)
);
CREATE INDEX entity_name_folded ON {index}.entity_name (folded);
CREATE INDEX entity_name_parts ON {index}.entity_name USING gin (parts);
CREATE TABLE {index}.entity_name_position (change bigint NOT NULL);
INSERT INTO {index}.entity_name_position VALUES (0);

-- name: until
SELECT change FROM {index}.entity_name_position

-- name: take_turn
SELECT change FROM {index}.entity_name_position FOR UPDATE

-- name: is_behind
SELECT EXISTS (
    SELECT 1 FROM (SELECT coalesce(max(xid), '0') AS xid, coalesce(max(id), 0) AS id
                   FROM (SELECT xid, id FROM {index}.change
                         WHERE id <= (SELECT change FROM {index}.entity_name_position) ORDER BY id DESC LIMIT 1) last) seen
    JOIN {index}.change c ON (c.xid, c.id) > (seen.xid, seen.id))

-- name: unsettled
-- What is committed after the cursor, but not in an order that can be relied upon yet; it is read again later.
SELECT h.ids FROM (SELECT coalesce(max(xid), '0') AS xid, coalesce(max(id), 0) AS id
                   FROM (SELECT xid, id FROM {index}.change WHERE id <= $1 ORDER BY id DESC LIMIT 1) last) seen
JOIN {index}.change h ON (h.xid, h.id) > (seen.xid, seen.id) AND h.kind = 1
LIMIT 10000

-- name: advance
UPDATE {index}.entity_name_position SET change = $1

-- name: forget
DELETE FROM {index}.entity_name WHERE item = ANY ($1::bigint[])

-- name: put
INSERT INTO {index}.entity_name (item, folded, parts)
SELECT n.item, n.folded, string_to_array(n.parts, E'\x1f')
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n (item, folded, parts)
ON CONFLICT DO NOTHING

-- name: has_grown
-- Whether so many names are new since statistics were made that which of their parts are rare is not known any more.
SELECT pg_stat_get_mod_since_analyze(c.oid) > greatest($1, c.reltuples / 5)
FROM pg_class c WHERE c.oid = '{index}.entity_name'::regclass

-- name: analyze
ANALYZE {index}.entity_name

-- name: clean
-- What is new in the index is in a list that every search reads, until it is put in its place.
SELECT gin_clean_pending_list('{index}.entity_name_parts')

-- name: common
-- The commonest words and trigrams of names, each with the share of names that have it.
SELECT most_common_elems::text::text[] AS parts, most_common_elem_freqs AS shares,
       (SELECT greatest(reltuples, 1)::bigint FROM pg_class WHERE oid = '{index}.entity_name'::regclass) AS count
FROM pg_stats WHERE schemaname = $1 AND tablename = 'entity_name' AND attname = 'parts'

-- name: by_index
-- What is looked up is little, whatever the planner makes of arrays that it does not know yet.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL plan_cache_mode = force_custom_plan

-- name: like
-- Who bears each of these names, then who shares most of the words and trigrams of it, found by its rarest; what the
-- scopes see. The best of each name come first. Whether a scope sees one is asked of the best only, in their order.
SELECT a.at, c.item
FROM (SELECT n.at, n.folded, string_to_array(n.rarest, E'\x1f') AS rarest, string_to_array(n.parts, E'\x1f') AS parts
      FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[]) AS n (at, folded, rarest, parts) OFFSET 0) a
CROSS JOIN LATERAL (
    (SELECT n.item, 2.0 AS shared FROM {index}.entity_name n
     WHERE n.folded = a.folded AND (SELECT i.scope FROM {index}.item i WHERE i.id = n.item) = ANY ($1::integer[])
     LIMIT $6)
    UNION ALL
    (SELECT r.item, r.shared FROM (
        SELECT x.item, count(*)::float8 / greatest(x.size, cardinality(a.parts)) AS shared
        FROM (SELECT n.item, n.folded, cardinality(n.parts) AS size, unnest(n.parts) AS part
              FROM {index}.entity_name n WHERE n.parts && a.rarest OFFSET 0) x
        JOIN unnest(a.parts) AS p (part) ON p.part = x.part
        GROUP BY x.item, x.folded, x.size ORDER BY shared DESC, x.item OFFSET 0) r
     WHERE (SELECT i.scope FROM {index}.item i WHERE i.id = r.item) = ANY ($1::integer[])
     LIMIT $6)) c
GROUP BY a.at, c.item ORDER BY a.at, max(c.shared) DESC, c.item

-- name: near
SELECT v.item FROM {index}.{table} v JOIN {index}.item i ON i.id = v.item
WHERE i.kind = 1 AND i.scope = ANY ($1::integer[]) ORDER BY v.embedding <#> $2::halfvec LIMIT $3

-- name: vectors
-- The vectors of entities, by their first passages.
SELECT v.item, v.embedding FROM {index}.{table} v JOIN {index}.passage p ON p.id = v.passage AND p.ordinal = 0
WHERE v.item = ANY ($1::bigint[])

-- name: merged
-- Where the entities went that were known by these keys, in scopes that are seen.
WITH RECURSIVE went AS (
    SELECT m.gone_key AS asked, m.scope, m.kept_key AS key FROM {index}.merge m
    WHERE m.undone_at IS NULL AND m.scope = ANY ($1::integer[]) AND m.gone_key = ANY ($2::text[])
    UNION
    SELECT w.asked, m.scope, m.kept_key FROM went w JOIN {index}.merge m
        ON m.scope = w.scope AND m.gone_key = w.key AND m.undone_at IS NULL
)
SELECT w.asked AS gone_key, i.id FROM went w
JOIN {index}.item i ON i.scope = w.scope AND i.key = w.key AND i.kind = 1

-- name: items
SELECT i.id, i.key, i.scope, CASE WHEN i.labels[1] = '' THEN i.labels[2] ELSE l.name END AS label FROM {index}.item i JOIN {index}.label l ON l.id = i.id >> 48
WHERE i.id = ANY ($1::bigint[]) AND i.kind = 1

-- name: neighbours
-- What an entity is joined to otherwise than by being alike, which would be told twice.
WITH alike AS MATERIALIZED (SELECT id FROM {index}.label WHERE kind = 2 AND name = 'SIMILAR_TO')
SELECT n.item, array_agg(DISTINCT b.key) AS keys FROM unnest($1::bigint[]) AS n (item)
CROSS JOIN LATERAL (
    (SELECT e.target AS other FROM {index}.edge e
     WHERE e.source = n.item AND e.kind <> ALL (ARRAY(SELECT l.id FROM alike l)) LIMIT 50)
    UNION ALL
    (SELECT e.source FROM {index}.edge e
     WHERE e.target = n.item AND e.kind <> ALL (ARRAY(SELECT l.id FROM alike l)) LIMIT 50)) o
JOIN {index}.item b ON b.id = o.other AND b.kind = 1
GROUP BY n.item

-- name: ids
SELECT i.id FROM {index}.item i WHERE i.scope = $1 AND i.kind = 1 AND i.key = ANY ($2::text[])
