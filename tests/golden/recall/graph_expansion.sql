-- retrievers: meaning
-- $1: ['']
-- $2: 40
-- $3: ['apollo-11']
-- $4: ['']
-- $5: (0.6, 0.8)
-- refused: Not all of what.start is here: apollo-11. Give keys of entities.
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
walk_started AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM "kgm_1".item i JOIN "kgm_1".scope s ON s.id = i.scope
    WHERE i.key = ANY ($3::text[]) AND i.kind = 1 AND s.path = ANY ($4::text[])
    ORDER BY i.key, array_position($4::text[], s.path) DESC
)
,
walk_seeds (retriever, item, value, stands) AS MATERIALIZED (
    SELECT f.retriever, f.item, f.value, f.stands FROM found f WHERE f.retriever IN ('meaning', 'words')
)
,
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $5::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE true
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
ORDER BY v.embedding <#> $5::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $5::halfvec AS value, CASE
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
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0
WHERE (SELECT count(*) FROM walk_started) < 1),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((
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
     WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))
     ORDER BY source, kind, target LIMIT 60)
    UNION ALL
    (SELECT source, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint FROM "kgm_1".edge e
     WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))
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
     WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))
     ORDER BY source, kind, target LIMIT 16)
    UNION ALL
    (SELECT source, (1000000 * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint FROM "kgm_1".edge e
     WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen))
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
)),
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')) f
    GROUP BY item
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT * FROM found) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
