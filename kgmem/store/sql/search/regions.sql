-- Regions: polygons as edges in strips of latitude, and places with what is located in them.

-- name: edges_given
%(name)s_edges (x1, y1, x2, y2) AS MATERIALIZED (
    SELECT * FROM unnest(%(x1)s, %(y1)s, %(x2)s, %(y2)s) e (x1, y1, x2, y2)
)

-- name: edges_of_place
-- Rings as the entity's place has them, each closed.
%(name)s_edges (x1, y1, x2, y2) AS MATERIALIZED (
    SELECT x, y,
           coalesce(lead(x) OVER ring, first_value(x) OVER ring), coalesce(lead(y) OVER ring, first_value(y) OVER ring)
    FROM (
        SELECT part.n AS part, ring.n AS ring, position.n AS n,
               (position.at->>0)::float8 AS x, (position.at->>1)::float8 AS y
        FROM where_shape s
        CROSS JOIN LATERAL jsonb_array_elements(CASE s.shape->>'type'
            WHEN 'MultiPolygon' THEN s.shape->'coordinates'
            WHEN 'Polygon' THEN jsonb_build_array(s.shape->'coordinates')
        END) WITH ORDINALITY part (rings, n)
        CROSS JOIN LATERAL jsonb_array_elements(part.rings) WITH ORDINALITY ring (positions, n)
        CROSS JOIN LATERAL jsonb_array_elements(ring.positions) WITH ORDINALITY position (at, n)
    ) told
    WINDOW ring AS (PARTITION BY part, ring ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)

-- name: strips
-- The edges by strips of latitude, so that a point is compared with those of its own strip alone: strip n, from 0, has
-- the edges from starts[n + 1] up to before starts[n + 2]; `bounds` are the latitudes between strips.
%(name)s_strips (bounds, starts, x1, y1, x2, y2) AS MATERIALIZED (
    WITH bounds (at) AS MATERIALIZED (
        SELECT ARRAY(SELECT DISTINCT y1
                     FROM (SELECT y1, row_number() OVER (ORDER BY y1) AS n, count(*) OVER () AS size
                           FROM %(name)s_edges) e
                     WHERE mod(n, size / 256 + 8) = 0 ORDER BY y1)
    ), placed AS MATERIALIZED (
        SELECT s.strip, e.* FROM bounds CROSS JOIN %(name)s_edges e
        CROSS JOIN LATERAL generate_series(width_bucket(least(e.y1, e.y2), at), width_bucket(greatest(e.y1, e.y2), at))
            AS s (strip)
    ), counted AS (
        SELECT s.strip, 1 + coalesce(sum(n.size) OVER before, 0) AS start
        FROM bounds CROSS JOIN LATERAL generate_series(0, cardinality(at) + 1) AS s (strip)
        LEFT JOIN (SELECT strip, count(*) AS size FROM placed GROUP BY strip) n ON n.strip = s.strip
        WINDOW before AS (ORDER BY s.strip ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT (SELECT at FROM bounds), (SELECT array_agg(start::integer ORDER BY strip) FROM counted),
           array_agg(x1), array_agg(y1), array_agg(x2), array_agg(y2)
    FROM (SELECT * FROM placed ORDER BY strip) p
)

-- name: in_area
-- Even-odd: inside is what a line to the east leaves through an odd number of edges, and what lies on an edge.
(SELECT mod(count(*) FILTER (WHERE (e.y1 > i.place[1]) <> (e.y2 > i.place[1]) AND (e.side > 0) = (e.y2 > e.y1)), 2) = 1
        OR coalesce(bool_or(e.side = 0 AND %(lon)s BETWEEN least(e.x1, e.x2) AND greatest(e.x1, e.x2)
                            AND i.place[1] BETWEEN least(e.y1, e.y2) AND greatest(e.y1, e.y2)), false)
 FROM (SELECT width_bucket(i.place[1], (SELECT bounds FROM %(name)s_strips)) AS n) strip
 CROSS JOIN LATERAL (
    SELECT ((SELECT starts FROM %(name)s_strips))[n + 1] AS start,
           ((SELECT starts FROM %(name)s_strips))[n + 2] - 1 AS stop
 ) range
 CROSS JOIN LATERAL (
    SELECT x1, y1, x2, y2, (x2 - x1) * (i.place[1] - y1) - (%(lon)s - x1) * (y2 - y1) AS side
    FROM unnest(((SELECT x1 FROM %(name)s_strips))[start:stop], ((SELECT y1 FROM %(name)s_strips))[start:stop],
                ((SELECT x2 FROM %(name)s_strips))[start:stop], ((SELECT y2 FROM %(name)s_strips))[start:stop])
         AS cut (x1, y1, x2, y2)
 ) e)

-- name: place
where_place (item, lon, lat) AS MATERIALIZED (
    SELECT i.id, i.place[0], i.place[1]
    FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.key = %(key)s AND i.kind = 1
    ORDER BY array_position(%(paths)s, s.path) DESC LIMIT 1
)

-- name: shape
-- The geometry of the place itself, of which the index has the point alone.
where_shape (shape) AS MATERIALIZED (
    SELECT replace(ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"place"'::ag_catalog.agtype]))::text, '::numeric', '')::jsonb
    FROM {graph}._ag_label_vertex v
    WHERE v.id = (SELECT item FROM where_place WHERE lon IS NOT NULL)::text::ag_catalog.graphid
)

-- name: no_shape
where_shape (shape) AS MATERIALIZED (SELECT NULL::jsonb)

-- name: inside_by_links
where_inside (item) AS (
    SELECT item FROM where_place
    UNION
    SELECT n.item
    FROM where_inside w
    CROSS JOIN LATERAL (
        SELECT e.source AS item FROM {index}.edge e
        WHERE e.target = w.item AND e.scope = ANY (ARRAY(SELECT id FROM seen))
              AND e.kind = ANY (ARRAY(SELECT id FROM {index}.label WHERE kind = 2 AND name = ANY (%(inward)s)))
              %(inward_holds)s
        UNION ALL
        SELECT e.target FROM {index}.edge e
        WHERE e.source = w.item AND e.scope = ANY (ARRAY(SELECT id FROM seen))
              AND e.kind = ANY (ARRAY(SELECT id FROM {index}.label WHERE kind = 2 AND name = ANY (%(outward)s)))
              %(outward_holds)s
    ) n
)

-- name: hull
where_hull (one) AS MATERIALIZED (
    SELECT CASE WHEN bool_or(abs(x1) = 180 OR abs(y1) = 90) THEN box(point(-180, min(y1)), point(180, max(y1)))
                ELSE box(point(min(x1), min(y1)), point(max(x1), max(y1))) END
    FROM where_place_edges
)

-- name: reads_place
SELECT item AS id FROM where_inside
UNION ALL
SELECT i.id FROM {index}.item i WHERE i.place <@ (SELECT one FROM where_hull)
