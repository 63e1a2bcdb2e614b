-- name: create
-- States of agents by name. One that is deleted keeps its row and its last number, so that no version comes twice.
CREATE TABLE {index}.agent_state (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope integer NOT NULL,
    agent text NOT NULL,
    name  text NOT NULL,
    last  integer NOT NULL DEFAULT 0,         -- the highest version that there ever was
    gone  boolean NOT NULL DEFAULT true,      -- there is no version
    UNIQUE (scope, agent, name)
);

-- Their versions: what was written, compressed; rows change only where retention repacks them.
CREATE TABLE {index}.agent_state_version (
    state         bigint NOT NULL,
    version       integer NOT NULL,
    at            timestamptz NOT NULL,
    media_type    text NOT NULL,
    size          integer NOT NULL,
    checksum      bytea NOT NULL,             -- SHA-256 of the content
    place         smallint NOT NULL,          -- in its run; 0 begins one
    base          integer,                    -- the version that `packed` is the difference from
    packed        bytea NOT NULL,
    author        text,
    restored_from integer,
    branched_from text,
    PRIMARY KEY (state, version)
);
ALTER TABLE {index}.agent_state_version ALTER packed SET STORAGE EXTERNAL;
CREATE INDEX agent_state_version_at ON {index}.agent_state_version (state, at);
CREATE TABLE {index}.agent_state_checkpoint (
    state   bigint NOT NULL,
    name    text NOT NULL,
    version integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (state, name)
);
CREATE TABLE {index}.agent_retention (
    scope integer NOT NULL,
    agent text NOT NULL,
    rules jsonb NOT NULL,
    PRIMARY KEY (scope, agent)
);

-- name: state
SELECT id, last, gone FROM {index}.agent_state WHERE scope = $1 AND agent = $2 AND name = $3

-- name: take_state
-- The row, made where there is none, and locked: writers of one state go one after the other.
INSERT INTO {index}.agent_state (scope, agent, name) VALUES ($1, $2, $3)
ON CONFLICT (scope, agent, name) DO UPDATE SET last = agent_state.last
RETURNING id, last, gone

-- name: lock_state
SELECT id, last, gone FROM {index}.agent_state WHERE id = $1 FOR UPDATE

-- name: run
-- The current version and those before it, as far back as a run goes.
SELECT version, place, checksum, media_type FROM {index}.agent_state_version
WHERE state = $1 ORDER BY version DESC LIMIT 64

-- name: chain
-- What unpacks into a version: the one that is stored by itself first.
WITH RECURSIVE chain AS (
    SELECT version, base, packed, 0 AS step FROM {index}.agent_state_version WHERE state = $1 AND version = $2
    UNION ALL
    SELECT v.version, v.base, v.packed, c.step + 1
    FROM chain c JOIN {index}.agent_state_version v ON v.state = $1 AND v.version = c.base
)
SELECT version, packed FROM chain ORDER BY step DESC

-- name: is_there
SELECT EXISTS (SELECT FROM {index}.agent_state_version WHERE state = $1 AND version = $2)

-- name: add_version
-- Each version is later than the one before, whatever the clock does.
INSERT INTO {index}.agent_state_version
    (state, version, at, media_type, size, checksum, place, base, packed, author, restored_from, branched_from)
SELECT $1, $2,
       greatest(clock_timestamp(), (SELECT v.at + interval '1 microsecond' FROM {index}.agent_state_version v
                                    WHERE v.state = $1 ORDER BY v.version DESC LIMIT 1)),
       $3, $4, $5, $6, $7, $8, $9, $10, $11

-- name: note_last
UPDATE {index}.agent_state SET last = $2, gone = false WHERE id = $1

-- name: by_number
SELECT version FROM {index}.agent_state_version WHERE state = $1 AND version = $2

-- name: by_checkpoint
SELECT version FROM {index}.agent_state_checkpoint WHERE state = $1 AND name = $2

-- name: as_of
SELECT version FROM {index}.agent_state_version WHERE state = $1 AND at <= $2 ORDER BY at DESC LIMIT 1

-- name: current
SELECT version FROM {index}.agent_state_version WHERE state = $1 ORDER BY version DESC LIMIT 1

-- name: versions
-- Some versions below one, the newest first, with their names.
SELECT v.version, v.at, v.media_type, v.size, octet_length(v.packed) AS stored, v.checksum, v.author, v.restored_from,
       v.branched_from,
       ARRAY(SELECT c.name FROM {index}.agent_state_checkpoint c
             WHERE c.state = v.state AND c.version = v.version ORDER BY c.name) AS checkpoints,
       (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 12 AND x.id = v.state) AS expires_at
FROM {index}.agent_state_version v WHERE v.state = $1 AND v.version < $2 ORDER BY v.version DESC LIMIT $3

-- name: list
SELECT s.id, s.agent, s.name, t.versions, t.stored
FROM {index}.agent_state s
CROSS JOIN LATERAL (SELECT count(*) AS versions, sum(octet_length(v.packed)) AS stored
                    FROM {index}.agent_state_version v WHERE v.state = s.id) t
WHERE s.scope = $1 AND NOT s.gone AND ($2::text IS NULL OR s.agent = $2) AND (s.agent, s.name) > ($3, $4)
ORDER BY s.agent, s.name LIMIT $5

-- name: delete_versions
DELETE FROM {index}.agent_state_version WHERE state = $1

-- name: delete_names
DELETE FROM {index}.agent_state_checkpoint WHERE state = $1

-- name: note_gone
UPDATE {index}.agent_state SET gone = true WHERE id = $1

-- name: set_checkpoint
INSERT INTO {index}.agent_state_checkpoint (state, name, version) VALUES ($1, $2, $3)
ON CONFLICT (state, name) DO UPDATE SET version = excluded.version, at = excluded.at
RETURNING name, version, at

-- name: checkpoints
SELECT name, version, at FROM {index}.agent_state_checkpoint WHERE state = $1 ORDER BY version, name

-- name: delete_checkpoint
DELETE FROM {index}.agent_state_checkpoint WHERE state = $1 AND name = $2 RETURNING name

-- name: set_rules
INSERT INTO {index}.agent_retention (scope, agent, rules) VALUES ($1, $2, $3::text::jsonb)
ON CONFLICT (scope, agent) DO UPDATE SET rules = excluded.rules

-- name: delete_rules
DELETE FROM {index}.agent_retention WHERE scope = $1 AND agent = $2

-- name: rules
SELECT rules::text FROM {index}.agent_retention WHERE scope = $1 AND agent = $2

-- name: with_rules
SELECT s.path, r.agent FROM {index}.agent_retention r JOIN {index}.scope s ON s.id = r.scope ORDER BY 1, 2

-- name: of_agent
SELECT id, name FROM {index}.agent_state WHERE scope = $1 AND agent = $2 AND NOT gone ORDER BY name

-- name: ages
SELECT version, extract(epoch FROM at) * 1000000 AS at, base, octet_length(packed) AS stored
FROM {index}.agent_state_version WHERE state = $1 ORDER BY version

-- name: repack
UPDATE {index}.agent_state_version SET packed = $3, base = $4 WHERE state = $1 AND version = $2

-- name: prune
DELETE FROM {index}.agent_state_version WHERE state = $1 AND version = ANY ($2::integer[])

-- name: checksums
-- Versions behind a position, for the check of all.
SELECT v.state, v.version, v.checksum, s.agent, s.name
FROM {index}.agent_state_version v JOIN {index}.agent_state s ON s.id = v.state
WHERE (v.state, v.version) > ($1, $2) ORDER BY v.state, v.version LIMIT $3

-- name: checks
-- What is known of all versions of a state, without their content.
SELECT version, at, checksum, place FROM {index}.agent_state_version WHERE state = $1 ORDER BY version

-- name: restore_version
INSERT INTO {index}.agent_state_version
    (state, version, at, media_type, size, checksum, place, base, packed, author, restored_from, branched_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: restore_last
UPDATE {index}.agent_state SET last = $2, gone = $3 WHERE id = $1

-- name: restore_checkpoint
INSERT INTO {index}.agent_state_checkpoint (state, name, version, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (state, name) DO NOTHING RETURNING name

-- name: restore_rules
INSERT INTO {index}.agent_retention (scope, agent, rules) VALUES ($1, $2, $3::text::jsonb)
ON CONFLICT (scope, agent) DO NOTHING RETURNING agent

-- name: all_states
SELECT s.id, p.path AS scope, s.agent, s.name, s.last,
       (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 12 AND x.id = s.id AND NOT s.gone) AS expires_at,
       (SELECT count(*) FROM {index}.agent_state_version v WHERE v.state = s.id) AS versions,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(c.name, c.version, (extract(epoch FROM c.at) * 1000000)::bigint)
                                  ORDER BY c.version, c.name), '[]')
        FROM {index}.agent_state_checkpoint c WHERE c.state = s.id)::text AS checkpoints
FROM {index}.agent_state s JOIN {index}.scope p ON p.id = s.scope
WHERE s.last > 0 AND ($1::text IS NULL OR p.path = $1) ORDER BY p.path, s.agent, s.name

-- name: all_sizes
-- All versions in the order of their states, with the bytes of each.
SELECT s.id, p.path AS scope, s.agent, s.name, v.version, octet_length(v.packed) AS stored
FROM {index}.agent_state s JOIN {index}.scope p ON p.id = s.scope
JOIN {index}.agent_state_version v ON v.state = s.id
WHERE $1::text IS NULL OR p.path = $1 ORDER BY p.path, s.agent, s.name, v.version

-- name: packed
SELECT version, at, media_type, size, checksum, base, author, restored_from, branched_from, packed
FROM {index}.agent_state_version WHERE state = $1 AND version = ANY ($2::integer[]) ORDER BY version

-- name: all_rules
SELECT p.path AS scope, r.agent, r.rules::text AS rules
FROM {index}.agent_retention r JOIN {index}.scope p ON p.id = r.scope
WHERE $1::text IS NULL OR p.path = $1 ORDER BY p.path, r.agent
