-- Runs of distillation: what was planned of which texts, what became of it, and the allowances of scopes.

-- name: create
CREATE TABLE {index}.distil_run (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope        integer NOT NULL,
    state        text NOT NULL,
    trigger      text NOT NULL,
    share        real NOT NULL,
    threshold    real NOT NULL,
    bytes_before bigint NOT NULL DEFAULT 0,
    bytes_after  bigint NOT NULL DEFAULT 0,
    skipped      jsonb NOT NULL,              -- why texts stay as they are: how many
    request      jsonb,                       -- of a run that is not planned yet: what to distil
    problem      text,
    by           text,                        -- who approved, rejected or undid it
    started      timestamptz NOT NULL DEFAULT now(),
    finished     timestamptz,
    taken        timestamptz,                 -- the last sign of who executes it
    holder       bigint                       -- who that is
);
CREATE INDEX distil_run_order ON {index}.distil_run (scope, id);
CREATE INDEX distil_run_open ON {index}.distil_run (id) WHERE state = 'running';

CREATE TABLE {index}.distil_group (
    run           bigint NOT NULL,
    number        integer NOT NULL,
    state         text NOT NULL,
    key           text COLLATE "C" NOT NULL,  -- of the distilled text
    item          bigint,                     -- its id
    tokens_before integer NOT NULL,
    tokens_after  integer NOT NULL,
    facts         integer NOT NULL,
    critical      boolean NOT NULL,
    digest        bigint NOT NULL,            -- of the versions of its texts, and of their facts
    stale         boolean NOT NULL DEFAULT false,
    had           integer NOT NULL DEFAULT 0,
    kept          integer NOT NULL DEFAULT 0,
    attempts      smallint NOT NULL DEFAULT 0,
    maker         text NOT NULL DEFAULT 'rules',
    problem       text,
    lost          jsonb NOT NULL DEFAULT '[]',
    checked       timestamptz NOT NULL DEFAULT now(),  -- until when nothing it is made of had changed
    PRIMARY KEY (run, number)
);
CREATE INDEX distil_group_item ON {index}.distil_group (item) WHERE item IS NOT NULL;

CREATE TABLE {index}.distil_member (
    run     bigint NOT NULL,
    number  integer NOT NULL,
    episode bigint NOT NULL,
    place   smallint NOT NULL,
    version integer NOT NULL,
    tier    smallint NOT NULL,                -- before it was moved
    PRIMARY KEY (run, episode)
);
CREATE INDEX distil_member_episode ON {index}.distil_member (episode);

-- Questions of a run that goes on, and what was found before.
CREATE TABLE {index}.distil_probe (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      bigint NOT NULL,
    number   integer NOT NULL,
    question text NOT NULL,
    units    jsonb NOT NULL,
    texts    bigint[] NOT NULL,
    before   boolean[] NOT NULL
);
CREATE INDEX distil_probe_group ON {index}.distil_probe (run, number, id);

CREATE TABLE {index}.distil_allowance (
    scope           integer PRIMARY KEY,
    items           bigint,
    tokens          bigint,
    older_than      double precision,         -- seconds
    closed_sessions boolean NOT NULL,
    at              timestamptz NOT NULL DEFAULT now()
);

-- name: candidates
-- Texts of a scope that may be distilled, the oldest first.
SELECT i.id, i.key, i.known_from, EXISTS (SELECT FROM {index}.extraction_run r WHERE r.episode = i.id) AS extracted
FROM {index}.item i
WHERE i.scope = $1 AND i.kind = 2 AND i.tier <> 3
  AND ($2::text[] IS NULL OR i.key = ANY ($2))
  AND ($3::float8 IS NULL OR i.known_from < now() - make_interval(secs => $3))
  AND ($4::bigint[] IS NULL OR i.id = ANY ($4))
  AND NOT EXISTS (SELECT FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
                  WHERE m.episode = i.id AND g.state NOT IN ('undone', 'rolled_back', 'dropped', 'kept'))
  AND NOT EXISTS (SELECT FROM {index}.distil_group g WHERE g.item = i.id)
  -- What was dropped, undone, rejected or not worth it is tried again by itself only once its text has changed.
  AND NOT ($6 AND EXISTS (SELECT FROM {index}.distil_member m WHERE m.episode = i.id AND m.version = i.version))
ORDER BY coalesce(lower(i.valid), i.known_from), i.id LIMIT $5

-- name: of_session
-- Texts of a session: those whose vertex says so.
SELECT (ag_catalog.graphid_to_agtype(v.id)::text)::bigint AS id FROM {graph}.{label} v
JOIN {index}.item i ON i.id = (ag_catalog.graphid_to_agtype(v.id)::text)::bigint AND i.scope = $1
WHERE ag_catalog.agtype_access_operator(VARIADIC ARRAY[v.properties, '"session"'::agtype]) = $2::text::agtype
ORDER BY 1 LIMIT $3

-- name: rows
SELECT i.id, i.key, s.path AS scope, i.version, i.known_from, i.tier,
       coalesce((SELECT sum(octet_length(p.body)) FROM {index}.passage p WHERE p.item = i.id), 0)::bigint AS size,
       EXISTS (SELECT FROM {index}.extraction_run r WHERE r.episode = i.id) AS extracted
FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.id = ANY ($1::bigint[]) AND i.kind = 2 ORDER BY i.id

-- name: facts
-- What texts state: relationships and claims that were extracted, and claims that cite a text.
WITH stated AS (
    SELECT b.episode, CASE WHEN b.kind = 5 THEN b.item END AS claim, CASE WHEN b.kind = 3 THEN b.item END AS edge,
           b.begins, b.ends
    FROM {index}.provenance b WHERE b.episode = ANY ($1::bigint[]) AND b.kind IN (3, 5) AND b.begins >= 0
    UNION
    SELECT i.id, c.id, NULL, coalesce(c.begins, -1), coalesce(c.ends, -1)
    FROM {index}.item i JOIN {index}.claim c ON c.episode = i.key AND c.known_to IS NULL
    JOIN {index}.topic t ON t.id = c.topic AND t.scope = i.scope
    WHERE i.id = ANY ($1::bigint[])
      AND NOT EXISTS (SELECT FROM {index}.provenance b WHERE b.episode = i.id AND b.kind = 5 AND b.item = c.id)
)
SELECT s.episode, s.claim, e.id AS edge, s.begins, s.ends, t.subject, t.predicate, c.object, c.value::text AS value,
       c.known_to IS NOT NULL AS withdrawn, e.kind, e.source, e.target, e.version, coalesce(r.state, f.state, 0) AS state
FROM stated s
LEFT JOIN {index}.claim c ON c.id = s.claim
LEFT JOIN {index}.topic t ON t.id = c.topic
LEFT JOIN {index}.edge e ON e.id = coalesce(s.edge, c.edge)
LEFT JOIN {index}.relationship_state r ON r.id = e.id
LEFT JOIN LATERAL (SELECT max(f.state) AS state FROM {index}.fact f
                   WHERE f.topic = c.topic AND e.id IS NULL
                     AND f.options @> jsonb_build_array(jsonb_build_object('claims', jsonb_build_array(c.id)))) f ON true
ORDER BY s.episode, s.begins, s.ends, s.claim, e.id LIMIT $2

-- name: keys_of
-- Entities that a scope sees under these keys, the nearest first.
SELECT DISTINCT ON (i.key) i.key, i.id FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 1
WHERE s.path = ANY ($1::text[]) AND i.key = ANY ($2::text[]) ORDER BY i.key, length(s.path) DESC

-- name: topics_of
-- The communities of the finest level of what texts mention.
SELECT e.source AS episode, array_agg(DISTINCT m.community) AS communities FROM {index}.edge e
JOIN {index}.community_member m ON m.item = e.target JOIN {index}.community c ON c.id = m.community AND c.level = 0
WHERE e.source = ANY ($1::bigint[]) AND e.kind = $2 GROUP BY 1

-- name: add_run
INSERT INTO {index}.distil_run (scope, state, trigger, share, threshold, skipped, request)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb) RETURNING id

-- name: request_of
SELECT request::text FROM {index}.distil_run WHERE id = $1

-- name: set_planned
UPDATE {index}.distil_run SET request = NULL, skipped = $2::text::jsonb WHERE id = $1

-- name: lock_plans
-- One plan of a graph is stored at a time.
LOCK TABLE {index}.distil_run IN SHARE ROW EXCLUSIVE MODE

-- name: taken
-- Which of these texts another run has meanwhile.
SELECT m.episode FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
WHERE m.episode = ANY ($1::bigint[]) AND g.state NOT IN ('undone', 'rolled_back', 'dropped', 'kept')

-- name: add_groups
INSERT INTO {index}.distil_group (run, number, state, key, tokens_before, tokens_after, facts, critical, digest)
SELECT $1, * FROM unnest($2::integer[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::integer[],
                         $8::boolean[], $9::bigint[])

-- name: add_members
INSERT INTO {index}.distil_member (run, number, episode, place, version, tier)
SELECT $1, * FROM unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::smallint[])

-- name: runs
SELECT r.id, s.path AS scope, r.state, r.trigger, r.share, r.threshold, r.bytes_before, r.bytes_after, r.skipped::text,
       r.problem, r.by, r.started, r.finished, g.*
FROM {index}.distil_run r JOIN {index}.scope s ON s.id = r.scope
CROSS JOIN LATERAL (
    SELECT coalesce(sum(g.tokens_before) FILTER (WHERE n.counts), 0)::bigint AS tokens_before,
           coalesce(sum(g.tokens_after) FILTER (WHERE n.counts), 0)::bigint AS tokens_after,
           coalesce(sum(g.had) FILTER (WHERE n.counts), 0)::bigint AS had,
           coalesce(sum(g.kept) FILTER (WHERE n.counts), 0)::bigint AS kept, count(*) FILTER (WHERE g.stale) AS stale,
           coalesce(sum(m.texts) FILTER (WHERE n.counts), 0)::bigint AS episodes,
           coalesce(sum(m.texts) FILTER (WHERE g.state = 'dropped'), 0)::bigint AS dropped
    FROM {index}.distil_group g
    CROSS JOIN LATERAL (SELECT g.state NOT IN ('dropped', 'kept') AS counts) n
    CROSS JOIN LATERAL (SELECT count(*) AS texts FROM {index}.distil_member m
                        WHERE (m.run, m.number) = (g.run, g.number)) m
    WHERE g.run = r.id) g
WHERE ($1::integer IS NULL OR r.scope = $1) AND ($2::text IS NULL OR r.state = $2) AND r.id < $3
  AND ($4::bigint IS NULL OR r.id = $4)
ORDER BY r.id DESC LIMIT $5

-- name: groups
SELECT g.*, g.lost::text AS losses, array(
           SELECT coalesce(i.key, '') FROM {index}.distil_member m LEFT JOIN {index}.item i ON i.id = m.episode
           WHERE (m.run, m.number) = (g.run, g.number) ORDER BY m.place) AS episodes,
       array(SELECT m.episode FROM {index}.distil_member m WHERE (m.run, m.number) = (g.run, g.number)
             ORDER BY m.place) AS ids
FROM {index}.distil_group g WHERE g.run = $1 ORDER BY g.number

-- name: open_groups
SELECT g.run, g.number, g.state, g.key, g.item, g.attempts, m.episodes, m.versions, m.tiers
FROM {index}.distil_group g CROSS JOIN LATERAL (
    SELECT array_agg(m.episode ORDER BY m.place) AS episodes, array_agg(m.version ORDER BY m.place) AS versions,
           array_agg(m.tier ORDER BY m.place) AS tiers
    FROM {index}.distil_member m WHERE (m.run, m.number) = (g.run, g.number)) m
WHERE g.run = $1 AND g.state = ANY ($2::text[]) ORDER BY g.number LIMIT $3

-- name: take
-- Who executes a run shows it from time to time; one that is silent for $3 seconds loses it.
UPDATE {index}.distil_run SET taken = now(), holder = $2
WHERE id = $1 AND (holder = $2 OR taken IS NULL OR taken < now() - make_interval(secs => $3)) RETURNING id

-- name: release
UPDATE {index}.distil_run SET taken = NULL, holder = NULL WHERE id = $1 AND holder = $2

-- name: unfinished
SELECT r.id, s.path AS scope FROM {index}.distil_run r JOIN {index}.scope s ON s.id = r.scope
WHERE r.state = 'running' AND (r.taken IS NULL OR r.taken < now() - make_interval(secs => $1)) ORDER BY r.id LIMIT 100

-- name: set_run
UPDATE {index}.distil_run
SET state = $2, problem = $3, by = coalesce($4, by),
    finished = CASE WHEN $2 IN ('running', 'waiting') THEN NULL ELSE now() END
WHERE id = $1

-- name: set_bytes
UPDATE {index}.distil_run SET bytes_before = $2, bytes_after = $3 WHERE id = $1

-- name: set_group
UPDATE {index}.distil_group SET state = $3 WHERE run = $1 AND number = $2

-- name: set_groups
UPDATE {index}.distil_group SET state = $3 WHERE run = $1 AND state = $2 RETURNING number

-- name: verify_again
UPDATE {index}.distil_group g SET state = 'moved'
WHERE g.run = $1 AND g.state = 'done' AND g.number <> ALL ($2::integer[])
  AND EXISTS (SELECT FROM {index}.distil_probe p WHERE (p.run, p.number) = (g.run, g.number))

-- name: set_score
UPDATE {index}.distil_group SET had = $3, kept = $4, lost = $5::text::jsonb WHERE run = $1 AND number = $2

-- name: set_written
UPDATE {index}.distil_group
SET state = 'stored', item = $3, tokens_after = $4, maker = $5, problem = $6, attempts = attempts + 1, stale = false,
    checked = now(), digest = $7
WHERE run = $1 AND number = $2

-- name: set_tier
UPDATE {index}.item SET tier = $2 WHERE id = ANY ($1::bigint[]) AND kind = 2 AND tier <> $2 RETURNING id

-- name: item_of
SELECT i.id FROM {index}.item i WHERE i.scope = $1 AND i.kind = 2 AND i.key = $2

-- name: lock_members
SELECT i.id FROM {index}.item i WHERE i.id = ANY ($1::bigint[]) AND i.kind = 2 ORDER BY i.id FOR KEY SHARE

-- name: add_probes
INSERT INTO {index}.distil_probe (run, number, question, units, texts, before)
SELECT $1, $2, n.question, n.units::jsonb, string_to_array(n.texts, ',')::bigint[], string_to_array(n.before, ',')::boolean[]
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS n (question, units, texts, before)

-- name: probes
SELECT id, question, units::text, texts, before FROM {index}.distil_probe WHERE run = $1 AND number = $2 ORDER BY id

-- name: drop_probes
DELETE FROM {index}.distil_probe WHERE run = $1 AND ($2::integer IS NULL OR number = $2)

-- name: quoting
-- Distilled texts that were made of some texts: with the others of their groups.
SELECT DISTINCT g.run, g.number, g.key, g.item, g.state, s.path AS scope FROM {index}.distil_member m
JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
JOIN {index}.distil_run r ON r.id = g.run JOIN {index}.scope s ON s.id = r.scope
WHERE m.episode = ANY ($1::bigint[]) ORDER BY g.run, g.number

-- name: leave
DELETE FROM {index}.distil_member m USING unnest($1::bigint[]) AS n (episode) WHERE m.episode = n.episode

-- name: drop_members
DELETE FROM {index}.distil_member WHERE run = $1 AND episode = ANY ($2::bigint[])

-- name: mark_stale
UPDATE {index}.distil_group SET stale = true, item = NULL, lost = '[]', problem = NULL
WHERE run = $1 AND number = $2 AND state IN ('stored', 'moved', 'done') RETURNING number

-- name: forget_losses
UPDATE {index}.distil_group SET lost = '[]' WHERE run = $1 AND number = $2

-- name: stale_groups
SELECT g.run, g.number, s.path AS scope FROM {index}.distil_group g JOIN {index}.distil_run r ON r.id = g.run
JOIN {index}.scope s ON s.id = r.scope
WHERE g.stale AND g.state = 'done' AND (g.run, g.number) > ($1, $2) ORDER BY g.run, g.number LIMIT $3

-- name: suspects
-- Groups of which a text, a fact or the distilled text may have changed since they were last looked at.
SELECT g.run, g.number, s.path AS scope, g.digest, g.item, g.item IS NOT NULL
       AND NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = g.item) AS gone
FROM {index}.distil_group g JOIN {index}.distil_run r ON r.id = g.run JOIN {index}.scope s ON s.id = r.scope
WHERE g.state = 'done' AND NOT g.stale AND (g.run, g.number) > ($1, $2)
  AND (NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = g.item)
    OR EXISTS (
        SELECT FROM {index}.distil_member m LEFT JOIN {index}.item i ON i.id = m.episode
        WHERE (m.run, m.number) = (g.run, g.number) AND (i.id IS NULL OR i.version <> m.version))
    OR EXISTS (
        SELECT FROM {index}.distil_member m JOIN {index}.provenance b ON b.episode = m.episode AND b.kind IN (3, 5)
        LEFT JOIN {index}.claim c ON b.kind = 5 AND c.id = b.item
        LEFT JOIN {index}.edge e ON e.id = CASE WHEN b.kind = 3 THEN b.item ELSE c.edge END
        LEFT JOIN {index}.relationship_state t ON t.id = e.id
        LEFT JOIN LATERAL (SELECT max(f.known_from) AS known_from FROM {index}.fact f WHERE f.topic = c.topic) f ON true
        WHERE (m.run, m.number) = (g.run, g.number)
          AND greatest(c.known_from, c.known_to, e.known_from, t.known_from, f.known_from) > g.checked - interval '1s'))
ORDER BY g.run, g.number LIMIT $3

-- name: is_behind
SELECT EXISTS (SELECT FROM {index}.distil_group g WHERE g.stale AND g.state = 'done')

-- name: put_stale
UPDATE {index}.distil_group SET stale = true WHERE run = $1 AND number = $2

-- name: set_checked
UPDATE {index}.distil_group SET checked = now() WHERE run = $1 AND number = $2

-- name: drop_group
DELETE FROM {index}.distil_group WHERE run = $1 AND number = $2

-- name: renew_members
UPDATE {index}.distil_member m SET version = n.version FROM unnest($2::bigint[], $3::integer[]) AS n (episode, version)
WHERE m.run = $1 AND m.episode = n.episode

-- name: put_allowance
INSERT INTO {index}.distil_allowance (scope, items, tokens, older_than, closed_sessions) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (scope) DO UPDATE SET items = excluded.items, tokens = excluded.tokens, older_than = excluded.older_than,
    closed_sessions = excluded.closed_sessions, at = now()

-- name: allowances
SELECT s.path AS scope, a.items, a.tokens, a.older_than, a.closed_sessions
FROM {index}.distil_allowance a JOIN {index}.scope s ON s.id = a.scope
WHERE ($1::integer IS NULL OR a.scope = $1) AND ($2 = '' OR s.path = $2 OR starts_with(s.path, $2 || '/'))
  AND ($3::text IS NULL OR s.path > $3) ORDER BY s.path LIMIT $4

-- name: delete_allowance
DELETE FROM {index}.distil_allowance WHERE scope = $1 RETURNING scope

-- name: usage
-- Texts of scopes for which no distilled text stands, and the bytes of what is searched of them.
SELECT s.path AS scope, count(*) AS items, coalesce(sum(p.size), 0)::bigint AS size
FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 2
 AND NOT EXISTS (SELECT FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
                 WHERE m.episode = i.id AND g.state IN ('moved', 'done'))
LEFT JOIN LATERAL (SELECT sum(octet_length(p.body)) AS size FROM {index}.passage p WHERE p.item = i.id) p ON true
WHERE s.path = ANY ($1::text[]) GROUP BY 1

-- name: closed_sessions
-- Texts of closed sessions of a scope that no run has.
SELECT m.item FROM {index}.session x JOIN {index}.session_message m ON m.session = x.id
WHERE x.scope = $1 AND x.closed IS NOT NULL
  AND NOT EXISTS (SELECT FROM {index}.distil_member d WHERE d.episode = m.item)
ORDER BY m.item LIMIT $2

-- name: least_used
-- Scopes with texts that may be distilled, those first to which nothing came for the longest time.
SELECT s.path AS scope, count(*) AS items FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.kind = 2 AND i.tier <> 3 AND NOT EXISTS (SELECT FROM {index}.distil_member d WHERE d.episode = i.id) GROUP BY s.path HAVING count(*) >= $1 ORDER BY max(i.known_from), s.path LIMIT $2

-- name: all_runs
-- Runs that came to an end, of one scope or of all, with their groups.
SELECT s.path AS scope, r.state, r.trigger, r.share, r.threshold, r.bytes_before, r.bytes_after, r.skipped::text,
       r.problem, r.by, r.started, r.finished, g.groups
FROM {index}.distil_run r JOIN {index}.scope s ON s.id = r.scope
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'number', g.number, 'key', g.key, 'state', g.state, 'tokens_before', g.tokens_before,
               'tokens_after', g.tokens_after, 'facts', g.facts, 'critical', g.critical, 'had', g.had, 'kept', g.kept,
               'maker', g.maker, 'problem', g.problem, 'lost', g.lost, 'has_text', g.item IS NOT NULL,
               'episodes', m.episodes) ORDER BY g.number), '[]')::text AS groups
    FROM {index}.distil_group g
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(i.key, m.tier) ORDER BY m.place) AS episodes
        FROM {index}.distil_member m JOIN {index}.item i ON i.id = m.episode
        WHERE (m.run, m.number) = (g.run, g.number)) m
    WHERE g.run = r.id) g
WHERE r.state <> 'running' AND ($1::text IS NULL OR s.path = $1) ORDER BY r.id

-- name: all_allowances
SELECT s.path AS scope, a.items, a.tokens, a.older_than, a.closed_sessions
FROM {index}.distil_allowance a JOIN {index}.scope s ON s.id = a.scope
WHERE $1::text IS NULL OR s.path = $1 ORDER BY s.path

-- name: restore_allowance
INSERT INTO {index}.distil_allowance (scope, items, tokens, older_than, closed_sessions) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (scope) DO NOTHING RETURNING scope

-- name: restore_run
-- A run is known by its scope and when it began.
INSERT INTO {index}.distil_run (scope, state, trigger, share, threshold, bytes_before, bytes_after, skipped, problem, by,
                                started, finished)
SELECT $1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, t.started, t.finished
FROM (SELECT timestamptz 'epoch' + $11::bigint * interval '1 microsecond' AS started,
             timestamptz 'epoch' + $12::bigint * interval '1 microsecond' AS finished) t
WHERE NOT EXISTS (SELECT FROM {index}.distil_run r WHERE r.scope = $1 AND r.started = t.started)
RETURNING id

-- name: restore_group
INSERT INTO {index}.distil_group (run, number, state, key, item, tokens_before, tokens_after, facts, critical, digest,
                                  had, kept, maker, problem, lost)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::jsonb)
