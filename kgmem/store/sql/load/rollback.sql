-- name: plan_table
-- What is to be done with each thing that an import touched; it is made anew when the work is taken up again.
CREATE TEMPORARY TABLE IF NOT EXISTS kgmem_undo (
    id      bigint NOT NULL,
    kind    smallint NOT NULL,
    version integer,                      -- that is held, and must still be held when it is its turn
    before  integer,                      -- the version that is to be held again
    act     text NOT NULL                 -- delete, restore; or why nothing is done
)

-- name: plan
-- A thing is known by its present id. What others did to it since the import's first change counts as changed, but for
-- what another import did that was taken back out.
WITH own AS MATERIALIZED (
    SELECT coalesce(m.now, u.id) AS id, c.kind, min(c.id) AS first, bool_or(c.operation = 1) AS created
    FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id)
    LEFT JOIN kgmem.import_move m ON m.import = $1 AND m.former = u.id
    WHERE c.import = $1 AND c.operation < 3 AND c.kind <= 3
    GROUP BY 1, 2
), claims AS MATERIALIZED (
    SELECT u.id FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id)
    WHERE c.import = $1 AND c.operation = 1 AND c.kind = 5
), done AS MATERIALIZED (
    SELECT DISTINCT u.id FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id)
    WHERE c.import = -($1::integer) AND c.operation < 3
), undone AS MATERIALIZED (
    SELECT DISTINCT -c.import AS import, u.id FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id)
    WHERE c.import < 0 AND c.import <> -($1::integer) AND c.operation = 2
), later AS MATERIALIZED (
    SELECT o.id, count(*) FILTER (WHERE c.operation = 2) AS updates, max(u.key) FILTER (WHERE c.operation = 3) AS key,
           bool_or(c.import IS NULL OR (c.import > 0 AND c.import <> $1 AND n.id IS NULL)) AS others
    FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids, c.keys) AS u (id, key)
    LEFT JOIN kgmem.import_move m ON m.import = $1 AND m.former = u.id
    JOIN own o ON o.id = coalesce(m.now, u.id)
    LEFT JOIN undone n ON n.import = c.import AND n.id = u.id
    WHERE c.id >= (SELECT min(first) FROM own) AND c.id >= o.first AND c.import IS DISTINCT FROM -($1::integer)
      AND NOT (c.operation = 3 AND c.import = $1) AND c.kind <= 3
    GROUP BY o.id
)
INSERT INTO kgmem_undo (id, kind, version, before, act)
SELECT o.id, o.kind, coalesce(i.version, e.version), coalesce(i.version, e.version) - l.updates,
       CASE WHEN coalesce(i.id, e.id) IS NULL AND x.key IS NULL THEN 'gone'
            WHEN l.others THEN 'changed'
            -- Others state it too, so that it stays, and names one of them.
            WHEN o.created AND o.kind = 3 AND EXISTS (
                SELECT 1 FROM {index}.claim c WHERE c.edge = o.id AND c.known_to IS NULL
                AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.id = c.id)) THEN 'changed'
            WHEN o.created THEN 'delete'
            WHEN h.id IS NULL THEN 'unknown'
            ELSE 'restore' END
FROM own o
JOIN later l ON l.id = o.id
LEFT JOIN {index}.item i ON i.id = o.id AND o.kind < 3
LEFT JOIN {index}.edge e ON e.id = o.id AND o.kind = 3
LEFT JOIN {index}.history h ON h.id = o.id AND h.version = coalesce(i.version, e.version) - l.updates AND NOT o.created
LEFT JOIN LATERAL (SELECT key FROM {index}.item WHERE i.id IS NULL AND o.kind < 3 AND key = l.key AND kind < 3 LIMIT 1) x ON true
WHERE NOT EXISTS (SELECT 1 FROM done d WHERE d.id = o.id)

-- name: plan_index
CREATE INDEX IF NOT EXISTS kgmem_undo_act ON kgmem_undo (act, kind, id)

-- name: plan_ids
CREATE INDEX IF NOT EXISTS kgmem_undo_id ON kgmem_undo (id)

-- name: labels
SELECT DISTINCT h.record->>'label' AS label
FROM kgmem_undo u JOIN {index}.history h ON h.id = u.id AND h.version = u.before WHERE u.act = 'restore' AND u.kind < 3

-- name: take_turn
-- Until the session ends, so also when the process dies.
SELECT pg_try_advisory_lock(hashtext('kgmem undo'), $1)

-- name: give_turn
SELECT pg_advisory_unlock(hashtext('kgmem undo'), $1)

-- name: plan_connected
UPDATE kgmem_undo u SET act = 'connected'
WHERE u.act = 'delete' AND u.kind < 3 AND (
    EXISTS (SELECT 1 FROM {index}.edge e WHERE e.source = u.id
            AND NOT EXISTS (SELECT 1 FROM kgmem_undo d WHERE d.id = e.id AND d.act IN ('delete', 'restore')))
    OR EXISTS (SELECT 1 FROM {index}.edge e WHERE e.target = u.id
               AND NOT EXISTS (SELECT 1 FROM kgmem_undo d WHERE d.id = e.id AND d.act IN ('delete', 'restore'))))

-- name: planned
SELECT act, kind, count(*) AS count FROM kgmem_undo GROUP BY act, kind

-- name: next
SELECT id, version, before FROM kgmem_undo WHERE act = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4

-- name: settle
-- What could not be done after all stays, for a reason.
UPDATE kgmem_undo SET act = $2 WHERE id = ANY ($1::bigint[])

-- name: kept
SELECT u.kind, u.act, coalesce(i.key, e.key) AS key
FROM kgmem_undo u
LEFT JOIN {index}.item i ON i.id = u.id AND u.kind < 3
LEFT JOIN {index}.edge e ON e.id = u.id AND u.kind = 3
WHERE u.act IN ('changed', 'connected', 'unknown') ORDER BY u.kind, u.id LIMIT $1

-- name: lock_items
SELECT i.id, i.scope, i.key, i.version, i.known_from, i.kind
FROM {index}.item i JOIN unnest($1::bigint[], $2::integer[]) AS n (id, version) ON i.id = n.id AND i.version = n.version
ORDER BY i.id FOR UPDATE OF i

-- name: lock_edges
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target, e.scope, e.key
FROM {index}.edge e JOIN unnest($1::bigint[], $2::integer[]) AS n (id, version) ON e.id = n.id AND e.version = n.version
ORDER BY e.id FOR UPDATE OF e

-- name: joined
SELECT source AS id FROM {index}.edge WHERE source = ANY ($1::bigint[])
UNION SELECT target FROM {index}.edge WHERE target = ANY ($1::bigint[])

-- name: versions
SELECT h.id, h.record::text AS record
FROM {index}.history h JOIN unnest($1::bigint[], $2::integer[]) AS n (id, version) ON h.id = n.id AND h.version = n.version

-- name: ends_held
SELECT id FROM {index}.item WHERE id = ANY ($1::bigint[]) ORDER BY id FOR KEY SHARE

-- name: restore_items
UPDATE {index}.item AS i
SET version = i.version + 1, known_from = greatest(now(), i.known_from + interval '1us'), source = n.source,
    content_hash = NULL, %(set)s
FROM unnest($1::bigint[], $2::integer[], %(arrays)s) AS n (id, source, %(parts)s)
WHERE i.id = n.id

-- name: restore_edges
UPDATE {index}.edge AS e
SET version = e.version + 1, known_from = greatest(now(), e.known_from + interval '1us'), origin = n.origin,
    source = n.source, target = n.target, strength = n.strength, confidence = n.confidence,
    valid = tstzrange(n.valid_from, n.valid_to), content_hash = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::real[], $6::real[], $7::timestamptz[],
            $8::timestamptz[])
     AS n (id, source, target, origin, strength, confidence, valid_from, valid_to)
WHERE e.id = n.id

-- name: tell_restored
INSERT INTO {index}.change (operation, kind, ids, import) VALUES (2, $1, $2, -($3::integer))

-- name: mark
-- What this transaction deleted, it deleted to take the import back out.
UPDATE {index}.change SET import = -($1::integer) WHERE xid = pg_current_xact_id() AND operation = 3 AND import IS NULL

-- name: came_undone
SELECT CASE WHEN operation = 3 THEN kind ELSE 0 END AS kind, sum(cardinality(ids))::bigint AS count
FROM {index}.change WHERE import = -($1::integer) AND kind <= 3 GROUP BY 1

-- name: next_claims
-- Current claims that came with the import, each with the one of the same source that it replaced.
SELECT k.id, (SELECT o.id FROM {index}.claim o WHERE o.edge = k.edge AND o.source = k.source AND o.known_to = k.known_from
              ORDER BY o.id DESC LIMIT 1) AS former
FROM {index}.claim k
WHERE k.known_to IS NULL AND k.id > $2 AND k.id IN (
    SELECT u.id FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) AS u (id)
    WHERE c.import = $1 AND c.operation = 1 AND c.kind = 5)
ORDER BY k.id LIMIT $3

-- name: claim_again
-- What a source had stated before counts again.
INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, edge,
                           adopted, content_hash)
SELECT c.topic, c.source, c.object, c.value, c.valid_from, c.valid_to, c.confidence, c.episode, c.begins, c.ends, c.edge,
       c.adopted, c.content_hash
FROM {index}.claim c WHERE c.id = ANY ($1::bigint[]) AND EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = c.edge)
ORDER BY c.id
ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING

-- name: spared
SELECT id FROM kgmem_undo WHERE kind = 3

-- name: forget_waiting
WITH relationships AS (DELETE FROM kgmem.import_relationship WHERE import = $1)
DELETE FROM kgmem.import_episode WHERE import = $1

-- name: begin
WITH ended AS (
    SELECT id, state, undone FROM kgmem.import
    WHERE id = $1 AND (state IN ('done', 'failed', 'undoing', 'undone')
                       OR (state = 'running' AND coalesce(heartbeat_at, created_at) < now() - make_interval(secs => $2::float8)))
    FOR UPDATE
), begun AS (
    UPDATE kgmem.import i SET state = 'undoing', heartbeat_at = now(), error = NULL
    FROM ended e WHERE i.id = e.id AND e.state <> 'undone' AND NOT $3
)
SELECT state, undone FROM ended

-- name: end
UPDATE kgmem.import SET state = 'undone', undone = $2::jsonb, finished_at = now() WHERE id = $1
