-- retrievers: meaning
-- $1: ['']
-- $2: 40
-- $3: 1.0
-- $4: 2.0
-- $5: [9]
-- $6: []
-- $7: []
-- $8: 30.000000031000003
-- $9: 15.0
-- $10: (0.6, 0.8)
WITH RECURSIVE unused AS (SELECT $9::float8),
seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
where_spot (item, lon, lat) AS MATERIALIZED (SELECT NULL::bigint, $3::float8, $4::float8)
,
where_pool (one, other) AS MATERIALIZED (
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
FROM (SELECT lon, lat, $8::float8 AS km FROM where_spot OFFSET 0) given) radius
        OFFSET 0
    ) reach
    OFFSET 0
) sides
)
,
"probe_where" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT one FROM where_pool)
UNION ALL
SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT other FROM where_pool)
UNION ALL
SELECT n.id
FROM (SELECT id
FROM (SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT one FROM where_pool)
UNION ALL
SELECT i.id FROM "kgm_1".item i WHERE i.place <@ (SELECT other FROM where_pool)
) q LIMIT 2001) p
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
FROM (SELECT v.item, v.embedding <#> $10::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE (SELECT name IS NULL FROM narrow_by)
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)) OR (i.place IS NULL AND EXISTS (SELECT
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
) i
WHERE ((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)))))
ORDER BY v.embedding <#> $10::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $10::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM narrow n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)) OR (i.place IS NULL AND EXISTS (SELECT
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
) i
WHERE ((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)))))
ORDER BY 2, 1 LIMIT $2::integer
) "near_narrow"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $10::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)) OR (i.place IS NULL AND EXISTS (SELECT
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
) i
WHERE ((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)))))
ORDER BY 2, 1 LIMIT $2::integer
) "near_few"),
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
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)) OR (i.place IS NULL AND EXISTS (SELECT
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
) i
WHERE ((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - $4::float8), 1e-99)) / 2) ^ 2 + cos(radians($4::float8)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - $3::float8), 1e-99)) / 2) ^ 2))) END)
 <= $8::float8)))))
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
    SELECT max(-(v.embedding <#> $10::halfvec))::float8
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
