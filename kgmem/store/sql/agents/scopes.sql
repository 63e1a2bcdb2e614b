-- What scopes contain. Tables without a column for the scope hang on one that has it.

-- name: list
-- Scopes that contain something: $1 and those below it, behind the path $2.
SELECT s.id, s.path FROM {index}.scope s
WHERE ($1 = '' OR s.path = $1 OR starts_with(s.path, $1 || '/')) AND ($2::text IS NULL OR s.path > $2)
  AND (EXISTS (SELECT FROM {index}.item i WHERE i.scope = s.id)
    OR EXISTS (SELECT FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL WHERE t.scope = s.id)
    OR EXISTS (SELECT FROM {index}.session x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.memory_block x WHERE x.scope = s.id AND NOT x.gone)
    OR EXISTS (SELECT FROM {index}.agent_state x WHERE x.scope = s.id AND NOT x.gone)
    OR EXISTS (SELECT FROM {index}.subscription x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.work_stream x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.webhook x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.feedback x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.ledger_account x WHERE x.scope = s.id)
    OR EXISTS (SELECT FROM {index}.edge e WHERE e.scope = s.id))
ORDER BY s.path LIMIT $3

-- name: below
SELECT s.path FROM {index}.scope s WHERE $1 = '' OR s.path = $1 OR starts_with(s.path, $1 || '/')
ORDER BY length(s.path) - length(replace(s.path, '/', '')) DESC, s.path LIMIT $2

-- name: counts
WITH asked AS (
    SELECT s.id, s.path FROM {index}.scope s WHERE s.path = ANY ($1::text[])
), items AS (
    SELECT i.scope, count(*) FILTER (WHERE i.kind = 1) AS entities, count(*) FILTER (WHERE i.kind = 2) AS episodes,
           min(i.known_from) AS oldest, max(i.known_from) AS newest
    FROM {index}.item i WHERE i.scope IN (SELECT id FROM asked) GROUP BY 1
), edges AS (
    SELECT e.scope, count(*) AS relationships FROM {index}.edge e WHERE e.scope IN (SELECT id FROM asked) GROUP BY 1
), sessions AS (
    SELECT x.scope, count(*) AS sessions, sum(x.messages) AS messages, sum(x.tokens) AS tokens
    FROM {index}.session x WHERE x.scope IN (SELECT id FROM asked) GROUP BY 1
), claims AS (
    SELECT t.scope, count(*) AS claims FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL
    WHERE t.scope IN (SELECT id FROM asked) GROUP BY 1
), facts AS (
    SELECT t.scope, count(*) AS facts FROM {index}.topic t JOIN {index}.fact f ON f.topic = t.id
    WHERE t.scope IN (SELECT id FROM asked) GROUP BY 1
)
SELECT a.path, coalesce(i.entities, 0) AS entities, coalesce(e.relationships, 0) AS relationships,
       coalesce(i.episodes, 0) AS episodes, coalesce(x.sessions, 0) AS sessions,
       coalesce(x.messages, 0)::bigint AS messages, coalesce(x.tokens, 0)::bigint AS tokens,
       coalesce(c.claims, 0) AS claims, coalesce(f.facts, 0) AS facts,
       (SELECT count(*) FROM {index}.memory_block b WHERE b.scope = a.id AND NOT b.gone) AS memory_blocks,
       (SELECT count(*) FROM {index}.agent_state b WHERE b.scope = a.id AND NOT b.gone) AS agent_states,
       (SELECT count(*) FROM {index}.subscription b WHERE b.scope = a.id) AS subscriptions,
       (SELECT count(*) FROM {index}.work_stream b WHERE b.scope = a.id) AS streams,
       (SELECT count(*) FROM {index}.webhook b WHERE b.scope = a.id) AS webhooks,
       (SELECT count(*) FROM {index}.feedback b WHERE b.scope = a.id) AS feedback,
       (SELECT count(*) FROM {index}.ledger_account b WHERE b.scope = a.id) AS ledger_accounts, i.oldest, i.newest
FROM asked a LEFT JOIN items i ON i.scope = a.id LEFT JOIN edges e ON e.scope = a.id
LEFT JOIN sessions x ON x.scope = a.id LEFT JOIN claims c ON c.scope = a.id LEFT JOIN facts f ON f.scope = a.id
ORDER BY a.path

-- name: elsewhere
SELECT count(*) FROM {index}.edge e
JOIN (SELECT i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE s.path = ANY ($1::text[])) n
  ON n.id IN (e.source, e.target)
WHERE e.scope NOT IN (SELECT s.id FROM {index}.scope s WHERE s.path = ANY ($1::text[]))

-- name: items
SELECT i.id, i.key FROM {index}.item i WHERE i.scope = $1 AND i.kind = $2 LIMIT $3

-- name: edges
SELECT e.id FROM {index}.edge e WHERE e.scope = $1 LIMIT $2

-- name: claims
SELECT c.id FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL WHERE t.scope = $1 LIMIT $2

-- name: clear_blocks
DELETE FROM {index}.memory_block_version v USING {index}.memory_block b WHERE b.id = v.block AND b.scope = $1

-- name: note_blocks_gone
UPDATE {index}.memory_block SET gone = true WHERE scope = $1

-- name: lock_states
SELECT id FROM {index}.agent_state WHERE scope = $1 ORDER BY id FOR UPDATE

-- name: clear_times
-- When its blocks and states expire, whose rows stay.
DELETE FROM {index}.expiry x
WHERE (x.kind = 11 AND x.id IN (SELECT b.id FROM {index}.memory_block b WHERE b.scope = $1))
   OR (x.kind = 12 AND x.id IN (SELECT a.id FROM {index}.agent_state a WHERE a.scope = $1))

-- name: clear_states
DELETE FROM {index}.agent_state_version v USING {index}.agent_state a WHERE a.id = v.state AND a.scope = $1

-- name: clear_checkpoints
DELETE FROM {index}.agent_state_checkpoint c USING {index}.agent_state a WHERE a.id = c.state AND a.scope = $1

-- name: note_states_gone
UPDATE {index}.agent_state SET gone = true WHERE scope = $1

-- name: clear_rules
DELETE FROM {index}.agent_retention WHERE scope = $1

-- name: clear_groups
DELETE FROM {index}.subscription_group g USING {index}.subscription s WHERE s.id = g.subscription AND s.scope = $1

-- name: clear_answer_events
DELETE FROM {index}.answer_event e USING {index}.subscription s WHERE s.id = e.subscription AND s.scope = $1

-- name: clear_answers
DELETE FROM {index}.followed_answer a USING {index}.subscription s WHERE s.id = a.subscription AND s.scope = $1

-- name: clear_subscriptions
DELETE FROM {index}.subscription WHERE scope = $1

-- name: clear_deliveries
DELETE FROM {index}.work_delivery d USING {index}.work_group g, {index}.work_stream s
WHERE g.id = d.member AND s.id = g.stream AND s.scope = $1

-- name: clear_dead_letters
DELETE FROM {index}.work_dead d USING {index}.work_group g, {index}.work_stream s
WHERE g.id = d.member AND s.id = g.stream AND s.scope = $1

-- name: clear_work_groups
DELETE FROM {index}.work_group g USING {index}.work_stream s WHERE s.id = g.stream AND s.scope = $1

-- name: lock_streams
-- So that nothing is appended meanwhile.
SELECT id FROM {index}.work_stream WHERE scope = $1 ORDER BY id FOR UPDATE

-- name: clear_messages
DELETE FROM {index}.work_message m USING {index}.work_stream s WHERE s.id = m.stream AND s.scope = $1

-- name: clear_streams
DELETE FROM {index}.work_stream WHERE scope = $1

-- name: clear_webhook_secrets
DELETE FROM {index}.webhook_secret x USING {index}.webhook w WHERE w.id = x.webhook AND w.scope = $1

-- name: clear_webhook_waiting
DELETE FROM {index}.webhook_waiting x USING {index}.webhook w WHERE w.id = x.webhook AND w.scope = $1

-- name: clear_webhook_attempts
DELETE FROM {index}.webhook_attempt x USING {index}.webhook w WHERE w.id = x.webhook AND w.scope = $1

-- name: clear_webhooks
DELETE FROM {index}.webhook WHERE scope = $1

-- name: clear_presence
DELETE FROM {index}.presence WHERE scope = $1

-- name: clear_feedback
DELETE FROM {index}.feedback WHERE scope = $1

-- name: clear_published_items
DELETE FROM {index}.published_item z USING {index}.publication p WHERE p.id = z.publication AND (p.scope = $1 OR p.target = $1)

-- name: clear_publications
DELETE FROM {index}.publication WHERE scope = $1 OR target = $1

-- name: clear_distil_probes
DELETE FROM {index}.distil_probe p USING {index}.distil_run r WHERE r.id = p.run AND r.scope = $1

-- name: clear_distil_members
DELETE FROM {index}.distil_member m USING {index}.distil_run r WHERE r.id = m.run AND r.scope = $1

-- name: clear_distil_groups
DELETE FROM {index}.distil_group g USING {index}.distil_run r WHERE r.id = g.run AND r.scope = $1

-- name: clear_distil_runs
DELETE FROM {index}.distil_run WHERE scope = $1

-- name: clear_distil_allowance
DELETE FROM {index}.distil_allowance WHERE scope = $1

-- name: clear_retention_items
DELETE FROM {index}.retention_item WHERE scope = $1

-- name: clear_retention_final
DELETE FROM {index}.retention_final f USING {index}.distil_run r WHERE r.id = f.run AND r.scope = $1

-- name: clear_retention_rules
DELETE FROM {index}.retention_rule WHERE scope = $1

-- name: gone_items
-- Items and relationships of a scope that the history alone has.
SELECT h.id FROM {index}.history h
WHERE h.record ->> 'scope' = $2
  AND NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = h.id) AND NOT EXISTS (SELECT FROM {index}.edge e WHERE e.id = h.id)
UNION SELECT p.id FROM {index}.past_item p WHERE p.scope = $1 AND NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = p.id)
UNION SELECT p.id FROM {index}.past_edge p WHERE p.scope = $1 AND NOT EXISTS (SELECT FROM {index}.edge e WHERE e.id = p.id)
LIMIT $3

-- name: erase_verdicts
DELETE FROM {index}.relationship_state r USING {index}.fact f, {index}.topic t
WHERE f.id = r.fact AND t.id = f.topic AND t.scope = $1

-- name: erase_past_verdicts
DELETE FROM {index}.past_relationship_state r
WHERE r.fact IN (SELECT f.id FROM {index}.past_fact f JOIN {index}.topic t ON t.id = f.topic WHERE t.scope = $1
                 UNION SELECT f.id FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic WHERE t.scope = $1)

-- name: erase_facts
DELETE FROM {index}.fact f USING {index}.topic t WHERE t.id = f.topic AND t.scope = $1

-- name: erase_past_facts
DELETE FROM {index}.past_fact f USING {index}.topic t WHERE t.id = f.topic AND t.scope = $1

-- name: erase_origins
DELETE FROM {index}.claim_origin o USING {index}.claim c, {index}.topic t
WHERE c.id = o.claim AND t.id = c.topic AND t.scope = $1

-- name: erase_claims
WITH gone AS (
    DELETE FROM {index}.claim c USING {index}.topic t WHERE t.id = c.topic AND t.scope = $1 RETURNING 1
)
SELECT count(*) FROM gone

-- name: erase_topics
DELETE FROM {index}.topic WHERE scope = $1

-- name: erase_blocks
DELETE FROM {index}.memory_block WHERE scope = $1 AND gone

-- name: erase_states
DELETE FROM {index}.agent_state WHERE scope = $1 AND gone

-- name: erase_summary_parts
DELETE FROM {index}.summary_of o USING {index}.summary s WHERE s.id = o.summary AND s.scope = $1

-- name: erase_members
DELETE FROM {index}.community_member m USING {index}.community c WHERE c.id = m.community AND c.scope = $1

-- name: erase_source_reliability
DELETE FROM {index}.source_reliability WHERE scope = $1

-- name: erase_past_source_reliability
DELETE FROM {index}.past_source_reliability WHERE scope = $1

-- name: erase_predicate_parameters
DELETE FROM {index}.predicate_parameters WHERE scope = $1

-- name: erase_source_dependence
DELETE FROM {index}.source_dependence WHERE scope = $1

-- name: erase_consensus_run
DELETE FROM {index}.consensus_run WHERE scope = $1

-- name: erase_correlation
DELETE FROM {index}.correlation WHERE scope = $1

-- name: erase_adjudication
DELETE FROM {index}.adjudication WHERE scope = $1

-- name: erase_merge
DELETE FROM {index}.merge WHERE scope = $1

-- name: erase_merge_candidate
DELETE FROM {index}.merge_candidate WHERE scope = $1

-- name: erase_community
DELETE FROM {index}.community WHERE scope = $1

-- name: erase_community_scope
DELETE FROM {index}.community_scope WHERE scope = $1

-- name: erase_summary
DELETE FROM {index}.summary WHERE scope = $1
