-- name: state
SELECT last_id, last_hash, base_id, base_hash, salt FROM kgmem.audit_state FOR UPDATE

-- name: read_state
SELECT last_id, last_hash, base_id, base_hash, salt FROM kgmem.audit_state

-- name: make_salt
UPDATE kgmem.audit_state SET salt = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) RETURNING salt

-- name: graphs
SELECT coalesce(array_agg(name::text), '{}') FROM kgmem.graph WHERE name = ANY ($1::text[])

-- name: append
INSERT INTO kgmem.audit (id, at, key, graph, scope, item, change, entry, hash)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
                     $8::text[], $9::bytea[])

-- name: advance
UPDATE kgmem.audit_state SET last_id = $1, last_hash = $2

-- name: page
SELECT id, entry, hash FROM kgmem.audit
WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR graph = $2) AND ($3::text IS NULL OR key = $3)
  AND ($4::text IS NULL OR scope = $4) AND ($5::text IS NULL OR item = $5) AND ($6::boolean IS NULL OR change = $6)
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY id DESC LIMIT $9

-- name: onward
SELECT id, entry, hash FROM kgmem.audit
WHERE id > $1 AND ($2::text IS NULL OR graph = $2) AND ($3::text IS NULL OR key = $3)
  AND ($4::text IS NULL OR scope = $4) AND ($5::text IS NULL OR item = $5) AND ($6::boolean IS NULL OR change = $6)
  AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
ORDER BY id LIMIT $9

-- name: chain
SELECT id, at, key, graph, scope, item, change, entry, hash FROM kgmem.audit
WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3

-- name: hash_of
SELECT hash FROM kgmem.audit WHERE id = $1

-- name: expired
-- The last entry that is older than a time, as all before it are: each process notes the time of its own.
SELECT coalesce((SELECT min(id) FROM kgmem.audit WHERE at >= $1) - 1, (SELECT last_id FROM kgmem.audit_state))

-- name: allow_retention
SELECT set_config('kgmem.audit_retention', 'on', true)

-- name: forbid_retention
SELECT set_config('kgmem.audit_retention', 'off', true)

-- name: remove
DELETE FROM kgmem.audit WHERE id <= $1

-- name: rebase
UPDATE kgmem.audit_state SET base_id = $1, base_hash = $2

-- name: levels
SELECT graph, level FROM kgmem.audit_level

-- name: level
SELECT level FROM kgmem.audit_level WHERE graph = $1

-- name: set_level
INSERT INTO kgmem.audit_level (graph, level) VALUES ($1, $2)
ON CONFLICT (graph) DO UPDATE SET level = excluded.level

-- name: unset_level
DELETE FROM kgmem.audit_level WHERE graph = $1
