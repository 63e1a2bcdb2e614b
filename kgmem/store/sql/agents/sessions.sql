-- Sessions of agents, and the order of their messages.

-- name: create
CREATE TABLE {index}.session (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    name     text NOT NULL,
    agent    text,
    users    text[] NOT NULL DEFAULT '{}',
    metadata text NOT NULL DEFAULT '{}',
    opened   timestamptz NOT NULL DEFAULT now(),
    closed   timestamptz,
    latest   timestamptz,
    last     bigint NOT NULL DEFAULT 0,  -- The number of the newest message; numbers are never given again.
    messages bigint NOT NULL DEFAULT 0,
    tokens   bigint NOT NULL DEFAULT 0,
    UNIQUE (scope, name)
);
CREATE INDEX session_order ON {index}.session (scope, id);
CREATE TABLE {index}.session_message (
    session bigint NOT NULL,
    seq     bigint NOT NULL,
    name    text NOT NULL,
    item    bigint NOT NULL,  -- Its episode.
    role    text NOT NULL,
    tokens  integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest  bytea NOT NULL,
    body    text NOT NULL,  -- JSON.
    PRIMARY KEY (session, seq),
    UNIQUE (session, name)
);
CREATE INDEX session_message_item ON {index}.session_message (item);

-- name: put
INSERT INTO {index}.session AS s (scope, name, agent, users, metadata) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (scope, name) DO UPDATE SET agent = excluded.agent, users = excluded.users, metadata = excluded.metadata
RETURNING id, xmax = 0 AS created

-- name: get
SELECT s.*, false AS created, (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 13 AND x.id = s.id) AS expires_at FROM {index}.session s
WHERE s.scope = $1 AND s.name = $2

-- name: list
SELECT s.*, false AS created, (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 13 AND x.id = s.id) AS expires_at FROM {index}.session s
WHERE scope = $1 AND ($2::text IS NULL OR agent = $2) AND ($3::text IS NULL OR $3 = ANY (users))
  AND ($4::boolean IS NULL OR (closed IS NULL) = $4) AND id < $5
ORDER BY id DESC LIMIT $6

-- name: set_closed
-- Closed again, it keeps the time at which it was closed first.
UPDATE {index}.session s SET closed = CASE WHEN $3::boolean THEN coalesce(closed, now()) END
WHERE scope = $1 AND name = $2 RETURNING s.*, false AS created, (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 13 AND x.id = s.id) AS expires_at

-- name: lock
-- Writers of one session go one after the other, so that numbers rise in the order of the commits.
SELECT id, last, closed FROM {index}.session WHERE scope = $1 AND name = $2 FOR UPDATE

-- name: known
SELECT name, digest, seq FROM {index}.session_message WHERE session = $1 AND name = ANY ($2::text[])

-- name: add
INSERT INTO {index}.session_message (session, seq, name, item, role, tokens, digest, body)
SELECT $1, t.* FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::bytea[], $8::text[]) t

-- name: note_added
UPDATE {index}.session
SET last = $2, messages = messages + $3, tokens = tokens + $4, latest = clock_timestamp() WHERE id = $1

-- name: named
SELECT seq, name, tokens, at, body FROM {index}.session_message WHERE session = $1 AND name = ANY ($2::text[])
ORDER BY seq

-- name: after
SELECT seq, name, tokens, at, body FROM {index}.session_message WHERE session = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: before
SELECT seq, name, tokens, at, body FROM {index}.session_message
WHERE session = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3

-- name: latest
-- The newest messages, the newest first: $2 of them, and others (up to $3) while all take at most $4 tokens.
SELECT seq, name, tokens, at, body
FROM (SELECT *, row_number() OVER newest AS place, sum(tokens + 12) OVER newest AS total
      FROM (SELECT * FROM {index}.session_message WHERE session = $1 ORDER BY seq DESC LIMIT $3) m
      WINDOW newest AS (ORDER BY seq DESC ROWS UNBOUNDED PRECEDING)) t
WHERE place <= $2 OR total <= $4 ORDER BY seq DESC

-- name: keys
SELECT i.key FROM {index}.session_message m JOIN {index}.item i ON i.id = m.item WHERE m.session = $1 ORDER BY m.seq

-- name: forget
-- Messages whose episodes are deleted go with them, also from what stands for older parts.
WITH gone AS (
    DELETE FROM {index}.session_message WHERE item = ANY ($1::bigint[]) RETURNING session, seq, tokens
), shorter AS (
    UPDATE {index}.session_part p
    SET body = (SELECT coalesce(jsonb_agg(x.said ORDER BY x.place), '[]') FROM jsonb_array_elements(p.body)
                WITH ORDINALITY x (said, place) WHERE (x.said ->> 'seq')::bigint <> ALL (g.numbers))
    FROM (SELECT session, level, (seq - 1) / (32 ^ level)::bigint AS place, array_agg(seq) AS numbers
          FROM gone, generate_series(1, 4) level GROUP BY 1, 2, 3) g
    WHERE p.session = g.session AND p.level = g.level AND p.place = g.place
)
UPDATE {index}.session s SET messages = s.messages - g.messages, tokens = s.tokens - g.tokens
FROM (SELECT session, count(*) AS messages, sum(tokens) AS tokens FROM gone GROUP BY session) g WHERE s.id = g.session

-- name: delete
WITH parts AS (
    DELETE FROM {index}.session_part p USING {index}.session s
    WHERE p.session = s.id AND s.scope = $1 AND s.name = $2
      AND NOT EXISTS (SELECT FROM {index}.session_message m WHERE m.session = s.id)
)
DELETE FROM {index}.session s WHERE s.scope = $1 AND s.name = $2
  AND NOT EXISTS (SELECT FROM {index}.session_message m WHERE m.session = s.id)
RETURNING s.id

-- name: all_sessions
SELECT s.*, p.path, (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 13 AND x.id = s.id) AS expires_at FROM {index}.session s JOIN {index}.scope p ON p.id = s.scope
WHERE ($1::text IS NULL OR p.path = $1) AND ($2::text IS NULL OR s.name = $2) ORDER BY s.id

-- name: all_messages
SELECT m.*, s.name AS session_name, p.path
FROM {index}.session s JOIN {index}.scope p ON p.id = s.scope JOIN {index}.session_message m ON m.session = s.id
WHERE ($1::text IS NULL OR p.path = $1) AND ($2::text IS NULL OR s.name = $2) ORDER BY m.session, m.seq

-- name: take
-- A session of a file: one that is there keeps what is said of it.
INSERT INTO {index}.session AS s (scope, name, agent, users, metadata, opened, closed)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (scope, name) DO UPDATE SET last = s.last
RETURNING id, last, xmax = 0 AS created

-- name: taken
SELECT seq, name, digest FROM {index}.session_message
WHERE session = $1 AND (seq = ANY ($2::bigint[]) OR name = ANY ($3::text[]))

-- name: episodes_of_keys
SELECT key, id FROM {index}.item WHERE scope = $1 AND kind = $2 AND key = ANY ($3::text[])

-- name: restore
INSERT INTO {index}.session_message (session, seq, name, item, role, tokens, at, digest, body)
SELECT $1, t.* FROM unnest(
    $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::timestamptz[], $8::bytea[], $9::text[]) t

-- name: settle
-- What the messages of a session come to, after some were restored.
UPDATE {index}.session SET last = greatest(last, $2), messages = m.messages, tokens = m.tokens, latest = greatest(latest, m.at, $3)
FROM (SELECT count(*) AS messages, coalesce(sum(tokens), 0) AS tokens, max(at) AS at
      FROM {index}.session_message WHERE session = $1) m
WHERE id = $1
