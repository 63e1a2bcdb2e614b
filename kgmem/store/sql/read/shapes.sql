-- name: count_items
SELECT count(*) FROM (SELECT 1 FROM {index}.item LIMIT $1) AS counted

-- name: items
SELECT id, kind, key FROM {index}.item ORDER BY id

-- name: vertices
SELECT id, properties::text FROM {graph}.{label}

-- name: edges
SELECT start_id, end_id, properties::text FROM {graph}.{label}
