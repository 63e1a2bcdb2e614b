-- What the dimension of space adds to the candidate statement. A point of the index is (longitude, latitude), in
-- degrees; its GiST index finds what lies in boxes of degrees, and all that it gives is then measured on the sphere.

-- name: spot_of_point
where_spot (item, lon, lat) AS MATERIALIZED (SELECT NULL::bigint, %(lon)s, %(lat)s)

-- name: spot_of_entity
where_spot (item, lon, lat) AS MATERIALIZED (
    SELECT i.id, i.place[0], i.place[1]
    FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.key = %(key)s AND i.kind = 1
    ORDER BY array_position(%(paths)s, s.path) DESC LIMIT 1
)

-- name: km
-- The haversine distance on the mean sphere. A difference is kept from being so small that its square is none; what has
-- no place has no distance, although LEAST and GREATEST would give one.
(CASE WHEN i.place IS NOT NULL THEN 12742.0176 * asin(sqrt(least(1,
    sin(radians(greatest(abs(i.place[1] - %(lat)s), 1e-99)) / 2) ^ 2 + cos(radians(%(lat)s)) * cos(radians(i.place[1]))
    * sin(radians(greatest(abs(i.place[0] - %(lon)s), 1e-99)) / 2) ^ 2))) END)

-- name: cap
-- One or two boxes that hold all that lies within so many km of the spot. A cap reaches furthest east and west where a
-- meridian touches it, asin(sin(radius) / cos(latitude)) from its middle, and has every longitude where it holds a pole
-- (Bronshtein, "Handbook of Mathematics", spherical triangles). The margins, a metre, are far above rounding errors.
SELECT CASE WHEN polar THEN box(point(-180, south), point(180, north))
            ELSE box(point(greatest(west, -180), south), point(least(east, 180), north)) END AS one,
       CASE WHEN polar THEN NULL
            WHEN west < -180 THEN box(point(west + 360, south), point(180, north))
            WHEN east > 180 THEN box(point(-180, south), point(east - 360, north)) END AS other
FROM (
    SELECT lat - high AS south, lat + high AS north, lon - wide AS west, lon + wide AS east,
           lat + high > 89.999 OR lat - high < -89.999 AS polar
    FROM (
        SELECT lon, lat, high,
               degrees(asin(least(1, sin(radians(least(high, 90))) / greatest(cos(radians(lat)), 1e-9)))) + 1e-5
               AS wide
        FROM (SELECT lon, lat,
                     degrees(CASE WHEN km > 20038 THEN 20038 ELSE km END / 6371.0088) * (1 + 1e-9) + 1e-5 AS high
              FROM (SELECT lon, lat, %(km)s AS km FROM where_spot OFFSET 0) given) radius
        OFFSET 0
    ) reach
    OFFSET 0
) sides

-- name: pool_of_cap
where_pool (one, other) AS MATERIALIZED (%(cap)s)

-- name: pool_of_boxes
where_pool (one, other) AS MATERIALIZED (SELECT %(one)s, %(other)s)

-- name: pool_of_everything
where_pool (one, other) AS MATERIALIZED (SELECT box(point(-180, -90), point(180, 90)), NULL::box)

-- name: reads_pool
SELECT i.id FROM {index}.item i WHERE i.place <@ (SELECT one FROM where_pool)
UNION ALL
SELECT i.id FROM {index}.item i WHERE i.place <@ (SELECT other FROM where_pool)

-- name: near_few
SELECT i.id AS item, %(linked_distance)s AS km, %(stands)s AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
WHERE NOT s.large AND %(placed)s %(filters)s
ORDER BY 2, 1 LIMIT %(count)s

-- name: near_narrow
SELECT i.id AS item, %(linked_distance)s AS km, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) AND %(placed)s %(filters)s
ORDER BY 2, 1 LIMIT %(count)s

-- name: near_many
-- The index orders by degrees, which is another order than that of distances. But the furthest of the first n by
-- degrees tells a distance that holds n at least, and so the n nearest: all that lies within it is measured.
WITH first AS MATERIALIZED (
    SELECT i.id, %(distance)s AS km
    FROM {index}.item i
    WHERE %(wide)s AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
          AND i.place <@ (SELECT one FROM where_pool) %(filters)s
    ORDER BY i.place <-> (SELECT point(lon, lat) FROM where_spot) LIMIT %(count)s
), reached AS MATERIALIZED (
    %(cap_of_first)s
), second AS MATERIALIZED (
    -- Beyond 180 degrees, from where the spot lies one turn further.
    SELECT i.id, %(distance)s AS km
    FROM {index}.item i
    WHERE %(wide)s AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
          AND i.place <@ (SELECT %(beyond)s FROM where_pool) %(filters)s
    ORDER BY i.place <-> (SELECT point(CASE WHEN lon > 0 THEN lon - 360 ELSE lon + 360 END, lat) FROM where_spot)
    LIMIT %(count)s
), nearest AS MATERIALIZED (
    SELECT id, km FROM (SELECT id, km FROM first UNION SELECT id, km FROM second) both_sides
    ORDER BY km LIMIT %(count)s
), around AS MATERIALIZED (
    %(cap_of_nearest)s
), held AS (
    SELECT i.* FROM {index}.item i WHERE i.place <@ (SELECT one FROM around)
    UNION ALL
    SELECT i.* FROM {index}.item i
    WHERE i.place <@ (SELECT other FROM around) AND NOT i.place <@ (SELECT one FROM around)
    UNION ALL
    -- Fewer than n: these are all that there are.
    SELECT i.* FROM nearest n CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
    WHERE (SELECT count(*) < %(count)s FROM nearest)
)
SELECT i.id AS item, %(distance)s AS km, %(stands)s AS stands
FROM held i
WHERE %(wide)s AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) %(filters)s
ORDER BY 2, 1 LIMIT %(count)s

-- name: inside_few
-- What lies in regions, where nothing else finds anything: in the order in which it came.
SELECT i.id AS item, %(stands)s AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
WHERE NOT s.large AND %(inside)s %(filters)s
ORDER BY 1 LIMIT %(most)s

-- name: inside_narrow
SELECT i.id AS item, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) AND %(inside)s %(filters)s
ORDER BY 1 LIMIT %(most)s

-- name: inside_many
SELECT i.id AS item, %(stands)s AS stands
FROM {index}.item i
WHERE %(wide)s AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
      AND %(inside)s %(filters)s
ORDER BY i.id LIMIT %(most)s
