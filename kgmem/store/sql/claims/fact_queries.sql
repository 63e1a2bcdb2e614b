-- name: ids_of_topics
SELECT id FROM {index}.fact WHERE topic = ANY ($1::bigint[]) ORDER BY id

-- name: facts
-- A page of the facts that a scope sees.
SELECT f.id, f.topic, f.valid, f.value::text AS value, f.state, f.probability, f.trust, f.supporting, f.opposing,
       f.method, f.reason, f.options::text AS options, f.decision, f.known_from, t.subject, t.predicate, t.about,
       p.path AS scope
FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic JOIN {index}.scope p ON p.id = t.scope
WHERE p.path = ANY ($1::text[]) AND f.id > $2
  AND ($3::text IS NULL OR t.subject = $3) AND ($4::text IS NULL OR t.predicate = $4)
  AND ($5::smallint[] IS NULL OR f.state = ANY ($5)) AND ($6::text[] IS NULL OR t.predicate = ANY ($6))
  AND ($8::timestamptz IS NULL OR f.valid @> $8)
ORDER BY f.id LIMIT $7

-- name: facts_by_subject
SELECT f.id, f.topic, f.valid, f.value::text AS value, f.state, f.probability, f.trust, f.supporting, f.opposing,
       f.method, f.reason, f.options::text AS options, f.decision, f.known_from, t.subject, t.predicate, t.about,
       p.path AS scope
FROM {index}.scope p JOIN {index}.topic t ON t.scope = p.id JOIN {index}.fact f ON f.topic = t.id
WHERE p.path = ANY ($1::text[]) AND t.subject = $2 AND ($3::text IS NULL OR t.predicate = $3)
ORDER BY f.id LIMIT $4

-- name: facts_by_id
SELECT f.id, f.topic, f.valid, f.value::text AS value, f.state, f.probability, f.trust, f.supporting, f.opposing,
       f.method, f.reason, f.options::text AS options, f.decision, f.known_from, t.subject, t.predicate, t.about,
       p.path AS scope
FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic JOIN {index}.scope p ON p.id = t.scope
WHERE f.id = ANY ($1::bigint[]) AND p.path = ANY ($2::text[])
ORDER BY f.id

-- name: fact_of_edge
SELECT fact FROM {index}.relationship_state WHERE id = $1

-- name: facts_of_edges
SELECT id, fact FROM {index}.relationship_state WHERE id = ANY ($1::bigint[])

-- name: edges_of_facts
SELECT fact, array_agg(id ORDER BY id) AS edges FROM {index}.relationship_state WHERE fact = ANY ($1::bigint[]) GROUP BY fact

-- name: claims
SELECT c.id, o.key AS source, t.subject, t.predicate, c.object, c.value::text AS value, c.valid_from, c.valid_to,
       c.confidence, c.episode, c.begins, c.ends, c.edge, c.known_from, c.known_to, p.path AS scope,
       x.derived_from, y.expires_at
FROM {index}.claim c
JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.claim_origin x ON x.claim = c.id
LEFT JOIN {held}.expiry y ON y.kind = 5 AND y.id = c.id AND c.known_to IS NULL
WHERE p.path = ANY ($1::text[]) AND c.id > $2 AND (c.known_to IS NULL OR $6)
  AND ($3::text IS NULL OR t.subject = $3) AND ($4::text IS NULL OR t.predicate = $4)
  AND ($5::text IS NULL OR o.key = $5) AND (NOT $8 OR x.derived_from IS NOT NULL)
ORDER BY c.id LIMIT $7

-- name: claims_by_id
SELECT c.id, o.key AS source, t.subject, t.predicate, c.object, c.value::text AS value, c.valid_from, c.valid_to,
       c.confidence, c.episode, c.begins, c.ends, c.edge, c.known_from, c.known_to, p.path AS scope,
       x.derived_from, y.expires_at
FROM {index}.claim c
JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.claim_origin x ON x.claim = c.id
LEFT JOIN {held}.expiry y ON y.kind = 5 AND y.id = c.id AND c.known_to IS NULL
WHERE c.id = ANY ($1::bigint[])
ORDER BY c.id

-- name: decisions
SELECT d.id, d.action, d.by, d.reason, d.at, p.path AS scope, d.fact, t.subject, t.predicate, d.value::text AS value,
       d.claims, d.detail::text AS detail, d.ended, d.ended_by
FROM {index}.adjudication d JOIN {index}.scope p ON p.id = d.scope LEFT JOIN {index}.topic t ON t.id = d.topic
WHERE p.path = ANY ($1::text[]) AND ($2::bigint IS NULL OR d.id < $2) AND ($3::bigint[] IS NULL OR d.id = ANY ($3))
  AND ($4::bigint IS NULL OR d.topic = $4)
  -- Of what no claim states there is no topic.
  AND ($6::text IS NULL OR coalesce(t.subject, d.detail ->> 'subject') = $6)
  AND ($7::text IS NULL OR coalesce(t.predicate, d.detail ->> 'predicate') = $7)
ORDER BY d.id DESC LIMIT $5

-- name: put_decision
INSERT INTO {index}.adjudication (scope, topic, fact, action, value, claims, by, reason, detail)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9::jsonb) RETURNING id

-- name: topics_of_facts
SELECT f.id, f.topic, t.scope, p.path FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic
JOIN {index}.scope p ON p.id = t.scope
WHERE f.id = ANY ($1::bigint[]) AND p.path = $2 ORDER BY f.topic

-- name: decision
SELECT d.id, d.topic, d.fact, d.action, d.ended, p.path AS scope FROM {index}.adjudication d
JOIN {index}.scope p ON p.id = d.scope WHERE d.id = $1 AND p.path = $2

-- name: standings
SELECT o.key AS source, coalesce(s.trust, o.trust) AS trust, coalesce(s.prior, o.trust) AS prior,
       coalesce(s.claims, 0) AS claims, coalesce(s.checked, 0) AS checked, coalesce(s.domains, '{}')::text AS domains,
       s.reason, s.known_from, k.parent, k.domain, s.reported_changes, s.reporting_delay,
       (SELECT coalesce(json_agg(json_build_object(
            'id', x.key, 'name', a.name,
            'first_seen', to_char(x.first_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ) ORDER BY x.first_seen, x.key), '[]')
        FROM {index}.source_key x LEFT JOIN kgmem.key a ON a.id = x.key WHERE x.source = o.id)::text AS keys
FROM {index}.source o
LEFT JOIN {index}.source_reliability s ON s.source = o.id AND s.scope = 0
LEFT JOIN {index}.source_origin k ON k.source = o.id
WHERE $1::text[] IS NULL OR o.key = ANY ($1)
ORDER BY o.key

-- name: standing_history
SELECT h.trust, h.prior, h.claims, h.checked, h.reported_changes, h.reporting_delay, h.reason, lower(h.known) AS known_from, upper(h.known) AS known_to
FROM {index}.past_source_reliability h JOIN {index}.source o ON o.id = h.source
WHERE o.key = $1 AND h.scope = 0 ORDER BY lower(h.known) DESC LIMIT $2

-- name: copies
SELECT a.key AS one, b.key AS other, c.probability, c.shared
FROM {index}.source_dependence c JOIN {index}.scope p ON p.id = c.scope
JOIN {index}.source a ON a.id = c.one JOIN {index}.source b ON b.id = c.other
WHERE p.path = ANY ($1::text[]) AND ($2::text[] IS NULL OR (a.key = ANY ($2) AND b.key = ANY ($2)))
ORDER BY c.probability DESC LIMIT 1000

-- name: put_correlation
INSERT INTO {index}.correlation (scope, kind, topics, claims, strength, found, by, reason)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8) RETURNING id

-- name: correlations
SELECT c.id, c.kind, c.topics, c.claims::text AS claims, c.strength, c.found, c.by, c.reason, c.known_from,
       p.path AS scope
FROM {index}.correlation c JOIN {index}.scope p ON p.id = c.scope
WHERE p.path = ANY ($1::text[]) AND c.known_to IS NULL AND ($2::bigint[] IS NULL OR c.topics && $2)
ORDER BY c.id LIMIT $3

-- name: end_correlation
UPDATE {index}.correlation SET known_to = greatest(now(), known_from + interval '1us')
WHERE id = $1 AND scope = $2 AND known_to IS NULL RETURNING topics

-- name: held_edge
SELECT e.id, e.kind, e.known_from, o.key AS source, coalesce(s.trust, o.trust) AS trust, p.path AS scope,
       a.key AS start_key, b.key AS end_key, e.valid
FROM {index}.edge e JOIN {index}.scope p ON p.id = e.scope
LEFT JOIN {index}.source o ON o.id = e.origin
LEFT JOIN {index}.source_reliability s ON s.source = e.origin AND s.scope = 0
LEFT JOIN {index}.item a ON a.id = e.source LEFT JOIN {index}.item b ON b.id = e.target
WHERE e.id = $1 AND p.path = ANY ($2::text[])

-- name: newest_claim
SELECT (extract(epoch FROM max(known_from)) * 1000000)::bigint FROM {index}.claim WHERE topic = $1 AND known_to IS NULL

-- name: of_one_episode
-- Values that one episode alone tells of, where no other claim is on the same topic.
SELECT min(c.episode) AS episode, c.topic, array_agg(c.id ORDER BY c.id) AS claims
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
WHERE t.scope = $1 AND c.known_to IS NULL
GROUP BY c.topic
HAVING count(DISTINCT c.episode) = 1 AND count(c.episode) = count(*)
ORDER BY c.topic LIMIT 100000

-- name: put_found
INSERT INTO {index}.correlation (scope, kind, topics, claims, strength, found, by, reason)
SELECT $1, 'same_origin', $2, $3::jsonb, 0.9, true, 'kgmem', $4
WHERE NOT EXISTS (SELECT 1 FROM {index}.correlation c
                  WHERE c.scope = $1 AND c.topics = $2 AND c.kind = 'same_origin' AND c.known_to IS NULL)
RETURNING 1

-- name: any
SELECT EXISTS (SELECT 1 FROM {index}.claim)
