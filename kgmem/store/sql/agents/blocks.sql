-- Memory blocks of agents.

-- name: create
CREATE TABLE {index}.memory_block (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope integer NOT NULL,
    name  text NOT NULL,
    last  integer NOT NULL DEFAULT 0,
    gone  boolean NOT NULL DEFAULT true,  -- Its name stays, so that numbers of versions are never given again.
    UNIQUE (scope, name)
);
CREATE TABLE {index}.memory_block_version (
    block       bigint NOT NULL,
    version     integer NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    author      text,
    content     text NOT NULL,
    description text NOT NULL,
    most        integer NOT NULL,
    agents      text[] NOT NULL,
    PRIMARY KEY (block, version)
);

-- name: take
INSERT INTO {index}.memory_block (scope, name) VALUES ($1, $2)
ON CONFLICT (scope, name) DO UPDATE SET last = memory_block.last
RETURNING id, last, gone

-- name: lock
SELECT id, last, gone FROM {index}.memory_block WHERE scope = $1 AND name = $2 FOR UPDATE

-- name: add
WITH noted AS (UPDATE {index}.memory_block SET last = $2, gone = false WHERE id = $1)
INSERT INTO {index}.memory_block_version (block, version, author, content, description, most, agents)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: versions
SELECT v.*, b.name, x.expires_at FROM {index}.memory_block b JOIN {index}.memory_block_version v ON v.block = b.id
LEFT JOIN {index}.expiry x ON x.kind = 11 AND x.id = b.id
WHERE b.scope = $1 AND b.name = $2 AND NOT b.gone AND v.version < $3 ORDER BY v.version DESC LIMIT $4

-- name: list
SELECT v.*, b.name, x.expires_at FROM {index}.memory_block b
JOIN {index}.memory_block_version v ON v.block = b.id AND v.version = b.last
LEFT JOIN {index}.expiry x ON x.kind = 11 AND x.id = b.id
WHERE b.scope = $1 AND NOT b.gone AND b.name > $2 AND ($3::text IS NULL OR v.agents = '{}' OR $3 = ANY (v.agents))
ORDER BY b.name LIMIT $4

-- name: of_agent
-- Of one name the block of the nearest scope; the paths come from the shared scope down.
SELECT DISTINCT ON (b.name) v.*, b.name, s.path, x.expires_at FROM {index}.memory_block b
JOIN {index}.scope s ON s.id = b.scope AND s.path = ANY ($1::text[])
JOIN {index}.memory_block_version v ON v.block = b.id AND v.version = b.last
LEFT JOIN {index}.expiry x ON x.kind = 11 AND x.id = b.id
WHERE NOT b.gone AND (v.agents = '{}' OR $2::text = ANY (v.agents))
ORDER BY b.name, array_position($1::text[], s.path) DESC LIMIT 100

-- name: delete
WITH gone AS (DELETE FROM {index}.memory_block_version WHERE block = $1 RETURNING 1),
     noted AS (UPDATE {index}.memory_block SET gone = true WHERE id = $1)
SELECT count(*) FROM gone

-- name: all_blocks
SELECT b.name, b.last, p.path, x.expires_at,
       (SELECT count(*) FROM {index}.memory_block_version v WHERE v.block = b.id) AS versions
FROM {index}.memory_block b JOIN {index}.scope p ON p.id = b.scope
LEFT JOIN {index}.expiry x ON x.kind = 11 AND x.id = b.id AND NOT b.gone
WHERE b.last > 0 AND ($1::text IS NULL OR p.path = $1) ORDER BY b.id

-- name: all_versions
SELECT v.*, b.name, p.path
FROM {index}.memory_block b JOIN {index}.scope p ON p.id = b.scope
JOIN {index}.memory_block_version v ON v.block = b.id
WHERE $1::text IS NULL OR p.path = $1 ORDER BY b.id, v.version

-- name: held
SELECT version, at, author, content, description, most, agents FROM {index}.memory_block_version
WHERE block = $1 ORDER BY version

-- name: restore
INSERT INTO {index}.memory_block_version (block, version, at, author, content, description, most, agents)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: settle
UPDATE {index}.memory_block SET last = greatest(last, $2), gone = $3 WHERE id = $1
