-- retrievers: meaning
-- $1: ['']
-- $2: 40
-- $3: ['LOCATED_IN']
-- $4: []
-- $5: 'florida'
-- $6: ['']
-- $7: [9]
-- $8: []
-- $9: []
-- $10: 50.0
-- $11: (0.6, 0.8)
-- refused: There is no entity 'florida' to be in. Correct where.place: it is the key of an entity.
WITH RECURSIVE unused AS (SELECT $10::float8),
seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
where_place (item, lon, lat) AS MATERIALIZED (
    SELECT i.id, i.place[0], i.place[1]
    FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.key = $5::text AND i.kind = 1
    ORDER BY array_position($6::text[], s.path) DESC LIMIT 1
)
,
where_inside (item) AS (
    SELECT item FROM where_place
    UNION
    SELECT n.item
    FROM where_inside w
    CROSS JOIN LATERAL (
        SELECT e.source AS item FROM "kgm_1".edge e
        WHERE e.target = w.item AND e.scope = ANY (ARRAY(SELECT id FROM seen))
              AND e.kind = ANY (ARRAY(SELECT id FROM "kgm_1".label WHERE kind = 2 AND name = ANY ($3::text[])))
        UNION ALL
        SELECT e.target FROM "kgm_1".edge e
        WHERE e.source = w.item AND e.scope = ANY (ARRAY(SELECT id FROM seen))
              AND e.kind = ANY (ARRAY(SELECT id FROM "kgm_1".label WHERE kind = 2 AND name = ANY ($4::text[])))
    ) n
)
,
where_shape (shape) AS MATERIALIZED (
    SELECT replace(ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"place"'::ag_catalog.agtype]))::text, '::numeric', '')::jsonb
    FROM "flights"._ag_label_vertex v
    WHERE v.id = (SELECT item FROM where_place WHERE lon IS NOT NULL)::text::ag_catalog.graphid
)
,
where_place_edges (x1, y1, x2, y2) AS MATERIALIZED (
    SELECT x, y,
           coalesce(lead(x) OVER ring, first_value(x) OVER ring), coalesce(lead(y) OVER ring, first_value(y) OVER ring)
FROM (
        SELECT part.n AS part, ring.n AS ring, position.n AS n,
               (position.at->>0)::float8 AS x, (position.at->>1)::float8 AS y
        FROM where_shape s
        CROSS JOIN LATERAL jsonb_array_elements(CASE s.shape->>'type'
WHEN 'MultiPolygon' THEN s.shape->'coordinates'
WHEN 'Polygon' THEN jsonb_build_array(s.shape->'coordinates')
        END) WITH ORDINALITY part (rings, n)
        CROSS JOIN LATERAL jsonb_array_elements(part.rings) WITH ORDINALITY ring (positions, n)
        CROSS JOIN LATERAL jsonb_array_elements(ring.positions) WITH ORDINALITY position (at, n)
    ) told
    WINDOW ring AS (PARTITION BY part, ring ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
,
where_place_strips (bounds, starts, x1, y1, x2, y2) AS MATERIALIZED (
    WITH bounds (at) AS MATERIALIZED (
        SELECT ARRAY(SELECT DISTINCT y1
FROM (SELECT y1, row_number() OVER (ORDER BY y1) AS n, count(*) OVER () AS size
                           FROM where_place_edges) e
                     WHERE mod(n, size / 256 + 8) = 0 ORDER BY y1)
    ),
placed AS MATERIALIZED (
        SELECT s.strip, e.* FROM bounds CROSS JOIN where_place_edges e
        CROSS JOIN LATERAL generate_series(width_bucket(least(e.y1, e.y2), at), width_bucket(greatest(e.y1, e.y2), at))
            AS s (strip)
    ),
counted AS (
        SELECT s.strip, 1 + coalesce(sum(n.size) OVER before, 0) AS start
        FROM bounds CROSS JOIN LATERAL generate_series(0, cardinality(at) + 1) AS s (strip)
        LEFT JOIN (SELECT strip, count(*) AS size FROM placed GROUP BY strip) n ON n.strip = s.strip
        WINDOW before AS (ORDER BY s.strip ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT (SELECT at FROM bounds), (SELECT array_agg(start::integer ORDER BY strip) FROM counted),
           array_agg(x1), array_agg(y1), array_agg(x2), array_agg(y2)
FROM (SELECT * FROM placed ORDER BY strip) p
)
,
where_hull (one) AS MATERIALIZED (
    SELECT CASE
WHEN bool_or(abs(x1) = 180 OR abs(y1) = 90) THEN box(point(-180, min(y1)), point(180, max(y1)))
ELSE box(point(min(x1), min(y1)), point(max(x1), max(y1))) END
    FROM where_place_edges
)
,
where_pool (one, other) AS MATERIALIZED (SELECT box(point(-180, -90), point(180, 90)), NULL::box)
,
"probe_where" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT item AS id FROM where_inside
UNION ALL
SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT one FROM where_hull)
UNION ALL
SELECT n.id
FROM (SELECT id
FROM (SELECT item AS id FROM where_inside
UNION ALL
SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT one FROM where_hull)
) q LIMIT 2001) p
CROSS JOIN LATERAL (
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = p.id AND e.kind = ANY ($7::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = p.id AND e.kind = ANY ($8::integer[])
) o
CROSS JOIN LATERAL (SELECT o.id
UNION ALL
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = o.id AND e.kind = ANY ($7::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = o.id AND e.kind = ANY ($8::integer[])
) n
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
narrow_by (name) AS MATERIALIZED (
    SELECT CASE
WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL
WHEN (SELECT count(*) <= 2000 FROM "probe_where") THEN 'where' END
)
,
narrow (id) AS MATERIALIZED (SELECT id FROM "probe_where"
WHERE (SELECT name FROM narrow_by) = 'where'),
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $11::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE (SELECT name IS NULL FROM narrow_by)
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE ((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))))))
ORDER BY v.embedding <#> $11::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $11::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM narrow n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE ((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))))))
ORDER BY 2, 1 LIMIT $2::integer
) "near_narrow"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $11::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
AND (((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE ((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))))))
ORDER BY 2, 1 LIMIT $2::integer
) "near_few"
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT FROM where_place)),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((
SELECT 'beside' AS retriever, i.id AS item, 1.0 / b.away AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands, ARRAY[t.id] AS ids
FROM (SELECT t.id, t.scope
FROM (SELECT DISTINCT item FROM found WHERE stands = 0 AND retriever IN ('words', 'meaning', 'words_archived', 'meaning_archived')) f
      JOIN "kgm_1".item t ON t.id = f.item AND t.kind = 2
      WHERE true
AND (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = t.id::text::ag_catalog.graphid)
 IS NOT NULL OFFSET 0) t
CROSS JOIN LATERAL (
(SELECT n.id, row_number() OVER () AS away
FROM (SELECT id FROM "kgm_1".item WHERE scope = t.scope AND kind = 2 AND id < t.id ORDER BY id DESC LIMIT 2) n)
UNION ALL
(SELECT n.id, row_number() OVER () AS away
FROM (SELECT id FROM "kgm_1".item WHERE scope = t.scope AND kind = 2 AND id > t.id ORDER BY id LIMIT 2) n)
) b
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) i
WHERE (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
 IS NOT DISTINCT
FROM (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = t.id::text::ag_catalog.graphid)
AND (((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($9::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($7::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE ((i.id <> (SELECT item FROM where_place)
AND ((i.id IN (SELECT item FROM where_inside)) IS TRUE OR (i.place <@ (SELECT one FROM where_hull)
AND (
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
 OR (abs(i.place[0]) = 180 AND
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1])
AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND -i.place[0] BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM where_place_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM where_place_strips))[n + 1] AS start,
           ((SELECT starts FROM where_place_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (-i.place[0] - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM where_place_strips))[start:stop], ((SELECT y1 FROM where_place_strips))[start:stop],
                ((SELECT x2 FROM where_place_strips))[start:stop], ((SELECT y2 FROM where_place_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)
) OR (abs(i.place[1]) = 90 AND EXISTS (SELECT FROM where_place_edges WHERE y1 = i.place[1]))))))))))
)),
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')
UNION ALL SELECT item, retriever FROM notes WHERE retriever = 'beside' AND stands = 0) f
    GROUP BY item
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT * FROM found) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, array_agg("meaning_looked_up") AS "meaning_looked_up"
FROM (SELECT c.item, (t."meaning")::float8 AS "meaning_looked_up" FROM candidate c
CROSS JOIN LATERAL (
    SELECT max(-(v.embedding <#> $11::halfvec))::float8
 AS "meaning"
FROM (SELECT id, body FROM "kgm_1".passage WHERE item = c.item ORDER BY ordinal LIMIT 32) p LEFT JOIN LATERAL (
    SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id AND 'meaning' <> ALL (c.by) OFFSET 0
) v ON true
) t
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('meaning_looked_up', v."meaning_looked_up")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
