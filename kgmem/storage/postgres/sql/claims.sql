-- name: make_topics
INSERT INTO {index}.topic (scope, subject, predicate, about)
SELECT DISTINCT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[]) ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING

-- name: lock_topics
-- Whoever weighs the claims of a topic holds it, so that no claim is left out; in one order, so that none wait in a circle.
SELECT t.id, t.scope, t.subject, t.predicate, t.about, t.stale
FROM {index}.topic t
JOIN unnest($1::integer[], $2::text[], $3::text[], $4::text[]) AS n (scope, subject, predicate, about)
  ON t.scope = n.scope AND t.subject = n.subject AND t.predicate = n.predicate AND t.about = n.about
ORDER BY t.id FOR NO KEY UPDATE OF t

-- name: lock_topics_by_id
SELECT t.id, t.scope, t.subject, t.predicate, t.about, t.stale, s.path
FROM {index}.topic t JOIN {index}.scope s ON s.id = t.scope
WHERE t.id = ANY ($1::bigint[]) ORDER BY t.id FOR NO KEY UPDATE OF t

-- name: insert_claims
WITH made AS (
INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, edge,
                           adopted, stated)
SELECT n.topic, n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to, n.confidence, n.episode, n.begins, n.ends,
       n.edge, n.edge IS NOT NULL, n.stated
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
            $9::integer[], $10::integer[], $11::bigint[], $12::bigint[])
     AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, edge, stated)
ON CONFLICT (topic, stated) WHERE known_to IS NULL DO NOTHING
RETURNING id, topic, stated
), told AS (
INSERT INTO {index}.change (operation, kind, ids, keys)
SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
)
SELECT id, topic, stated FROM made

-- name: claims_stated
SELECT c.id, c.topic, c.stated FROM {index}.claim c
JOIN unnest($1::bigint[], $2::bigint[]) AS n (topic, stated) ON c.topic = n.topic AND c.stated = n.stated
WHERE c.known_to IS NULL

-- name: supersede_claims
-- A relationship that says something else now says no more what it said.
UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
WHERE c.edge = ANY ($1::bigint[]) AND c.adopted AND c.known_to IS NULL AND c.id <> ALL ($2::bigint[])
RETURNING c.topic

-- name: withdraw_edges
WITH gone AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    WHERE c.edge = ANY ($1::bigint[]) AND c.known_to IS NULL RETURNING c.topic
), stances AS (
    DELETE FROM {index}.stance WHERE id = ANY ($1::bigint[])
)
UPDATE {index}.topic SET stale = true WHERE id IN (SELECT topic FROM gone)

-- name: withdraw_claims
UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
FROM {index}.topic t
WHERE c.id = ANY ($1::bigint[]) AND c.known_to IS NULL AND t.id = c.topic AND t.scope = $2
RETURNING c.id, c.topic

-- name: edges_without_claims
-- Relationships of claims that were taken back, which no other claim says.
SELECT DISTINCT c.edge AS id FROM {index}.claim c
WHERE c.id = ANY ($1::bigint[]) AND c.edge IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM {index}.claim o WHERE o.edge = c.edge AND o.known_to IS NULL)

-- name: withdraw_lost
-- Relationships that went by other ways, such as an import that was taken back.
WITH gone AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    WHERE c.adopted AND c.known_to IS NULL AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = c.edge)
    RETURNING c.topic
)
UPDATE {index}.topic SET stale = true WHERE id IN (SELECT topic FROM gone)

-- name: mark_stale
UPDATE {index}.topic SET stale = true WHERE id = ANY ($1::bigint[])

-- name: stale
SELECT id FROM {index}.topic WHERE stale ORDER BY id LIMIT $1

-- name: fresh
UPDATE {index}.topic SET stale = false WHERE id = ANY ($1::bigint[]) AND stale

-- name: claims_of
SELECT c.id, c.topic, o.id AS source, o.key, o.trust AS prior, k.parent, c.object, c.value::text AS value, c.valid_from,
       c.valid_to, c.confidence, c.edge, c.known_from,
       (SELECT s.trust FROM {index}.standing s JOIN {index}.scope p ON p.id = s.scope
        WHERE s.source = o.id AND p.path = ANY ($2::text[]) ORDER BY length(p.path) DESC LIMIT 1) AS learned
FROM {index}.claim c
JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.kinship k ON k.source = o.id
WHERE c.topic = ANY ($1::bigint[]) AND c.known_to IS NULL
ORDER BY c.id

-- name: known
-- What weighing a topic has to know besides its claims, in one row: settings and copies that the scope sees, decisions
-- that stand, what hangs together, and the facts as they are held.
SELECT
    (SELECT coalesce(json_agg(x), '[]') FROM (
        SELECT DISTINCT ON (s.predicate) s.predicate, s.method, s.reason, s.wrong, s.likeness
        FROM {index}.setting s JOIN {index}.scope p ON p.id = s.scope
        WHERE s.predicate = ANY ($2::text[]) AND p.path = ANY ($3::text[])
        ORDER BY s.predicate, length(p.path) DESC) x)::text AS settings,
    (SELECT coalesce(json_agg(json_build_array(a.key, b.key)), '[]')
     FROM {index}.copying c JOIN {index}.scope p ON p.id = c.scope
     JOIN {index}.source a ON a.id = c.one JOIN {index}.source b ON b.id = c.other
     WHERE p.path = ANY ($3::text[]) AND (a.key = ANY ($4::text[]) OR b.key = ANY ($4::text[])))::text AS copies,
    (SELECT coalesce(json_agg(x), '[]') FROM (
        SELECT d.id, d.topic, d.action, d.by, d.reason, d.claims, d.detail FROM {index}.decision d
        WHERE d.topic = ANY ($1::bigint[]) AND d.ended IS NULL
          AND d.action = ANY ('{accept,reject,collapse,observe}') ORDER BY d.id) x)::text AS decisions,
    EXISTS (SELECT 1 FROM {index}.correlation r
            WHERE r.known_to IS NULL AND r.topics && $1::bigint[]) AS entangled

-- name: facts_of
SELECT id, topic, valid, value::text AS value, state, probability, trust, supporting, opposing, method, reason,
       options::text AS options, decision
FROM {index}.fact WHERE topic = ANY ($1::bigint[]) ORDER BY id

-- name: insert_facts
INSERT INTO {index}.fact (topic, valid, value, state, probability, trust, supporting, opposing, method, reason, options,
                          decision)
SELECT n.topic, n.valid, n.value::jsonb, n.state, n.probability, n.trust, n.supporting, n.opposing, n.method, n.reason,
       n.options::jsonb, n.decision
FROM unnest($1::bigint[], $2::tstzrange[], $3::text[], $4::smallint[], $5::real[], $6::real[], $7::real[], $8::real[],
            $9::text[], $10::text[], $11::text[], $12::bigint[]) WITH ORDINALITY
     AS n (topic, valid, value, state, probability, trust, supporting, opposing, method, reason, options, decision, at)
ORDER BY n.at
RETURNING id

-- name: update_facts
-- The last two tell which of them have another state or value now.
WITH told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys) SELECT 2, 6, $13, $14 WHERE cardinality($13::bigint[]) > 0
)
UPDATE {index}.fact f
SET valid = n.valid, value = n.value::jsonb, state = n.state, probability = n.probability, trust = n.trust,
    supporting = n.supporting, opposing = n.opposing, method = n.method, reason = n.reason,
    options = n.options::jsonb, decision = n.decision
FROM unnest($1::bigint[], $2::tstzrange[], $3::text[], $4::smallint[], $5::real[], $6::real[], $7::real[], $8::real[],
            $9::text[], $10::text[], $11::text[], $12::bigint[])
     AS n (id, valid, value, state, probability, trust, supporting, opposing, method, reason, options, decision)
WHERE f.id = n.id

-- name: delete_facts
DELETE FROM {index}.fact WHERE id = ANY ($1::bigint[])

-- name: put_stances
INSERT INTO {index}.stance AS s (id, fact, state, probability)
SELECT DISTINCT ON (1) * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::real[])
ON CONFLICT (id) DO UPDATE SET fact = excluded.fact, state = excluded.state, probability = excluded.probability
WHERE (s.fact, s.state, s.probability) IS DISTINCT FROM (excluded.fact, excluded.state, excluded.probability)

-- name: tie_claims
UPDATE {index}.claim c SET edge = n.edge
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, edge) WHERE c.id = n.id

-- name: believe_edges
-- A new version of relationships, of which only the verdict is new.
UPDATE {index}.edge e SET version = e.version + 1, known_from = greatest(now(), e.known_from + interval '1us'),
    trust = n.trust
FROM unnest($1::bigint[], $2::real[]) AS n (id, trust) WHERE e.id = n.id

-- name: lock_edges
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id FOR UPDATE

-- name: decisions_of
SELECT d.id, d.topic, d.fact, d.action, d.value::text AS value, d.claims, d.by, d.reason, d.detail::text AS detail, d.at
FROM {index}.decision d
WHERE d.topic = ANY ($1::bigint[]) AND d.ended IS NULL AND d.action = ANY ('{accept,reject,collapse,observe}')
ORDER BY d.id

-- name: end_decisions
UPDATE {index}.decision SET ended = now(), ended_by = $2 WHERE id = ANY ($1::bigint[]) AND ended IS NULL

-- name: seen_keys
-- Which of these keys name an entity that the scope sees.
SELECT DISTINCT i.key FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 1
WHERE s.path = ANY ($1::text[]) AND i.key = ANY ($2::text[])

-- name: own_keys
SELECT i.key FROM {index}.item i WHERE i.scope = $1 AND i.kind = 1 AND i.key = ANY ($2::text[])

-- name: adoptable
-- Relationships with a source, of kinds that are weighed, which are no claim yet or say something new.
SELECT e.id FROM {index}.edge e
WHERE e.id > $1 AND e.kind = ANY ($2::integer[]) AND e.origin IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.known_to IS NULL)
ORDER BY e.id LIMIT $3

-- name: edges_to_adopt
SELECT e.id, e.kind, e.confidence, s.path AS scope, o.key AS source, a.key AS start_key, b.key AS end_key
FROM {index}.edge e
JOIN {index}.scope s ON s.id = e.scope
JOIN {index}.source o ON o.id = e.origin
JOIN {index}.item a ON a.id = e.source AND a.kind = 1
JOIN {index}.item b ON b.id = e.target AND b.kind = 1
WHERE e.id = ANY ($1::bigint[])
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND NOT c.adopted AND c.known_to IS NULL)
ORDER BY e.id

-- name: lock_entities
SELECT i.id, i.key, i.version, i.known_from FROM {index}.item i
WHERE i.scope = $1 AND i.kind = 1 AND i.key = ANY ($2::text[]) ORDER BY i.id FOR NO KEY UPDATE OF i

-- name: believe_entities
-- A new version of entities, of which only what claims say of their properties is new: history, index, change feed.
WITH kept AS (
    INSERT INTO {index}.history (id, kind, version, known, deleted, record)
    SELECT n.id, 1, n.version, tstzrange(n.known_from, greatest(now(), n.known_from + interval '1us')), false,
           n.record::jsonb
    FROM unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::text[]) AS n (id, version, known_from, record)
    ON CONFLICT (id, version) DO NOTHING
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys) VALUES (2, 1, $1, '{}')
)
UPDATE {index}.item i
SET version = i.version + 1, known_from = greatest(now(), i.known_from + interval '1us'), stated = NULL
WHERE i.id = ANY ($1::bigint[])
