-- Who is at work, and what happens each minute. Both tables are unlogged: a crash of Postgres empties them, and heartbeats
-- fill that of the agents again.

-- name: create
CREATE UNLOGGED TABLE {index}.presence (
    scope   integer NOT NULL,
    agent   text COLLATE "C" NOT NULL,
    session text,
    status  text,
    context text,
    since   timestamptz NOT NULL,
    seen    timestamptz NOT NULL,
    until   timestamptz NOT NULL,
    author  text,
    PRIMARY KEY (scope, agent)
);

-- name: expire
DELETE FROM {index}.presence WHERE until <= clock_timestamp()

-- name: count
SELECT count(*) FROM {index}.presence WHERE scope = $1 AND agent <> $2

-- name: beat
INSERT INTO {index}.presence (scope, agent, session, status, context, since, seen, until, author)
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => $6), $7)
ON CONFLICT (scope, agent) DO UPDATE
SET session = EXCLUDED.session, status = EXCLUDED.status, context = EXCLUDED.context, seen = EXCLUDED.seen,
    until = EXCLUDED.until, author = EXCLUDED.author,
    since = CASE WHEN presence.until <= clock_timestamp() THEN EXCLUDED.since ELSE presence.since END

-- name: touch
-- A sign of work in a session: status and context stay as long as the agent is present.
INSERT INTO {index}.presence (scope, agent, session, since, seen, until, author)
VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => $4), $5)
ON CONFLICT (scope, agent) DO UPDATE
SET session = EXCLUDED.session, seen = EXCLUDED.seen, author = EXCLUDED.author,
    until = greatest(presence.until, EXCLUDED.until),
    status = CASE WHEN presence.until > clock_timestamp() THEN presence.status END,
    context = CASE WHEN presence.until > clock_timestamp() THEN presence.context END,
    since = CASE WHEN presence.until <= clock_timestamp() THEN EXCLUDED.since ELSE presence.since END

-- name: get
SELECT p.*, s.path FROM {index}.presence p JOIN {index}.scope s ON s.id = p.scope
WHERE s.path = $1 AND p.agent = $2 AND p.until > clock_timestamp()

-- name: list
SELECT p.*, s.path FROM {index}.presence p JOIN {index}.scope s ON s.id = p.scope
WHERE (s.path = $1 OR ($2 AND ($1 = '' OR starts_with(s.path, $1 || '/')))) AND p.until > clock_timestamp()
  AND ($3::text IS NULL OR (s.path COLLATE "C", p.agent) > ($3 COLLATE "C", $4 COLLATE "C"))
ORDER BY s.path COLLATE "C", p.agent LIMIT $5

-- name: leave
DELETE FROM {index}.presence p USING {index}.scope s
WHERE s.id = p.scope AND s.path = $1 AND p.agent = $2 AND p.until > clock_timestamp() RETURNING 1

-- name: add
INSERT INTO kgmem.activity (graph, scope, minute, requests, recalls, writes)
SELECT $6, s.id, n.minute, n.requests, n.recalls, n.writes
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
     AS n (path, minute, requests, recalls, writes) JOIN {index}.scope s ON s.path = n.path
ON CONFLICT (graph, scope, minute) DO UPDATE
SET requests = activity.requests + EXCLUDED.requests, recalls = activity.recalls + EXCLUDED.recalls,
    writes = activity.writes + EXCLUDED.writes

-- name: forget
DELETE FROM kgmem.activity WHERE minute < clock_timestamp() - interval '1 day'

-- name: activity
SELECT a.minute, sum(a.requests)::bigint AS requests, sum(a.recalls)::bigint AS recalls, sum(a.writes)::bigint AS writes
FROM kgmem.activity a JOIN {index}.scope s ON s.id = a.scope
WHERE a.graph = $4 AND (s.path = $1 OR ($2 AND ($1 = '' OR starts_with(s.path, $1 || '/'))))
  AND a.minute > clock_timestamp() - make_interval(mins => $3)
GROUP BY a.minute ORDER BY a.minute
