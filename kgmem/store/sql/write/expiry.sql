-- When items expire. The property expires_at of the vertex or edge is the truth; this is the order in which they go.

-- name: create
CREATE TABLE {index}.expiry (
    kind       smallint NOT NULL,         -- 1 entity, 2 episode, 3 relationship
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

-- name: remove
DELETE FROM {index}.expiry x USING unnest($1::smallint[], $2::bigint[]) AS n (kind, id)
WHERE x.kind = n.kind AND x.id = n.id

-- name: next
-- Seconds until the first item expires.
SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8 FROM {index}.expiry

-- name: due
SELECT x.kind, x.id, x.expires_at, coalesce(i.key, '') AS key, s.path AS scope
FROM {index}.expiry x
LEFT JOIN {index}.item i ON i.id = x.id AND i.kind = x.kind
LEFT JOIN {index}.edge e ON e.id = x.id AND x.kind = 3
LEFT JOIN {index}.scope s ON s.id = coalesce(i.scope, e.scope)
WHERE x.expires_at <= clock_timestamp()
ORDER BY x.expires_at, x.id LIMIT $1

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
