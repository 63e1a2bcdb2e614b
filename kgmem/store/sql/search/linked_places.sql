-- Where an item stands that has no point of its own: where its links lead, in one step or two.

-- name: links
-- The items (id) that the links of an item lead to; `part` is whether the link says what it belongs to.
SELECT e.target AS id, e.kind, e.kind = ANY (%(parts)s) AS part
FROM {index}.edge e
WHERE e.source = %(of)s AND e.kind = ANY (%(outward)s) AND e.scope = ANY (ARRAY(SELECT id FROM seen)) %(outward_holds)s

-- name: inverse_links
SELECT e.source, e.kind, e.kind = ANY (%(parts)s)
FROM {index}.edge e
WHERE e.target = %(of)s AND e.kind = ANY (%(inward)s) AND e.scope = ANY (ARRAY(SELECT id FROM seen)) %(inward_holds)s

-- name: places
-- The points (id, place) where a row i stands by its links, and the links' kinds and ends (via): those of the fewest steps, and of these by what tells
-- where it is before what it belongs to. A point in the middle ends the way.
SELECT i.id AS id, n.place, n.via
FROM (
    SELECT t.place, ARRAY[a.kind, a.id] AS via, a.part::integer AS rank
    FROM (%(links)s) a
    CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = a.id OFFSET 0) t
    WHERE t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    UNION ALL
    SELECT t.place, ARRAY[a.kind, a.id, b.kind, b.id], 2 + a.part::integer + b.part::integer
    FROM (%(links)s) a
    CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = a.id OFFSET 0) m
    CROSS JOIN LATERAL (%(links_of_middle)s) b
    CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = b.id OFFSET 0) t
    WHERE m.place IS NULL AND m.scope = ANY (ARRAY(SELECT id FROM seen))
          AND t.place IS NOT NULL AND t.scope = ANY (ARRAY(SELECT id FROM seen))
    ORDER BY rank FETCH FIRST 1 ROW WITH TIES
) n
WHERE i.place IS NULL AND i.kind = 1

-- name: linked_to
-- At least the items (id) whose links lead to an item, by one step.
SELECT e.source AS id FROM {index}.edge e WHERE e.target = %(of)s AND e.kind = ANY (%(outward)s)
UNION ALL
SELECT e.target FROM {index}.edge e WHERE e.source = %(of)s AND e.kind = ANY (%(inward)s)

-- name: led_to
-- At least the items (id) whose links lead to those of a query, by one step or two.
SELECT n.id
FROM (%(query)s) p
CROSS JOIN LATERAL (%(linked_to)s) o
CROSS JOIN LATERAL (SELECT o.id UNION ALL %(linked_to_those)s) n

-- name: near
-- What stands near the spot by its links, of the places in the pool.
SELECT i.id AS item, %(distance)s AS km, %(stands)s AS stands
FROM (SELECT DISTINCT id FROM (%(led_to)s) l) n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
WHERE i.place IS NULL AND i.kind = 1 AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
      AND %(distance)s IS NOT NULL %(filters)s
ORDER BY 2, 1 LIMIT %(count)s

-- name: of_pool
-- A part of the places in the pool, enough for what one question can return.
SELECT * FROM (
    SELECT a.id FROM {index}.item a
    WHERE (SELECT bool_or(large) FROM seen) AND a.place <@ (SELECT one FROM where_pool)
    UNION ALL
    SELECT a.id FROM {index}.item a
    WHERE (SELECT bool_or(large) FROM seen) AND a.place <@ (SELECT other FROM where_pool)
) a LIMIT %(anchors)s

-- name: of_nearest
SELECT * FROM (
    (SELECT a.id FROM {index}.item a
     WHERE %(wide)s AND (SELECT bool_or(large) FROM seen) AND a.place IS NOT NULL
     ORDER BY a.place <-> (SELECT point(lon, lat) FROM where_spot) LIMIT %(anchors)s)
    UNION ALL
    (SELECT a.id FROM {index}.item a
     WHERE %(wide)s AND (SELECT bool_or(large) FROM seen) AND a.place IS NOT NULL
     ORDER BY a.place <-> (SELECT point(CASE WHEN lon > 0 THEN lon - 360 ELSE lon + 360 END, lat) FROM where_spot)
     LIMIT %(anchors)s)
) a

-- name: told
-- By which links items without a point stand where they do: kinds and ends by turns, and the keys of the ends.
SELECT w.id AS item, p.via,
       ARRAY(SELECT t.key FROM unnest(p.via) WITH ORDINALITY v (id, n) JOIN {index}.item t ON t.id = v.id
             WHERE mod(v.n, 2) = 0 ORDER BY v.n) AS keys
FROM unnest(%(ids)s) AS w (id)
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = w.id OFFSET 0) i
CROSS JOIN LATERAL (%(places)s) p
ORDER BY 1, 2
