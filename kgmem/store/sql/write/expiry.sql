-- When items expire. Of a vertex or edge the property expires_at is the truth, and this the order in which they go.

-- name: create
CREATE TABLE {index}.expiry (
    kind       smallint NOT NULL,         -- 1 entity, 2 episode, 3 relationship, 5 claim, 11 block, 12 state, 13 session, 14 topic
    id         bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX expiry_order ON {index}.expiry (expires_at);

-- name: written
-- What this transaction has written so far.
SELECT DISTINCT kind, unnest(ids) AS id FROM {index}.change
WHERE xid = pg_current_xact_id() AND kind IN (1, 2, 3) AND operation IN (1, 2)

-- name: put
INSERT INTO {index}.expiry (kind, id, expires_at)
SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::timestamptz[])
ON CONFLICT (kind, id) DO UPDATE SET expires_at = excluded.expires_at

-- name: put_changes
INSERT INTO {index}.expiry AS x (kind, id, expires_at)
SELECT $1::smallint, n.id, n.at FROM unnest($2::bigint[], $3::timestamptz[]) AS n (id, at) ORDER BY n.id
ON CONFLICT (kind, id) DO UPDATE SET expires_at = excluded.expires_at
WHERE x.expires_at > clock_timestamp() AND x.expires_at <> excluded.expires_at

-- name: remove
DELETE FROM {index}.expiry x USING unnest($1::smallint[], $2::bigint[]) AS n (kind, id)
WHERE x.kind = n.kind AND x.id = n.id

-- name: next
-- Seconds until the first item expires that no legal hold keeps.
SELECT extract(epoch FROM CASE
    WHEN EXISTS (SELECT FROM kgmem.hold h WHERE h.graph = $1 AND h.released_at IS NULL)
    THEN (SELECT min(d.expires_at) FROM (%(items)s) d WHERE d.hold IS NULL)
    ELSE (SELECT min(expires_at) FROM {index}.expiry) END - clock_timestamp())::float8

-- name: due
SELECT d.kind, d.id, d.expires_at, d.key, d.scope FROM (%(items)s) d
WHERE d.expires_at <= clock_timestamp() AND d.hold IS NULL
ORDER BY d.expires_at, d.id LIMIT $2

-- name: items
SELECT x.kind, x.id, x.expires_at, coalesce(i.key, b.name, a.agent || '/' || a.name, n.name, '') AS key, s.path AS scope,
       CASE WHEN x.kind <> 14 AND EXISTS (SELECT FROM kgmem.hold h WHERE h.graph = $1 AND h.released_at IS NULL)
            THEN kgmem.hold_on($1, s.path, array_append(i.labels, coalesce(l.name, t.predicate)), o.key,
                               ARRAY[x.id, e.source, e.target, c.edge]) END AS hold
FROM {index}.expiry x
LEFT JOIN {index}.item i ON i.id = x.id AND i.kind = x.kind
LEFT JOIN {index}.edge e ON e.id = x.id AND x.kind = 3
LEFT JOIN {index}.claim c ON c.id = x.id AND x.kind = 5 AND c.known_to IS NULL
LEFT JOIN {index}.topic t ON t.id = c.topic
LEFT JOIN {index}.topic y ON y.id = x.id AND x.kind = 14  -- What is true changes; nothing is deleted, so no hold counts.
LEFT JOIN {index}.memory_block b ON b.id = x.id AND x.kind = 11 AND NOT b.gone
LEFT JOIN {index}.agent_state a ON a.id = x.id AND x.kind = 12 AND NOT a.gone
LEFT JOIN {index}.session n ON n.id = x.id AND x.kind = 13
LEFT JOIN {index}.scope s ON s.id = coalesce(i.scope, e.scope, t.scope, y.scope, b.scope, a.scope, n.scope)
LEFT JOIN {index}.label l ON l.id = x.id >> 48 AND x.kind <= 3
LEFT JOIN {index}.source o ON o.id = coalesce(i.source, e.origin, c.source)

-- name: is_over
SELECT EXISTS (SELECT FROM {index}.expiry WHERE kind = $1 AND id = $2 AND expires_at <= clock_timestamp())

-- name: settle
-- Whose time was extended meanwhile stays noted.
DELETE FROM {index}.expiry x USING unnest($1::smallint[], $2::bigint[]) AS n (kind, id)
WHERE x.kind = n.kind AND x.id = n.id AND x.expires_at <= clock_timestamp()

-- name: end_history
-- What was known of an item ends when it expired, and not when it was deleted.
UPDATE {index}.history h SET known = tstzrange(lower(h.known), x.expires_at)
FROM {index}.expiry x
WHERE x.id = ANY ($1::bigint[]) AND h.id = x.id AND h.deleted
  AND lower(h.known) < x.expires_at AND upper(h.known) > x.expires_at

-- name: end_items
UPDATE {index}.past_item p SET known = tstzrange(lower(p.known), x.expires_at)
FROM {index}.expiry x
WHERE x.id = ANY ($1::bigint[]) AND p.id = x.id
  AND lower(p.known) < x.expires_at AND upper(p.known) > x.expires_at

-- name: end_edges
UPDATE {index}.past_edge p SET known = tstzrange(lower(p.known), x.expires_at)
FROM {index}.expiry x
WHERE x.id = ANY ($1::bigint[]) AND p.id = x.id
  AND lower(p.known) < x.expires_at AND upper(p.known) > x.expires_at

-- name: end_claims
UPDATE {index}.claim c SET known_to = x.expires_at
FROM {index}.expiry x
WHERE c.id = ANY ($1::bigint[]) AND x.id = c.id AND x.kind = 5 AND c.known_from < x.expires_at AND c.known_to > x.expires_at

-- name: put_imported
-- When current claims of an import expire, which are found by what they state.
INSERT INTO {index}.expiry (kind, id, expires_at)
SELECT 5, c.id, n.expires_at
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
            $9::integer[], $10::integer[], $11::timestamptz[])
     AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, expires_at)
JOIN {index}.claim c ON c.topic = n.topic AND c.known_to IS NULL
 AND c.content_hash = kgmem.claim_digest(n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to, n.confidence, n.episode,
                                         n.begins, n.ends)
ON CONFLICT (kind, id) DO UPDATE SET expires_at = excluded.expires_at
