-- name: create
-- Scopes of which the communities are kept, and up to where that was done.
CREATE TABLE {index}.community_scope (
    scope integer PRIMARY KEY,
    since xid8 NOT NULL DEFAULT '0',
    at    timestamptz
);

-- Communities of the entities of one scope. What keeps its members keeps its id.
CREATE TABLE {index}.community (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    level   smallint NOT NULL,                -- 0 the finest
    parent  bigint,                           -- of the next level
    size    integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX community_by_size ON {index}.community (scope, level, size DESC, id);
CREATE TABLE {index}.community_member (
    community  bigint NOT NULL,
    item       bigint NOT NULL,
    centrality real NOT NULL,                 -- its share of the community's links
    PRIMARY KEY (community, item)
);
CREATE INDEX community_member_item ON {index}.community_member (item);

-- name: ask
INSERT INTO {index}.community_scope (scope) VALUES ($1) ON CONFLICT (scope) DO NOTHING

-- name: stop
DELETE FROM {index}.community_scope WHERE scope = $1

-- name: take_turn
SELECT scope FROM {index}.community_scope WHERE scope = $1 FOR UPDATE

-- name: behind
SELECT s.path FROM {index}.community_scope g JOIN {index}.scope s ON s.id = g.scope
WHERE (g.at IS NULL OR g.at <= now() - make_interval(secs => $1))
  AND EXISTS (SELECT FROM {index}.change h WHERE h.xid >= g.since)
ORDER BY g.at NULLS FIRST LIMIT 1000

-- name: now
SELECT kgmem.settled_below()::text

-- name: links
-- What joins entities of exactly this scope, and how much; parallel relationships count together.
SELECT least(e.source, e.target) AS one, greatest(e.source, e.target) AS other,
       sum(coalesce(e.strength, 1)::float8 * coalesce(e.confidence, 1)) AS weight
FROM {index}.edge e
JOIN {index}.item a ON a.id = e.source AND a.kind = 1 AND a.scope = $1
JOIN {index}.item b ON b.id = e.target AND b.kind = 1 AND b.scope = $1
WHERE e.scope = $1 AND e.source <> e.target
GROUP BY 1, 2 HAVING sum(coalesce(e.strength, 1)::float8 * coalesce(e.confidence, 1)) > 0
ORDER BY 1, 2 LIMIT $2

-- name: held
SELECT c.id, c.level, c.parent, c.size, array_agg(m.item) AS items, array_agg(m.centrality) AS centralities
FROM {index}.community c LEFT JOIN {index}.community_member m ON m.community = c.id
WHERE c.scope = $1 GROUP BY c.id ORDER BY c.id

-- name: make
INSERT INTO {index}.community (scope, level, size) SELECT $1, $2, unnest($3::integer[]) RETURNING id

-- name: change
UPDATE {index}.community c SET size = n.size, made_at = now()
FROM unnest($1::bigint[], $2::integer[]) AS n (id, size) WHERE c.id = n.id

-- name: lead
UPDATE {index}.community c SET parent = n.parent
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, parent) WHERE c.id = n.id AND c.parent IS DISTINCT FROM n.parent

-- name: empty
DELETE FROM {index}.community_member WHERE community = ANY ($1::bigint[])

-- name: fill
INSERT INTO {index}.community_member (community, item, centrality)
SELECT n.* FROM unnest($1::bigint[], $2::bigint[], $3::real[]) AS n (community, item, centrality)
JOIN {index}.item i ON i.id = n.item

-- name: drop
DELETE FROM {index}.community WHERE id = ANY ($1::bigint[])

-- name: drop_all
WITH gone AS (DELETE FROM {index}.community WHERE scope = $1 RETURNING id),
     members AS (DELETE FROM {index}.community_member WHERE community IN (SELECT id FROM gone)),
     versions AS (DELETE FROM {index}.summary WHERE kind = 2 AND subject IN (SELECT id FROM gone) RETURNING id),
     sources AS (DELETE FROM {index}.summary_of WHERE summary IN (SELECT id FROM versions))
SELECT count(*) FROM gone

-- name: done
UPDATE {index}.community_scope SET since = $2::text::xid8, at = now() WHERE scope = $1

-- name: list
SELECT c.id, c.level, c.parent, c.size, c.made_at FROM {index}.community c
WHERE c.scope = $1 AND ($2::smallint IS NULL OR c.level = $2)
  AND ($3::smallint IS NULL OR (c.level, -c.size, c.id) > ($3, -$4::integer, $5::bigint))
ORDER BY c.level, c.size DESC, c.id LIMIT $6

-- name: get
SELECT c.id, c.level, c.parent, c.size, c.made_at FROM {index}.community c WHERE c.id = $1 AND c.scope = $2

-- name: members
SELECT n.id AS community, m.item, m.centrality, i.key, CASE WHEN i.labels[1] = '' THEN i.labels[2] ELSE l.name END AS label
FROM unnest($1::bigint[]) AS n (id)
CROSS JOIN LATERAL (
    SELECT * FROM {index}.community_member WHERE community = n.id ORDER BY centrality DESC, item LIMIT $2) m
JOIN {index}.item i ON i.id = m.item JOIN {index}.label l ON l.id = i.id >> 48
ORDER BY n.id, m.centrality DESC, m.item

-- name: leave
-- Entities that are deleted are in no community any more; what was said of them in short goes with them.
WITH left_over AS (
    DELETE FROM {index}.community_member WHERE item = ANY ($1::bigint[]) RETURNING community
), smaller AS (
    UPDATE {index}.community c SET size = c.size - n.count
    FROM (SELECT community, count(*) FROM left_over GROUP BY 1) n WHERE c.id = n.community
), touched AS (
    SELECT s.id FROM {index}.summary s
    WHERE (s.kind = 1 AND s.subject = ANY ($1::bigint[]))
       OR (s.kind = 2 AND s.subject IN (SELECT community FROM left_over))
       OR s.id IN (SELECT o.summary FROM {index}.summary_of o WHERE o.thing = ANY ($1::bigint[]))
), sources AS (
    DELETE FROM {index}.summary_of WHERE summary IN (SELECT id FROM touched)
)
DELETE FROM {index}.summary WHERE id IN (SELECT id FROM touched)

-- name: memberships
SELECT item, community FROM {index}.community_member WHERE item = ANY ($1::bigint[])

-- name: summaries_of
SELECT s.id FROM {index}.summary s
WHERE (s.kind = 1 AND s.subject = ANY ($1::bigint[]))
   OR (s.kind = 2 AND s.subject IN (SELECT m.community FROM {index}.community_member m WHERE m.item = ANY ($1::bigint[])))
   OR s.id IN (SELECT o.summary FROM {index}.summary_of o WHERE o.thing = ANY ($1::bigint[]))

-- name: summaries_there
SELECT count(*) FROM {index}.summary WHERE id = ANY ($1::bigint[])

-- name: unsay
-- Relationships that are deleted are said of nothing in short any more, nor were they ever.
WITH touched AS (
    SELECT DISTINCT summary FROM {index}.summary_of WHERE thing = ANY ($1::bigint[])
), sources AS (
    DELETE FROM {index}.summary_of WHERE summary IN (SELECT summary FROM touched)
)
DELETE FROM {index}.summary WHERE id IN (SELECT summary FROM touched)
