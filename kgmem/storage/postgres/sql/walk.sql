-- name: started
walk_started AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.key = ANY (%(keys)s) AND i.kind = 1 AND s.path = ANY (%(paths)s)
    ORDER BY i.key, length(s.path) DESC
)

-- name: note
-- What the walk starts from (the best entities and facts of every arm, whatever kinds of hit are asked for, and the best
-- of all that was found), and the links around it: with their weight, the ends of facts, and every node with its kind;
-- stands is -1 for nodes that the question's filters leave out.
WITH best AS MATERIALIZED (
    SELECT arm, item, value FROM (
        SELECT s.arm, s.item, s.value, row_number() OVER (PARTITION BY s.arm, i.kind ORDER BY s.value DESC, s.item) AS place
        FROM walk_seeds s JOIN {index}.item i ON i.id = s.item WHERE s.stands = 0) placed
    WHERE place <= %(seeds)s
), seeds AS MATERIALIZED (
    SELECT item FROM best
    UNION SELECT id FROM walk_started
    UNION SELECT item FROM (
        SELECT item, row_number() OVER (PARTITION BY arm ORDER BY value DESC, item) AS place
        FROM found WHERE stands = 0 AND arm NOT IN ('large', 'refused', 'listed')) placed
    WHERE place <= %(found)s
), ends AS MATERIALIZED (
    SELECT s.item AS fact, e.source, e.target FROM seeds s JOIN {index}.edge e ON e.id = s.item
), roots AS MATERIALIZED (
    SELECT item AS id FROM seeds UNION SELECT source FROM ends UNION SELECT target FROM ends
), near AS MATERIALIZED (
    SELECT l.source, l.target, l.weight FROM roots r CROSS JOIN LATERAL (%(links_near)s) l
), beyond AS MATERIALIZED (
    -- Where most links lead first: what several roots are linked to is what the walk is about.
    SELECT id FROM (SELECT source AS id FROM near UNION ALL SELECT target FROM near) n
    WHERE id NOT IN (SELECT id FROM roots)
    GROUP BY id ORDER BY count(*) DESC, id LIMIT %(beyond)s
), far AS MATERIALIZED (
    SELECT l.source, l.target, l.weight FROM beyond r CROSS JOIN LATERAL (%(links_far)s) l
), links AS MATERIALIZED (
    SELECT source, target, max(weight) AS weight FROM (SELECT * FROM near UNION ALL SELECT * FROM far) b
    WHERE source <> target GROUP BY source, target
), nodes AS MATERIALIZED (
    SELECT source AS id FROM links UNION SELECT target FROM links UNION SELECT id FROM roots
)
SELECT 'link' AS arm, source AS item, weight::float8 AS value, 0 AS stands, ARRAY[target] AS ids FROM links
UNION ALL SELECT 'ends', fact, 0, 0, ARRAY[source, target] FROM ends
UNION ALL SELECT 'start', id, 1, 0, NULL FROM walk_started
UNION ALL SELECT 'seed_' || arm, item, value, 0, NULL FROM best
UNION ALL
SELECT 'node', i.id, i.kind, CASE WHEN true %(filters)s THEN %(stands)s ELSE -1 END, NULL
FROM nodes n JOIN {index}.item i ON i.id = n.id

-- name: links
-- In the order of the indexes, so that of a hub's many links the same ones are taken every time.
(SELECT source, target, %(weight)s AS weight FROM {index}.edge e
 WHERE source = r.id AND scope = ANY (ARRAY(SELECT id FROM seen)) %(conditions)s
 ORDER BY source, kind, target LIMIT %(fan)s)
UNION ALL
(SELECT source, target, %(weight)s AS weight FROM {index}.edge e
 WHERE target = r.id AND scope = ANY (ARRAY(SELECT id FROM seen)) %(conditions)s
 ORDER BY target, kind LIMIT %(fan)s)
