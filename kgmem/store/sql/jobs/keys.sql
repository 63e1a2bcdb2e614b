-- name: create
INSERT INTO kgmem.key (id, name, hash, role, graph, scope, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id, name, role, graph, scope, created_at, expires_at, revoked_at, last_used_at

-- name: list
SELECT id, name, role, graph, scope, created_at, expires_at, revoked_at, last_used_at
FROM kgmem.key ORDER BY created_at, id

-- name: revoke
UPDATE kgmem.key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1
RETURNING id, name, role, graph, scope, created_at, expires_at, revoked_at, last_used_at

-- name: read
SELECT id, name, hash, role, graph, scope, created_at, expires_at, revoked_at, last_used_at,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS good
FROM kgmem.key WHERE id = $1

-- name: used
UPDATE kgmem.key k SET last_used_at = greatest(k.last_used_at, used.at)
FROM unnest($1::text[], $2::timestamptz[]) AS used(id, at) WHERE k.id = used.id

-- name: in_force
SELECT id, scope FROM kgmem.key
WHERE id = ANY($1::text[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
