-- name: as_known
-- For this transaction: what the views of as_of.sql show, and no sort where the text index gives what is looked for.
SELECT set_config('kgmem.known_at', $1, true), set_config('enable_sort', 'off', true), set_config('work_mem', '64MB', true)

-- name: near_then
-- Every vector of then is compared, so that nothing learnt later can stand in the way of one.
SELECT item, value, stands FROM (
    SELECT v.item, v.embedding <#> %(vector)s AS value, %(stands)s AS stands
    FROM {index}.{table} v JOIN {index}.item i ON i.id = v.item
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
    OFFSET 0) compared
ORDER BY 2, 1 LIMIT %(most)s

-- name: words_of_then
-- BM25 over what was known then (words_few tells of small scopes). To read 200,000 texts takes seven seconds, so the
-- text index of now, in which all texts are that still stand, and that have a word of the question, are looked for; it
-- weighs nothing. A text is as long as it has bytes, since that costs no reading.
words_of_then (id, item, value) AS MATERIALIZED (
    WITH asked AS MATERIALIZED (
        SELECT tsvector_to_array(to_tsvector('english', %(text)s)) AS lexemes
    ), sharing AS MATERIALIZED (
        %(sharing)s
    ), documents AS MATERIALIZED (
        SELECT p.id, i.id AS item, octet_length(p.body) AS length, to_tsvector('english', p.body) AS words
        FROM {index}.passage p JOIN {index}.item i ON i.id = p.item
        WHERE p.id IN (SELECT id FROM sharing) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
    ), held AS MATERIALIZED (
        SELECT d.id, d.item, d.length, w.lexeme, cardinality(w.positions)::float8 AS often
        FROM documents d CROSS JOIN asked q CROSS JOIN LATERAL unnest(d.words) AS w (lexeme, positions, weights)
        WHERE w.lexeme = ANY (q.lexemes)
    ), corpus AS MATERIALIZED (
        SELECT count(*)::float8 AS size, avg(octet_length(p.body))::float8 AS mean
        FROM {index}.passage p JOIN {index}.item i ON i.id = p.item
        WHERE (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
    ), weights AS (
        SELECT h.lexeme, ln(1 + (c.size - count(*) + 0.5) / (count(*) + 0.5)) AS idf, c.mean
        FROM held h CROSS JOIN corpus c GROUP BY h.lexeme, c.size, c.mean
    )
    SELECT h.id, h.item, -sum(a.idf * h.often * 2.2 / (h.often + 1.2 * (0.25 + 0.75 * h.length / a.mean)))
    FROM weights a JOIN held h ON h.lexeme = a.lexeme GROUP BY h.id, h.item
)

-- name: words_then
SELECT i.id AS item, w.value, %(stands)s AS stands
FROM words_of_then w JOIN {index}.item i ON i.id = w.item
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: sharing
SELECT id FROM (SELECT p.id FROM {held}.passage p WHERE (SELECT bool_or(large) FROM seen)
                ORDER BY p.body <@> to_bm25query(%(text)s, %(words)s) LIMIT 2147483647) indexed
UNION SELECT id FROM {held}.past_passage WHERE (SELECT bool_or(large) FROM seen)

-- name: sharing_unindexed
SELECT id FROM {index}.passage WHERE (SELECT bool_or(large) FROM seen)

-- name: items_then
-- What items said then. The history holds the version where it is not the present one, unless another client wrote
-- over it; then nobody knows any more than the index did.
SELECT i.id, i.kind, i.key, i.trust, i.known_from, i.known_to, i.thing, i.place[0] AS lon, i.place[1] AS lat,
       lower(i.valid) AS valid_from, upper(i.valid) AS valid_to, s.path AS scope, o.key AS source,
       o.name AS source_name, o.trust AS source_trust, (h.record->'properties')::text AS properties,
       h.id IS NULL AND EXISTS (SELECT 1 FROM {held}.item n WHERE n.id = i.thing AND n.version = i.version
                                AND {held}.is_certain(n.id)) AS present,
       (SELECT string_agg(p.body, E'\n' ORDER BY p.ordinal) FROM {index}.passage p WHERE p.item = i.id) AS body
FROM {index}.item i
JOIN {index}.scope s ON s.id = i.scope
LEFT JOIN {index}.source o ON o.id = i.source
LEFT JOIN {held}.history h ON h.id = i.thing AND h.version = i.version AND i.certain
WHERE i.id = ANY ($1::bigint[])

-- name: edges_then
SELECT e.id, 3::smallint AS kind, e.key, e.trust, e.known_from, e.known_to, e.id AS thing, NULL::float8 AS lon,
       NULL::float8 AS lat, lower(e.valid) AS valid_from, upper(e.valid) AS valid_to, s.path AS scope, o.key AS source,
       o.name AS source_name, o.trust AS source_trust, (h.record->'properties')::text AS properties,
       h.id IS NULL AND EXISTS (SELECT 1 FROM {held}.edge n WHERE n.id = e.id AND n.version = e.version
                                AND {held}.is_certain(n.id)) AS present,
       NULL AS body
FROM {index}.edge e
JOIN {index}.scope s ON s.id = e.scope
LEFT JOIN {index}.source o ON o.id = e.origin
LEFT JOIN {held}.history h ON h.id = e.id AND h.version = e.version AND e.certain
WHERE e.id = ANY ($1::bigint[])

-- name: properties_then
-- The properties of an item `i` as they were: those of the history, or of the label table where that version still is.
SELECT coalesce(
    (SELECT (h.record->'properties')::text::ag_catalog.agtype FROM {held}.history h
     WHERE h.id = i.thing AND h.version = i.version AND i.certain),
    (SELECT v.properties FROM %(table)s v
     WHERE v.id = i.thing::text::ag_catalog.graphid
       AND EXISTS (SELECT 1 FROM {held}.item n WHERE n.id = i.thing AND n.version = i.version
                   AND {held}.is_certain(n.id)))) AS properties
OFFSET 0

-- name: when_of
-- The interval of the entity (or episode) that a key names: in the nearest scope, entities first.
when_of AS MATERIALIZED (
    SELECT i.valid, coalesce(greatest(86400, date_part('epoch', upper(i.valid)) - date_part('epoch', lower(i.valid))),
                             365 * 86400.0) AS scale
    FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.key = %(key)s
    WHERE s.path = ANY (%(paths)s)
    ORDER BY array_position(%(paths)s, s.path) DESC, i.kind LIMIT 1
)

-- name: holding
SELECT i.id AS item, coalesce(%(value)s, 0) AS value, %%(stands)s AS stands
FROM {index}.item i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND %(holds)s AND NOT (lower_inf(i.valid) AND upper_inf(i.valid))
      %%(filters)s
ORDER BY %(closeness)s DESC NULLS LAST, i.id LIMIT %%(most)s

-- name: timeless
-- What has no valid time is true at any time, and stands behind what has one.
SELECT i.id AS item, 0::float8 AS value, %%(stands)s AS stands
FROM {index}.item i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND lower_inf(i.valid) AND upper_inf(i.valid) %%(filters)s
ORDER BY i.id LIMIT %%(most)s

-- name: recent
SELECT i.id AS item, %(value)s AS value, %%(stands)s AS stands
FROM {index}.item i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND NOT lower_inf(i.valid) %%(filters)s
ORDER BY lower(i.valid) DESC, i.id LIMIT %%(most)s

-- name: reads_timed
SELECT i.id FROM {index}.item i WHERE %(index)s AND %(holds)s

-- name: reads_window
-- What has no valid time is true at any time.
SELECT i.id FROM {index}.item i WHERE %(holds)s AND NOT (lower_inf(i.valid) AND upper_inf(i.valid))
UNION ALL
SELECT i.id FROM {index}.item i WHERE lower_inf(i.valid) AND upper_inf(i.valid)
