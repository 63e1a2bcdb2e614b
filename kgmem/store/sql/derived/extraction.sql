-- name: create
-- Episodes that wait to be read; written with the episode, so that nothing is forgotten.
CREATE TABLE {index}.extraction_queue (
    episode  bigint PRIMARY KEY,
    digest   bigint NOT NULL,             -- hash of what shall be read
    taken    timestamptz,                 -- when a reader took it; one that died loses it after a while
    attempts smallint NOT NULL DEFAULT 0,
    problem  text,                        -- why it cannot be read; such an episode waits until somebody asks
    keys     text[]                       -- the API keys by which its text came
);

CREATE TABLE {index}.extraction_run (
    episode   bigint PRIMARY KEY,
    digest    bigint NOT NULL,
    extractor text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    tokens    integer NOT NULL DEFAULT 0,
    cost      double precision NOT NULL DEFAULT 0,
    problem   text                        -- why the offline rules stood in
);

-- What an episode brought, and where in its text that stands: entities by key, relationships and claims by id.
CREATE TABLE {index}.provenance (
    episode bigint NOT NULL,
    kind    smallint NOT NULL,            -- 1 entity, 3 relationship, 5 claim
    item    bigint NOT NULL,              -- 0 for entities
    key     text COLLATE "C" NOT NULL,    -- empty for the others
    begins  integer NOT NULL,
    ends    integer NOT NULL,
    lasting boolean NOT NULL DEFAULT false,   -- a claim of which the text told no end
    PRIMARY KEY (episode, kind, item, key)
);
CREATE INDEX provenance_item ON {index}.provenance (item) WHERE item <> 0;
CREATE INDEX provenance_key ON {index}.provenance (key) WHERE item = 0;

-- name: ask
-- Let episodes be read, unless the same was read of them before; the keys of each are separated by commas.
INSERT INTO {index}.extraction_queue AS u (episode, digest, keys)
SELECT n.episode, n.digest, string_to_array(nullif(n.keys, ''), ',')
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS n (episode, digest, keys)
WHERE NOT EXISTS (SELECT 1 FROM {index}.extraction_run r WHERE r.episode = n.episode AND r.digest = n.digest)
ON CONFLICT (episode) DO UPDATE
SET digest = excluded.digest, keys = excluded.keys, taken = NULL, attempts = 0, problem = NULL
WHERE u.digest <> excluded.digest OR u.problem IS NOT NULL

-- name: ask_again
WITH again AS (
    SELECT r.episode, r.digest FROM {index}.extraction_run r JOIN {index}.item i ON i.id = r.episode
    WHERE r.episode = ANY ($1::bigint[])
)
INSERT INTO {index}.extraction_queue AS u (episode, digest) SELECT episode, digest FROM again
ON CONFLICT (episode) DO UPDATE SET taken = NULL, attempts = 0, problem = NULL

-- name: take
-- The next episodes that nobody reads, the oldest first, or of some; a reader that died loses what it took.
WITH next AS (
    SELECT u.episode FROM {index}.extraction_queue u
    WHERE u.problem IS NULL AND (u.taken IS NULL OR u.taken < now() - make_interval(secs => $2))
      AND ($3::bigint[] IS NULL OR u.episode = ANY ($3))
    ORDER BY u.episode LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE {index}.extraction_queue u SET taken = now(), attempts = u.attempts + 1
FROM next WHERE u.episode = next.episode
RETURNING u.episode, u.digest, u.attempts, u.keys

-- name: renew
UPDATE {index}.extraction_queue SET taken = now() WHERE episode = ANY ($1::bigint[]) AND taken IS NOT NULL

-- name: give_back
UPDATE {index}.extraction_queue SET taken = NULL WHERE episode = ANY ($1::bigint[])

-- name: refuse
UPDATE {index}.extraction_queue u SET problem = n.problem, taken = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS n (episode, digest, problem)
WHERE u.episode = n.episode AND u.digest = n.digest

-- name: waiting
SELECT count(*) FILTER (WHERE problem IS NULL) AS waiting, count(*) FILTER (WHERE problem IS NOT NULL) AS refused,
       count(*) FILTER (WHERE problem IS NULL AND (taken IS NULL OR taken < now() - make_interval(secs => $1))) AS free
FROM {index}.extraction_queue

-- name: pending
SELECT EXISTS (SELECT FROM {index}.extraction_queue WHERE problem IS NULL AND episode = ANY ($1::bigint[]))

-- name: episodes
SELECT i.id, i.key, s.path AS scope, i.version, i.known_from, i.valid FROM {index}.item i
JOIN {index}.scope s ON s.id = i.scope
WHERE i.id = ANY ($1::bigint[]) AND i.kind = 2

-- name: episode_ids
SELECT i.id, i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.kind = 2 AND s.path = $1 AND i.key = ANY ($2::text[]) ORDER BY i.id

-- name: known
-- Entities that a scope sees under any of these keys, the nearest scope first.
SELECT DISTINCT ON (i.key) i.key, CASE WHEN i.labels[1] = '' THEN i.labels[2] ELSE l.name END AS label
FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 1
JOIN {index}.label l ON l.id = i.id >> 48
WHERE s.path = ANY ($1::text[]) AND i.key = ANY ($2::text[])
ORDER BY i.key, array_position($1::text[], s.path) DESC

-- name: lock_episodes
-- One reader at a time brings what an episode says; one that is gone brings nothing.
SELECT i.id FROM {index}.item i WHERE i.id = ANY ($1::bigint[]) AND i.kind = 2 ORDER BY i.id FOR KEY SHARE

-- name: brought_before
DELETE FROM {index}.provenance WHERE episode = ANY ($1::bigint[]) RETURNING episode, kind, item, key

-- name: bring
INSERT INTO {index}.provenance (episode, kind, item, key, begins, ends, lasting)
SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::text[], $5::integer[], $6::integer[], $7::boolean[])
ON CONFLICT (episode, kind, item, key) DO UPDATE
SET begins = excluded.begins, ends = excluded.ends, lasting = excluded.lasting

-- name: expect
-- What episodes may have brought, or did and do not any more; who takes it back is done, removes it. So what a reader
-- that died has made is found by the next one.
INSERT INTO {index}.provenance (episode, kind, item, key, begins, ends)
SELECT n.episode, n.kind, n.item, n.key, -1, -1
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::text[]) AS n (episode, kind, item, key)
ON CONFLICT DO NOTHING

-- name: expect_no_more
DELETE FROM {index}.provenance WHERE episode = ANY ($1::bigint[]) AND begins = -1

-- name: left_items
-- Which of these relationships and claims nothing that was read says any more; no source states these relationships.
SELECT n.item FROM unnest($1::bigint[]) AS n (item)
WHERE NOT EXISTS (SELECT 1 FROM {index}.provenance b WHERE b.item = n.item AND b.item <> 0 AND b.begins >= 0)
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = n.item AND c.known_to IS NULL)

-- name: left_keys
-- Which of these entities no text of their scope brings any more.
SELECT n.scope, n.key FROM unnest($1::text[], $2::text[]) AS n (scope, key)
WHERE NOT EXISTS (SELECT 1 FROM {index}.provenance b JOIN {index}.item i ON i.id = b.episode
                  JOIN {index}.scope s ON s.id = i.scope
                  WHERE b.item = 0 AND b.key = n.key AND b.begins >= 0 AND s.path = n.scope)

-- name: counts
-- How many texts bring a relationship.
SELECT b.item, count(*) AS n FROM {index}.provenance b WHERE b.item = ANY ($1::bigint[]) AND b.kind = 3
  AND b.begins >= 0 GROUP BY 1

-- name: mentions_gone
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target
FROM unnest($1::bigint[], $2::text[]) AS n (episode, key)
JOIN {index}.edge e ON e.source = n.episode AND e.kind = $3
JOIN {index}.item i ON i.id = e.target AND i.key = n.key
ORDER BY e.id FOR UPDATE OF e

-- name: edges_by_id
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id FOR UPDATE

-- name: read
INSERT INTO {index}.extraction_run AS r (episode, digest, extractor, tokens, cost, problem)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::float8[], $6::text[])
ON CONFLICT (episode) DO UPDATE SET digest = excluded.digest, extractor = excluded.extractor, at = now(),
    tokens = r.tokens + excluded.tokens, cost = r.cost + excluded.cost, problem = excluded.problem

-- name: done
DELETE FROM {index}.extraction_queue u USING unnest($1::bigint[], $2::bigint[]) AS n (episode, digest)
WHERE u.episode = n.episode AND u.digest = n.digest

-- name: told
-- What episodes brought, with what it is now.
SELECT b.episode, b.kind, b.item, b.key, b.begins, b.ends,
       EXISTS (SELECT 1 FROM {index}.provenance o WHERE o.item = b.item AND o.key = b.key AND o.kind = b.kind
                 AND o.begins >= 0 AND o.episode <> ALL ($1::bigint[]))
       OR (b.kind = 3 AND EXISTS (
            SELECT 1 FROM {index}.claim c WHERE c.edge = b.item AND c.known_to IS NULL
            AND NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = ANY ($1::bigint[]) AND i.key = c.episode))) AS shared
FROM {index}.provenance b WHERE b.episode = ANY ($1::bigint[]) ORDER BY b.episode, b.kind, b.begins, b.item, b.key
LIMIT $2

-- name: lonely
-- Which of these entities of one scope nothing is joined to but by being alike.
SELECT i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE s.path = $1 AND i.kind = 1 AND i.key = ANY ($2::text[])
  AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE (e.source = i.id OR e.target = i.id)
                    AND e.kind NOT IN (SELECT l.id FROM {index}.label l WHERE l.kind = 2 AND l.name = 'SIMILAR_TO'))

-- name: lonely_without
-- The same, once these episodes ($3), relationships ($4), and claims ($5) have gone, with the relationships that only
-- such claims state.
SELECT i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE s.path = $1 AND i.kind = 1 AND i.key = ANY ($2::text[])
  AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE (e.source = i.id OR e.target = i.id)
                    AND e.kind NOT IN (SELECT l.id FROM {index}.label l WHERE l.kind = 2 AND l.name = 'SIMILAR_TO')
                    AND e.source <> ALL ($3::bigint[]) AND e.target <> ALL ($3) AND e.id <> ALL ($4::bigint[])
                    AND (NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id)
                      OR EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.id <> ALL ($5::bigint[]))))

-- name: passages_of
SELECT id FROM {index}.passage WHERE item = ANY ($1::bigint[])

-- name: archived_passages_of
SELECT count(*) FROM {index}.archived WHERE item = ANY ($1::bigint[])

-- name: vectors_of
SELECT count(*) FROM {index}.{table} WHERE passage = ANY ($1::bigint[])

-- name: drop_reading
WITH gone AS (DELETE FROM {index}.extraction_run WHERE episode = ANY ($1::bigint[]))
DELETE FROM {index}.extraction_queue WHERE episode = ANY ($1::bigint[])

-- name: pairs
SELECT e.id, s.key AS start_key, t.key AS end_key, e.scope, p.path FROM {index}.edge e
JOIN {index}.item s ON s.id = e.source JOIN {index}.item t ON t.id = e.target JOIN {index}.scope p ON p.id = e.scope
WHERE e.id = ANY ($1::bigint[])

-- name: ids
-- Ids of entities and episodes of a scope, former ones too, and of the relationships that claims made.
SELECT i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE s.path = $1 AND ((i.kind = 1 AND i.key = ANY ($2::text[])) OR (i.kind = 2 AND i.key = ANY ($3::text[])))
UNION
SELECT p.id FROM {index}.past_item p JOIN {index}.scope s ON s.id = p.scope
WHERE s.path = $1 AND p.kind = 2 AND p.key = ANY ($3::text[])
UNION
SELECT c.edge FROM {index}.claim c WHERE c.id = ANY ($4::bigint[]) AND c.edge IS NOT NULL

-- name: gone
-- Which of these are neither items nor edges any more.
SELECT n.id FROM unnest($1::bigint[]) AS n (id)
WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = n.id)
  AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = n.id)

-- name: erase
WITH passages AS (
    DELETE FROM {index}.past_passage WHERE item = ANY ($1::bigint[]) RETURNING id
), vectors AS (
    DELETE FROM {index}.past_vector WHERE passage IN (SELECT id FROM passages)
), items AS (
    DELETE FROM {index}.past_item WHERE id = ANY ($1::bigint[]) OR thing = ANY ($1::bigint[])
), names AS (
    DELETE FROM {index}.entity_name WHERE item = ANY ($1::bigint[])
), edges AS (
    DELETE FROM {index}.past_edge
    WHERE id = ANY ($1::bigint[]) OR source = ANY ($1::bigint[]) OR target = ANY ($1::bigint[]) RETURNING id
), versions AS (
    DELETE FROM {index}.history h
    WHERE h.id = ANY ($1::bigint[])
       OR (h.id IN (SELECT id FROM edges) AND NOT EXISTS (SELECT FROM {index}.edge e WHERE e.id = h.id)) RETURNING id
)
SELECT count(*) FROM versions

-- name: erase_keys
-- Keys of what is erased, out of the change feed; that it changed stays there, by its id.
UPDATE {index}.change c
SET keys = ARRAY(SELECT CASE WHEN u.id = ANY ($1::bigint[]) THEN '' ELSE u.key END
                 FROM unnest(c.ids, c.keys) WITH ORDINALITY AS u (id, key, place)
                 WHERE u.place <= cardinality(c.keys) ORDER BY u.place)
WHERE c.id IN (SELECT o.id FROM {index}.change o CROSS JOIN LATERAL unnest(o.ids) AS u (item)
               JOIN unnest($1::bigint[]) AS n (item) ON n.item = u.item
               WHERE o.kind <= 3 AND o.keys <> '{}')

-- name: erase_claims
-- Withdrawn claims that cite texts ($2) of a scope ($1) which are gone, where they see no other text of that key; and what
-- was believed by them.
WITH gone AS (
    DELETE FROM {index}.claim c USING {index}.topic t, {index}.scope p
    WHERE t.id = c.topic AND p.id = t.scope AND c.known_to IS NOT NULL AND c.episode = ANY ($2::text[])
      AND ($1 = '' OR p.path = $1 OR starts_with(p.path, $1 || '/'))
      AND NOT EXISTS (SELECT 1 FROM {index}.item i JOIN {index}.scope q ON q.id = i.scope
                      WHERE i.kind = 2 AND i.key = c.episode
                        AND (q.path = '' OR q.path = p.path OR starts_with(p.path, q.path || '/')))
    RETURNING c.id, c.topic
), past AS (
    DELETE FROM {index}.past_fact f USING (SELECT topic, array_agg(id) AS ids FROM gone GROUP BY topic) g
    WHERE f.topic = g.topic
      AND EXISTS (SELECT 1 FROM jsonb_array_elements(f.options) o
                  CROSS JOIN LATERAL jsonb_array_elements_text(o -> 'claims') n (id) WHERE n.id::bigint = ANY (g.ids))
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM past)

-- name: open_claims
SELECT c.id, p.path AS scope, t.subject, t.predicate, c.object, c.valid_from, c.valid_to, c.confidence, c.episode,
       c.begins, c.ends, o.key AS source, o.trust, b.lasting, b.said
FROM unnest($1::text[], $2::text[], $3::text[]) AS n (scope, subject, predicate)
JOIN {index}.scope p ON p.path = n.scope
JOIN {index}.topic t ON t.scope = p.id AND t.subject = n.subject AND t.predicate = n.predicate
JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL AND c.object IS NOT NULL
JOIN {index}.source o ON o.id = c.source
CROSS JOIN LATERAL (
    SELECT bool_or(b.lasting) AS lasting, array_agg((extract(epoch FROM lower(e.valid)) * 1000000)::bigint) AS said
    FROM {index}.provenance b LEFT JOIN {index}.item e ON e.id = b.episode WHERE b.item = c.id AND b.kind = 5) b
WHERE b.lasting OR (NOT b.lasting AND c.valid_to IS NOT NULL)
ORDER BY c.id LIMIT 100000

-- name: known_claims
-- Claims of a scope that hold and were read: of these entities, or of the last episodes before one.
SELECT c.id, p.path AS scope, t.subject, t.predicate, c.object, c.valid_from, c.valid_to, c.confidence, c.episode,
       c.begins, c.ends, o.key AS source, o.trust, true AS lasting, NULL::bigint[] AS said, b.episode AS item
FROM {index}.scope p
JOIN {index}.topic t ON t.scope = p.id
JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL AND c.object IS NOT NULL AND c.valid_to IS NULL
JOIN {index}.source o ON o.id = c.source
JOIN {index}.provenance b ON b.item = c.id AND b.kind = 5 AND b.begins >= 0
WHERE p.path = $1 AND (t.subject = ANY ($2::text[]) OR c.object = ANY ($2::text[]) OR b.episode = ANY ($3::bigint[]))
ORDER BY b.episode, c.begins, c.id LIMIT 2000

-- name: known_states
-- The same of relationships in the words of texts.
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, p.path AS scope, s.key AS start_key, t.key AS end_key,
       b.episode AS item
FROM {index}.scope p
JOIN {index}.edge e ON e.scope = p.id AND e.kind = $4 AND upper_inf(e.valid)
JOIN {index}.item s ON s.id = e.source JOIN {index}.item t ON t.id = e.target
JOIN {index}.provenance b ON b.item = e.id AND b.kind = 3 AND b.begins >= 0
WHERE p.path = $1 AND (s.key = ANY ($2::text[]) OR t.key = ANY ($2::text[]) OR b.episode = ANY ($3::bigint[]))
ORDER BY b.episode, b.begins, e.id LIMIT 2000

-- name: last_read
-- The last episodes of a scope before one.
SELECT i.id, i.key, p.path AS scope, i.version, i.known_from, i.valid FROM {index}.item i
JOIN {index}.scope p ON p.id = i.scope
WHERE p.path = $1 AND i.kind = 2 AND i.id < $2 ORDER BY i.id DESC LIMIT $3

-- name: rename
UPDATE {index}.provenance b SET item = n.new FROM unnest($1::bigint[], $2::bigint[]) AS n (old, new)
WHERE b.item = n.old AND b.kind = 5
  AND NOT EXISTS (SELECT 1 FROM {index}.provenance o WHERE o.episode = b.episode AND o.kind = 5 AND o.item = n.new)

-- name: topics
SELECT DISTINCT t.subject, t.predicate FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
WHERE c.id = ANY ($1::bigint[])

-- name: held_pairs
-- Each is looked up by itself: one end may have thousands of edges, and joins are planned by what the tables held once.
SELECT n.path, n.one, n.other
FROM (SELECT n.path, n.one, n.other, p.id AS scope,
             (SELECT s.id FROM {index}.item s WHERE s.scope = p.id AND s.key = n.one AND s.kind = 1) AS source,
             (SELECT t.id FROM {index}.item t WHERE t.scope = p.id AND t.key = n.other AND t.kind = 1) AS target
      FROM unnest($1::text[], $2::text[], $3::text[]) AS n (path, one, other)
      JOIN {index}.scope p ON p.path = n.path OFFSET 0) n
WHERE (SELECT true FROM {index}.edge e
       WHERE e.source = n.source AND e.kind = $4 AND e.target = n.target AND e.scope = n.scope LIMIT 1)
