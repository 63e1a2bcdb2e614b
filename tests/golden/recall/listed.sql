-- retrievers: listed
-- $1: ['']
-- $2: 40
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'listed', item, -value::float8, stands
FROM (SELECT i.id AS item, -extract(epoch FROM i.known_from) AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1".item i
WHERE true AND i.scope = ANY (ARRAY(SELECT id FROM seen))
ORDER BY i.known_from DESC, i.id LIMIT $2::integer
) "listed") AS rows (retriever, item, value, stands) GROUP BY retriever
