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

-- name: latest
-- A session, and its newest messages, the newest first: $3 of them, and others (up to $4) while all take at most $5
-- tokens. Always a row, with the subsystems of the graph; metadata in the first one alone.
SELECT g.subsystems, s.id AS session, s.name AS of, s.agent, s.users, s.opened, s.closed, s.latest, s.messages,
       s.tokens AS all_tokens, CASE WHEN coalesce(t.place, 1) = 1 THEN s.metadata END AS metadata,
       (SELECT x.expires_at FROM {index}.expiry x WHERE x.kind = 13 AND x.id = s.id) AS expires_at,
       t.seq, t.name, t.tokens, t.at, t.body
FROM kgmem.graph g
LEFT JOIN {index}.session s ON s.scope = (SELECT p.id FROM {index}.scope p WHERE p.path = $1) AND s.name = $2
LEFT JOIN LATERAL (
    SELECT *, row_number() OVER newest AS place, sum(tokens + 12) OVER newest AS total
    FROM (SELECT * FROM {index}.session_message WHERE session = s.id ORDER BY seq DESC LIMIT $4) m
    WINDOW newest AS (ORDER BY seq DESC ROWS UNBOUNDED PRECEDING)) t ON t.place <= $3 OR t.total <= $5
WHERE g.id = $6
ORDER BY t.seq DESC

-- name: facts
-- Current facts of the entities that episodes mention (the most often first), and of others that are given: their
-- relationships, and the values that claims give to them. A key means the nearest entity that the scope of claims sees.
-- What another statement supersedes from a time to come on is current until then.
WITH derived AS MATERIALIZED (
    SELECT array_agg(l.id) AS kinds FROM {index}.label l WHERE l.kind = 2 AND l.name = ANY ($7::text[])
), spoken AS (
    SELECT m.item FROM {index}.session_message m
    WHERE m.session = (SELECT n.id FROM {index}.session n JOIN {index}.scope s ON s.id = n.scope
                       WHERE s.path = $1 AND n.name = $2)
      AND m.seq = ANY ($3::bigint[])
), about AS (
    SELECT e.target AS id, count(*) AS times, max(e.source) AS latest FROM spoken o JOIN {index}.edge e ON e.source = o.item
    WHERE e.kind = (SELECT l.id FROM {index}.label l WHERE l.kind = 2 AND l.name = $9::text) GROUP BY 1
    UNION ALL SELECT t.id, 0, 0 FROM unnest($4::bigint[]) t (id)
), chosen AS (
    SELECT id, sum(times) AS times, max(latest) AS latest FROM about GROUP BY id
    ORDER BY times DESC, latest DESC, id LIMIT $5
), related AS (
SELECT c.*, f.*, a.key AS start_key, b.key AS end_key, NULL::text AS predicate, NULL::text AS value,
       NULL::timestamptz AS since, NULL::timestamptz AS until, NULL::float8 AS opposing, NULL::text AS options FROM chosen c
CROSS JOIN LATERAL (
    SELECT e.id AS fact, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope,
           (coalesce(t.probability, e.trust, e.confidence, 1) * coalesce(e.strength, 1))::float8 AS weight, t.state
    FROM (
        -- Of an entity with very many relationships, some of each kind and direction: both indexes are read backwards.
        SELECT o.* FROM (
            WITH RECURSIVE next (kind) AS (
                SELECT min(kind) FROM {index}.edge WHERE source = c.id
                UNION ALL
                SELECT (SELECT min(e.kind) FROM {index}.edge e WHERE e.source = c.id AND e.kind > n.kind)
                FROM next n WHERE n.kind IS NOT NULL)
            SELECT kind FROM next WHERE kind <> ALL (coalesce((SELECT kinds FROM derived), ARRAY[]::integer[]))) k
        CROSS JOIN LATERAL (
            SELECT * FROM {index}.edge e WHERE e.source = c.id AND e.kind = k.kind
            ORDER BY e.target DESC, e.scope DESC, e.parallel_edge_hash DESC LIMIT $8) o
        UNION ALL
        SELECT o.* FROM (
            WITH RECURSIVE next (kind) AS (
                SELECT min(kind) FROM {index}.edge WHERE target = c.id
                UNION ALL
                SELECT (SELECT min(e.kind) FROM {index}.edge e WHERE e.target = c.id AND e.kind > n.kind)
                FROM next n WHERE n.kind IS NOT NULL)
            SELECT kind FROM next WHERE kind <> ALL (coalesce((SELECT kinds FROM derived), ARRAY[]::integer[]))) k
        CROSS JOIN LATERAL (
            SELECT * FROM {index}.edge e WHERE e.target = c.id AND e.kind = k.kind
            ORDER BY e.target DESC, e.kind DESC LIMIT $8) o
        WHERE o.source <> c.id) e
    JOIN {index}.scope s ON s.id = e.scope AND s.path = ANY ($6::text[])
    LEFT JOIN {index}.relationship_state t ON t.id = e.id
    WHERE e.valid @> now() AND coalesce(t.state, 3) <> 5
      AND (coalesce(t.state, 3) <> 4 OR EXISTS (SELECT FROM {index}.fact v WHERE v.id = t.fact AND v.valid @> now()))
    ORDER BY weight DESC, fact DESC LIMIT 10
) f
JOIN {index}.item a ON a.id = f.source AND a.kind = 1
JOIN {index}.item b ON b.id = f.target AND b.kind = 1
), valued AS (
SELECT c.*, f.* FROM chosen c
CROSS JOIN LATERAL (
    SELECT o.id AS fact, 0 AS version, o.known_from, c.id AS source, NULL::bigint AS target, NULL::integer AS kind,
           p.path AS scope, o.probability::float8 AS weight, o.state, i.key AS start_key, NULL::text AS end_key, t.predicate,
           o.value::text AS value, lower(o.valid) AS since, upper(o.valid) AS until, o.opposing::float8 AS opposing,
           o.options::text AS options
    FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    JOIN {index}.scope p ON p.path = ANY ($6::text[])
         AND (s.path = '' OR p.path = s.path OR starts_with(p.path, s.path || '/'))
    JOIN {index}.topic t ON t.scope = p.id AND t.subject = i.key AND t.about = ''
    CROSS JOIN LATERAL (
        SELECT * FROM {index}.fact v
        WHERE v.topic = t.id AND v.state <> 5 AND v.valid @> now() AND jsonb_typeof(v.value) <> 'null'
        ORDER BY v.probability DESC, v.id DESC LIMIT $8) o
    WHERE i.id = c.id AND i.kind = 1
      AND EXISTS (SELECT FROM {index}.claim q WHERE q.topic = t.id AND q.known_to IS NULL)
      AND NOT EXISTS (SELECT FROM {index}.claim q WHERE q.topic = t.id AND q.known_to IS NULL AND q.object IS NOT NULL)
      AND NOT EXISTS (
          SELECT FROM {index}.item n JOIN {index}.scope r ON r.id = n.scope
          WHERE n.kind = 1 AND n.key = i.key AND length(r.path) > length(s.path)
            AND (p.path = r.path OR starts_with(p.path, r.path || '/')))
    ORDER BY weight DESC, fact DESC LIMIT 10
) f
)
SELECT fact AS id, version, known_from, source, target, kind, scope, weight, state, start_key, end_key, predicate, value,
       since, until, opposing, options
FROM (SELECT * FROM related UNION ALL SELECT * FROM valued) f
ORDER BY times DESC, latest DESC, f.id, weight DESC, fact DESC

-- name: names
SELECT id, '{"name": ' || coalesce(ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
           VARIADIC ARRAY[properties, '"name"'::ag_catalog.agtype]))::text, 'null') || '}' AS stored
FROM {graph}.{label} WHERE id = ANY (%(ids)s)

-- name: relationships
SELECT id, properties::text AS stored FROM {graph}.{label} WHERE id = ANY (%(ids)s)

-- name: forget_parts
DELETE FROM {index}.session_part WHERE session = $1
