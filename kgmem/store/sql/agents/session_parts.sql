-- What stands for the older parts of sessions, and what a context needs besides.

-- name: create
CREATE TABLE {index}.session_part (
    session bigint NOT NULL,
    level   smallint NOT NULL,
    place   bigint NOT NULL,
    body    jsonb NOT NULL,  -- The sentences that stand for it.
    PRIMARY KEY (session, level, place)
);

-- name: between
SELECT seq, name, tokens, at, body FROM {index}.session_message
WHERE session = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq

-- name: add_part
INSERT INTO {index}.session_part (session, level, place, body) VALUES ($1, $2, $3, $4::text::jsonb)
ON CONFLICT (session, level, place) DO UPDATE SET body = excluded.body

-- name: parts
-- Some parts, the newest first.
SELECT p.level, p.place, p.body::text FROM {index}.session_part p
WHERE p.session = (SELECT n.id FROM {index}.session n JOIN {index}.scope s ON s.id = n.scope WHERE s.path = $1 AND n.name = $2)
  AND (p.level, p.place) IN (SELECT * FROM unnest($3::smallint[], $4::bigint[]))
ORDER BY p.level, p.place DESC

-- name: parts_of
-- The parts of one level that a part of the next one is made of.
SELECT body::text FROM {index}.session_part WHERE session = $1 AND level = $2 AND place BETWEEN $3 AND $4 ORDER BY place

-- name: items
SELECT m.item FROM {index}.session_message m
WHERE m.session = (SELECT n.id FROM {index}.session n JOIN {index}.scope s ON s.id = n.scope WHERE s.path = $1 AND n.name = $2)
  AND m.seq = ANY ($3::bigint[])

-- name: facts
-- Current relationships of the entities that episodes mention (the most often first), and of others that are given.
WITH about AS (
    SELECT e.target AS id, count(*) AS times, max(e.source) AS latest FROM {index}.edge e
    WHERE e.source = ANY ($1::bigint[]) AND e.kind = $2 GROUP BY 1
    UNION ALL SELECT t.id, 0, 0 FROM unnest($3::bigint[]) t (id)
), chosen AS (
    SELECT id, sum(times) AS times, max(latest) AS latest FROM about GROUP BY id
    ORDER BY times DESC, latest DESC, id LIMIT $4
)
SELECT f.*, a.key AS start_key, b.key AS end_key FROM chosen c
CROSS JOIN LATERAL (
    SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope,
           (coalesce(t.probability, e.trust, e.confidence, 1) * coalesce(e.strength, 1))::float8 AS weight
    FROM (
        -- Of an entity with very many relationships, some of each kind and direction: both indexes are read backwards.
        SELECT o.* FROM (
            WITH RECURSIVE next (kind) AS (
                SELECT min(kind) FROM {index}.edge WHERE source = c.id
                UNION ALL
                SELECT (SELECT min(e.kind) FROM {index}.edge e WHERE e.source = c.id AND e.kind > n.kind)
                FROM next n WHERE n.kind IS NOT NULL)
            SELECT kind FROM next WHERE kind <> ALL ($6::integer[])) k
        CROSS JOIN LATERAL (
            SELECT * FROM {index}.edge e WHERE e.source = c.id AND e.kind = k.kind
            ORDER BY e.target DESC, e.scope DESC, e.parallel_edge_hash DESC LIMIT $7) o
        UNION ALL
        SELECT o.* FROM (
            WITH RECURSIVE next (kind) AS (
                SELECT min(kind) FROM {index}.edge WHERE target = c.id
                UNION ALL
                SELECT (SELECT min(e.kind) FROM {index}.edge e WHERE e.target = c.id AND e.kind > n.kind)
                FROM next n WHERE n.kind IS NOT NULL)
            SELECT kind FROM next WHERE kind <> ALL ($6::integer[])) k
        CROSS JOIN LATERAL (
            SELECT * FROM {index}.edge e WHERE e.target = c.id AND e.kind = k.kind
            ORDER BY e.target DESC, e.kind DESC LIMIT $7) o
        WHERE o.source <> c.id) e
    JOIN {index}.scope s ON s.id = e.scope AND s.path = ANY ($5::text[])
    LEFT JOIN {index}.relationship_state t ON t.id = e.id
    WHERE e.valid @> now() AND coalesce(t.state, 3) NOT IN (4, 5)
    ORDER BY weight DESC, e.id DESC LIMIT 10
) f
JOIN {index}.item a ON a.id = f.source AND a.kind = 1
JOIN {index}.item b ON b.id = f.target AND b.kind = 1
ORDER BY c.times DESC, c.latest DESC, c.id, f.weight DESC, f.id DESC

-- name: forget_parts
DELETE FROM {index}.session_part WHERE session = $1
