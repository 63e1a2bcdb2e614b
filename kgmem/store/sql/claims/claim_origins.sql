-- What claims are derived from, the sentences that state them, and what kgmem answered lately.

-- name: put_origins
INSERT INTO {index}.claim_origin (claim, sentence, derived_from)
SELECT n.claim, n.sentence, CASE WHEN n.origins = '[]' THEN NULL
                                 ELSE ARRAY(SELECT jsonb_array_elements_text(n.origins::jsonb)) END
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS n (claim, sentence, origins)
ON CONFLICT (claim) DO NOTHING

-- name: inherited
-- New claims of sources whose current claim of the same content is derived, or was until this transaction: a claim that
-- is written anew, with another time or another text that it cites, is derived as before.
INSERT INTO {index}.claim_origin (claim, sentence, derived_from)
SELECT DISTINCT ON (c.id) c.id, x.sentence, x.derived_from
FROM {index}.claim c
JOIN {index}.claim d ON d.topic = c.topic AND d.source = c.source AND d.id < c.id
    AND d.object IS NOT DISTINCT FROM c.object AND d.value IS NOT DISTINCT FROM c.value
    AND (d.known_to IS NULL OR d.known_to >= now())
JOIN {index}.claim_origin x ON x.claim = d.id AND x.derived_from IS NOT NULL
WHERE c.id = ANY ($1::bigint[])
ORDER BY c.id, d.id
ON CONFLICT (claim) DO UPDATE SET derived_from = excluded.derived_from

-- name: edge_origins
-- What sources derived that state relationships: noted with the claims that this transaction has made of it, also where a
-- claim is of another value than its relationship shows, and so names none.
INSERT INTO {index}.claim_origin (claim, derived_from)
SELECT c.id, ARRAY(SELECT jsonb_array_elements_text(n.origins::jsonb))
FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS n (edge, source, origins)
JOIN {index}.edge e ON e.id = n.edge
JOIN {index}.item a ON a.id = e.source AND a.kind = 1
JOIN {index}.item b ON b.id = e.target AND b.kind = 1
JOIN {index}.label l ON l.id = e.kind
JOIN {index}.topic t ON t.scope = e.scope AND t.subject = a.key AND t.predicate = l.name AND t.about IN ('', b.key)
JOIN {index}.claim c ON c.topic = t.id AND c.source = n.source AND c.known_to IS NULL AND c.known_from >= now()
    AND (c.edge = n.edge OR (c.edge IS NULL AND t.about = b.key))
ON CONFLICT (claim) DO NOTHING

-- name: edges_inherit
-- New claims of relationships, by what `inherited` does.
INSERT INTO {index}.claim_origin (claim, sentence, derived_from)
SELECT DISTINCT ON (c.id) c.id, x.sentence, x.derived_from
FROM {index}.claim c
JOIN {index}.claim d ON d.topic = c.topic AND d.source = c.source AND d.id < c.id
    AND d.object IS NOT DISTINCT FROM c.object AND d.value IS NOT DISTINCT FROM c.value
    AND (d.known_to IS NULL OR d.known_to >= now())
JOIN {index}.claim_origin x ON x.claim = d.id AND x.derived_from IS NOT NULL
WHERE c.edge = ANY ($1::bigint[]) AND c.known_to IS NULL AND c.known_from >= now()
ORDER BY c.id, d.id
ON CONFLICT (claim) DO NOTHING

-- name: property_origins
-- What sources derived that state properties of entities, as for relationships.
INSERT INTO {index}.claim_origin (claim, derived_from)
SELECT c.id, ARRAY(SELECT jsonb_array_elements_text(n.origins::jsonb))
FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::text[]) AS n (scope, subject, predicate, source, origins)
JOIN {index}.topic t ON t.scope = n.scope AND t.subject = n.subject AND t.predicate = n.predicate AND t.about = ''
JOIN {index}.claim c ON c.topic = t.id AND c.source = n.source AND c.adopted AND c.object IS NULL AND c.edge IS NULL
    AND c.known_to IS NULL AND c.known_from >= now()
ON CONFLICT (claim) DO NOTHING

-- name: of_claims
-- What claims state it first-hand, of those that a scope sees: the text that they cite, or else their source.
SELECT c.id, coalesce(x.derived_from, ARRAY[coalesce('episode:' || c.episode, 'source:' || o.key)]) AS origins
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope
JOIN {index}.source o ON o.id = c.source LEFT JOIN {index}.claim_origin x ON x.claim = c.id
WHERE c.id = ANY ($1::bigint[]) AND p.path = ANY ($2::text[])

-- name: of_hits
-- The same of hits of recall: of a relationship the claims that it states, of a text the text.
SELECT c.edge AS id, coalesce(x.derived_from, ARRAY[coalesce('episode:' || c.episode, 'source:' || o.key)]) AS origins
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope
JOIN {index}.source o ON o.id = c.source LEFT JOIN {index}.claim_origin x ON x.claim = c.id
WHERE c.edge = ANY ($1::bigint[]) AND c.known_to IS NULL AND p.path = ANY ($2::text[])
UNION ALL
SELECT i.id, ARRAY[CASE i.kind WHEN 2 THEN 'episode:' ELSE 'source:entity/' END || i.key]
FROM {index}.item i JOIN {index}.scope p ON p.id = i.scope
WHERE i.id = ANY ($1::bigint[]) AND p.path = ANY ($2::text[])
UNION ALL
SELECT e.id, '{}'::text[] FROM {index}.edge e JOIN {index}.scope p ON p.id = e.scope
WHERE e.id = ANY ($1::bigint[]) AND p.path = ANY ($2::text[])

-- name: echoed
-- Of new claims: the first that states the same by itself, where the claim repeats what was answered ($3), or where another
-- source stated it by the very sentence ($2; null: one that two may well choose alike).
SELECT n.claim, coalesce('episode:' || d.episode, 'source:' || d.key) AS origin
FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS n (claim, sentence, answered)
JOIN {index}.claim c ON c.id = n.claim
JOIN LATERAL (
    SELECT d.episode, o.key
    FROM {index}.claim d JOIN {index}.source o ON o.id = d.source LEFT JOIN {index}.claim_origin x ON x.claim = d.id
    WHERE d.topic = c.topic AND d.id < c.id AND d.known_to IS NULL
      AND d.object IS NOT DISTINCT FROM c.object AND d.value IS NOT DISTINCT FROM c.value
      AND x.derived_from IS NULL
      AND (n.answered OR (d.source <> c.source AND x.sentence = n.sentence))
    ORDER BY d.id LIMIT 1) d ON true

-- name: put_answered
INSERT INTO {index}.answered AS a (fingerprint, asker, since, at)
SELECT n.fingerprint, n.asker, now() - make_interval(secs => max(n.age)), now() - make_interval(secs => min(n.age))
FROM unnest($1::bigint[], $2::bigint[], $3::float8[]) AS n (fingerprint, asker, age)
GROUP BY n.fingerprint, n.asker ORDER BY 1, 2
ON CONFLICT (fingerprint, asker) DO UPDATE
SET since = CASE WHEN a.at < now() - make_interval(secs => $4::float8) THEN excluded.since ELSE a.since END,
    at = greatest(a.at, excluded.at)

-- name: forget_answered
-- What is older than that, and of what is left all but the newest.
DELETE FROM {index}.answered
WHERE at < greatest(now() - make_interval(secs => $1::float8),
                    (SELECT at FROM {index}.answered ORDER BY at DESC OFFSET $2 LIMIT 1))

-- name: answered_before
-- Places (from 1) of what was answered before a moment: to anybody, or to one of some who ask.
SELECT DISTINCT n.place
FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS n (place, fingerprint, asker, said)
JOIN {index}.answered a ON a.fingerprint = n.fingerprint AND (n.asker IS NULL OR a.asker = n.asker)
-- An answer is dated when it is written: as long after it as the writer waited for a connection.
WHERE a.since <= n.said + interval '5s' AND a.at >= n.said - make_interval(secs => $5::float8)

-- name: writers
-- Who wrote episodes that name no source: the asker of the key.
SELECT fingerprint, asker FROM {index}.answered WHERE fingerprint = ANY ($1::bigint[])
