-- name: due
-- Of few claims a full run costs next to nothing; of many it waits until a share of them is new.
SELECT n.count > 0 AND n.count >= $1::float8 * coalesce((SELECT sum(count) FROM {index}.consensus_run), 0)
FROM (SELECT count(*) FROM (SELECT 1 FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
                            WHERE c.id > coalesce((SELECT max(claim) FROM {index}.consensus_run), 0)
                              AND (NOT c.adopted OR t.predicate = ANY ($2::text[])) LIMIT 100000) new) n

-- name: scopes
-- The scopes with claims, from one on ($1), those above first: what is learned there is the prior of those below.
SELECT p.id, p.path, max(t.id) AS topic FROM {index}.topic t JOIN {index}.scope p ON p.id = t.scope
WHERE (length(p.path), p.path) >= (length($1::text), $1::text)
GROUP BY p.id, p.path ORDER BY length(p.path), p.path

-- name: claims
-- Of what is weighed: kinds that are ($2), claims that are no relationship's, and what was weighed before.
SELECT c.id, c.topic, o.key, c.object, c.value::text AS value, c.valid_from, c.valid_to, c.confidence, c.known_from,
       t.subject, t.predicate, t.about, x.derived_from IS NOT NULL AS derived
FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL
JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.claim_origin x ON x.claim = c.id
WHERE t.scope = $1
  -- What is derived counts while one of its origins is there: a text, or a source that has not taken back what it claimed.
  AND (x.derived_from IS NULL OR EXISTS (
      SELECT 1 FROM unnest(x.derived_from) AS r (origin)
      WHERE CASE WHEN starts_with(r.origin, 'episode:')
                 THEN EXISTS (SELECT 1 FROM {index}.item i WHERE i.kind = 2 AND i.key = substr(r.origin, 9))
                 ELSE NOT EXISTS (SELECT 1 FROM {index}.claim w JOIN {index}.source s ON s.id = w.source
                                  WHERE w.topic = c.topic AND 'source:' || s.key = r.origin)
                      OR EXISTS (SELECT 1 FROM {index}.claim w JOIN {index}.source s ON s.id = w.source
                                 WHERE w.topic = c.topic AND 'source:' || s.key = r.origin AND w.known_to IS NULL) END))
  AND (t.predicate = ANY ($2::text[]) OR EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id)
       OR EXISTS (SELECT 1 FROM {index}.claim o WHERE o.topic = t.id AND NOT o.adopted AND o.known_to IS NULL))
ORDER BY c.id

-- name: sources
SELECT o.id, o.key, o.trust AS prior, k.parent,
       (SELECT s.trust FROM {index}.source_reliability s JOIN {index}.scope p ON p.id = s.scope
        WHERE s.source = o.id AND p.path = ANY ($2::text[]) ORDER BY length(p.path) DESC LIMIT 1) AS learned,
       (SELECT max(s.checked) FROM {index}.source_reliability s JOIN {index}.scope p ON p.id = s.scope
        WHERE s.source = o.id AND p.path = ANY ($3::text[])) AS record,
       b.key AS voice, coalesce(b.young, false) AS young
FROM {index}.source o LEFT JOIN {index}.source_origin k ON k.source = o.id
LEFT JOIN (%(bound)s) b ON b.source = o.key AND k.parent IS NULL
WHERE o.key = ANY ($1::text[])

-- name: labels
-- What people decided on facts of a scope, the oldest first.
SELECT d.id, d.topic, d.action, d.by, d.reason, d.claims, d.detail::text AS detail FROM {index}.adjudication d
WHERE d.scope = $1 AND d.ended IS NULL AND d.action = ANY ('{accept,reject,observe,expire}') ORDER BY d.id

-- name: few
SELECT count(*) <= $1 FROM (SELECT 1 FROM {index}.claim LIMIT $1 + 1) c

-- name: put_standings
INSERT INTO {index}.source_reliability AS s (scope, source, trust, prior, claims, checked, domains, reason,
                                                reported_changes, reporting_delay)
SELECT $1, n.source, n.trust, n.prior, n.claims, n.checked, n.domains::jsonb, n.reason, n.reported, n.delay
FROM unnest($2::integer[], $3::real[], $4::real[], $5::integer[], $6::integer[], $7::text[], $8::text[], $9::real[],
            $10::float8[])
     AS n (source, trust, prior, claims, checked, domains, reason, reported, delay)
ON CONFLICT (scope, source) DO UPDATE
SET trust = excluded.trust, prior = excluded.prior, claims = excluded.claims, checked = excluded.checked,
    domains = excluded.domains, reason = excluded.reason, reported_changes = excluded.reported_changes,
    reporting_delay = excluded.reporting_delay
WHERE (s.trust, s.prior, s.claims, s.checked, s.domains, s.reason, s.reported_changes, s.reporting_delay)
      IS DISTINCT FROM (excluded.trust, excluded.prior, excluded.claims, excluded.checked, excluded.domains,
                        excluded.reason, excluded.reported_changes, excluded.reporting_delay)

-- name: drop_standings
DELETE FROM {index}.source_reliability WHERE scope = $1 AND source <> ALL ($2::integer[])

-- name: drop_settings
DELETE FROM {index}.predicate_parameters WHERE scope = $1

-- name: put_settings
INSERT INTO {index}.predicate_parameters (scope, predicate, method, reason, wrong, similarity)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::real[], $6::real[])

-- name: drop_copies
DELETE FROM {index}.source_dependence WHERE scope = $1

-- name: put_copies
INSERT INTO {index}.source_dependence (scope, one, other, probability, shared)
SELECT $1, * FROM unnest($2::integer[], $3::integer[], $4::real[], $5::integer[])

-- name: put_weighed
INSERT INTO {index}.consensus_run (scope, claim, count) VALUES ($1, $2, $3)
ON CONFLICT (scope) DO UPDATE SET claim = excluded.claim, count = excluded.count, at = now()

-- name: turn
-- One full run of a graph at a time.
SELECT pg_advisory_xact_lock(hashtextextended('kgmem weigh', $1))
