-- name: probe
%(probe)s (id) AS MATERIALIZED (
    SELECT DISTINCT id FROM (SELECT id FROM (%(reads)s) r WHERE (SELECT bool_or(large) FROM seen) LIMIT %(limit)s) r
)

-- name: narrow_by
narrow_by (name) AS MATERIALIZED (
    SELECT CASE WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL %(whens)s END
)

-- name: labelled
SELECT id FROM {index}.item WHERE id >= %(first)s AND id < %(end)s

-- name: labelled_besides
-- What bears further labels, beside that of its table.
SELECT id FROM {index}.item WHERE labels IS NOT NULL

-- name: near_narrow
SELECT i.id AS item, v.embedding <#> %(vector)s AS value, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM {index}.passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM {index}.{table} WHERE passage = p.id OFFSET 0) v
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: words_narrow
SELECT i.id AS item, p.body <@> to_bm25query(%(text)s, %(words)s) AS value, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT body FROM {index}.passage WHERE item = i.id OFFSET 0) p
WHERE NOT %(wide_words)s AND (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: listed_narrow
SELECT i.id AS item, -extract(epoch FROM i.known_from) AS value, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY i.known_from DESC, i.id LIMIT %(most)s
