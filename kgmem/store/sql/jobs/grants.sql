-- name: lock_key
SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS good
FROM kgmem.key WHERE id = $1 FOR UPDATE

-- name: open
-- How many grants of a key are not over, and one of them that grants the same.
SELECT count(*) AS open, min(id) FILTER (
           WHERE scope = $2 AND access = $3 AND graph IS NOT DISTINCT FROM $4) AS same
FROM kgmem.key_grant WHERE key = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())

-- name: create
INSERT INTO kgmem.key_grant (key, scope, access, graph, reason, starts_at, expires_at, created_by)
VALUES ($1, $2, $3, $4, $5, coalesce($6, now()), $7, $8)
RETURNING *

-- name: list
SELECT * FROM kgmem.key_grant WHERE key = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3

-- name: key_exists
SELECT EXISTS (SELECT FROM kgmem.key WHERE id = $1)

-- name: revoke
UPDATE kgmem.key_grant SET
    revoked_at = coalesce(revoked_at, now()),
    revoked_by = CASE WHEN revoked_at IS NULL THEN $3 ELSE revoked_by END,
    revoke_reason = CASE WHEN revoked_at IS NULL THEN $4 ELSE revoke_reason END
WHERE key = $1 AND id = $2
RETURNING *

-- name: in_force
-- Grants that are not over, with the seconds until each begins or ends; one that has not begun is not in force.
SELECT *, starts_at <= clock_timestamp() AS begun,
       date_part('epoch', CASE WHEN starts_at > clock_timestamp() THEN starts_at ELSE expires_at END - clock_timestamp())
       AS changes_in
FROM kgmem.key_grant
WHERE key = ANY ($1::text[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
