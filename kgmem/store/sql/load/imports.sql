-- name: begin
INSERT INTO kgmem.import (graph, files, options, source, upload, state, heartbeat_at)
VALUES ($1, $2::jsonb, $3::jsonb, $4, $5, CASE WHEN $5::text IS NULL THEN 'running' ELSE 'waiting' END, now())
RETURNING id

-- name: unfinished
SELECT id FROM kgmem.import
WHERE graph = $1 AND files = $2::jsonb AND options = $3::jsonb AND state IN ('running', 'failed')
ORDER BY id DESC LIMIT 1

-- name: resume
UPDATE kgmem.import SET state = 'running', error = NULL, finished_at = NULL, heartbeat_at = now() WHERE id = $1

-- name: numbers
SELECT number FROM kgmem.import_batch WHERE import = $1 AND number < $2

-- name: note
INSERT INTO kgmem.import_batch (import, number, read, created, updated, unchanged, rejected, kinds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)

-- name: next_number
SELECT greatest($2, max(number) + 1) FROM kgmem.import_batch WHERE import = $1

-- name: reject
INSERT INTO kgmem.import_rejection (import, file, line, reason, record)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[])

-- name: among_reasons
SELECT DISTINCT reason FROM kgmem.import_rejection WHERE import = $1 AND reason = ANY ($2::text[])

-- name: rejections
SELECT id, file, line, reason, record FROM kgmem.import_rejection WHERE import = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: await_episodes
INSERT INTO kgmem.import_episode (import, file, line, record)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[])

-- name: waiting_episodes
SELECT id, file, line, record
FROM (SELECT *, sum(length(record)) OVER (ORDER BY id) - length(record) AS before
      FROM (SELECT * FROM kgmem.import_episode WHERE import = $1 AND kind = 0 ORDER BY id LIMIT $2) first) next
WHERE before < $3 ORDER BY id

-- name: await_beliefs
INSERT INTO kgmem.import_episode (import, file, line, record, kind, about, place)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::smallint[], $6::text[], $7::bigint[])

-- name: waiting_beliefs
-- The next of the kind that comes first.
SELECT id, file, line, record, kind
FROM (SELECT *, sum(length(record)) OVER (ORDER BY id) - length(record) AS before
      FROM (SELECT * FROM kgmem.import_episode
            WHERE import = $1 AND about IS NULL
              AND kind = (SELECT min(kind) FROM kgmem.import_episode WHERE import = $1 AND kind > 0 AND about IS NULL)
            ORDER BY id LIMIT $2) first) next
WHERE before < $3 ORDER BY id

-- name: next_about
-- What the next of those records are about that are stored together.
SELECT about FROM kgmem.import_episode WHERE import = $1 AND about IS NOT NULL ORDER BY about LIMIT 1

-- name: waiting_about
SELECT id, file, line, record, kind FROM kgmem.import_episode
WHERE import = $1 AND about = $2 ORDER BY about, place, id

-- name: heads_about
SELECT file, line, left(record, 4000) AS record FROM kgmem.import_episode
WHERE import = $1 AND about = $2 ORDER BY line, id

-- name: settle_about
DELETE FROM kgmem.import_episode WHERE import = $1 AND about = $2

-- name: settle_episodes
WITH gone AS (DELETE FROM kgmem.import_episode WHERE import = $1 AND id = ANY ($2::bigint[]) RETURNING id)
SELECT id FROM gone ORDER BY id

-- name: waiting
SELECT (SELECT count(*) FROM kgmem.import_relationship WHERE import = $1) AS relationships,
       (SELECT count(*) FROM kgmem.import_episode WHERE import = $1) AS episodes

-- name: finish
UPDATE kgmem.import SET state = $2, error = $3, finished_at = now(), upload = CASE WHEN $4 THEN upload END WHERE id = $1

-- name: report
UPDATE kgmem.import SET duplicates = $2::jsonb WHERE id = $1

-- name: items_at
SELECT w.path, w.key, i.id, i.version
FROM unnest($1::text[], $2::text[]) AS w (path, key)
JOIN {index}.scope s ON s.path = w.path COLLATE "C"
JOIN {index}.item i ON i.scope = s.id AND i.key = w.key COLLATE "C" AND i.kind = $3

-- name: again
UPDATE kgmem.import SET state = 'waiting', error = NULL, finished_at = NULL
WHERE id = $1 AND state = 'failed' AND upload IS NOT NULL RETURNING id

-- name: tell
UPDATE kgmem.import SET heartbeat_at = now(), progress = coalesce($2::jsonb, progress) WHERE id = $1

-- name: wait
UPDATE kgmem.import SET state = 'waiting' WHERE id = $1 AND state IN ('running', 'waiting')

-- name: uploads
SELECT i.upload, g.name AS graph, i.id FROM kgmem.import i JOIN kgmem.graph g ON g.id = i.graph
WHERE i.upload IS NOT NULL
  AND (i.state IN ('waiting', 'running') OR (i.state = 'failed' AND i.finished_at > now() - interval '1 day'))
ORDER BY i.id

-- name: items
-- What was deleted since is told by its last version in the history.
SELECT c.id AS change, u.at, c.operation, c.kind, u.now, coalesce(i.key, e.key, h.record->'properties'->>'key') AS key,
       coalesce(s.path, h.record->'properties'->>'scope') AS scope, coalesce(i.id, e.id) IS NOT NULL AS held,
       coalesce(a.key, ha.record->'properties'->>'key') AS start_key,
       coalesce(b.key, hb.record->'properties'->>'key') AS end_key
FROM (SELECT c.id, c.operation, c.kind, n.at, n.id AS was
      FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) WITH ORDINALITY AS n (id, at)
      WHERE c.import = $1 AND c.operation < 3 AND c.kind <= 3 AND (c.id, n.at) > ($2, $3)
      ORDER BY c.id, n.at LIMIT $4) c
CROSS JOIN LATERAL (
    SELECT c.at, coalesce((SELECT m.now FROM kgmem.import_move m WHERE m.import = $1 AND m.former = c.was), c.was) AS now) u
LEFT JOIN {index}.item i ON i.id = u.now AND c.kind < 3
LEFT JOIN {index}.edge e ON e.id = u.now AND c.kind = 3
LEFT JOIN {index}.scope s ON s.id = coalesce(i.scope, e.scope)
LEFT JOIN LATERAL (SELECT record FROM {index}.history WHERE id = u.now AND i.id IS NULL AND e.id IS NULL
                   ORDER BY version DESC LIMIT 1) h ON true
LEFT JOIN kgmem.import_move ma ON ma.import = $1 AND ma.former = (h.record->>'start')::bigint
LEFT JOIN kgmem.import_move mb ON mb.import = $1 AND mb.former = (h.record->>'end')::bigint
LEFT JOIN {index}.item a ON a.id = coalesce(e.source, ma.now, (h.record->>'start')::bigint)
LEFT JOIN {index}.item b ON b.id = coalesce(e.target, mb.now, (h.record->>'end')::bigint)
LEFT JOIN LATERAL (SELECT record FROM {index}.history WHERE id = (h.record->>'start')::bigint AND a.id IS NULL
                   ORDER BY version DESC LIMIT 1) ha ON true
LEFT JOIN LATERAL (SELECT record FROM {index}.history WHERE id = (h.record->>'end')::bigint AND b.id IS NULL
                   ORDER BY version DESC LIMIT 1) hb ON true
ORDER BY c.id, c.at

-- name: get
SELECT i.id, g.name AS graph, i.state, i.files, i.options, i.source, i.created_at, i.finished_at, i.error,
       coalesce(b.read, 0) AS read, coalesce(b.created, 0) AS created, coalesce(b.updated, 0) AS updated,
       coalesce(b.unchanged, 0) AS unchanged, coalesce(b.rejected, 0) AS rejected, coalesce(k.kinds, '{}') AS kinds,
       i.progress, i.heartbeat_at, i.upload, i.undone, i.duplicates
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
WHERE g.name = $1 AND ($2::integer IS NULL OR i.id = $2) AND ($4::integer IS NULL OR i.id < $4)
  AND ($3::text = '' OR i.options->>'within' = $3 OR starts_with(i.options->>'within', $3 || '/'))
  AND ($6::text IS NULL OR i.options->>'key' = $6)
ORDER BY i.id DESC LIMIT $5

-- name: one_at_a_time
-- Beside other batches of the import, but neither beside the same one nor while the import is taken back out.
SELECT pg_advisory_xact_lock_shared(hashtext('kgmem graph'), $3), pg_advisory_xact_lock_shared(hashtext('kgmem undo'), $1),
       pg_advisory_xact_lock(hashtextextended('kgmem import ' || $1, $2))

-- name: batch
SELECT i.graph, i.state, b.read, b.created, b.updated, b.unchanged
FROM kgmem.import i LEFT JOIN kgmem.import_batch b ON b.import = i.id AND b.number = $2 WHERE i.id = $1


-- name: decisions_to_locate
-- Decisions of which some fact or claim has no id, or one that an earlier release exported from another graph, or whose
-- transaction has none in the ledger of this graph.
SELECT i.id, i.key, s.path
FROM {graph}.{label} v
JOIN {index}.item i ON i.id = (ag_catalog.graphid_to_agtype(v.id)::text)::bigint AND i.id > $1
JOIN {index}.scope s ON s.id = i.scope
CROSS JOIN LATERAL (
    SELECT ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"statements"'::agtype]))::text AS statements,
           ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"facts"'::agtype]))::text AS facts,
           ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"evidence"'::agtype]))::text AS evidence,
           ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"transaction_key"'::agtype]))::text AS transaction_key,
           ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[v.properties, '"transaction_id"'::agtype]))::text AS transaction_id) p
WHERE p.transaction_key ~ '^"' AND p.transaction_id IS NULL
   OR CASE WHEN p.statements ~ '^\[' AND coalesce(p.facts, '[]') ~ '^\['
           THEN jsonb_array_length(p.statements::jsonb) > jsonb_array_length(coalesce(p.facts, '[]')::jsonb)
                OR strpos(p.evidence, '"id": ') > 0 END
ORDER BY i.id LIMIT $2
