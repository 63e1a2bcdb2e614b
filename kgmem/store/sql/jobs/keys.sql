-- name: create
INSERT INTO kgmem.key (id, name, hash, role, graph, scope, expires_at, per_minute, burst)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING *

-- name: list
SELECT * FROM kgmem.key ORDER BY created_at, id

-- name: update
UPDATE kgmem.key SET
    name = coalesce($2, name),
    expires_at = CASE WHEN $3 THEN $4 ELSE expires_at END,
    per_minute = CASE WHEN $5 THEN $6 ELSE per_minute END,
    burst = CASE WHEN $5 THEN $7 ELSE burst END
WHERE id = $1 AND revoked_at IS NULL
RETURNING *

-- name: rotate
UPDATE kgmem.key SET
    hash = $2, generation = generation + 1, rotated_at = now(),
    old_hash = CASE WHEN $3::float8 > 0 THEN hash END,
    old_until = CASE WHEN $3 > 0 THEN now() + make_interval(secs => $3) END
WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
RETURNING *

-- name: revoke
UPDATE kgmem.key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1
RETURNING *

-- name: exists
SELECT EXISTS (SELECT FROM kgmem.key WHERE id = $1)

-- name: read
SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS good,
       CASE WHEN old_until > now() THEN old_hash END AS other_hash
FROM kgmem.key WHERE id = $1

-- name: used
UPDATE kgmem.key k SET last_used_at = greatest(k.last_used_at, used.at)
FROM unnest($1::text[], $2::timestamptz[]) AS used(id, at) WHERE k.id = used.id

-- name: in_force
SELECT id, scope, generation - CASE WHEN old_until > now() THEN 1 ELSE 0 END AS oldest,
       extract(epoch FROM least(expires_at, CASE WHEN old_until > now() THEN old_until END) - now())::float8 AS ends_in
FROM kgmem.key
WHERE id = ANY($1::text[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
