-- name: captured
SELECT id FROM kgmem.captured WHERE graph = $1 AND ((id > $2 AND id <= $3) OR id = ANY ($4::bigint[]))

-- name: captured_of_labels
SELECT id FROM kgmem.captured WHERE graph = $1 AND (id >> 48) = ANY ($2::bigint[])

-- name: graph_state
SELECT facts_made IS NOT DISTINCT FROM facts AS facts_made,
       EXISTS (SELECT 1 FROM kgmem.import i WHERE i.graph = g.id AND i.state = 'running') AS importing
FROM kgmem.graph g WHERE g.id = $1

-- name: vertices_page
SELECT id, properties::text AS properties FROM {graph}.{label} WHERE id > $1 ORDER BY id LIMIT $2

-- name: edges_page
SELECT id, start_id AS start, end_id AS end_, properties::text AS properties
FROM {graph}.{label} WHERE id > $1 ORDER BY id LIMIT $2

-- name: items_between
SELECT i.id, i.kind, s.path AS scope, i.key, o.key AS source, lower(i.valid) AS start, upper(i.valid) AS end_,
       i.place[0] AS lon, i.place[1] AS lat, i.labels,
       CASE WHEN i.area IS NOT NULL
            THEN ARRAY[(i.area[1])[0], (i.area[0])[0], (i.area[1])[1], (i.area[0])[1]] END AS area%(fields)s
FROM {index}.item i LEFT JOIN {index}.scope s ON s.id = i.scope LEFT JOIN {index}.source o ON o.id = i.source
WHERE i.id > $1 AND i.id <= $2 AND i.kind < 3

-- name: facts_between
SELECT i.id, s.path AS scope, i.key, i.version, i.known_from, i.trust, lower(i.valid) AS start, upper(i.valid) AS end_
FROM {index}.item i LEFT JOIN {index}.scope s ON s.id = i.scope WHERE i.id > $1 AND i.id <= $2 AND i.kind = 3

-- name: edges_between
SELECT e.id, e.source, e.target, e.kind, s.path AS scope, e.key, o.key AS origin, e.strength, e.confidence,
       e.version, e.known_from, e.trust, lower(e.valid) AS start, upper(e.valid) AS end_
FROM {index}.edge e LEFT JOIN {index}.scope s ON s.id = e.scope LEFT JOIN {index}.source o ON o.id = e.origin
WHERE e.id > $1 AND e.id <= $2

-- name: bodies_between
SELECT item, ordinal, body FROM {index}.passage WHERE item > $1 AND item <= $2

-- name: lost_labels
SELECT i.id FROM {index}.item i WHERE i.kind < 3 AND NOT ((i.id >> 48) = ANY ($1::bigint[])) ORDER BY i.id

-- name: lost_kinds
SELECT e.id FROM {index}.edge e WHERE NOT (e.kind = ANY ($1::bigint[])) OR e.kind <> (e.id >> 48) ORDER BY e.id

-- name: some_of_label
SELECT id FROM {graph}.{label} WHERE NOT id = ANY ($1::ag_catalog.graphid[]) LIMIT 1

-- name: ids_of_label
SELECT id FROM {graph}.{label} ORDER BY id

-- name: endless_edges
SELECT e.id FROM {index}.edge e
WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = e.source)
   OR NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = e.target)
ORDER BY e.id

-- name: stray_facts
SELECT i.id FROM {index}.item i WHERE i.kind = 3 AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = i.id)
ORDER BY i.id

-- name: passages_gone
SELECT p.id FROM {index}.passage p WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = p.item) ORDER BY p.id

-- name: vectors_missing
SELECT p.id FROM {index}.passage p
WHERE NOT EXISTS (SELECT 1 FROM {index}.{table} v WHERE v.passage = p.id)
  AND NOT EXISTS (SELECT 1 FROM {index}.embedding_queue u WHERE u.passage = p.id AND u.space = $1)
ORDER BY p.id

-- name: repair_vectors_missing
INSERT INTO {index}.embedding_queue (passage, space) SELECT unnest($1::bigint[]), $2 ON CONFLICT DO NOTHING

-- name: vectors_gone
SELECT v.passage AS id FROM {index}.{table} v LEFT JOIN {index}.passage p ON p.id = v.passage
WHERE p.item IS DISTINCT FROM v.item ORDER BY v.passage

-- name: repair_vectors_gone
UPDATE {index}.{table} v SET item = p.item FROM {index}.passage p WHERE p.id = v.passage AND p.item <> v.item

-- name: waiting_gone
SELECT u.passage AS id FROM {index}.embedding_queue u
WHERE NOT u.space = ANY ($1::text[]) OR NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = u.passage)
ORDER BY u.passage

-- name: repair_waiting_gone
DELETE FROM {index}.embedding_queue u
WHERE NOT u.space = ANY ($1::text[]) OR NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = u.passage)

-- name: extraction_gone
SELECT u.episode AS id FROM {index}.extraction_queue u WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = u.episode)
ORDER BY u.episode

-- name: repair_extraction_gone
DELETE FROM {index}.extraction_queue u WHERE NOT EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = u.episode)

-- name: claims_lost
SELECT c.id FROM {index}.claim c LEFT JOIN {index}.topic t ON t.id = c.topic
WHERE t.id IS NULL OR NOT EXISTS (SELECT 1 FROM {index}.source o WHERE o.id = c.source)
   OR NOT EXISTS (SELECT 1 FROM {index}.scope s WHERE s.id = t.scope)
ORDER BY c.id

-- name: decisions_lost
SELECT d.id FROM {index}.adjudication d
WHERE d.topic IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {index}.topic t WHERE t.id = d.topic) ORDER BY d.id

-- name: topics_unweighed
SELECT t.id FROM {index}.topic t
WHERE NOT t.stale AND NOT EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id)
  AND EXISTS (SELECT 1 FROM {index}.claim c WHERE c.topic = t.id AND c.known_to IS NULL)
ORDER BY t.id

-- name: repair_topics_unweighed
UPDATE {index}.topic SET stale = true WHERE id = ANY ($1::bigint[])

-- name: changes_unnoted
-- Subjects with a fact that begins or ends later, which no job resolves again then.
SELECT t.id FROM {index}.topic t
WHERE NOT t.stale AND NOT EXISTS (SELECT 1 FROM {index}.expiry x WHERE x.kind = 14 AND x.id = t.id)
  AND EXISTS (SELECT 1 FROM {index}.fact f
              WHERE f.topic = t.id AND (lower(f.valid) > now() OR upper(f.valid) > now()))
ORDER BY t.id

-- name: nothing_true
-- The next subjects of values, with their entities, of which nothing is true now.
SELECT t.id, t.predicate, i.id AS entity FROM {index}.topic t
JOIN {index}.item i ON i.scope = t.scope AND i.kind = 1 AND i.key = t.subject
WHERE t.id > $1 AND t.about = '' AND NOT t.stale
  AND EXISTS (SELECT 1 FROM {index}.claim c WHERE c.topic = t.id AND c.value IS NOT NULL AND c.object IS NULL)
  AND NOT EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id AND f.state <> 5 AND f.valid @> now())
ORDER BY t.id LIMIT $2

-- name: repair_properties_differ
UPDATE {index}.topic SET stale = true WHERE id = ANY ($1::bigint[])

-- name: facts_lost
SELECT f.id FROM {index}.fact f WHERE NOT EXISTS (SELECT 1 FROM {index}.topic t WHERE t.id = f.topic) ORDER BY f.id

-- name: repair_facts_lost
DELETE FROM {index}.fact f WHERE NOT EXISTS (SELECT 1 FROM {index}.topic t WHERE t.id = f.topic)

-- name: states_lost
SELECT s.id FROM {index}.relationship_state s WHERE NOT EXISTS (SELECT 1 FROM {index}.fact f WHERE f.id = s.fact) ORDER BY s.id

-- name: repair_states_lost
-- What is weighed again writes the states again.
WITH gone AS (
    DELETE FROM {index}.relationship_state s WHERE NOT EXISTS (SELECT 1 FROM {index}.fact f WHERE f.id = s.fact) RETURNING s.id
)
UPDATE {index}.topic t SET stale = true
WHERE t.id IN (SELECT c.topic FROM {index}.claim c JOIN gone g ON g.id = c.edge WHERE c.known_to IS NULL)

-- name: history
SELECT h.id FROM (
    SELECT x.id, x.version, x.known, lag(upper(x.known)) OVER w AS before,
           coalesce(e.version, i.version) AS current, coalesce(e.known_from, i.known_from) AS since
    FROM {index}.history x
    LEFT JOIN {index}.item i ON i.id = x.id LEFT JOIN {index}.edge e ON e.id = x.id
    WINDOW w AS (PARTITION BY x.id ORDER BY x.version)
) h
WHERE isempty(h.known) OR h.before > lower(h.known) OR h.current <= h.version OR h.since < upper(h.known)
ORDER BY h.id

-- name: history_gaps
-- What was current and is not any more stands in past_item and past_edge too, written by triggers. The last version of
-- what is gone counts for nothing: what another client deleted has no place in the history.
SELECT DISTINCT p.id FROM (
    SELECT x.id, x.version, max(x.version) OVER (PARTITION BY x.id) AS last FROM (
        SELECT thing AS id, version FROM {index}.past_item WHERE certain AND kind < 3
        UNION ALL SELECT id, version FROM {index}.past_edge WHERE certain
    ) x
) p
LEFT JOIN {index}.item i ON i.id = p.id LEFT JOIN {index}.edge e ON e.id = p.id
WHERE p.version < coalesce(e.version, i.version, p.last)
  AND NOT EXISTS (SELECT 1 FROM {index}.history h WHERE h.id = p.id AND h.version = p.version)
ORDER BY p.id

-- name: feed
SELECT id FROM {index}.change WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()) ORDER BY id

-- name: repair_feed
UPDATE {index}.change SET xid = pg_current_xact_id() WHERE id = ANY ($1::bigint[])

-- name: feed_gaps
WITH told AS (SELECT DISTINCT unnest(ids) AS id FROM {index}.change WHERE kind <= 3 AND operation < 3)
SELECT n.id FROM (
    SELECT id FROM {index}.item WHERE kind < 3 UNION ALL SELECT id FROM {index}.edge
) n
WHERE NOT EXISTS (SELECT 1 FROM told t WHERE t.id = n.id) ORDER BY n.id

-- name: largest_of_label
SELECT coalesce((SELECT id::text::bigint FROM {graph}.{label} ORDER BY id DESC LIMIT 1), 0)

-- name: last_of_sequence
SELECT coalesce(pg_sequence_last_value($1::bigint::oid), 0)

-- name: identities
SELECT c.relname::text AS table, a.attname::text AS column, d.objid::bigint AS sequence
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> '' AND NOT a.attisdropped
JOIN pg_depend d ON d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i' AND d.classid = 'pg_class'::regclass
WHERE c.relnamespace = to_regnamespace($1)

-- name: largest_of_column
SELECT coalesce(max({column}), 0)::bigint FROM {index}.{table}

-- name: repair_sequence
SELECT setval($1::bigint::oid::regclass, $2)

-- name: columns
SELECT c.relname::text AS table, a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p')

-- name: indexes
SELECT x.relname::text AS name, t.relname::text AS table, pg_get_indexdef(i.indexrelid) AS definition,
       i.indisvalid AND i.indisready AND i.indislive AS valid, i.indisunique AS unique, m.amname::text AS method,
       k.conname::text AS constraint, pg_get_constraintdef(k.oid) AS constrained, i.indnkeyatts AS keys,
       (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = i.indkey[0]) AS first
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_am m ON m.oid = x.relam
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE t.relnamespace = to_regnamespace($1) AND t.relkind IN ('r', 'p')

-- name: code
-- Triggers, functions and views, each with the text that makes it again.
SELECT 'trigger' AS kind, format('%s on %s', t.tgname, c.relname) AS name, pg_get_triggerdef(t.oid) AS definition
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace($1) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL
SELECT 'function', p.proname::text, pg_get_functiondef(p.oid)
FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1) AND p.prokind = 'f'
UNION ALL
SELECT 'view', c.relname::text, format('CREATE VIEW %I.%I AS %s', n.nspname, c.relname, pg_get_viewdef(c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $2 AND c.relkind = 'v'

-- name: disabled_triggers
SELECT t.tgname::text AS name, c.relname::text AS table FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace($1) AND NOT t.tgisinternal AND t.tgenabled = 'D'

-- name: set_aside
SELECT name::text AS name FROM kgmem.deferred_index WHERE graph = $1

-- name: replica
SELECT pg_is_in_recovery()

-- name: uncaptured
SELECT c.relname::text AS table FROM pg_class c
WHERE c.relnamespace = to_regnamespace($1) AND c.relname IN ('_ag_label_vertex', '_ag_label_edge')
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k
                  WHERE k.conrelid = c.oid AND k.conname = 'kgmem_capture' AND k.contype = 'c')

-- name: repair_capture
ALTER TABLE {graph}.{table} ADD CONSTRAINT kgmem_capture
    CHECK (coalesce(current_setting('kgmem.own', true), '') = 'on' OR kgmem.capture(%(graph_id)s, id)) NOT VALID

-- name: passages
SELECT count(*) FROM {index}.passage

-- name: vector_sample
SELECT DISTINCT ON (v.passage) v.passage FROM generate_series(0, $1::integer - 1) AS n
CROSS JOIN (SELECT min(passage) AS low, max(passage) AS high FROM {index}.{table}) b
CROSS JOIN LATERAL (SELECT passage FROM {index}.{table}
                    WHERE passage >= b.low + ((b.high - b.low) * n) / $1::integer ORDER BY passage LIMIT 1) v

-- name: vector_found
SELECT coalesce((SELECT v.embedding <#> q.embedding FROM {index}.{table} v ORDER BY v.embedding <#> q.embedding LIMIT 1)
                <= (q.embedding <#> q.embedding) + 0.001, false)
FROM (SELECT embedding FROM {index}.{table} WHERE passage = $1) q

-- name: btrees
SELECT x.oid::bigint AS oid, format('%I.%I', n.nspname, x.relname) AS name, pg_relation_size(x.oid) AS bytes
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE n.nspname = ANY ($1::name[]) AND m.amname = 'btree' AND i.indisvalid AND i.indisready AND x.relpersistence = 'p'

-- name: tables
SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::name[]) AND c.relkind = 'r' AND c.relpersistence = 'p'

-- name: amcheck
SELECT (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'amcheck') AS schema,
       EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck') AS available

-- name: check_btree
SELECT {amcheck}.bt_index_check($1::bigint::oid::regclass)

-- name: check_heap
SELECT blkno, msg FROM {amcheck}.verify_heapam($1::bigint::oid::regclass) LIMIT 10

-- name: checksums
SELECT current_setting('data_checksums') = 'on' AS enabled, coalesce(sum(checksum_failures), 0)::bigint AS failures,
       max(checksum_last_failure)::text AS last
FROM pg_stat_database WHERE datname = current_database() OR datid = 0

-- name: lost_schemas
SELECT g.name, to_regnamespace(g.index_name) IS NULL AS index_gone, to_regnamespace(g.age_name) IS NULL
       OR NOT EXISTS (SELECT 1 FROM ag_catalog.ag_graph a WHERE a.name = g.age_name) AS age_gone
FROM kgmem.graph g
WHERE to_regnamespace(g.index_name) IS NULL OR to_regnamespace(g.age_name) IS NULL
   OR NOT EXISTS (SELECT 1 FROM ag_catalog.ag_graph a WHERE a.name = g.age_name)
ORDER BY g.name

-- name: note
INSERT INTO kgmem.integrity AS i (graph, report) VALUES ($1, $2::text::jsonb)
ON CONFLICT (graph) DO UPDATE SET report = excluded.report, checked_at = now()
RETURNING checked_at

-- name: reports
SELECT g.name AS graph, i.graph AS id, i.checked_at, i.report::text AS report
FROM kgmem.integrity i LEFT JOIN kgmem.graph g ON g.id = i.graph
WHERE (i.graph = 0 AND $1::text IS NULL) OR g.name = coalesce($1, g.name) ORDER BY i.checked_at

-- name: due
SELECT g.name FROM kgmem.graph g LEFT JOIN kgmem.integrity i ON i.graph = g.id
WHERE coalesce(i.checked_at, g.created_at) < now() - make_interval(secs => $1)
ORDER BY i.checked_at NULLS FIRST, g.name
