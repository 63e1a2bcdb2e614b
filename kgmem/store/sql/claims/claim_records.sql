-- What a graph believes, as records that name nothing by number: written by an export, taken back by an import.

-- name: claims
SELECT c.id, o.key AS source, t.subject, t.predicate, c.object, c.value::text AS value, c.valid_from, c.valid_to,
       c.confidence, c.episode, c.begins, c.ends, p.path AS scope, c.known_from, c.known_to, c.adopted,
       e.parallel_edge_hash,
       x.derived_from, y.expires_at, z.mark
FROM {index}.claim c LEFT JOIN {index}.claim_origin x ON x.claim = c.id
JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.edge e ON e.id = c.edge
LEFT JOIN {index}.expiry y ON y.kind = 5 AND y.id = c.id AND c.known_to IS NULL
LEFT JOIN {index}.published_claim z ON z.claim = c.id
WHERE ($1::text IS NULL OR p.path = $1) AND ($2::bigint[] IS NULL OR c.id = ANY ($2))
ORDER BY c.id

-- name: claim_refs
-- What a claim is known by among those on its topic: by what it states.
SELECT c.id, md5(concat_ws(E'\x1f', o.key, coalesce(c.object, ''), coalesce(c.value::text, ''), coalesce(c.valid_from, ''),
                           coalesce(c.valid_to, ''), c.confidence, coalesce(c.episode, ''), coalesce(c.begins::text, ''),
                           coalesce(c.ends::text, ''), z.mark)) AS ref
FROM {index}.claim c JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.published_claim z ON z.claim = c.id
WHERE c.id = ANY ($1::bigint[])

-- name: current_claims
-- The current claims on topics.
SELECT topic, id FROM {index}.claim WHERE topic = ANY ($1::bigint[]) AND known_to IS NULL ORDER BY id

-- name: claims_on
-- The claims on topics, by what they are known by; of equal ones the current one comes last.
SELECT c.topic, c.id, c.known_to IS NULL AS current,
       md5(concat_ws(E'\x1f', o.key, coalesce(c.object, ''), coalesce(c.value::text, ''), coalesce(c.valid_from, ''),
                     coalesce(c.valid_to, ''), c.confidence, coalesce(c.episode, ''), coalesce(c.begins::text, ''),
                     coalesce(c.ends::text, ''), z.mark)) AS ref
FROM {index}.claim c JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.published_claim z ON z.claim = c.id
WHERE c.topic = ANY ($1::bigint[]) ORDER BY c.known_to IS NULL, c.id

-- name: decisions
-- But for notes that the registry of sources was written, which an import writes itself.
SELECT d.id, d.action, d.by, d.reason, d.at, t.subject, t.predicate, t.about, d.value::text AS value, p.path AS scope,
       d.detail::text AS detail, d.claims, d.ended,
       ARRAY(SELECT md5(concat_ws(E'\x1f', x.action, x.by, x.reason, extract(epoch FROM x.at)))
             FROM {index}.adjudication x WHERE x.ended_by = d.id ORDER BY x.id) AS ends
FROM {index}.adjudication d JOIN {index}.scope p ON p.id = d.scope LEFT JOIN {index}.topic t ON t.id = d.topic
WHERE d.action <> 'source' AND ($1::text IS NULL OR p.path = $1) AND ($2::bigint[] IS NULL OR d.topic = ANY ($2))
ORDER BY d.id

-- name: topics
SELECT t.id, p.path AS scope, t.subject, t.predicate, t.about
FROM {index}.topic t JOIN {index}.scope p ON p.id = t.scope
WHERE ($1::text IS NULL OR p.path = $1) AND ($2::bigint[] IS NULL OR t.id = ANY ($2))
  AND (EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id) OR EXISTS (SELECT 1 FROM {index}.past_fact f WHERE f.topic = t.id))
ORDER BY t.id

-- name: facts_on
-- The facts of topics and their former versions (with `known`), those of facts that are gone too.
SELECT f.id, f.topic, f.valid, f.value::text AS value, f.state, f.probability, f.trust, f.supporting, f.opposing, f.method,
       f.reason, f.options::text AS options, f.known_from, NULL::tstzrange AS known,
       (SELECT md5(concat_ws(E'\x1f', d.action, d.by, d.reason, extract(epoch FROM d.at)))
        FROM {index}.adjudication d WHERE d.id = f.decision) AS decision,
       ARRAY(SELECT md5(concat_ws(E'\x1f', d.action, d.by, d.reason, extract(epoch FROM d.at)))
             FROM {index}.adjudication d WHERE d.topic = f.topic AND d.fact = f.id ORDER BY d.id) AS decided
FROM {index}.fact f WHERE f.topic = ANY ($1::bigint[])
UNION ALL
SELECT f.id, f.topic, f.valid, f.value::text, f.state, f.probability, f.trust, f.supporting, f.opposing, f.method, f.reason,
       f.options::text, f.known_from, f.known,
       (SELECT md5(concat_ws(E'\x1f', d.action, d.by, d.reason, extract(epoch FROM d.at)))
        FROM {index}.adjudication d WHERE d.id = f.decision), '{}'
FROM {index}.past_fact f WHERE f.topic = ANY ($1::bigint[])
ORDER BY 2, 1, 13

-- name: correlations
SELECT c.id, c.kind, c.topics, c.claims::text AS claims, c.strength, c.found, c.by, c.reason, c.known_from, c.known_to,
       p.path AS scope,
       (SELECT json_agg(json_build_array(t.subject, t.predicate, t.about) ORDER BY n.at)
        FROM unnest(c.topics) WITH ORDINALITY AS n (id, at) JOIN {index}.topic t ON t.id = n.id)::text AS named
FROM {index}.correlation c JOIN {index}.scope p ON p.id = c.scope
WHERE $1::text IS NULL OR p.path = $1
ORDER BY c.id

-- name: standings
-- Those too that only an earlier run knew.
SELECT p.path AS scope, o.key AS source, s.trust, s.prior, s.claims, s.checked, s.domains::text AS domains, s.reason,
       s.known_from, s.reported_changes, s.reporting_delay,
       (SELECT coalesce(json_agg(json_build_object(
            'trust', h.trust, 'prior', h.prior, 'claims', h.claims, 'checked', h.checked, 'domains', h.domains,
            'reason', h.reason, 'reported_changes', h.reported_changes, 'reporting_delay', h.reporting_delay, 'from', (extract(epoch FROM lower(h.known)) * 1000000)::bigint,
            'to', (extract(epoch FROM upper(h.known)) * 1000000)::bigint) ORDER BY lower(h.known)), '[]')
        FROM {index}.past_source_reliability h WHERE h.scope = n.scope AND h.source = n.source)::text AS past
FROM (SELECT scope, source FROM {index}.source_reliability UNION SELECT scope, source FROM {index}.past_source_reliability) n
LEFT JOIN {index}.source_reliability s ON s.scope = n.scope AND s.source = n.source
JOIN {index}.scope p ON p.id = n.scope JOIN {index}.source o ON o.id = n.source
WHERE $1::text IS NULL OR p.path = $1
ORDER BY n.scope, n.source

-- name: settings
SELECT p.path AS scope, s.predicate, s.method, s.reason, s.wrong, s.similarity
FROM {index}.predicate_parameters s JOIN {index}.scope p ON p.id = s.scope
WHERE $1::text IS NULL OR p.path = $1
ORDER BY s.scope, s.predicate

-- name: copies
SELECT p.path AS scope, a.key AS source, b.key AS other, c.probability, c.shared
FROM {index}.source_dependence c JOIN {index}.scope p ON p.id = c.scope
JOIN {index}.source a ON a.id = c.one JOIN {index}.source b ON b.id = c.other
WHERE $1::text IS NULL OR p.path = $1
ORDER BY c.scope, c.one, c.other

-- name: runs
SELECT p.path AS scope, w.count, w.at FROM {index}.consensus_run w JOIN {index}.scope p ON p.id = w.scope
WHERE $1::text IS NULL OR p.path = $1
ORDER BY w.scope

-- name: merges
SELECT m.id, m.kept_key, m.gone_key, m.by, m.reason, m.at, p.path AS scope, (m.record -> 'told')::text AS told, m.undone_at,
       m.undone_by, m.undone_reason
FROM {index}.merge m JOIN {index}.scope p ON p.id = m.scope
WHERE $1::text IS NULL OR p.path = $1
ORDER BY m.id

-- name: pairs
-- What people decided to be two things; a pair that is one thing is told by its merge.
SELECT l.one, l.other, l.evidence, l.parts::text AS parts, l.vetoed, l.by, l.reason, l.at, p.path AS scope
FROM {index}.merge_candidate l JOIN {index}.scope p ON p.id = l.scope
WHERE l.state = 2 AND ($1::text IS NULL OR p.path = $1)
ORDER BY l.id

-- name: put_claims
-- Claims as they were known; a relationship that states one is found by its ends, and of several by what tells them apart.
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (n.topic, d.content_hash, n.known_to IS NULL, n.known_to) n.*, d.content_hash,
           CASE WHEN n.tied THEN (
               SELECT e.id FROM {index}.topic t
               JOIN {index}.scope p ON p.id = t.scope
               JOIN {index}.label l ON l.kind = 2 AND l.name = t.predicate
               JOIN {index}.item a ON a.key = t.subject AND a.kind = 1
               JOIN {index}.item b ON b.key = n.object AND b.kind = 1
               JOIN {index}.edge e ON e.source = a.id AND e.kind = l.id AND e.target = b.id AND e.scope = t.scope
               WHERE t.id = n.topic
               ORDER BY e.parallel_edge_hash = n.parallel_edge_hash DESC, e.id LIMIT 1) END AS edge
    FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
                $9::integer[], $10::integer[], $11::timestamptz[], $12::timestamptz[], $13::boolean[], $14::boolean[],
                $15::bigint[], $16::text[], $17::text[])
         WITH ORDINALITY AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends,
                               known_from, known_to, tied, adopted, parallel_edge_hash, origins, mark, at)
    CROSS JOIN LATERAL (SELECT kgmem.claim_digest(n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to, n.confidence,
                                                  n.episode, n.begins, n.ends) AS plain) b
    CROSS JOIN LATERAL (SELECT CASE WHEN n.mark IS NULL THEN b.plain  -- Else it is kept beside what the scope states itself.
                                    ELSE hashint8extended(b.plain, hashtextextended(n.mark, 0)) END AS content_hash) d
    ORDER BY n.topic, d.content_hash, n.known_to IS NULL, n.known_to, n.at
), made AS (
    INSERT INTO {index}.claim AS c (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends,
                                    edge, adopted, content_hash, known_from, known_to)
    SELECT topic, source, object, value::jsonb, valid_from, valid_to, confidence, episode, begins, ends, edge,
           adopted AND (edge IS NOT NULL OR object IS NULL), content_hash, coalesce(known_from, now()), known_to
    FROM said s
    WHERE s.known_to IS NULL OR NOT EXISTS (
        SELECT 1 FROM {index}.claim o WHERE (o.topic, o.content_hash, o.known_to)
                                                         = (s.topic, s.content_hash, s.known_to))
    ORDER BY at
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO UPDATE
    SET known_from = least(c.known_from, excluded.known_from), edge = coalesce(c.edge, excluded.edge)
    WHERE c.known_from > excluded.known_from OR (c.edge IS NULL AND excluded.edge IS NOT NULL)
    RETURNING id, topic, content_hash, known_to, xmax = 0 AS created
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made WHERE created HAVING count(*) > 0
), derived AS (
    INSERT INTO {index}.claim_origin (claim, derived_from)
    SELECT m.id, ARRAY(SELECT jsonb_array_elements_text(s.origins::jsonb))
    FROM made m
    JOIN said s ON s.topic = m.topic AND s.content_hash = m.content_hash AND s.known_to IS NOT DISTINCT FROM m.known_to
    -- A relationship of the same file may have made the claim already.
    WHERE s.origins IS NOT NULL
    ON CONFLICT (claim) DO NOTHING
), stale AS (
    UPDATE {index}.topic t SET stale = true
    WHERE t.id IN (SELECT topic FROM made WHERE created AND known_to IS NULL) AND NOT t.stale
)
SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS updated FROM made

-- name: put_decisions
INSERT INTO {index}.adjudication (scope, topic, action, value, claims, by, reason, detail, at, ended)
SELECT n.scope, n.topic, n.action, n.value::jsonb,
       coalesce(ARRAY(SELECT jsonb_array_elements_text(n.claims::jsonb)::bigint), '{}'), n.by, n.reason, n.detail::jsonb,
       n.at, n.ended
FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $10::timestamptz[])
     WITH ORDINALITY AS n (scope, topic, action, value, claims, by, reason, detail, at, ended, place)
WHERE NOT EXISTS (SELECT 1 FROM {index}.adjudication d
                  WHERE d.scope = n.scope AND d.topic IS NOT DISTINCT FROM n.topic AND d.action = n.action AND d.by = n.by
                    AND d.reason = n.reason AND d.at = n.at)
ORDER BY n.place
RETURNING id, topic

-- name: decisions_on
-- Decisions on topics (or on none), by what they are known by.
SELECT d.id, d.topic, md5(concat_ws(E'\x1f', d.action, d.by, d.reason, extract(epoch FROM d.at))) AS ref
FROM {index}.adjudication d WHERE d.topic = ANY ($1::bigint[]) ORDER BY d.id

-- name: decision_ids
SELECT d.id, d.topic, d.action, d.by, d.at FROM {index}.adjudication d WHERE d.topic = ANY ($1::bigint[]) ORDER BY d.id

-- name: decisions_ended
UPDATE {index}.adjudication d SET ended_by = n.by
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, by) WHERE d.id = n.id AND d.ended IS NOT NULL AND d.ended_by IS NULL

-- name: undoes
UPDATE {index}.adjudication d SET detail = d.detail || jsonb_build_object('undoes', n.undone)
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, undone) WHERE d.id = n.id AND d.action = 'undo'

-- name: held_facts
SELECT t.id, t.stale,
       EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id)
       OR EXISTS (SELECT 1 FROM {index}.past_fact f WHERE f.topic = t.id) AS held
FROM {index}.topic t WHERE t.id = ANY ($1::bigint[])

-- name: clear_facts
DELETE FROM {index}.fact WHERE topic = ANY ($1::bigint[])

-- name: put_facts
INSERT INTO {index}.fact (topic, valid, value, state, probability, trust, supporting, opposing, method, reason, options,
                          decision, known_from)
SELECT n.topic, tstzrange(n.valid_from, n.valid_to), n.value::jsonb, n.state, n.probability, n.trust, n.supporting,
       n.opposing, n.method, n.reason, n.options::jsonb, n.decision, n.known_from
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::smallint[], $6::real[], $7::real[],
            $8::real[], $9::real[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::timestamptz[])
     WITH ORDINALITY AS n (topic, valid_from, valid_to, value, state, probability, trust, supporting, opposing, method,
                           reason, options, decision, known_from, at)
ORDER BY n.at
RETURNING id

-- name: past_ids
-- Ids for facts that are gone, of which only former versions tell.
SELECT nextval(pg_get_serial_sequence('{index}.fact', 'id')) AS id FROM generate_series(1, $1)

-- name: put_past_facts
-- Former versions of facts, but those that are there already.
INSERT INTO {index}.past_fact (id, topic, valid, value, state, probability, trust, supporting, opposing, method, reason,
                               options, decision, known_from, known)
SELECT n.id, n.topic, tstzrange(n.valid_from, n.valid_to), n.value::jsonb, n.state, n.probability, n.trust, n.supporting,
       n.opposing, n.method, n.reason, n.options::jsonb, n.decision, n.known_from, tstzrange(n.known_from, n.known_to)
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::smallint[], $7::real[],
            $8::real[], $9::real[], $10::real[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::timestamptz[],
            $16::timestamptz[])
     AS n (id, topic, valid_from, valid_to, value, state, probability, trust, supporting, opposing, method, reason, options,
           decision, known_from, known_to)
WHERE NOT EXISTS (
    SELECT FROM {index}.past_fact f
    WHERE f.topic = n.topic AND f.known = tstzrange(n.known_from, n.known_to) AND f.valid = tstzrange(n.valid_from, n.valid_to)
      AND f.value IS NOT DISTINCT FROM n.value::jsonb)

-- name: put_stances
-- What facts say of the relationships that state their claims.
INSERT INTO {index}.relationship_state AS s (id, fact, state, probability, known_from)
SELECT DISTINCT ON (c.edge) c.edge, n.fact, n.state, n.probability, n.known_from
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::real[], $5::timestamptz[])
     AS n (claim, fact, state, probability, known_from)
JOIN {index}.claim c ON c.id = n.claim
WHERE c.edge IS NOT NULL AND c.object IS NOT NULL
ORDER BY c.edge, n.fact
ON CONFLICT (id) DO UPDATE SET fact = excluded.fact, state = excluded.state, probability = excluded.probability
WHERE (s.fact, s.state, s.probability) IS DISTINCT FROM (excluded.fact, excluded.state, excluded.probability)

-- name: decided
UPDATE {index}.adjudication d SET fact = n.fact
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, fact) WHERE d.id = n.id AND d.fact IS NULL

-- name: put_correlations
INSERT INTO {index}.correlation (scope, kind, topics, claims, strength, found, by, reason, known_from, known_to)
SELECT n.scope, n.kind, ARRAY(SELECT jsonb_array_elements_text(n.topics::jsonb)::bigint), n.claims::jsonb, n.strength,
       n.found, n.by, n.reason, coalesce(n.known_from, now()), n.known_to
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::real[], $6::boolean[], $7::text[], $8::text[],
            $9::timestamptz[], $10::timestamptz[])
     WITH ORDINALITY AS n (scope, kind, topics, claims, strength, found, by, reason, known_from, known_to, at)
WHERE NOT EXISTS (SELECT 1 FROM {index}.correlation c
                  WHERE c.scope = n.scope AND c.kind = n.kind AND c.reason = n.reason
                    AND c.topics = ARRAY(SELECT jsonb_array_elements_text(n.topics::jsonb)::bigint)
                    AND (n.known_from IS NULL OR c.known_from = n.known_from))
ORDER BY n.at
RETURNING id

-- name: put_standing
INSERT INTO {index}.source_reliability AS s (scope, source, trust, prior, claims, checked, domains, reason, known_from,
                                             reported_changes, reporting_delay)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11)
ON CONFLICT (scope, source) DO NOTHING
RETURNING 1

-- name: no_past_standing
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM {index}.past_source_reliability WHERE scope = $1 AND source = $2)
           AND NOT EXISTS (SELECT 1 FROM {index}.source_reliability WHERE scope = $1 AND source = $2)

-- name: put_past_standing
INSERT INTO {index}.past_source_reliability (scope, source, trust, prior, claims, checked, domains, reason, known_from,
                                             reported_changes, reporting_delay, known)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, tstzrange($9, $12))

-- name: put_setting
INSERT INTO {index}.predicate_parameters (scope, predicate, method, reason, wrong, similarity) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING 1

-- name: put_copies
INSERT INTO {index}.source_dependence (scope, one, other, probability, shared)
SELECT $1, least($2::integer, $3::integer), greatest($2::integer, $3::integer), $4, $5
ON CONFLICT DO NOTHING RETURNING 1

-- name: put_run
INSERT INTO {index}.consensus_run (scope, claim, count, at)
SELECT $1, coalesce(max(id), 0), $2, $3 FROM {index}.claim
ON CONFLICT DO NOTHING RETURNING 1

-- name: put_merge
INSERT INTO {index}.merge (scope, kept, gone, kept_key, gone_key, by, reason, record, at, undone_at, undone_by, undone_reason)
SELECT $1, coalesce((SELECT id FROM {index}.item WHERE scope = $1 AND kind = 1 AND key = $2), 0), 0, $2, $3, $4, $5,
       jsonb_build_object('told', $6::jsonb, 'imported', true), $7, $8, $9, $10
WHERE NOT EXISTS (SELECT 1 FROM {index}.merge m WHERE m.scope = $1 AND m.kept_key = $2 AND m.gone_key = $3 AND m.at = $7)
RETURNING 1

-- name: put_pairs
-- A pair that waits for a decision has it now; what is decided here stays.
INSERT INTO {index}.merge_candidate AS l (scope, one, other, evidence, parts, vetoed, state, by, reason, at)
SELECT n.scope, n.one, n.other, n.evidence, n.parts::jsonb, n.vetoed, 2, n.by, n.reason, coalesce(n.at, now())
FROM unnest($1::integer[], $2::text[], $3::text[], $4::real[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[])
     AS n (scope, one, other, evidence, parts, vetoed, by, reason, at)
ON CONFLICT (scope, one, other) DO UPDATE SET state = 2, by = excluded.by, reason = excluded.reason, at = excluded.at
WHERE l.state = 1
RETURNING xmax = 0 AS created
