-- name: start
ring0 AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.key = ANY (%(keys)s) AND i.kind = 1 AND s.path = ANY (%(paths)s)
    ORDER BY i.key, array_position(%(paths)s, s.path) DESC
)

-- name: out
SELECT e.target AS id FROM %(last)s r JOIN {index}.edge e ON e.source = r.id
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen)) %(edge_filters)s

-- name: in
SELECT e.source AS id FROM %(last)s r JOIN {index}.edge e ON e.target = r.id
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen)) %(edge_filters)s

-- name: nearest
SELECT r.id AS item, 1.0 / (1 + r.hops) AS value, %(stands)s AS stands
FROM rings r JOIN {index}.item i ON i.id = r.id
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY r.hops, r.id LIMIT %(most)s
