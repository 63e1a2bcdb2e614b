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
-- One row a statement, in its order: the claim that states it, and whether that is new.
WITH said AS MATERIALIZED (
SELECT n.at, n.topic, n.source, n.object, n.value::jsonb AS value, n.valid_from, n.valid_to, n.confidence, n.episode,
       n.begins, n.ends,
       kgmem.claim_digest(n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to, n.confidence, n.episode,
                          n.begins, n.ends) AS content_hash
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
            $9::integer[], $10::integer[])
     WITH ORDINALITY AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, at)
), made AS (
INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends,
                           adopted, content_hash)
SELECT topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, false, content_hash
FROM said ORDER BY at
ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
RETURNING id, topic, content_hash
), told AS (
INSERT INTO {index}.change (operation, kind, ids, keys)
SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
)
SELECT coalesce(s.id, c.id) AS id, s.topic, s.id IS NOT NULL AS created
FROM (
    -- No join of the two: taken for a few rows it would be a loop over many.
    SELECT at, topic, content_hash, max(id) OVER (PARTITION BY topic, content_hash) AS id
    FROM (SELECT at, topic, content_hash, NULL::bigint AS id FROM said
          UNION ALL SELECT NULL, topic, content_hash, id FROM made) u) s
LEFT JOIN {index}.claim c ON s.id IS NULL AND c.topic = s.topic AND c.content_hash = s.content_hash
    AND c.known_to IS NULL
WHERE s.at IS NOT NULL
ORDER BY s.at

-- name: said_of_edges
-- What sources state by relationships that are written: one row a statement. What is `tied` is stated by the
-- relationship itself; of a `fresh` one nothing was claimed before; a `partial` statement names what it sets alone.
SELECT n.at, e.id AS item, e.scope, a.key AS subject, l.name AS predicate, b.key AS object, n.value::jsonb AS value,
       CASE WHEN n.value IS NULL THEN '' ELSE b.key END AS about, n.source, n.valid_from, n.valid_to, n.confidence,
       n.episode, n.tied, n.fresh, $2::boolean AS partial
FROM unnest($3::bigint[], $4::integer[], $5::text[], $6::text[], $7::real[], $8::text[], $9::text[], $10::boolean[],
            $11::boolean[])
     WITH ORDINALITY AS n (item, source, valid_from, valid_to, confidence, value, episode, tied, fresh, at)
JOIN {index}.edge e ON e.id = n.item
JOIN {index}.item a ON a.id = e.source AND a.kind = 1
JOIN {index}.item b ON b.id = e.target AND b.kind = 1
JOIN {index}.label l ON l.id = e.kind

-- name: make_said_topics
WITH said AS MATERIALIZED (%(said)s)
INSERT INTO {index}.topic (scope, subject, predicate, about, stale)
SELECT DISTINCT s.scope, s.subject, s.predicate, s.about, s.predicate = ANY ($1::text[])
FROM said s
WHERE NOT EXISTS (SELECT 1 FROM {index}.topic t WHERE t.scope = s.scope AND t.subject = s.subject
                  AND t.predicate = s.predicate AND t.about = s.about)
ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING

-- name: lock_said_topics
-- Of kinds that are weighed ($1), before the relationships are locked, as whoever weighs them does.
SELECT t.id FROM {index}.topic t
JOIN (SELECT DISTINCT * FROM unnest($2::integer[], $3::text[], $4::text[]) AS u (scope, subject, predicate)
      WHERE u.predicate = ANY ($1::text[])) n
  ON t.scope = n.scope AND t.subject = n.subject AND t.predicate = n.predicate
ORDER BY t.id FOR NO KEY UPDATE OF t

-- name: claim_new
-- Claims of relationships that are new, of which nothing can have been claimed before.
WITH said AS MATERIALIZED (%(said)s),
named AS MATERIALIZED (
    SELECT t.id AS topic, s.*,
           kgmem.claim_digest(s.source, s.object, s.value, s.valid_from, s.valid_to, coalesce(s.confidence, 1),
                              s.episode, NULL, NULL) AS content_hash
    FROM said s
    JOIN {index}.topic t ON t.scope = s.scope AND t.subject = s.subject AND t.predicate = s.predicate
                        AND t.about = s.about
), made AS (
    INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, edge, adopted,
                               content_hash)
    SELECT topic, source, object, value, valid_from, valid_to, coalesce(confidence, 1), episode, item, true,
           content_hash
    FROM named
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
    RETURNING id, topic
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
)
UPDATE {index}.topic t SET stale = true
WHERE t.id IN (SELECT topic FROM made) AND NOT t.stale
  AND (t.predicate = ANY ($1::text[]) OR EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id))

-- name: claim_said
-- Claims of relationships that were there before. A source's newer statement replaces its older one of the same
-- relationship; what a `partial` one does not name stays as the source stated it. Gives the places of what is new.
WITH said AS MATERIALIZED (%(said)s),
latest AS MATERIALIZED (
    SELECT DISTINCT ON (item, source, tied, CASE WHEN tied THEN NULL ELSE value END) * FROM said
    ORDER BY item, source, tied, CASE WHEN tied THEN NULL ELSE value END, at DESC
), full_said AS MATERIALIZED (
    SELECT s.at, s.item, s.scope, s.subject, s.predicate, s.object, s.value, s.about, s.source, s.tied, s.fresh,
           coalesce(s.valid_from, CASE WHEN s.partial THEN p.valid_from END) AS valid_from,
           coalesce(s.valid_to, CASE WHEN s.partial THEN p.valid_to END) AS valid_to,
           coalesce(s.confidence, CASE WHEN s.partial THEN p.confidence END, 1)::real AS confidence,
           coalesce(s.episode, p.episode) AS episode, p.id AS held,
           (p.object, p.about, p.value, p.valid_from, p.valid_to, p.confidence) AS before
    FROM latest s
    LEFT JOIN LATERAL (
        -- By the relationship alone, whatever the statistics know: one source may state all of them.
        SELECT c.*, t.about
        FROM (SELECT * FROM {index}.claim WHERE edge = s.item OFFSET 0) c JOIN {index}.topic t ON t.id = c.topic
        WHERE s.tied AND c.source = s.source AND c.known_to IS NULL
          AND (s.episode IS NULL OR c.episode = s.episode)
        ORDER BY c.adopted DESC, c.id DESC LIMIT 1) p ON true
), named AS MATERIALIZED (
    SELECT t.id AS topic, s.*,
           kgmem.claim_digest(s.source, s.object, s.value, s.valid_from, s.valid_to, s.confidence, s.episode, NULL,
                              NULL) AS content_hash
    FROM full_said s
    JOIN {index}.topic t ON t.scope = s.scope AND t.subject = s.subject AND t.predicate = s.predicate
                        AND t.about = s.about
    WHERE s.held IS NULL
       OR (s.object, s.about, s.value, s.valid_from, s.valid_to, s.confidence) IS DISTINCT FROM s.before
), ended AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    FROM named n WHERE n.held IS NOT NULL AND c.id = n.held AND c.adopted AND c.known_to IS NULL
    RETURNING c.id, c.topic
), made AS (
    INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, edge, adopted,
                               content_hash)
    SELECT topic, source, object, value, valid_from, valid_to, confidence, episode, CASE WHEN tied THEN item END,
           tied, content_hash
    FROM named ORDER BY at
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
    RETURNING id, topic, content_hash
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
), gone AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 3, 5, array_agg(id ORDER BY id), '{}' FROM ended HAVING count(*) > 0
), stale AS (
    UPDATE {index}.topic t SET stale = true
    WHERE t.id IN (SELECT topic FROM made UNION SELECT topic FROM ended) AND NOT t.stale
      AND (t.predicate = ANY ($1::text[]) OR EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id))
)
SELECT max(u.at) AS at, bool_or(u.fresh) AS fresh
FROM (SELECT at, fresh, topic, content_hash, false AS new FROM named
      UNION ALL SELECT NULL, NULL, topic, content_hash, true FROM made) u
GROUP BY u.topic, u.content_hash HAVING bool_or(u.new)

-- name: say_properties
-- What sources state of properties of entities; of several values of one source the last counts, and replaces the older
-- one that it stated by an entity. Where all that is stored was given ($6), a value that shows what is held of the fact is
-- no new statement of a source that states something already.
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (n.scope, n.subject, n.predicate, n.source) t.id AS topic, n.scope, n.subject, n.source,
           n.value::jsonb AS value
    FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::integer[])
         WITH ORDINALITY AS n (scope, subject, predicate, value, source, at)
    JOIN {index}.topic t ON t.scope = n.scope AND t.subject = n.subject AND t.predicate = n.predicate AND t.about = ''
    ORDER BY n.scope, n.subject, n.predicate, n.source, n.at DESC
), news AS MATERIALIZED (
    SELECT s.*, kgmem.claim_digest(s.source, NULL, s.value, NULL, NULL, 1, NULL, NULL, NULL) AS content_hash
    FROM said s
    WHERE NOT ($6 AND EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = s.topic AND f.value = s.value)
                  AND EXISTS (SELECT 1 FROM {index}.claim c
                              WHERE c.topic = s.topic AND c.source = s.source AND c.known_to IS NULL))
), ended AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    FROM news n
    WHERE c.topic = n.topic AND c.source = n.source AND c.known_to IS NULL AND c.adopted AND c.edge IS NULL
      AND c.object IS NULL AND c.content_hash <> n.content_hash
    RETURNING c.id, c.topic
), made AS (
    INSERT INTO {index}.claim (topic, source, value, confidence, adopted, content_hash)
    SELECT topic, source, value, 1, true, content_hash FROM news
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
    RETURNING id, topic
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
), gone AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 3, 5, array_agg(id ORDER BY id), '{}' FROM ended HAVING count(*) > 0
), touched AS (SELECT topic FROM made UNION SELECT topic FROM ended),
stale AS (
    UPDATE {index}.topic t SET stale = true WHERE t.id IN (SELECT topic FROM touched) AND NOT t.stale
)
SELECT DISTINCT scope, subject FROM news WHERE topic IN (SELECT topic FROM touched)

-- name: stale_of_subjects
SELECT t.id FROM {index}.topic t
JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS u (path, subject)) n ON n.subject = t.subject
JOIN {index}.scope p ON p.id = t.scope AND p.path = n.path
WHERE t.stale ORDER BY t.id

-- name: versions
SELECT id, version FROM {index}.item WHERE id = ANY ($1::bigint[])

-- name: unclaimed
-- Relationships with a source of which no claim tells, as they were written before every statement became one.
SELECT e.id, e.origin, o.key AS source FROM {index}.edge e JOIN {index}.source o ON o.id = e.origin
WHERE e.id = ANY ($1::bigint[])
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.source IS NOT DISTINCT FROM e.origin)

-- name: untie_claims
-- Claims of values that the relationship does not show any more: they are told of apart from it.
WITH untied AS (
    UPDATE {index}.claim c SET edge = NULL, adopted = false
    FROM unnest($1::bigint[], $2::text[]) AS n (edge, value)
    WHERE c.edge = n.edge AND c.known_to IS NULL AND c.value <> n.value::jsonb
    RETURNING c.topic
)
UPDATE {index}.topic t SET stale = true WHERE t.id IN (SELECT topic FROM untied)

-- name: withdraw_edges
WITH gone AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    WHERE c.edge = ANY ($1::bigint[]) AND c.known_to IS NULL RETURNING c.topic
), stances AS (
    DELETE FROM {index}.relationship_state WHERE id = ANY ($1::bigint[])
)
UPDATE {index}.topic SET stale = true WHERE id IN (SELECT topic FROM gone)

-- name: claims_by
-- The next claims that one source states ($3), or one text ($4), in one scope.
SELECT c.id FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.source o ON o.id = c.source
WHERE c.known_to IS NULL AND t.scope = $1 AND c.id > $2 AND ($3::text IS NULL OR o.key = $3)
  AND ($4::text IS NULL OR c.episode = $4)
ORDER BY c.id LIMIT $5

-- name: withdraw_claims
UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
FROM {index}.topic t
WHERE c.id = ANY ($1::bigint[]) AND c.known_to IS NULL AND t.id = c.topic AND ($2::integer IS NULL OR t.scope = $2)
RETURNING c.id, c.topic

-- name: edges_without_claims
-- Relationships of claims that were taken back, which no other claim says.
-- What was written without a source at first is stated by nobody in particular, and stays, unless a text brought it;
-- then it stays while some text does.
SELECT DISTINCT c.edge AS id FROM {index}.claim c
WHERE c.id = ANY ($1::bigint[]) AND c.edge IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM {index}.provenance b WHERE b.item = c.edge AND b.begins >= 0)
  AND NOT EXISTS (SELECT 1 FROM {index}.claim o WHERE o.edge = c.edge AND o.known_to IS NULL)
  AND NOT EXISTS (SELECT 1 FROM {index}.history h WHERE h.id = c.edge AND h.version = 1
                  AND NOT (h.record -> 'properties') ?| '{source,consensus,found_by}')

-- name: citing
-- Current claims that cite texts ($2) of a scope ($1) and see no other text of that key; but not those of $3. Each with
-- another text that states the same, the oldest that its scope sees, and where in it: as a claim of the same topic, or
-- as a relationship between the same two.
SELECT c.id, c.topic, p.path AS scope, o.key AS other, o.begins, o.ends
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope
LEFT JOIN LATERAL (
    SELECT i.key, x.begins, x.ends
    FROM (SELECT b.episode, b.begins, b.ends FROM {index}.claim d JOIN {index}.provenance b ON b.item = d.id AND b.kind = 5
          WHERE d.topic = c.topic AND d.id <> c.id AND d.known_to IS NULL AND b.begins >= 0
            AND NOT EXISTS (SELECT 1 FROM {index}.claim_origin x WHERE x.claim = d.id AND x.derived_from IS NOT NULL)
            AND d.object IS NOT DISTINCT FROM c.object AND d.value IS NOT DISTINCT FROM c.value
            AND (c.valid_from IS NULL OR c.valid_from = d.valid_from)
            AND (c.valid_to IS NULL OR d.valid_to IS NULL OR c.valid_to = d.valid_to)
          UNION ALL
          SELECT b.episode, b.begins, b.ends
          FROM {index}.item s JOIN {index}.edge e ON e.source = s.id JOIN {index}.item n ON n.id = e.target
          JOIN {index}.label l ON l.id = e.kind AND l.name = t.predicate
          JOIN {index}.provenance b ON b.item = e.id AND b.kind = 3
          WHERE s.kind = 1 AND s.key = t.subject AND n.kind = 1 AND n.key = c.object AND b.begins >= 0
            AND (e.id = c.edge OR (c.valid_from IS NULL AND c.valid_to IS NULL))) x
    JOIN {index}.item i ON i.id = x.episode AND i.kind = 2 JOIN {index}.scope q ON q.id = i.scope
    WHERE NOT (q.path = $1 AND i.key = ANY ($2::text[]))
      AND (q.path = '' OR q.path = p.path OR starts_with(p.path, q.path || '/'))
    ORDER BY i.id, x.begins LIMIT 1) o ON true
WHERE c.known_to IS NULL AND c.episode = ANY ($2::text[]) AND c.id <> ALL ($3::bigint[])
  AND ($1 = '' OR p.path = $1 OR starts_with(p.path, $1 || '/'))
  AND NOT EXISTS (SELECT 1 FROM {index}.item i JOIN {index}.scope q ON q.id = i.scope
                  WHERE i.kind = 2 AND i.key = c.episode AND q.path <> $1
                    AND (q.path = '' OR q.path = p.path OR starts_with(p.path, q.path || '/')))
ORDER BY c.id

-- name: cite
-- Claims cite another text from now on: each ends, and one that says the same of the other text takes its place.
WITH ended AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[]) AS n (id, episode, begins, ends)
    WHERE c.id = n.id AND c.known_to IS NULL
    RETURNING c.*, n.episode AS other, CASE WHEN c.begins IS NOT NULL THEN n.begins END AS starts,
              CASE WHEN c.begins IS NOT NULL THEN n.ends END AS stops
), made AS (
    INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends,
                               edge, adopted, content_hash)
    SELECT topic, source, object, value, valid_from, valid_to, confidence, other, starts, stops, edge, adopted,
           kgmem.claim_digest(source, object, value, valid_from, valid_to, confidence, other, starts, stops)
    FROM ended ORDER BY id
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
    RETURNING id
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
), gone AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 3, 5, array_agg(id ORDER BY id), '{}' FROM ended HAVING count(*) > 0
)
SELECT id FROM made

-- name: recited
-- The claims that took the place of those which cite another text now.
SELECT o.id, c.id AS new FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[]) AS n (id, episode, begins, ends)
JOIN {index}.claim o ON o.id = n.id
JOIN {index}.claim c ON c.topic = o.topic AND c.known_to IS NULL AND c.content_hash = kgmem.claim_digest(
    o.source, o.object, o.value, o.valid_from, o.valid_to, o.confidence, n.episode, CASE WHEN o.begins IS NOT NULL THEN n.begins END,
    CASE WHEN o.begins IS NOT NULL THEN n.ends END)

-- name: topics_of_claims
SELECT DISTINCT topic AS id FROM {index}.claim WHERE id = ANY ($1::bigint[])

-- name: edges_to_hand_over
-- Relationships that name a source which does not state them any more, each with the one that states them longest.
SELECT e.id, (SELECT o.key FROM {index}.claim c JOIN {index}.source o ON o.id = c.source
              WHERE c.edge = e.id AND c.known_to IS NULL ORDER BY c.id LIMIT 1) AS source
FROM {index}.edge e
WHERE e.id = ANY ($1::bigint[]) AND e.origin IS NOT NULL
  AND EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.source IS NOT DISTINCT FROM e.origin)
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.source IS NOT DISTINCT FROM e.origin AND c.known_to IS NULL)

-- name: edges_of_claims
SELECT DISTINCT edge AS id FROM {index}.claim WHERE id = ANY ($1::bigint[]) AND edge IS NOT NULL

-- name: hand_over
UPDATE {index}.edge e SET version = e.version + 1, known_from = greatest(now(), e.known_from + interval '1us'),
    origin = (SELECT c.source FROM {index}.claim c WHERE c.edge = e.id AND c.known_to IS NULL ORDER BY c.id LIMIT 1),
    content_hash = NULL
WHERE e.id = ANY ($1::bigint[])

-- name: withdraw_lost
-- Relationships that went by other ways, such as an import that was taken back.
WITH gone AS (
    UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
    WHERE c.adopted AND c.edge IS NOT NULL AND c.known_to IS NULL
      AND NOT EXISTS (SELECT 1 FROM {index}.edge e WHERE e.id = c.edge)
    RETURNING c.topic
)
UPDATE {index}.topic SET stale = true WHERE id IN (SELECT topic FROM gone)

-- name: mark_stale
UPDATE {index}.topic SET stale = true WHERE id = ANY ($1::bigint[])

-- name: weighable
-- Those of topics that are weighed: of kinds that are ($2), of claims that are no relationship's, or weighed before.
-- A property of which all claims are withdrawn is weighed too, so that its entity shows it no more.
SELECT t.id FROM {index}.topic t
WHERE t.id = ANY ($1::bigint[]) AND (
    t.predicate = ANY ($2::text[]) OR EXISTS (SELECT 1 FROM {index}.fact f WHERE f.topic = t.id)
    OR EXISTS (SELECT 1 FROM {index}.claim c WHERE c.topic = t.id AND NOT c.adopted
               AND (c.known_to IS NULL OR (c.value IS NOT NULL AND c.object IS NULL))))

-- name: stale
SELECT id FROM {index}.topic WHERE stale ORDER BY id LIMIT $1

-- name: stale_of_edges
SELECT DISTINCT t.id FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
WHERE c.edge = ANY ($1::bigint[]) AND t.stale ORDER BY t.id

-- name: topics_of_edge
SELECT DISTINCT c.topic AS id FROM {index}.claim c WHERE c.edge = $1 AND c.known_to IS NULL ORDER BY 1

-- name: fresh
UPDATE {index}.topic SET stale = false WHERE id = ANY ($1::bigint[]) AND stale

-- name: claims_of
SELECT c.id, c.topic, o.id AS source, o.key, o.trust AS prior, k.parent, c.object, c.value::text AS value, c.valid_from,
       c.valid_to, c.confidence, c.edge, c.adopted, c.known_from, x.derived_from IS NOT NULL AS derived, r.trust AS learned, r.checked,
       r.reported_changes, r.reporting_delay
FROM {index}.claim c
JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.source_origin k ON k.source = o.id
LEFT JOIN {index}.claim_origin x ON x.claim = c.id
LEFT JOIN LATERAL (
    SELECT s.trust, s.checked, s.reported_changes, s.reporting_delay FROM {index}.source_reliability s JOIN {index}.scope p ON p.id = s.scope
    WHERE s.source = o.id AND p.path = ANY ($2::text[]) ORDER BY length(p.path) DESC LIMIT 1) r ON true
WHERE c.topic = ANY ($1::bigint[]) AND c.known_to IS NULL
  -- What is derived counts while one of its origins is there: a text, or a source that has not taken back what it claimed.
  AND (x.derived_from IS NULL OR EXISTS (
      SELECT 1 FROM unnest(x.derived_from) AS r (origin)
      WHERE CASE WHEN starts_with(r.origin, 'episode:')
                 THEN EXISTS (SELECT 1 FROM {index}.item i WHERE i.kind = 2 AND i.key = substr(r.origin, 9))
                 ELSE NOT EXISTS (SELECT 1 FROM {index}.claim w JOIN {index}.source s ON s.id = w.source
                                  WHERE w.topic = c.topic AND 'source:' || s.key = r.origin)
                      OR EXISTS (SELECT 1 FROM {index}.claim w JOIN {index}.source s ON s.id = w.source
                                 WHERE w.topic = c.topic AND 'source:' || s.key = r.origin AND w.known_to IS NULL) END))
ORDER BY c.id

-- name: ever_stated
-- Values that were stated of topics without claims, of each the latest: of those that are properties of entities.
SELECT DISTINCT t.id AS topic, c.value::text AS value, c.adopted
FROM {index}.topic t
CROSS JOIN LATERAL (SELECT value, adopted FROM {index}.claim
                    WHERE topic = t.id AND value IS NOT NULL AND object IS NULL ORDER BY id DESC LIMIT 1000) c
WHERE t.id = ANY ($1::bigint[])

-- name: known
-- What weighing a topic has to know besides its claims, in one row: settings and copies that the scope sees, decisions
-- that stand, what hangs together, and whether any source has a record of at least $5 claims that others check.
SELECT
    (SELECT coalesce(json_agg(x), '[]') FROM (
        SELECT DISTINCT ON (s.predicate) s.predicate, s.method, s.reason, s.wrong, s.similarity
        FROM {index}.predicate_parameters s JOIN {index}.scope p ON p.id = s.scope
        WHERE s.predicate = ANY ($2::text[]) AND p.path = ANY ($3::text[])
        ORDER BY s.predicate, length(p.path) DESC) x)::text AS settings,
    (SELECT coalesce(json_agg(json_build_array(a.key, b.key)), '[]')
     FROM {index}.source_dependence c JOIN {index}.scope p ON p.id = c.scope
     JOIN {index}.source a ON a.id = c.one JOIN {index}.source b ON b.id = c.other
     WHERE p.path = ANY ($3::text[]) AND (a.key = ANY ($4::text[]) OR b.key = ANY ($4::text[])))::text AS copies,
    (SELECT coalesce(json_agg(x), '[]') FROM (
        SELECT d.id, d.topic, d.action, d.by, d.reason, d.claims, d.detail FROM {index}.adjudication d
        WHERE d.topic = ANY ($1::bigint[]) AND d.ended IS NULL
          AND d.action = ANY ('{accept,reject,collapse,observe,expire}') ORDER BY d.id) x)::text AS decisions,
    EXISTS (SELECT 1 FROM {index}.correlation r
            WHERE r.known_to IS NULL AND r.topics && $1::bigint[]) AS entangled,
    EXISTS (SELECT 1 FROM {index}.source_reliability s JOIN {index}.scope p ON p.id = s.scope
            WHERE p.path = ANY ($3::text[]) AND s.checked >= $5) AS established,
    (SELECT coalesce(json_agg(json_build_array(b.source, b.key, b.young)), '[]') FROM (%(bound)s) b
     WHERE b.source = ANY ($6::text[]))::text AS keys

-- name: later_sources
-- Those of these sources whose first claim came after the first one of a source that people trust.
SELECT o.key FROM {index}.source o
JOIN LATERAL (SELECT c.known_from FROM {index}.claim c WHERE c.source = o.id ORDER BY c.id LIMIT 1) first ON true
WHERE o.key = ANY ($1::text[]) AND EXISTS (
    SELECT 1 FROM {index}.source t
    JOIN LATERAL (SELECT c.known_from FROM {index}.claim c WHERE c.source = t.id ORDER BY c.id LIMIT 1) its ON true
    WHERE t.trust > 0.5 AND its.known_from < first.known_from)

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
INSERT INTO {index}.relationship_state AS s (id, fact, state, probability)
SELECT DISTINCT ON (1) * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::real[])
ON CONFLICT (id) DO UPDATE SET fact = excluded.fact, state = excluded.state, probability = excluded.probability
WHERE (s.fact, s.state, s.probability) IS DISTINCT FROM (excluded.fact, excluded.state, excluded.probability)

-- name: tie_claims
UPDATE {index}.claim c SET edge = n.edge
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, edge) WHERE c.id = n.id

-- name: believe_edges
-- A new version of relationships, of which only the verdict is new, and with it until when they are valid.
UPDATE {index}.edge e SET version = e.version + 1, known_from = greatest(now(), e.known_from + interval '1us'),
    trust = n.trust, valid = tstzrange(n.valid_from, n.valid_to)
FROM unnest($1::bigint[], $2::real[], $3::timestamptz[], $4::timestamptz[]) AS n (id, trust, valid_from, valid_to)
WHERE e.id = n.id

-- name: tell_weighed
-- Import 0: what weighing changes is nobody's change, and hinders no import from being taken back out.
INSERT INTO {index}.change (operation, kind, ids, import) VALUES (2, 3, $1, 0)

-- name: lock_edges
SELECT e.id, e.kind, e.version, e.known_from, e.source, e.target FROM {index}.edge e
WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id FOR UPDATE

-- name: decisions_of
SELECT d.id, d.topic, d.fact, d.action, d.value::text AS value, d.claims, d.by, d.reason, d.detail::text AS detail, d.at
FROM {index}.adjudication d
WHERE d.topic = ANY ($1::bigint[]) AND d.ended IS NULL AND d.action = ANY ('{accept,reject,collapse,observe,expire}')
ORDER BY d.id

-- name: end_decisions
UPDATE {index}.adjudication SET ended = now(), ended_by = $2 WHERE id = ANY ($1::bigint[]) AND ended IS NULL

-- name: seen_keys
-- Which of these keys name an entity that the scope sees.
SELECT DISTINCT i.key FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 1
WHERE s.path = ANY ($1::text[]) AND i.key = ANY ($2::text[])

-- name: cited_episodes
-- Which of these keys name an episode that the scope sees; none of them is deleted before the transaction ends.
SELECT i.key FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.kind = 2
WHERE s.path = ANY ($1::text[]) AND i.key = ANY ($2::text[]) FOR KEY SHARE OF i

-- name: own_keys
SELECT i.key FROM {index}.item i WHERE i.scope = $1 AND i.kind = 1 AND i.key = ANY ($2::text[])

-- name: adoptable
-- Relationships with a source, of kinds that are weighed, of which no claim tells.
SELECT e.id, e.origin, o.key AS source FROM {index}.edge e JOIN {index}.source o ON o.id = e.origin
WHERE e.id > $1 AND e.kind = ANY ($2::integer[])
  AND NOT EXISTS (SELECT 1 FROM {index}.claim c WHERE c.edge = e.id AND c.known_to IS NULL)
ORDER BY e.id LIMIT $3

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
    INSERT INTO {index}.change (operation, kind, ids, keys, import) VALUES (2, 1, $1, '{}', 0)
)
UPDATE {index}.item i
SET version = i.version + 1, known_from = greatest(now(), i.known_from + interval '1us'), content_hash = NULL
WHERE i.id = ANY ($1::bigint[])
