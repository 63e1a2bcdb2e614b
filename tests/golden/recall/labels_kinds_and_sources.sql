-- retrievers: meaning
-- $1: ['']
-- $2: 40
-- $3: 1688849860263936
-- $4: 1970324836974592
-- $5: [6]
-- $6: ['Mission']
-- $7: [1]
-- $8: [7]
-- $9: (0.6, 0.8)
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
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
narrow_by (name) AS MATERIALIZED (
    SELECT CASE
WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL
WHEN (SELECT count(*) <= 2000 FROM "probe_labels") THEN 'labels' END
)
,
narrow (id) AS MATERIALIZED (SELECT id FROM "probe_labels"
WHERE (SELECT name FROM narrow_by) = 'labels')
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $9::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE (SELECT name IS NULL FROM narrow_by)
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
AND (((i.id >> 48) = ANY ($5::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $6::text[]) AND i.kind = ANY ($7::smallint[]) AND i.source = ANY ($8::integer[])
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
AND (((i.id >> 48) = ANY ($5::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $6::text[]) AND i.kind = ANY ($7::smallint[]) AND i.source = ANY ($8::integer[])
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
AND (((i.id >> 48) = ANY ($5::bigint[]) AND i.labels[1] IS DISTINCT FROM '') OR i.labels && $6::text[]) AND i.kind = ANY ($7::smallint[]) AND i.source = ANY ($8::integer[])
ORDER BY 2, 1 LIMIT $2::integer
) "near_few") AS rows (retriever, item, value, stands) GROUP BY retriever
