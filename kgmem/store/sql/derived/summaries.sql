-- name: create
-- What is said of a community or an entity in short: a version of it, and what it was made of.
CREATE TABLE {index}.summary (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       smallint NOT NULL,             -- 1 entity, 2 community
    subject    bigint NOT NULL,
    scope      integer NOT NULL,
    sentences  jsonb NOT NULL,
    maker      text NOT NULL,                 -- rules, or the model
    digest     bigint NOT NULL,               -- of what it was made of
    problem    text,                          -- why the rules stood in for the model
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE UNIQUE INDEX summary_current ON {index}.summary (kind, subject) WHERE known_to IS NULL;
CREATE TABLE {index}.summary_of (
    summary bigint NOT NULL,
    thing   bigint NOT NULL,                  -- an item or a relationship
    version integer NOT NULL,
    PRIMARY KEY (summary, thing)
);
CREATE INDEX summary_of_thing ON {index}.summary_of (thing);

-- name: entity
SELECT i.id, i.version, i.key, CASE WHEN i.labels[1] = '' THEN i.labels[2] ELSE l.name END AS label, 1.0::float8 AS centrality FROM {index}.item i
JOIN {index}.label l ON l.id = i.id >> 48
WHERE i.scope = $1 AND i.key = $2 AND i.kind = 1

-- name: members
SELECT i.id, i.version, i.key, CASE WHEN i.labels[1] = '' THEN i.labels[2] ELSE l.name END AS label, m.centrality::float8 AS centrality, c.size
FROM {index}.community c
JOIN {index}.community_member m ON m.community = c.id
JOIN {index}.item i ON i.id = m.item AND i.scope = c.scope
JOIN {index}.label l ON l.id = i.id >> 48
WHERE c.id = $1 AND c.scope = $2
ORDER BY m.centrality DESC, i.id LIMIT 2000

-- name: facts
-- What is so now of these entities: of one all, of several what is between them; nothing that is derived, denied by
-- consensus, or of another scope. What is believed most comes first.
SELECT e.id, e.version, e.kind, e.source, e.target,
       (coalesce(t.probability, e.trust, e.confidence, 1) * coalesce(e.strength, 1))::float8 AS weight
FROM {index}.edge e
JOIN {index}.item a ON a.id = e.source AND a.kind = 1 AND a.scope = $2
JOIN {index}.item b ON b.id = e.target AND b.kind = 1 AND b.scope = $2
JOIN {index}.label l ON l.id = e.kind AND l.name <> ALL ($4::text[])
LEFT JOIN {index}.relationship_state t ON t.id = e.id
WHERE e.scope = $2 AND e.valid @> now() AND coalesce(t.state, 3) NOT IN (4, 5)
  AND CASE WHEN $3 THEN e.source = ANY ($1::bigint[]) AND e.target = ANY ($1::bigint[])
           ELSE e.source = ANY ($1::bigint[]) OR e.target = ANY ($1::bigint[]) END
ORDER BY weight DESC, e.id LIMIT 300

-- name: episodes
-- Which texts of the scope say a relationship, by themselves or by claims.
SELECT n.id, array_agg(DISTINCT i.key ORDER BY i.key) AS keys, array_agg(DISTINCT i.id) AS texts FROM unnest($1::bigint[]) AS n (id)
CROSS JOIN LATERAL (
    SELECT b.episode FROM {index}.provenance b WHERE b.item = n.id AND b.kind = 3
    UNION SELECT b.episode FROM {index}.claim c JOIN {index}.provenance b ON b.item = c.id AND b.kind = 5
    WHERE c.edge = n.id AND c.known_to IS NULL) o
JOIN {index}.item i ON i.id = o.episode AND i.scope = $2
GROUP BY n.id

-- name: get
SELECT s.id, s.sentences::text AS sentences, s.maker, s.digest, s.problem, s.known_from, s.known_to, p.path AS scope
FROM {index}.summary s JOIN {index}.scope p ON p.id = s.scope
WHERE s.kind = $1 AND s.subject = $2
  AND CASE WHEN $3::timestamptz IS NULL THEN s.known_to IS NULL
           ELSE s.known_from <= $3 AND (s.known_to IS NULL OR s.known_to > $3) END

-- name: made_of
SELECT thing, version FROM {index}.summary_of WHERE summary = $1

-- name: current
SELECT id, digest, maker FROM {index}.summary WHERE kind = $1 AND subject = $2 AND known_to IS NULL FOR UPDATE

-- name: there
-- The subject, held until the summary is written, so that none outlives what it is about.
SELECT id FROM {index}.item WHERE id = $1 AND kind = 1 FOR KEY SHARE

-- name: community_there
SELECT id FROM {index}.community WHERE id = $1 FOR SHARE

-- name: things_there
-- What it is made of, held until the summary is written; fewer than were asked for when something went meanwhile.
SELECT id FROM {index}.item WHERE id = ANY ($1::bigint[]) ORDER BY id FOR KEY SHARE

-- name: edges_there
SELECT id FROM {index}.edge WHERE id = ANY ($1::bigint[]) ORDER BY id FOR KEY SHARE

-- name: end
UPDATE {index}.summary SET known_to = greatest(now(), known_from + interval '1us') WHERE id = $1

-- name: put
INSERT INTO {index}.summary (kind, subject, scope, sentences, maker, digest, problem)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) RETURNING id

-- name: put_sources
INSERT INTO {index}.summary_of (summary, thing, version) SELECT $1, * FROM unnest($2::bigint[], $3::integer[])

-- name: wanting
-- Every community that is kept; of entities those that were summed up once and of which something changed since.
(SELECT 2::smallint AS kind, c.id, c.id::text AS key, p.path FROM {index}.community c JOIN {index}.scope p ON p.id = c.scope
 WHERE c.id > $1 ORDER BY c.id LIMIT $2)
UNION ALL
(SELECT 1::smallint, i.id, i.key, p.path FROM {index}.summary s JOIN {index}.item i ON i.id = s.subject
 JOIN {index}.scope p ON p.id = s.scope
 WHERE $1 = 0 AND s.kind = 1 AND s.known_to IS NULL
   AND %(changed)s
 ORDER BY i.id LIMIT 10000)
ORDER BY kind DESC, id

-- name: is_behind
SELECT EXISTS (
    SELECT FROM {index}.summary s JOIN {index}.item i ON i.id = s.subject
    WHERE s.kind = 1 AND s.known_to IS NULL AND %(changed)s)

-- name: changed
-- Something was written to the entity or its relationships since it was summed up, or is so no more.
(i.known_from > s.known_from
        OR EXISTS (SELECT FROM {index}.edge e WHERE e.source = i.id AND e.known_from > s.known_from)
        OR EXISTS (SELECT FROM {index}.edge e WHERE e.target = i.id AND e.known_from > s.known_from)
        OR EXISTS (SELECT FROM {index}.summary_of o JOIN {index}.edge e ON e.id = o.thing
                   LEFT JOIN {index}.relationship_state t ON t.id = e.id
                   WHERE o.summary = s.id AND (e.version <> o.version OR NOT e.valid @> now() OR t.state IN (4, 5))))
