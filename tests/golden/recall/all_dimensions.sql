-- retrievers: meaning, words, where, why, trust, hops
-- $1: ['']
-- $2: 40
-- $3: 1688849860263936
-- $4: 1970324836974592
-- $5: 'cape'
-- $6: ['']
-- $7: 0
-- $8: 31536000000000
-- $9: [9]
-- $10: []
-- $11: []
-- $12: 50.000000051
-- $13: 5.0
-- $14: 0
-- $15: 31536000000000
-- $16: ['effects']
-- $17: ['explosion']
-- $18: ['CAUSES']
-- $19: []
-- $20: 5
-- $21: 0.0
-- $22: ['']
-- $23: 0
-- $24: 31536000000000
-- $25: 31536000.0
-- $26: 0
-- $27: 31536000000000
-- $28: ['apollo-13']
-- $29: ['']
-- $30: []
-- $31: ['']
-- $32: 0
-- $33: 31536000000000
-- $34: [6]
-- $35: ['Mission']
-- $36: (0.6, 0.8)
-- $37: 'landing'
-- refused: There is no entity 'cape' to be near. Correct where.near.entity: it is a key.
-- refused: The entity 'cape' has no place. Give where.near.point instead.
-- refused: There is no entity 'explosion' to ask the causes or effects of. Correct the key.
-- refused: Not all of graph.hops.from is here: apollo-13. Give keys of entities.
WITH RECURSIVE unused AS (SELECT $25::float8),
seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
words_of_few (id, item, value) AS MATERIALIZED (
    WITH documents AS MATERIALIZED (
        SELECT p.id, p.item, t.words,
               coalesce(l.length, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w), 0)::float8 AS length
        FROM seen s
        CROSS JOIN LATERAL (SELECT id FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
        CROSS JOIN LATERAL (SELECT id, item, body FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
        LEFT JOIN LATERAL (SELECT words, length FROM "kgm_1".lexeme WHERE passage = p.id OFFSET 0) l ON true
        CROSS JOIN LATERAL (SELECT coalesce(l.words, to_tsvector('english', p.body)) AS words OFFSET 0) t
        WHERE NOT (SELECT bool_or(large) FROM seen)
    ),
asked AS MATERIALIZED (
        SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query
        FROM unnest(tsvector_to_array(to_tsvector('english', $37::text))) AS w (lexeme)
    ),
matching AS MATERIALIZED (
        SELECT d.id, d.item, d.length, a.lexeme,
               round(1 / (1.64493406685 * (1 - ts_rank('{1,1,1,1}', d.words, a.query)::float8)) - 0.5) AS often
        FROM documents d CROSS JOIN asked a WHERE d.words @@ a.query
    ),
corpus AS (
        SELECT count(*)::float8 AS size, avg(length) AS mean FROM documents
    ),
weights AS (
        SELECT m.lexeme, ln(1 + (c.size - count(*) + 0.5) / (count(*) + 0.5)) AS idf, c.mean
        FROM matching m CROSS JOIN corpus c GROUP BY m.lexeme, c.size, c.mean
    )
    SELECT m.id, m.item, -sum(a.idf * m.often * 2.2 / (m.often + 1.2 * (0.25 + 0.75 * m.length / a.mean)))
    FROM weights a JOIN matching m ON m.lexeme = a.lexeme GROUP BY m.id, m.item
)
,
where_spot (item, lon, lat) AS MATERIALIZED (
    SELECT i.id, i.place[0], i.place[1]
    FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.key = $5::text AND i.kind = 1
    ORDER BY array_position($6::text[], s.path) DESC LIMIT 1
)
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
FROM (SELECT lon, lat, $12::float8 AS km FROM where_spot OFFSET 0) given) radius
        OFFSET 0
    ) reach
    OFFSET 0
) sides
)
,
why_asked (side, place, item, begins) AS MATERIALIZED (
    SELECT k.side, k.place, i.id, lower(i.valid)
    FROM unnest($16::text[], $17::text[]) WITH ORDINALITY AS k (side, key, place)
    CROSS JOIN LATERAL (
        SELECT i.id, i.valid
        FROM "kgm_1".scope s JOIN "kgm_1".item i ON i.scope = s.id AND i.key = k.key AND i.kind = 1
        WHERE s.path = ANY ($22::text[])
        ORDER BY array_position($22::text[], s.path) DESC LIMIT 1
    ) i
)
,
why_kinds (id, sign) AS MATERIALIZED (
    SELECT id, CASE
WHEN name = ANY ($19::text[]) THEN -1
ELSE 1 END
    FROM "kgm_1".label WHERE kind = 2 AND name = ANY ($18::text[])
)
,
why_effects (asked, items, links, item, bound, strength, sign, cut) AS (
    SELECT place, ARRAY[item], '{}'::bigint[], item, begins, 1::float8, 1, false FROM why_asked WHERE side = 'effects'
    UNION ALL
    SELECT *
FROM (
        SELECT *
FROM (
            SELECT DISTINCT ON (far, asked, items, sign) *
FROM (
                SELECT *, count(*) OVER () > 25000 AS cut
FROM (
                    SELECT w.asked, w.items || e.far AS items, w.links || e.id AS links, e.far,
                           greatest(w.bound, lower(i.valid)) AS bound, w.strength * e.strength AS strength,
                           w.sign * e.sign AS sign
                    FROM why_effects w
                    CROSS JOIN LATERAL (
SELECT e.id, e.target AS far, k.sign,
       least(greatest(coalesce(e.strength::text::float8, 1) * coalesce(e.confidence::text::float8, 1), 0), 1) AS strength
FROM "kgm_1".edge e JOIN why_kinds k ON k.id = e.kind
WHERE e.source = w.item AND e.kind = ANY (ARRAY(SELECT id FROM why_kinds))
  AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($14::timestamptz, $15::timestamptz)
OFFSET 0
) e
                    CROSS JOIN LATERAL (
                        SELECT valid FROM "kgm_1".item
                        WHERE id = e.far AND kind = 1 AND scope = ANY (ARRAY(SELECT id FROM seen)) OFFSET 0
                    ) i
                    WHERE cardinality(w.links) < $20::integer AND NOT e.far = ANY (w.items)
                      AND w.strength * e.strength > 0 AND w.strength * e.strength >= $21::float8
AND (w.bound IS NULL OR lower(i.valid) IS NULL OR lower(i.valid) >= w.bound)
                    LIMIT 25000 + 1
                ) reached
            ) counted
            ORDER BY far, asked, items, sign, strength DESC, links
        ) told
        ORDER BY strength DESC, asked, items, sign
    ) level
)
,
why_paths AS MATERIALIZED ((SELECT asked, items, links, item, strength, sign, cut FROM why_effects LIMIT 25000 + 1)
)
,
why_scores (item, value) AS MATERIALIZED (
    SELECT item, min(value)
FROM (
        SELECT asked, item,
               coalesce(CASE
WHEN sum(strength) FILTER (WHERE sign > 0) = max(strength) FILTER (WHERE sign > 0)
                             THEN max(strength) FILTER (WHERE sign > 0)
ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign > 0)) END, 0)
             - coalesce(CASE
WHEN sum(strength) FILTER (WHERE sign < 0) = max(strength) FILTER (WHERE sign < 0)
                             THEN max(strength) FILTER (WHERE sign < 0)
ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign < 0)) END, 0) AS value
        FROM why_paths WHERE cardinality(links) > 0 GROUP BY asked, item
    ) each
    GROUP BY item HAVING count(*) = 1
)
,
why_by_item AS MATERIALIZED (SELECT jsonb_object_agg(item, value) AS of FROM why_scores)
,
ring0 AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.key = ANY ($28::text[]) AND i.kind = 1 AND s.path = ANY ($29::text[])
    ORDER BY i.key, array_position($29::text[], s.path) DESC
)
,
ring1 AS MATERIALIZED (SELECT e.target AS id FROM ring0 r JOIN "kgm_1".edge e ON e.source = r.id
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($26::timestamptz, $27::timestamptz) AND e.kind <> 10
 UNION SELECT e.source AS id FROM ring0 r JOIN "kgm_1".edge e ON e.target = r.id
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($26::timestamptz, $27::timestamptz) AND e.kind <> 10
 EXCEPT (SELECT id FROM ring0)),
rings AS MATERIALIZED (SELECT id, 0 AS hops FROM ring0
UNION ALL SELECT id, 1 AS hops FROM ring1),
walk_started AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.key = ANY ($30::text[]) AND i.kind = 1 AND s.path = ANY ($31::text[])
    ORDER BY i.key, array_position($31::text[], s.path) DESC
)
,
"probe_labels" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT id FROM "kgm_1".item WHERE id >= $3::bigint AND id < $4::bigint
UNION ALL
SELECT id FROM "kgm_1".item WHERE labels IS NOT NULL
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
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
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = p.id AND e.kind = ANY ($9::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = p.id AND e.kind = ANY ($10::integer[])
) o
CROSS JOIN LATERAL (SELECT o.id
UNION ALL
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = o.id AND e.kind = ANY ($9::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = o.id AND e.kind = ANY ($10::integer[])
) n
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
"probe_why" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT item AS id FROM why_scores) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
"probe_when" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (
SELECT i.id FROM "kgm_1".item i WHERE i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND NOT (lower_inf(i.valid) AND upper_inf(i.valid))
UNION ALL
SELECT i.id FROM "kgm_1".item i WHERE lower_inf(i.valid) AND upper_inf(i.valid)
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
"probe_hops" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT id FROM rings) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
narrow_by (name) AS MATERIALIZED (
    SELECT CASE
WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL
WHEN (SELECT count(*) <= 2000 FROM "probe_labels") THEN 'labels'
WHEN (SELECT count(*) <= 2000 FROM "probe_where") THEN 'where'
WHEN (SELECT count(*) <= 2000 FROM "probe_why") THEN 'why'
WHEN (SELECT count(*) <= 2000 FROM "probe_when") THEN 'when'
WHEN (SELECT count(*) <= 2000 FROM "probe_hops") THEN 'hops' END
)
,
narrow (id) AS MATERIALIZED (SELECT id FROM "probe_labels"
WHERE (SELECT name FROM narrow_by) = 'labels'
UNION ALL SELECT id FROM "probe_where"
WHERE (SELECT name FROM narrow_by) = 'where'
UNION ALL SELECT id FROM "probe_why"
WHERE (SELECT name FROM narrow_by) = 'why'
UNION ALL SELECT id FROM "probe_when"
WHERE (SELECT name FROM narrow_by) = 'when'
UNION ALL SELECT id FROM "probe_hops"
WHERE (SELECT name FROM narrow_by) = 'hops'),
walk_seeds (retriever, item, value, stands) AS MATERIALIZED (SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $36::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE true
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) AND i.kind <> 2
ORDER BY v.embedding <#> $36::halfvec LIMIT 40
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $36::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
AND ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) AND i.kind <> 2
ORDER BY 2, 1 LIMIT 40
) "near_few"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (
SELECT i.id AS item, h.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT (w.hit).item, (w.hit).value
FROM (SELECT "kgm_1".by_words($37::text) AS hit WHERE true
AND (SELECT bool_or(large) FROM seen) OFFSET 0) w) h
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
AND ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) AND i.kind <> 2
LIMIT 40
) "words_many"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM words_of_few w CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
AND ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) AND i.kind <> 2
ORDER BY 2, 1 LIMIT 40
) "words_few"),
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $36::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE (SELECT name IS NULL FROM narrow_by)
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY v.embedding <#> $36::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $36::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM narrow n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY 2, 1 LIMIT $2::integer
) "near_narrow"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $36::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY 2, 1 LIMIT $2::integer
) "near_few"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (
SELECT i.id AS item, h.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT (w.hit).item, (w.hit).value
FROM (SELECT "kgm_1".by_words($37::text) AS hit
WHERE ((SELECT name IS NULL FROM narrow_by) OR (SELECT count(*) > 1000 FROM narrow))
AND (SELECT bool_or(large) FROM seen) OFFSET 0) w) h
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
LIMIT $2::integer
) "words_many"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, p.body <@> to_bm25query($37::text, '"kgm_1".passage_words') AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM narrow n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT body FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
WHERE NOT ((SELECT name IS NULL FROM narrow_by) OR (SELECT count(*) > 1000 FROM narrow))
AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY 2, 1 LIMIT $2::integer
) "words_narrow"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM words_of_few w CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY 2, 1 LIMIT $2::integer
) "words_few"
UNION ALL SELECT 'where', item, value::float8, stands
FROM (SELECT item, $13::float8 / ($13::float8 + km) AS value, stands
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
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE (
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) END AS km, CASE
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
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
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
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
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
          AND i.place <@ (SELECT other FROM where_pool)
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
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
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
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
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE (
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) END AS km, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT DISTINCT id
FROM (
SELECT n.id
FROM (
SELECT *
FROM (
    SELECT a.id FROM "kgm_1".item a
WHERE (SELECT bool_or(large) FROM seen) AND a.place <@ (SELECT one FROM where_pool)
    UNION ALL
    SELECT a.id FROM "kgm_1".item a
WHERE (SELECT bool_or(large) FROM seen) AND a.place <@ (SELECT other FROM where_pool)
) a LIMIT 20000
) p
CROSS JOIN LATERAL (
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = p.id AND e.kind = ANY ($9::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = p.id AND e.kind = ANY ($10::integer[])
) o
CROSS JOIN LATERAL (SELECT o.id
UNION ALL
SELECT e.source AS id FROM "kgm_1".edge e WHERE e.target = o.id AND e.kind = ANY ($9::integer[])
UNION ALL
SELECT e.target FROM "kgm_1".edge e WHERE e.source = o.id AND e.kind = ANY ($10::integer[])
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
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE (
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) END IS NOT NULL
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY 2, 1 LIMIT $2::integer
) p) n ORDER BY km, item) "where_found"
UNION ALL SELECT 'why', item, value::float8, stands
FROM (
SELECT w.item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT item, value FROM why_scores ORDER BY value DESC, item) w
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY w.value DESC, w.item LIMIT $2::integer
) "why_found"
UNION ALL SELECT 'hops', item, value::float8, stands
FROM (SELECT r.id AS item, 1.0 / (1 + r.hops) AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM rings r JOIN "kgm_1".item i ON i.id = r.id
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
ORDER BY r.hops, r.id LIMIT $2::integer
) "hops_found"
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT FROM where_spot)
UNION ALL SELECT 'refused', 1::bigint, 0::float8, 0 WHERE EXISTS (SELECT FROM where_spot WHERE lon IS NULL)
UNION ALL SELECT 'refused', 2::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT 1 FROM why_asked WHERE place = 1)
UNION ALL SELECT 'refused', 3::bigint, 0::float8, 0
WHERE (SELECT count(*) FROM ring0) < 1),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((SELECT 'paths_cut', 0::bigint, 1::float8, 0, NULL::bigint[]
WHERE (SELECT bool_or(cut) OR count(*) > 25000 FROM why_paths)
)
UNION ALL (
WITH best AS MATERIALIZED (
    SELECT retriever, item, value, is_fact, place
FROM (
        SELECT s.retriever, s.item, s.value, i.kind = 3 AS is_fact,
               row_number() OVER (PARTITION BY s.retriever, i.kind ORDER BY s.value DESC, s.item) AS place
        FROM walk_seeds s JOIN "kgm_1".item i ON i.id = s.item WHERE s.stands = 0 AND i.kind <> 2) placed
    WHERE place <= 8
),
ends AS MATERIALIZED (
    SELECT s.item AS fact, e.source, e.target, s.mass
FROM (SELECT item, max(1.0 / place) AS mass FROM best WHERE is_fact GROUP BY item) s
    JOIN "kgm_1".edge e ON e.id = s.item
),
roots AS MATERIALIZED (
    SELECT id, sum(mass)::float8 AS mass
FROM (
        SELECT item AS id, 1.0 / place AS mass FROM best WHERE NOT is_fact
UNION ALL SELECT id, 1 FROM walk_started
UNION ALL SELECT source, mass FROM ends
UNION ALL SELECT target, mass FROM ends
UNION ALL SELECT item, 0.05
FROM (
            SELECT retriever, item, row_number() OVER (PARTITION BY retriever ORDER BY value DESC, item) AS place
            FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'listed')) placed
        WHERE place <= CASE
WHEN retriever IN ('meaning', 'words') THEN 40
ELSE 8 END) given
    GROUP BY id
),
near AS MATERIALIZED (
    SELECT r.id, r.mass / nullif(l.total, 0) AS mass, l.others, l.weights FROM roots r CROSS JOIN LATERAL (
SELECT array_agg(other) AS others, array_agg(weight) AS weights, sum(weight)::float8 AS total
FROM (
    (SELECT target AS other, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint AS weight FROM "kgm_1".edge e
     WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($32::timestamptz, $33::timestamptz)
     ORDER BY source, kind, target LIMIT 60)
    UNION ALL
    (SELECT source, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint FROM "kgm_1".edge e
     WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($32::timestamptz, $33::timestamptz)
     ORDER BY target, kind LIMIT 60)) both_ways
WHERE other <> r.id
) l
),
reached AS MATERIALIZED (
    SELECT o.id, sum(n.mass * o.weight)::float8 AS mass
    FROM near n CROSS JOIN LATERAL unnest(n.others, n.weights) AS o (id, weight)
    WHERE o.id NOT IN (SELECT id FROM roots) GROUP BY o.id
),
beyond AS MATERIALIZED (
    SELECT id, mass FROM reached ORDER BY mass DESC NULLS LAST, id LIMIT 80
),
far AS MATERIALIZED (
    SELECT r.id, r.mass / nullif(l.total, 0) AS mass, l.others, l.weights
    FROM beyond r CROSS JOIN LATERAL (
SELECT array_agg(other) AS others, array_agg(weight) AS weights, sum(weight)::float8 AS total
FROM (
    (SELECT target AS other, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint AS weight FROM "kgm_1".edge e
     WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($32::timestamptz, $33::timestamptz)
     ORDER BY source, kind, target LIMIT 16)
    UNION ALL
    (SELECT source, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint FROM "kgm_1".edge e
     WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($32::timestamptz, $33::timestamptz)
     ORDER BY target, kind LIMIT 16)) both_ways
WHERE other <> r.id
) l
),
nodes AS (
    SELECT id FROM roots WHERE id NOT IN (SELECT item FROM found WHERE stands = 0)
    UNION SELECT id
FROM (SELECT o.id FROM reached o WHERE true ORDER BY mass DESC NULLS LAST, id LIMIT 100) most
    UNION SELECT id
FROM (
        SELECT o.id FROM far n CROSS JOIN LATERAL unnest(n.others, n.weights) AS o (id, weight)
        WHERE true GROUP BY o.id ORDER BY sum(n.mass * o.weight) DESC NULLS LAST, o.id LIMIT 100) most
)
SELECT 'links' AS retriever, id AS item, 0::float8 AS value, 0 AS stands, others || weights AS ids
FROM (SELECT * FROM near
UNION ALL SELECT * FROM far) n WHERE others IS NOT NULL
UNION ALL SELECT 'ends', fact, 0, 0, ARRAY[source, target] FROM ends
UNION ALL SELECT 'start', id, 1, 0, NULL FROM walk_started
UNION ALL SELECT 'seed_' || retriever, item, value, 0, NULL FROM best
UNION ALL
SELECT 'nodes', 0, 0, 0, array_agg(i.id)
FROM nodes n JOIN "kgm_1".item i ON i.id = n.id WHERE CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END = 0
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
)
UNION ALL (
SELECT 'beside' AS retriever, i.id AS item, 1.0 / b.away AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands, ARRAY[t.id] AS ids
FROM (SELECT t.id, t.scope
FROM (SELECT DISTINCT item FROM found WHERE stands = 0 AND retriever IN ('words', 'meaning', 'words_archived', 'meaning_archived')) f
      JOIN "kgm_1".item t ON t.id = f.item AND t.kind = 2
      WHERE true OFFSET 0) t
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
AND (((i.id >> 48) = ANY ($34::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $35::text[])
AND (((
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) OR (i.place IS NULL AND EXISTS (SELECT
FROM (
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
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
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)))))
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE AND i.valid && tstzrange($23::timestamptz, $24::timestamptz) AND i.id IN (SELECT id FROM rings)
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
    SELECT array_agg(item) AS items, array_agg("where") AS "where", array_agg("why") AS "why", array_agg("trust") AS "trust", array_agg("hops") AS "hops"
FROM (SELECT c.item, ($13::float8 / ($13::float8 + CASE
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
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
FROM (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = i.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) a
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (
SELECT e.target AS id, e.kind, e.kind = ANY ($11::integer[]) AS part
FROM "kgm_1".edge e
WHERE e.source = m.id AND e.kind = ANY ($9::integer[]) AND e.scope = ANY (ARRAY(SELECT id FROM seen))  AND e.valid && tstzrange($7::timestamptz, $8::timestamptz)
) b
    CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1
) i
WHERE (
(CASE
WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - (SELECT "lat" FROM where_spot)), 1e-99)) / 2) ^ 2 + cos(radians((SELECT "lat" FROM where_spot))) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - (SELECT "lon" FROM where_spot)), 1e-99)) / 2) ^ 2))) END)
 <= $12::float8)) END))::float8 AS "where", (((SELECT of FROM why_by_item) ->> i.id::text)::float8)::float8 AS "why", (
coalesce(i.trust, (SELECT o.trust FROM "kgm_1".source o WHERE o.id = i.source), 0.5)
)::float8 AS "trust", ((SELECT 1.0 / (1 + r.hops) FROM rings r WHERE r.id = i.id))::float8 AS "hops" FROM candidate c CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = c.item OFFSET 0) i
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('where', v."where"), ('why', v."why"), ('trust', v."trust"), ('hops', v."hops")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
