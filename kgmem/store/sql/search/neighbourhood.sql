-- name: start
ring0 AS MATERIALIZED (
    SELECT DISTINCT ON (i.key) i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.key = ANY (%(keys)s) AND i.kind = 1 AND s.path = ANY (%(paths)s)
    ORDER BY i.key, array_position(%(paths)s, s.path) DESC
)

-- name: out
SELECT e.target AS id FROM %(last)s r JOIN {index}.edge e ON e.source = r.id
JOIN {index}.item i ON i.id = e.target
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.kind = 1 %(filters)s

-- name: in
SELECT e.source AS id FROM %(last)s r JOIN {index}.edge e ON e.target = r.id
JOIN {index}.item i ON i.id = e.source
WHERE e.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.kind = 1 %(filters)s

-- name: ring
-- What is so many relationships away and not fewer; no more than there is room for, so that a hub costs no more.
%(ring)s AS MATERIALIZED ((%(steps)s) EXCEPT (%(before)s) ORDER BY id LIMIT %(most)s)

-- name: entities
WITH RECURSIVE seen AS MATERIALIZED (SELECT id FROM {index}.scope WHERE path = ANY (%(paths)s)), %(tables)s
SELECT i.id, i.key, i.version, i.known_from, s.path AS scope, r.hops
FROM (%(rings)s) r JOIN {index}.item i ON i.id = r.id JOIN {index}.scope s ON s.id = i.scope
ORDER BY r.hops, i.id LIMIT %(most)s

-- name: relationships
SELECT e.id, e.version, e.known_from, e.source, e.target, e.kind, s.path AS scope, a.key AS start_key, b.key AS end_key
FROM unnest(%(ids)s) AS n (id)
JOIN {index}.edge e ON e.source = n.id
JOIN {index}.scope s ON s.id = e.scope
JOIN {index}.item a ON a.id = e.source
JOIN {index}.item b ON b.id = e.target
WHERE e.target = ANY (%(ids)s) AND s.path = ANY (%(paths)s) %(filters)s
ORDER BY e.id LIMIT %(most)s
