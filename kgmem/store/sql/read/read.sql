-- name: item
SELECT i.id, i.key, i.version, i.known_from, s.path AS scope
FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.key = $2 AND i.kind = $3
WHERE s.path = ANY ($1::text[])
ORDER BY array_position($1::text[], s.path) DESC LIMIT 1

-- name: merged_into
-- The key under which an entity is that was merged into another, through further merges.
WITH RECURSIVE went AS (
    SELECT m.scope, m.kept_key AS key, array_position($1::text[], s.path) AS nearness FROM {index}.merge m
    JOIN {index}.scope s ON s.id = m.scope
    WHERE m.undone_at IS NULL AND s.path = ANY ($1::text[]) AND m.gone_key = $2
    UNION
    SELECT m.scope, m.kept_key, w.nearness FROM went w
    JOIN {index}.merge m ON m.scope = w.scope AND m.gone_key = w.key AND m.undone_at IS NULL
)
SELECT i.key FROM went w JOIN {index}.item i ON i.scope = w.scope AND i.key = w.key AND i.kind = 1
ORDER BY w.nearness DESC, i.id LIMIT 1

-- name: kept_keys
-- The keys of entities that were merged away, each with the one that it is read by, through further merges. One row a scope
-- that a caller's scope (path) sees; a key that names an entity there is that entity's.
WITH RECURSIVE went AS (
    SELECT n.path, n.key AS gone, m.scope, m.kept_key AS key, length(s.path) AS nearness
    FROM unnest($1::text[], $2::text[], $3::text[]) AS n (path, seen, key)
    JOIN {index}.scope s ON s.path = n.seen
    JOIN {index}.merge m ON m.scope = s.id AND m.gone_key = n.key AND m.undone_at IS NULL
    UNION
    SELECT w.path, w.gone, m.scope, m.kept_key, w.nearness FROM went w
    JOIN {index}.merge m ON m.scope = w.scope AND m.gone_key = w.key AND m.undone_at IS NULL
)
SELECT DISTINCT ON (w.path, w.gone) w.path, w.gone, i.key AS kept
FROM went w JOIN {index}.item i ON i.scope = w.scope AND i.key = w.key AND i.kind = 1
WHERE NOT EXISTS (
    SELECT 1 FROM unnest($1::text[], $2::text[]) AS v (path, seen) JOIN {index}.scope p ON p.path = v.seen
    JOIN {index}.item o ON o.scope = p.id AND o.key = w.gone AND o.kind = 1
    WHERE v.path = w.path)
ORDER BY w.path, w.gone, w.nearness DESC, i.id

-- name: kept_keys_of_nodes
-- The same for the nodes that a query of some scopes sees, NULL for all, where a key may be an episode's, too. A key under
-- which different entities were merged away is none of theirs in a query of all scopes.
WITH RECURSIVE seen AS (
    SELECT s.id, coalesce(array_position($2::text[], s.path), length(s.path)) AS nearness
    FROM {index}.scope s WHERE $2::text[] IS NULL OR s.path = ANY ($2::text[])
), went AS (
    SELECT m.gone_key AS gone, m.scope, m.kept_key AS key, s.nearness
    FROM seen s JOIN {index}.merge m ON m.scope = s.id
    WHERE m.gone_key = ANY ($1::text[]) AND m.undone_at IS NULL
    UNION
    SELECT w.gone, m.scope, m.kept_key, w.nearness FROM went w
    JOIN {index}.merge m ON m.scope = w.scope AND m.gone_key = w.key AND m.undone_at IS NULL
)
SELECT w.gone, (array_agg(i.key ORDER BY w.nearness DESC))[1] AS kept
FROM went w JOIN {index}.item i ON i.scope = w.scope AND i.key = w.key AND i.kind = 1
WHERE NOT EXISTS (SELECT 1 FROM seen p JOIN {index}.item o ON o.scope = p.id AND o.key = w.gone AND o.kind < 3)
GROUP BY w.gone HAVING $2::text[] IS NOT NULL OR count(DISTINCT i.key) = 1

-- name: merged_keys_of_nodes
-- The keys of entities that were merged, also through others, into those of some keys, as a query of some scopes sees it.
WITH RECURSIVE seen AS (
    SELECT s.id FROM {index}.scope s WHERE $2::text[] IS NULL OR s.path = ANY ($2::text[])
), went AS (
    SELECT m.scope, m.gone_key AS gone FROM seen s JOIN {index}.merge m ON m.scope = s.id
    WHERE m.kept_key = ANY ($1::text[]) AND m.undone_at IS NULL
    UNION
    SELECT m.scope, m.gone_key FROM went w
    JOIN {index}.merge m ON m.scope = w.scope AND m.kept_key = w.gone AND m.undone_at IS NULL
)
SELECT DISTINCT gone FROM went

-- name: items
SELECT i.id, i.key, i.version, i.known_from, s.path AS scope
FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.kind = $1 AND s.path = ANY ($2::text[]) AND i.id > $3
  AND ($4::integer IS NULL OR $5::text = ANY (i.labels)
       OR (i.id >= $4::bigint << 48 AND i.id < ($4::bigint + 1) << 48 AND i.labels[1] IS DISTINCT FROM ''))
ORDER BY i.id LIMIT $6

-- name: main_labels
-- Of nodes that do not bear the label of their table.
SELECT id, labels[2] AS label FROM {index}.item WHERE id = ANY ($1::bigint[]) AND labels[1] = ''

-- name: items_of_session
SELECT i.id, i.key, i.version, i.known_from, s.path AS scope
FROM {graph}.{label} v
JOIN {index}.item i ON i.id = (ag_catalog.graphid_to_agtype(v.id)::text)::bigint
JOIN {index}.scope s ON s.id = i.scope
WHERE s.path = ANY ($1::text[]) AND i.id > $2
  AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[v.properties, '"session"'::agtype]) = $3::text::agtype
ORDER BY i.id LIMIT $4

-- name: edges
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope, a.key AS start_key, b.key AS end_key
FROM {index}.edge e
JOIN {index}.scope s ON s.id = e.scope
LEFT JOIN {index}.item a ON a.id = e.source
LEFT JOIN {index}.item b ON b.id = e.target
WHERE s.path = ANY ($1::text[]) AND e.id > $2 AND ($3::integer IS NULL OR e.kind = $3)
ORDER BY e.id LIMIT $4

-- name: edges_of
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope, a.key AS start_key, b.key AS end_key
FROM (SELECT * FROM {index}.edge WHERE source = $5 UNION SELECT * FROM {index}.edge WHERE target = $5) e
JOIN {index}.scope s ON s.id = e.scope
LEFT JOIN {index}.item a ON a.id = e.source
LEFT JOIN {index}.item b ON b.id = e.target
WHERE s.path = ANY ($1::text[]) AND e.id > $2 AND ($3::integer IS NULL OR e.kind = $3)
ORDER BY e.id LIMIT $4

-- name: edge
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope, a.key AS start_key, b.key AS end_key
FROM {index}.edge e
JOIN {index}.scope s ON s.id = e.scope
LEFT JOIN {index}.item a ON a.id = e.source
LEFT JOIN {index}.item b ON b.id = e.target
WHERE e.id = $1 AND s.path = ANY ($2::text[])

-- name: mentions
SELECT e.source, i.key FROM {index}.edge e JOIN {index}.item i ON i.id = e.target
WHERE e.source = ANY ($1::bigint[]) AND e.kind = $2 ORDER BY e.source, i.key

-- name: sources
SELECT o.key, o.name, o.kind, o.trust, o.note, k.parent, k.domain
FROM {index}.source o LEFT JOIN {index}.source_origin k ON k.source = o.id ORDER BY o.key

-- name: sources_of_scope
-- Those that records of one scope name, so that it does not tell of the sources of others.
SELECT o.key, o.name, o.kind, o.trust, o.note, k.parent, k.domain
FROM {index}.source o LEFT JOIN {index}.source_origin k ON k.source = o.id
WHERE o.id IN (
    SELECT i.source FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE s.path = $1
    UNION SELECT e.origin FROM {index}.edge e JOIN {index}.scope s ON s.id = e.scope WHERE s.path = $1
    UNION SELECT c.source FROM {index}.topic t JOIN {index}.scope s ON s.id = t.scope
          JOIN {index}.claim c ON c.topic = t.id WHERE s.path = $1
    UNION SELECT r.source FROM {index}.source_reliability r JOIN {index}.scope s ON s.id = r.scope WHERE s.path = $1)
ORDER BY o.key

-- name: all_items
SELECT i.id, i.key, i.version, i.known_from, i.kind, s.path AS scope
FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.kind = $1 AND ($2::text IS NULL OR s.path = $2) AND ($3::bigint[] IS NULL OR i.id = ANY ($3)) ORDER BY i.id

-- name: all_edges
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope, a.key AS start_key, b.key AS end_key
FROM {index}.edge e
JOIN {index}.scope s ON s.id = e.scope
JOIN {index}.item a ON a.id = e.source AND a.kind = 1
JOIN {index}.item b ON b.id = e.target
WHERE ($1::text IS NULL OR s.path = $1) AND ($2::bigint[] IS NULL OR e.id = ANY ($2)) ORDER BY e.id

-- name: holds_vectors
SELECT EXISTS (SELECT 1 FROM {index}.{table} WHERE $1 OR given)

-- name: vectors_of
SELECT p.item, v.embedding::text AS embedding
FROM {index}.passage p JOIN {index}.{table} v ON v.passage = p.id
WHERE p.item = ANY ($1::bigint[]) AND p.ordinal = 0 AND ($2 OR v.given)

-- name: changes
-- In the order of transactions, not of ids: an id may be given before that of a transaction which began earlier, and
-- then be committed after it. A cursor is the id of any change, so a reader goes on behind that change's place.
SELECT h.id, h.operation, h.kind, h.ids, h.keys, h.at
FROM (SELECT coalesce(max(xid), '0') AS xid, coalesce(max(id), 0) AS id
      FROM (SELECT xid, id FROM {index}.change WHERE id <= $1 ORDER BY id DESC LIMIT 1) last) seen
CROSS JOIN LATERAL (
    SELECT * FROM {index}.change c
    WHERE (c.xid, c.id) > (seen.xid, seen.id) AND c.xid < (SELECT kgmem.settled_below())
    ORDER BY c.xid, c.id LIMIT $2) h
ORDER BY h.xid, h.id
