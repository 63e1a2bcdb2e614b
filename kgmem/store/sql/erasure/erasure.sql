-- Erasure: what belongs to a person, and what is taken out of each table.

-- name: items
SELECT i.id, i.kind, s.path, i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE i.id = ANY ($1::bigint[])

-- name: items_of_keys
SELECT i.id, s.path, i.key FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
WHERE i.kind = 1 AND s.path = $1 AND i.key = ANY ($2::text[])

-- name: not_indexed
SELECT n.id FROM unnest($1::bigint[]) AS n (id)
WHERE NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = n.id) AND NOT EXISTS (SELECT FROM {index}.edge e WHERE e.id = n.id)

-- name: edges
SELECT e.id, s.path FROM {index}.edge e JOIN {index}.scope s ON s.id = e.scope WHERE e.id = ANY ($1::bigint[])

-- name: claims
SELECT c.id, s.path FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope s ON s.id = t.scope
WHERE c.id = ANY ($1::bigint[]) OR c.topic = ANY ($2::bigint[])

-- name: claims_of_keys
-- Claims of entities ($2) of scopes ($1), in these scopes and those that see them.
SELECT DISTINCT c.id, s.path FROM unnest($1::text[], $2::text[]) AS n (path, key)
JOIN {index}.scope s ON n.path = '' OR s.path = n.path OR starts_with(s.path, n.path || '/')
JOIN {index}.topic t ON t.scope = s.id
JOIN {index}.claim c ON c.topic = t.id
WHERE t.subject = n.key OR t.about = n.key OR c.object = n.key

-- name: mentioning
-- Texts from which these entities were extracted.
SELECT DISTINCT i.id, s.path, i.key FROM unnest($1::text[], $2::text[]) AS n (path, key)
JOIN {index}.scope s ON n.path = '' OR s.path = n.path OR starts_with(s.path, n.path || '/')
JOIN {index}.item i ON i.scope = s.id AND i.kind = 2
JOIN {index}.provenance p ON p.episode = i.id AND p.kind = 1 AND p.key = n.key AND p.begins >= 0

-- name: messages
SELECT i.id, s.path, i.key FROM {index}.session_message m JOIN {index}.item i ON i.id = m.item
JOIN {index}.scope s ON s.id = i.scope WHERE (m.session, m.seq) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))

-- name: named
-- Sessions, blocks, states and subscriptions by their numbers, of which each list is one kind.
SELECT 'session' AS kind, x.name, NULL AS agent, s.path FROM {index}.session x JOIN {index}.scope s ON s.id = x.scope
WHERE x.id = ANY ($1::bigint[])
UNION ALL SELECT 'block', x.name, NULL, s.path FROM {index}.memory_block x JOIN {index}.scope s ON s.id = x.scope
WHERE x.id = ANY ($2::bigint[])
UNION ALL SELECT 'state', x.name, x.agent, s.path FROM {index}.agent_state x JOIN {index}.scope s ON s.id = x.scope
WHERE x.id = ANY ($3::bigint[])
UNION ALL SELECT 'subscription', x.name, NULL, s.path FROM {index}.subscription x JOIN {index}.scope s ON s.id = x.scope
WHERE x.id = ANY ($4::bigint[])

-- name: edges_of_claims
SELECT DISTINCT edge FROM {index}.claim WHERE id = ANY ($1::bigint[]) AND edge IS NOT NULL

-- name: topics_of
SELECT DISTINCT topic FROM {index}.claim WHERE id = ANY ($1::bigint[])

-- name: note_scopes
-- Before the history loses them, for those who could see them: claims ($1), and facts of topics ($2).
INSERT INTO {index}.erased_scope (kind, id, scope)
SELECT 5, c.id, t.scope FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic WHERE c.id = ANY ($1::bigint[])
UNION SELECT 6, f.id, t.scope FROM {index}.topic t JOIN {index}.fact f ON f.topic = t.id WHERE t.id = ANY ($2::bigint[])
UNION SELECT 6, f.id, t.scope FROM {index}.topic t JOIN {index}.past_fact f ON f.topic = t.id WHERE t.id = ANY ($2::bigint[])
ON CONFLICT DO NOTHING

-- name: predicates_of
SELECT DISTINCT t.predicate FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic AND t.about = ''
WHERE c.id = ANY ($1::bigint[]) AND c.value IS NOT NULL

-- name: values_of
-- What entities have by these claims and by no others that are believed.
SELECT DISTINCT i.id, t.predicate, c.value::text AS value FROM {index}.claim c
JOIN {index}.topic t ON t.id = c.topic AND t.about = ''
JOIN {index}.item i ON i.scope = t.scope AND i.key = t.subject AND i.kind = 1
WHERE c.id = ANY ($1::bigint[]) AND c.value IS NOT NULL
  AND NOT EXISTS (SELECT FROM {index}.claim o WHERE o.topic = c.topic AND o.known_to IS NULL AND o.value = c.value
                                                AND o.id <> ALL ($1::bigint[]))

-- name: strip_passages
DELETE FROM {index}.past_passage p USING unnest($1::bigint[], $2::text[]) AS n (item, value)
WHERE p.item = n.item AND strpos(p.body, n.value) > 0

-- name: strip_history
-- What former versions of entities show by these claims of a property ($2; $3: its name there); each shows what a write
-- gave it, if one did.
UPDATE {index}.history h SET record = CASE
    WHEN h.record #> ARRAY['properties', 'consensus', $2] ? 'own'
    THEN jsonb_set(h.record, ARRAY['properties', $3], h.record #> ARRAY['properties', 'consensus', $2, 'own'])
    ELSE h.record #- ARRAY['properties', $3] END #- ARRAY['properties', 'consensus', $2]
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic AND t.about = ''
JOIN {index}.item i ON i.scope = t.scope AND i.key = t.subject AND i.kind = 1
WHERE c.id = ANY ($1::bigint[]) AND c.value IS NOT NULL AND t.predicate = $2 AND h.id = i.id
  AND h.record #> ARRAY['properties', $3] = c.value AND h.record #> ARRAY['properties', 'consensus', $2] IS NOT NULL

-- name: delete_origins
DELETE FROM {index}.claim_origin WHERE claim = ANY ($1::bigint[])

-- name: delete_marks
DELETE FROM {index}.published_claim WHERE claim = ANY ($1::bigint[])

-- name: delete_claims
WITH gone AS (DELETE FROM {index}.claim WHERE id = ANY ($1::bigint[]) AND known_to IS NOT NULL RETURNING 1)
SELECT count(*) FROM gone

-- name: empty_topics
SELECT t.id FROM {index}.topic t WHERE t.id = ANY ($1::bigint[])
  AND NOT EXISTS (SELECT FROM {index}.claim c WHERE c.topic = t.id)

-- name: delete_states_of_topics
DELETE FROM {index}.relationship_state r USING {index}.fact f WHERE f.id = r.fact AND f.topic = ANY ($1::bigint[])

-- name: delete_facts
DELETE FROM {index}.fact WHERE topic = ANY ($1::bigint[])

-- name: delete_past_states
DELETE FROM {index}.past_relationship_state r USING {index}.past_fact f WHERE f.id = r.fact AND f.topic = ANY ($1::bigint[])

-- name: delete_past_facts
DELETE FROM {index}.past_fact WHERE topic = ANY ($1::bigint[])

-- name: delete_past_facts_by
-- What was believed of topics ($1) that have other claims by these ones ($2).
DELETE FROM {index}.past_fact f
WHERE f.topic = ANY ($1::bigint[])
  AND EXISTS (SELECT FROM jsonb_array_elements(f.options) o
              CROSS JOIN LATERAL jsonb_array_elements_text(o -> 'claims') n (id) WHERE n.id::bigint = ANY ($2::bigint[]))

-- name: delete_adjudications
DELETE FROM {index}.adjudication WHERE topic = ANY ($1::bigint[])

-- name: delete_correlations
DELETE FROM {index}.correlation WHERE topics && $1::bigint[]

-- name: delete_topics
DELETE FROM {index}.topic WHERE id = ANY ($1::bigint[])

-- name: copies
-- Claims that publications made of claims ($1), or of what they say of their topics, and of relationships ($2).
SELECT DISTINCT unnest(p.copies) AS id FROM {index}.publication p
WHERE p.kind <> 2 AND (p.origins && $1::bigint[] OR p.origin = ANY ($2::bigint[])
   OR (p.topic IN (SELECT c.topic FROM {index}.claim c WHERE c.id = ANY ($1::bigint[]))
       AND NOT EXISTS (SELECT FROM {index}.claim o WHERE o.topic = p.topic AND o.known_to IS NULL AND o.id <> ALL ($1::bigint[]))))

-- name: scopes
SELECT id, path FROM {index}.scope WHERE path = ANY ($1::text[])

-- name: rename_scopes
UPDATE {index}.scope s SET path = n.path FROM unnest($1::integer[], $2::text[]) AS n (id, path) WHERE s.id = n.id

-- name: rename_sources
UPDATE {index}.source s SET key = n.key, name = NULL, note = NULL
FROM unnest($1::integer[], $2::text[]) AS n (id, key) WHERE s.id = n.id

-- name: rename_past_sources
UPDATE {index}.past_source s SET key = n.key, name = NULL, note = NULL
FROM unnest($1::integer[], $2::text[]) AS n (id, key) WHERE s.id = n.id

-- name: forget_names
UPDATE kgmem.graph SET names_erased = names_erased + 1 WHERE id = $1

-- name: unused_sources
-- Sources that only were named, and that nothing names any more.
SELECT s.id, s.key FROM {index}.source s
WHERE s.name IS NULL AND s.note IS NULL AND s.kind IS NULL AND NOT starts_with(s.key, 'erased-source-')
  AND NOT EXISTS (SELECT FROM {index}.item i WHERE i.source = s.id)
  AND NOT EXISTS (SELECT FROM {index}.edge e WHERE e.origin = s.id)
  AND NOT EXISTS (SELECT FROM {index}.claim c WHERE c.source = s.id)
  AND NOT EXISTS (SELECT FROM {index}.past_item i WHERE i.source = s.id)
  AND NOT EXISTS (SELECT FROM {index}.past_edge e WHERE e.origin = s.id)

-- name: delete_rows
DELETE FROM ONLY {schema}.{table} t WHERE t.ctid = ANY ($1::text[]::tid[])

-- name: lock_rows
SELECT t.ctid::text AS place, to_jsonb(t)::text AS row FROM ONLY {schema}.{table} t WHERE t.ctid = ANY ($1::text[]::tid[]) FOR UPDATE

-- name: delete_vectors_of
DELETE FROM {index}.past_vector WHERE passage = ANY ($1::bigint[])

-- name: delete_lexemes
DELETE FROM {index}.lexeme WHERE passage = ANY ($1::bigint[])

-- name: merged_keys
-- Keys of entities of a scope ($1) that these ($2) were merged into, or that were merged into them.
WITH RECURSIVE led (key) AS (
    SELECT unnest($2::text[]) COLLATE "C"
    UNION SELECT CASE WHEN m.gone_key = l.key THEN m.kept_key ELSE m.gone_key END
    FROM led l JOIN {index}.merge m ON l.key IN (m.gone_key, m.kept_key)
    JOIN {index}.scope s ON s.id = m.scope AND s.path = $1
    WHERE m.undone_at IS NULL
)
SELECT key FROM led LIMIT 1000

-- name: delete_blocks
WITH gone AS (
    DELETE FROM {index}.memory_block b USING unnest($1::text[], $2::text[], $3::text[]) AS n (path, agent, name), {index}.scope s
    WHERE s.path = n.path AND b.scope = s.id AND b.name = n.name AND b.gone RETURNING b.id
)
DELETE FROM {index}.memory_block_version v USING gone WHERE v.block = gone.id

-- name: delete_states
DELETE FROM {index}.agent_state a USING unnest($1::text[], $2::text[], $3::text[]) AS n (path, agent, name), {index}.scope s
WHERE s.path = n.path AND a.scope = s.id AND a.agent = n.agent AND a.name = n.name AND a.gone

-- name: delete_candidates
DELETE FROM {index}.merge_candidate c USING unnest($1::text[], $2::text[], $3::text[]) AS n (path, agent, key), {index}.scope s
WHERE s.path = n.path AND c.scope = s.id AND n.key IN (c.one, c.other)

-- name: delete_merges
DELETE FROM {index}.merge WHERE kept = ANY ($1::bigint[]) OR gone = ANY ($1::bigint[])

-- name: state_run
-- All versions of a state, in the order in which they were written.
SELECT version, media_type, place, base, packed FROM {index}.agent_state_version WHERE state = $1 ORDER BY version

-- name: put_version
UPDATE {index}.agent_state_version SET packed = $3, place = $4, base = $5, size = $6, checksum = $7
WHERE state = $1 AND version = $2

-- name: lock_state
SELECT id FROM {index}.agent_state WHERE id = $1 FOR UPDATE

-- name: touched
-- Tables of schemas ($1) with their bytes, and whether rows of them were deleted or changed.
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_table_size(c.oid) AS bytes,
       coalesce(s.n_dead_tup, 0) > 0 OR coalesce(s.n_tup_del + s.n_tup_upd, 0) > 0 AS changed
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND n.nspname = ANY ($1::text[]) ORDER BY 1, 2

-- name: old_readers
-- Transactions that began before a moment, and so may still see what was deleted before it.
SELECT count(*) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_xmin IS NOT NULL AND xact_start < $1

-- name: save
INSERT INTO kgmem.erasure_report (id, graph, name, signed) VALUES ($1, $2, $3, $4::text::jsonb)

-- name: report
SELECT signed::text FROM kgmem.erasure_report WHERE name = $1 AND id = $2

-- name: reports
SELECT number, signed::text FROM kgmem.erasure_report WHERE name = $1 AND number < $2 ORDER BY number DESC LIMIT $3

-- name: postpone
INSERT INTO kgmem.redis_erasure (graph, name, sealed) VALUES ($1, $2, $3)

-- name: postponed
SELECT id, graph, name, sealed FROM kgmem.redis_erasure WHERE $1::integer IS NULL OR graph = $1 ORDER BY id LIMIT $2

-- name: carried_out
DELETE FROM kgmem.redis_erasure WHERE id = ANY ($1::bigint[])

-- name: forget_message
-- A message ($2) of a stream ($1), with its deliveries and dead letters, whoever has them.
WITH message AS (DELETE FROM {index}.work_message WHERE stream = $1 AND seq = $2),
     members AS (SELECT id FROM {index}.work_group WHERE stream = $1),
     dead AS (DELETE FROM {index}.work_dead d USING members m WHERE d.member = m.id AND d.seq = $2)
DELETE FROM {index}.work_delivery d USING members m WHERE d.member = m.id AND d.seq = $2

-- name: forget_dead_letter
DELETE FROM {index}.work_delivery WHERE member = $1 AND seq = $2

-- name: streams_in_redis
SELECT count(*) FROM {index}.work_stream WHERE place <> 0
