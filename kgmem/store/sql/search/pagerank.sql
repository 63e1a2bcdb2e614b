-- name: started
walk_started AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.key = ANY (%(keys)s) AND i.kind = 1 AND s.path = ANY (%(paths)s)
    ORDER BY i.key, array_position(%(paths)s, s.path) DESC
)

-- name: seeds_of_found
-- Where a question filters by nothing, what its retrievers found holds the entities and facts that match its text best.
walk_seeds (retriever, item, value, stands) AS MATERIALIZED (
    SELECT f.retriever, f.item, f.value, f.stands FROM found f WHERE f.retriever IN ('meaning', 'words')
)

-- name: note
-- Where the walk starts (the best entities and facts of each retriever, whatever kinds of hit are asked for, and the best of
-- all that was found), and the links around: of each root, and of those that roots lead to most. What a step of the walk
-- would carry there decides which these are, so that their number is bounded, however large the graph is. A row of links
-- has one end in `item`, and in `ids` the other ends and then the weights in millionths. Only of nodes that the walk
-- reaches most is told that they may be hits; what was found may be anyway.
WITH best AS MATERIALIZED (
    SELECT retriever, item, value, is_fact, place FROM (
        SELECT s.retriever, s.item, s.value, i.kind = 3 AS is_fact,
               row_number() OVER (PARTITION BY s.retriever, i.kind ORDER BY s.value DESC, s.item) AS place
        FROM walk_seeds s JOIN {index}.item i ON i.id = s.item WHERE s.stands = 0 AND i.kind <> 2) placed
    WHERE place <= %(seeds)s
), ends AS MATERIALIZED (
    SELECT s.item AS fact, e.source, e.target, s.mass
    FROM (SELECT item, max(1.0 / place) AS mass FROM best WHERE is_fact GROUP BY item) s
    JOIN {index}.edge e ON e.id = s.item
), roots AS MATERIALIZED (
    SELECT id, sum(mass)::float8 AS mass FROM (
        SELECT item AS id, 1.0 / place AS mass FROM best WHERE NOT is_fact
        UNION ALL SELECT id, 1 FROM walk_started
        UNION ALL SELECT source, mass FROM ends
        UNION ALL SELECT target, mass FROM ends
        UNION ALL SELECT item, %(share)s FROM (
            SELECT retriever, item, row_number() OVER (PARTITION BY retriever ORDER BY value DESC, item) AS place
            FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'listed')) placed
        WHERE place <= CASE WHEN retriever IN ('meaning', 'words') THEN %(found)s ELSE %(found_besides)s END) given
    GROUP BY id
), near AS MATERIALIZED (
    SELECT r.id, r.mass / nullif(l.total, 0) AS mass, l.others, l.weights FROM roots r CROSS JOIN LATERAL (%(links_near)s) l
), reached AS MATERIALIZED (
    SELECT o.id, sum(n.mass * o.weight)::float8 AS mass
    FROM near n CROSS JOIN LATERAL unnest(n.others, n.weights) AS o (id, weight)
    WHERE o.id NOT IN (SELECT id FROM roots) GROUP BY o.id
), beyond AS MATERIALIZED (
    SELECT id, mass FROM reached ORDER BY mass DESC NULLS LAST, id LIMIT %(beyond)s
), far AS MATERIALIZED (
    SELECT r.id, r.mass / nullif(l.total, 0) AS mass, l.others, l.weights
    FROM beyond r CROSS JOIN LATERAL (%(links_far)s) l
), nodes AS (
    SELECT id FROM roots WHERE id NOT IN (SELECT item FROM found WHERE stands = 0)
    UNION SELECT id FROM (SELECT o.id FROM reached o WHERE %(wanted)s ORDER BY mass DESC NULLS LAST, id LIMIT %(nodes)s) most
    UNION SELECT id FROM (
        SELECT o.id FROM far n CROSS JOIN LATERAL unnest(n.others, n.weights) AS o (id, weight)
        WHERE %(wanted)s GROUP BY o.id ORDER BY sum(n.mass * o.weight) DESC NULLS LAST, o.id LIMIT %(nodes)s) most
)
SELECT 'links' AS retriever, id AS item, 0::float8 AS value, 0 AS stands, others || weights AS ids
FROM (SELECT * FROM near UNION ALL SELECT * FROM far) n WHERE others IS NOT NULL
UNION ALL SELECT 'ends', fact, 0, 0, ARRAY[source, target] FROM ends
UNION ALL SELECT 'start', id, 1, 0, NULL FROM walk_started
UNION ALL SELECT 'seed_' || retriever, item, value, 0, NULL FROM best
UNION ALL
SELECT 'nodes', 0, 0, 0, array_agg(i.id)
FROM nodes n JOIN {index}.item i ON i.id = n.id WHERE %(stands)s = 0 %(filters)s

-- name: links
-- In the order of the indexes, so that of a hub's many links the same ones are taken every time.
SELECT array_agg(other) AS others, array_agg(weight) AS weights, sum(weight)::float8 AS total FROM (
    (SELECT target AS other, %(weight)s AS weight FROM {index}.edge e
     WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen)) %(conditions)s
     ORDER BY source, kind, target LIMIT %(fan)s)
    UNION ALL
    (SELECT source, %(weight)s FROM {index}.edge e
     WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen)) %(conditions)s
     ORDER BY target, kind LIMIT %(fan)s)) both_ways
WHERE other <> r.id
