-- name: begin
INSERT INTO kgmem.import (graph, files, options, source) VALUES ($1, $2::jsonb, $3::jsonb, $4) RETURNING id

-- name: unfinished
SELECT id FROM kgmem.import
WHERE graph = $1 AND files = $2::jsonb AND options = $3::jsonb AND state IN ('running', 'failed')
ORDER BY id DESC LIMIT 1

-- name: resume
UPDATE kgmem.import SET state = 'running', error = NULL, finished_at = NULL WHERE id = $1

-- name: numbers
SELECT number FROM kgmem.import_batch WHERE import = $1 AND number < $2

-- name: note
INSERT INTO kgmem.import_batch (import, number, read, created, updated, unchanged, rejected, kinds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
ON CONFLICT (import, number) DO NOTHING

-- name: next_number
SELECT greatest($2, max(number) + 1) FROM kgmem.import_batch WHERE import = $1

-- name: reject
INSERT INTO kgmem.import_rejection (import, file, line, reason, record)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[])

-- name: rejections
SELECT id, file, line, reason, record FROM kgmem.import_rejection WHERE import = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: await_episodes
INSERT INTO kgmem.import_episode (import, file, line, record)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[])

-- name: waiting_episodes
SELECT id, file, line, record
FROM (SELECT *, sum(length(record)) OVER (ORDER BY id) - length(record) AS before
      FROM (SELECT * FROM kgmem.import_episode WHERE import = $1 ORDER BY id LIMIT $2) first) next
WHERE before < $3 ORDER BY id

-- name: settle_episodes
WITH gone AS (DELETE FROM kgmem.import_episode WHERE import = $1 AND id = ANY ($2::bigint[]) RETURNING id)
SELECT id FROM gone ORDER BY id

-- name: waiting
SELECT (SELECT count(*) FROM kgmem.import_relationship WHERE import = $1) AS relationships,
       (SELECT count(*) FROM kgmem.import_episode WHERE import = $1) AS episodes

-- name: finish
UPDATE kgmem.import SET state = $2, error = $3, finished_at = now() WHERE id = $1

-- name: get
SELECT i.id, g.name AS graph, i.state, i.files, i.options, i.source, i.created_at, i.finished_at, i.error,
       coalesce(b.read, 0) AS read, coalesce(b.created, 0) AS created, coalesce(b.updated, 0) AS updated,
       coalesce(b.unchanged, 0) AS unchanged, coalesce(b.rejected, 0) AS rejected, coalesce(k.kinds, '{}') AS kinds
FROM kgmem.import i
JOIN kgmem.graph g ON g.id = i.graph
LEFT JOIN LATERAL (
    SELECT sum(read) AS read, sum(created) AS created, sum(updated) AS updated, sum(unchanged) AS unchanged,
           sum(rejected) AS rejected
    FROM kgmem.import_batch WHERE import = i.id) b ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(kind, count) AS kinds FROM (
        SELECT e.key AS kind, sum(e.value::bigint) AS count
        FROM kgmem.import_batch p, jsonb_each_text(p.kinds) e WHERE p.import = i.id GROUP BY e.key) each) k ON true
WHERE g.name = $1 AND ($2::integer IS NULL OR i.id = $2)
ORDER BY i.id DESC LIMIT $3

-- name: batch
SELECT read, created, updated, unchanged FROM kgmem.import_batch WHERE import = $1 AND number = $2

