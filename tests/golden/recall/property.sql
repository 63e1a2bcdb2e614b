-- retrievers: meaning
-- $1: ['']
-- $2: 40
-- $3: '5'
-- $4: '"number"'
-- $5: 1688849860263936
-- $6: 1970324836974592
-- $7: [6]
-- $8: ['Mission']
-- $9: (0.6, 0.8)
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
"probe_properties" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT (l.id::text)::bigint AS id FROM "flights"."Mission" l
WHERE (ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype)
UNION ALL
SELECT id FROM "kgm_1".item WHERE labels IS NOT NULL
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
"probe_labels" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT id FROM "kgm_1".item WHERE id >= $5::bigint AND id < $6::bigint
UNION ALL
SELECT id FROM "kgm_1".item WHERE labels IS NOT NULL
) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
narrow_by (name) AS MATERIALIZED (
    SELECT CASE
WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL
WHEN (SELECT count(*) <= 2000 FROM "probe_properties") THEN 'properties'
WHEN (SELECT count(*) <= 2000 FROM "probe_labels") THEN 'labels' END
)
,
narrow (id) AS MATERIALIZED (SELECT id FROM "probe_properties"
WHERE (SELECT name FROM narrow_by) = 'properties'
UNION ALL SELECT id FROM "probe_labels"
WHERE (SELECT name FROM narrow_by) = 'labels'),
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $9::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE (SELECT name IS NULL FROM narrow_by)
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id >> 48) = ANY ($7::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $8::text[]) AND CASE i.id >> 48
WHEN 6 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Mission" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 3 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 4 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Person" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 5 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Place" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 7 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LED_BY" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 8 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."CAUSES" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 9 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LOCATED_IN" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 10 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."SIMILAR_TO" l WHERE l.id = i.id::text::ag_catalog.graphid)
ELSE (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"._ag_label_vertex l WHERE l.id = i.id::text::ag_catalog.graphid) END
ORDER BY v.embedding <#> $9::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $9::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM narrow n
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id >> 48) = ANY ($7::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $8::text[]) AND CASE i.id >> 48
WHEN 6 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Mission" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 3 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 4 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Person" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 5 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Place" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 7 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LED_BY" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 8 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."CAUSES" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 9 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LOCATED_IN" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 10 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."SIMILAR_TO" l WHERE l.id = i.id::text::ag_catalog.graphid)
ELSE (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"._ag_label_vertex l WHERE l.id = i.id::text::ag_catalog.graphid) END
ORDER BY 2, 1 LIMIT $2::integer
) "near_narrow"
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
AND (((i.id >> 48) = ANY ($7::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $8::text[]) AND CASE i.id >> 48
WHEN 6 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Mission" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 3 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 4 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Person" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 5 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Place" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 7 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LED_BY" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 8 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."CAUSES" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 9 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LOCATED_IN" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 10 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."SIMILAR_TO" l WHERE l.id = i.id::text::ag_catalog.graphid)
ELSE (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"._ag_label_vertex l WHERE l.id = i.id::text::ag_catalog.graphid) END
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
AND (((i.id >> 48) = ANY ($7::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $8::text[]) AND CASE i.id >> 48
WHEN 6 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"number"'::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Mission" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 3 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 4 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Person" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 5 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."Place" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 7 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LED_BY" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 8 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."CAUSES" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 9 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."LOCATED_IN" l WHERE l.id = i.id::text::ag_catalog.graphid)
WHEN 10 THEN (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"."SIMILAR_TO" l WHERE l.id = i.id::text::ag_catalog.graphid)
ELSE (SELECT (ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.>=) $3::ag_catalog.agtype AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, $4::ag_catalog.agtype]) OPERATOR(ag_catalog.<) 'null'::ag_catalog.agtype) FROM "flights"._ag_label_vertex l WHERE l.id = i.id::text::ag_catalog.graphid) END
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
    SELECT max(-(v.embedding <#> $9::halfvec))::float8
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
