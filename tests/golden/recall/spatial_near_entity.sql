-- retrievers: meaning, where
-- $1: ['']
-- $2: 40
-- $3: 'cape'
-- $4: ['']
-- $5: [9]
-- $6: []
-- $7: []
-- $8: 10.0
-- $9: (0.6, 0.8)
-- refused: There is no entity 'cape' to be near. Correct where.near.entity: it is a key.
-- refused: The entity 'cape' has no place. Give where.near.point instead.
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
where_spot (item, lon, lat) AS MATERIALIZED (
    SELECT i.id, i.place[0], i.place[1]
    FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.key = $3::text AND i.kind = 1
    ORDER BY array_position($4::text[], s.path) DESC LIMIT 1
)
,
where_pool (one, other) AS MATERIALIZED (SELECT box(point(-180, -90), point(180, 90)), NULL::box)
,
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $9::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE true
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
ORDER BY v.embedding <#> $9::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $9::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
ORDER BY 2, 1 LIMIT $2::integer
) "near_few"
UNION ALL SELECT 'where', item, value::float8, stands
FROM (SELECT item, $8::float8 / ($8::float8 + km) AS value, stands
FROM (SELECT *
FROM (SELECT i.id AS item, CASE
WHEN i.place IS NOT NULL THEN
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
ELSE (SELECT min(
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
) + 0.001
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i WHERE true) END AS km, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
WHERE NOT s.large
AND (i.place IS NOT NULL OR EXISTS (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
))
ORDER BY 2, 1 LIMIT $2::integer
) p
UNION ALL SELECT *
FROM (SELECT i.id AS item, CASE
WHEN i.place IS NOT NULL THEN
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
ELSE (SELECT min(
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
) + 0.001
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i WHERE true) END AS km, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT NULL::bigint AS id WHERE false) n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (i.place IS NOT NULL OR EXISTS (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
))
ORDER BY 2, 1 LIMIT $2::integer
) p
UNION ALL SELECT *
FROM (
WITH first AS MATERIALIZED (
    SELECT i.id,
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 AS km
    FROM "kgm_1".item i
    WHERE true
AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
          AND i.place <@ (SELECT one FROM where_pool)
    ORDER BY i.place <-> (SELECT point(lon, lat) FROM where_spot) LIMIT $2::integer
),
reached AS MATERIALIZED (
SELECT CASE
WHEN polar THEN box(point(-180, south), point(180, north))
ELSE box(point(greatest(west, -180), south), point(least(east, 180), north)) END AS one,
       CASE
WHEN polar THEN NULL
WHEN west < -180 THEN box(point(west + 360, south), point(180, north))
WHEN east > 180 THEN box(point(-180, south), point(east - 360, north)) END AS other
FROM (
    SELECT lat - high AS south, lat + high AS north, lon - wide AS west, lon + wide AS east,
           lat + high > 89.999 OR lat - high < -89.999 AS polar
FROM (
        SELECT lon, lat, high,
               degrees(asin(least(1, sin(radians(least(high, 90))) / greatest(cos(radians(lat)), 1e-9)))) + 1e-5
               AS wide
FROM (SELECT lon, lat,
                     degrees(CASE
WHEN km > 20038 THEN 20038
ELSE km END / 6371.0088) * (1 + 1e-9) + 1e-5 AS high
FROM (SELECT lon, lat, (SELECT CASE
WHEN count(*) >= $2::integer THEN max(km) END FROM first) AS km FROM where_spot OFFSET 0) given) radius
        OFFSET 0
    ) reach
    OFFSET 0
) sides
),
second AS MATERIALIZED (
    SELECT i.id,
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 AS km
    FROM "kgm_1".item i
    WHERE true
AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
          AND i.place <@ (SELECT CASE
WHEN (SELECT other IS NOT NULL FROM reached) THEN one END FROM where_pool)
    ORDER BY i.place <-> (SELECT point(CASE
WHEN lon > 0 THEN lon - 360
ELSE lon + 360 END, lat) FROM where_spot)
    LIMIT $2::integer
),
nearest AS MATERIALIZED (
    SELECT id, km
FROM (SELECT id, km FROM first UNION SELECT id, km FROM second) both_sides
    ORDER BY km LIMIT $2::integer
),
around AS MATERIALIZED (
SELECT CASE
WHEN polar THEN box(point(-180, south), point(180, north))
ELSE box(point(greatest(west, -180), south), point(least(east, 180), north)) END AS one,
       CASE
WHEN polar THEN NULL
WHEN west < -180 THEN box(point(west + 360, south), point(180, north))
WHEN east > 180 THEN box(point(-180, south), point(east - 360, north)) END AS other
FROM (
    SELECT lat - high AS south, lat + high AS north, lon - wide AS west, lon + wide AS east,
           lat + high > 89.999 OR lat - high < -89.999 AS polar
FROM (
        SELECT lon, lat, high,
               degrees(asin(least(1, sin(radians(least(high, 90))) / greatest(cos(radians(lat)), 1e-9)))) + 1e-5
               AS wide
FROM (SELECT lon, lat,
                     degrees(CASE
WHEN km > 20038 THEN 20038
ELSE km END / 6371.0088) * (1 + 1e-9) + 1e-5 AS high
FROM (SELECT lon, lat, (SELECT CASE
WHEN count(*) >= $2::integer THEN max(km) END FROM nearest) AS km FROM where_spot OFFSET 0) given) radius
        OFFSET 0
    ) reach
    OFFSET 0
) sides
),
held AS (
    SELECT i.* FROM "kgm_1".item i WHERE i.place <@ (SELECT one FROM around)
    UNION ALL
    SELECT i.* FROM "kgm_1".item i
    WHERE i.place <@ (SELECT other FROM around) AND NOT i.place <@ (SELECT one FROM around)
    UNION ALL
    SELECT i.* FROM nearest n CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
WHERE (SELECT count(*) < $2::integer FROM nearest)
)
SELECT i.id AS item,
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 AS km, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM held i
WHERE true AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
ORDER BY 2, 1 LIMIT $2::integer
) p
UNION ALL SELECT *
FROM (
SELECT i.id AS item, CASE
WHEN i.place IS NOT NULL THEN
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
ELSE (SELECT min(
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
) + 0.001
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i WHERE true) END AS km, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT DISTINCT id
FROM (
SELECT n.id
FROM (SELECT *
FROM (
    (SELECT a.id FROM "kgm_1".item a
     WHERE true
AND (SELECT bool_or(large) FROM seen) AND a.place IS NOT NULL
     ORDER BY a.place <-> (SELECT point(lon, lat) FROM where_spot) LIMIT 1000)
    UNION ALL
    (SELECT a.id FROM "kgm_1".item a
     WHERE true
AND (SELECT bool_or(large) FROM seen) AND a.place IS NOT NULL
     ORDER BY a.place <-> (SELECT point(CASE
WHEN lon > 0 THEN lon - 360
ELSE lon + 360 END, lat) FROM where_spot)
     LIMIT 1000)
) a
) p
CROSS JOIN LATERAL (
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = p.id AND e.kind = ANY ($5::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = p.id AND e.kind = ANY ($6::integer[])
) o
CROSS JOIN LATERAL (SELECT o.id
UNION ALL
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = o.id AND e.kind = ANY ($5::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = o.id AND e.kind = ANY ($6::integer[])
) n
) l) n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
WHERE i.place IS NULL AND i.kind = 1 AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
      AND CASE
WHEN i.place IS NOT NULL THEN
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
ELSE (SELECT min(
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
) + 0.001
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i WHERE true) END IS NOT NULL
ORDER BY 2, 1 LIMIT $2::integer
) p) n ORDER BY km, item) "where_found"
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT FROM where_spot)
UNION ALL SELECT 'refused', 1::bigint, 0::float8, 0 WHERE EXISTS (SELECT FROM where_spot WHERE lon IS NULL)),
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
    SELECT array_agg(item) AS items, array_agg("where") AS "where", array_agg("meaning_looked_up") AS "meaning_looked_up"
FROM (SELECT c.item, ($8::float8 / ($8::float8 + CASE
WHEN i.place IS NOT NULL THEN
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
ELSE (SELECT min(
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
) + 0.001
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($7::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($5::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i WHERE true) END))::float8 AS "where", (t."meaning")::float8 AS "meaning_looked_up" FROM candidate c CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = c.item OFFSET 0) i
CROSS JOIN LATERAL (
    SELECT max(-(v.embedding <#> $9::halfvec))::float8
 AS "meaning"
FROM (SELECT id, body FROM "kgm_1".passage WHERE item = c.item ORDER BY ordinal LIMIT 32) p LEFT JOIN LATERAL (
    SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id AND 'meaning' <> ALL (c.by) OFFSET 0
) v ON true
) t
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('where', v."where"), ('meaning_looked_up', v."meaning_looked_up")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
