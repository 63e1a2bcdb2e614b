-- Facts and texts that are published from one scope to another, and follow their origin.

-- name: create
CREATE TABLE {index}.publication (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    target  integer NOT NULL,
    kind    smallint NOT NULL,              -- 2 text, 3 relationship, 6 fact
    origin  bigint NOT NULL,                -- the id of what it follows
    topic   bigint,                         -- of a fact
    origins bigint[] NOT NULL DEFAULT '{}', -- the claims that it followed last
    key     text COLLATE "C",               -- of a text
    subject text COLLATE "C",
    predicate text COLLATE "C",
    by      text NOT NULL,
    reason  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    state   smallint NOT NULL DEFAULT 1,    -- 1 published, 2 withdrawn, 3 refused
    note    text,
    ended   timestamptz,
    copies  bigint[] NOT NULL DEFAULT '{}', -- claims or the text in the other scope
    changes bigint NOT NULL DEFAULT 1,      -- of the origin since
    settled bigint NOT NULL DEFAULT 0       -- of these, how many it has followed
);
CREATE UNIQUE INDEX publication_once ON {index}.publication (kind, origin, target) WHERE ended IS NULL;
CREATE INDEX publication_topic ON {index}.publication (topic) WHERE ended IS NULL;
CREATE INDEX publication_origin ON {index}.publication (origin) WHERE ended IS NULL;
CREATE INDEX publication_due ON {index}.publication (id) WHERE changes <> settled AND ended IS NULL;
CREATE INDEX publication_scope ON {index}.publication (scope, id);
CREATE INDEX publication_target ON {index}.publication (target, id);
CREATE INDEX publication_copies ON {index}.publication USING gin (copies);
-- Of the claims that publications made, what each repeats: the reference of a claim, or of a relationship, and its scope.
CREATE TABLE {index}.published_claim (
    claim bigint PRIMARY KEY,
    mark  text COLLATE "C" NOT NULL
);
CREATE INDEX published_claim_mark ON {index}.published_claim (mark);
-- What publications stored in the other scope beside claims: their texts, and the entities that these or claims are about.
CREATE TABLE {index}.published_item (
    publication bigint NOT NULL,
    item   bigint NOT NULL,
    kind   smallint NOT NULL,           -- 1 entity, 2 text
    digest bigint NOT NULL,             -- of its properties as they were stored
    state  smallint NOT NULL DEFAULT 1, -- 1 stored, 2 to be removed, 3 also from the history, 4 removed or left to the scope
    PRIMARY KEY (publication, item)
);
CREATE INDEX published_item_item ON {index}.published_item (item);
CREATE INDEX published_item_leaving ON {index}.published_item (publication, item) WHERE state IN (2, 3);

-- In the transaction of the change, so that whatever reads the graph after it sees that publications are due. Rows are
-- locked in the order of their ids.
CREATE FUNCTION {index}.note_published_claims() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM {index}.published_claim z USING gone g WHERE z.claim = g.id;
    END IF;
    UPDATE {index}.publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM {index}.publication d
          WHERE d.ended IS NULL AND (d.topic IN (SELECT topic FROM gone)
                OR (d.kind = 3 AND d.origin IN (SELECT edge FROM gone WHERE edge IS NOT NULL)))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION {index}.note_published_facts() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE {index}.publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM {index}.publication d WHERE d.ended IS NULL AND d.topic IN (SELECT topic FROM gone)
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION {index}.note_published_items() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE {index}.publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM {index}.publication d
          WHERE d.ended IS NULL AND d.kind IN (2, 3) AND d.origin IN (SELECT id FROM gone)
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION {index}.note_published_topics() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE {index}.publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM {index}.publication d
          WHERE d.ended IS NULL AND d.topic IN (
              SELECT o.id FROM gone o JOIN come n ON n.id = o.id
              WHERE (o.scope, o.subject, o.predicate, o.about) IS DISTINCT FROM (n.scope, n.subject, n.predicate, n.about))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER published_updated AFTER UPDATE ON {index}.topic REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_topics();
CREATE TRIGGER published_updated AFTER UPDATE ON {index}.claim REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_claims();
CREATE TRIGGER published_deleted AFTER DELETE ON {index}.claim REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_claims();
CREATE TRIGGER published_inserted AFTER INSERT ON {index}.fact REFERENCING NEW TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_facts();
CREATE TRIGGER published_updated AFTER UPDATE ON {index}.fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_facts();
CREATE TRIGGER published_deleted AFTER DELETE ON {index}.fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_facts();
CREATE TRIGGER published_updated AFTER UPDATE ON {index}.edge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_items();
CREATE TRIGGER published_deleted AFTER DELETE ON {index}.edge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_items();
CREATE TRIGGER published_updated AFTER UPDATE ON {index}.item REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_items();
CREATE TRIGGER published_deleted AFTER DELETE ON {index}.item REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.note_published_items();

-- name: is_due
SELECT EXISTS (SELECT FROM {index}.publication WHERE changes <> settled AND ended IS NULL)
    OR EXISTS (SELECT FROM {index}.published_item WHERE state IN (2, 3))

-- name: rows
SELECT p.id, p.kind, p.origin, p.topic, p.origins, p.key, p.subject, p.predicate, s.path AS scope, t.path AS target, p.by,
       p.reason, p.at, p.state, p.note, p.ended, p.copies, p.changes, p.settled
FROM {index}.publication p JOIN {index}.scope s ON s.id = p.scope JOIN {index}.scope t ON t.id = p.target

-- name: list
%(rows)s
WHERE (p.scope = $1 OR p.target = $1) AND ($2::smallint IS NULL OR p.state = $2) AND p.id < $3
ORDER BY p.id DESC LIMIT $4

-- name: get
%(rows)s WHERE p.id = $1 AND (p.scope = $2 OR p.target = $2)

-- name: by_id
%(rows)s WHERE p.id = $1

-- name: get_due
%(rows)s WHERE p.id = $1 AND p.ended IS NULL

-- name: topics_of
SELECT DISTINCT topic FROM {index}.claim WHERE id = ANY ($1::bigint[]) ORDER BY 1

-- name: due
%(rows)s WHERE p.changes <> p.settled AND p.ended IS NULL ORDER BY p.id LIMIT $1

-- name: locked
%(rows)s WHERE p.id = $1 AND p.ended IS NULL FOR UPDATE OF p

-- name: held
%(rows)s WHERE p.kind = $1 AND p.origin = $2 AND p.target = $3 AND p.ended IS NULL

-- name: of_claims
%(rows)s WHERE p.copies && $1::bigint[] AND p.kind <> 2 ORDER BY p.id

-- name: of_texts
%(rows)s WHERE p.kind = 2 AND p.scope = $1 AND p.key = ANY ($2::text[]) ORDER BY p.id

-- name: from_scope
%(rows)s WHERE p.scope = $1 AND p.ended IS NULL ORDER BY p.id LIMIT 1000

-- name: copies_among
-- Of items ($1) those that only repeat what these scopes ($2) see at its origin; texts, if they still have the digest.
-- Each is looked up by itself: joins are planned by what the tables held once.
SELECT n.id, t.digest FROM unnest($1::bigint[]) AS n (id)
CROSS JOIN LATERAL (
    SELECT z.digest FROM {index}.published_item z
    WHERE z.item = n.id AND z.kind = 2 AND z.state = 1
      AND (SELECT (SELECT s.path FROM {index}.scope s WHERE s.id = p.scope) FROM {index}.publication p
           WHERE p.id = z.publication AND p.ended IS NULL) = ANY ($2::text[])
    OFFSET 0) t
UNION ALL
SELECT n.id, NULL
FROM (SELECT c.edge AS id, array_agg(c.id) AS claims FROM {index}.claim c
      WHERE c.edge = ANY ($1::bigint[]) AND c.known_to IS NULL GROUP BY c.edge) n
WHERE NOT EXISTS (
    SELECT FROM unnest(n.claims) AS o (id)
    WHERE NOT EXISTS (SELECT FROM {index}.publication p JOIN {index}.scope s ON s.id = p.scope
                      WHERE p.kind <> 2 AND p.ended IS NULL AND p.copies @> ARRAY[o.id] AND s.path = ANY ($2::text[])))

-- name: insert
INSERT INTO {index}.publication (scope, target, kind, origin, topic, key, subject, predicate, by, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (kind, origin, target) WHERE ended IS NULL DO NOTHING RETURNING id

-- name: move
UPDATE {index}.publication p SET kind = 6, origin = $2, topic = f.topic, origins = '{}', changes = p.changes + 1
FROM {index}.fact f
WHERE f.id = $2 AND p.kind IN (3, 6) AND p.origin = $1 AND p.ended IS NULL
  AND NOT EXISTS (SELECT FROM {index}.publication o
                  WHERE o.kind = 6 AND o.origin = $2 AND o.target = p.target AND o.ended IS NULL)

-- name: end
UPDATE {index}.publication SET ended = now(), state = 2, note = $2 WHERE id = $1

-- name: settle
UPDATE {index}.publication SET settled = $2, state = $3, copies = $4::bigint[], note = $5, origins = $6::bigint[], origin = $7
WHERE id = $1

-- name: settle_text
UPDATE {index}.publication SET settled = $2, state = $3, copies = $4::bigint[], note = $5
WHERE id = $1 AND ended IS NULL

-- name: is_circle
-- Whether what is published from $2 leads to $1, also through further scopes.
WITH RECURSIVE led (scope) AS (
    SELECT $2::integer
    UNION SELECT p.target FROM led l JOIN {index}.publication p ON p.scope = l.scope AND p.ended IS NULL
)
SELECT EXISTS (SELECT FROM led WHERE scope = $1)

-- name: one_at_a_time
-- Two publications at once might make a circle of which neither knows.
SELECT pg_advisory_xact_lock(hashtextextended('kgmem publication', $1))

-- name: text_of
SELECT i.id FROM {index}.item i WHERE i.kind = 2 AND i.scope = $1 AND i.key = $2

-- name: key_of_text
SELECT i.key, s.path FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE i.id = $1 AND i.kind = 2

-- name: fact_now
-- The fact that a publication follows, or the one that has most of the claims that it followed last: entities may have
-- been merged since.
SELECT f.id, f.topic, f.state, f.valid, f.options::text AS options, t.subject, t.predicate, t.about, s.path
FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic JOIN {index}.scope s ON s.id = t.scope
WHERE f.id = $1
   OR (NOT EXISTS (SELECT FROM {index}.fact o WHERE o.id = $1)
       AND f.topic IN (SELECT c.topic FROM {index}.claim c WHERE c.id = ANY ($2::bigint[]) AND c.known_to IS NULL))

-- name: topic_of_fact
SELECT f.topic, t.subject, t.predicate FROM {index}.fact f JOIN {index}.topic t ON t.id = f.topic
WHERE f.id = $1 AND t.scope = $2

-- name: fact_of_edge
SELECT r.fact FROM {index}.relationship_state r WHERE r.id = $1

-- name: edge_now
SELECT a.key AS subject, l.name AS predicate, b.key AS object, e.valid, e.confidence
FROM {index}.edge e JOIN {index}.label l ON l.id = e.kind
JOIN {index}.item a ON a.id = e.source AND a.kind = 1 JOIN {index}.item b ON b.id = e.target AND b.kind = 1
WHERE e.id = $1 AND e.scope = $2

-- name: claims_now
-- Claims that are published, in a form that does not depend on the scope; a text is cited where the other scope ($2)
-- sees it.
SELECT c.id, c.source, o.key AS source_key, t.subject, t.predicate, t.about, c.object, c.value::text AS value,
       c.valid_from, c.valid_to, c.confidence, x.derived_from, x.sentence,
       CASE WHEN EXISTS (SELECT FROM {index}.item i JOIN {index}.scope p ON p.id = i.scope
                         WHERE i.kind = 2 AND i.key = c.episode AND p.path = ANY ($2::text[])) THEN c.episode END AS episode,
       c.begins, c.ends
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.source o ON o.id = c.source
LEFT JOIN {index}.claim_origin x ON x.claim = c.id
WHERE (c.id = ANY ($1::bigint[]) OR c.edge = $3) AND c.known_to IS NULL ORDER BY c.id

-- name: put_copies
-- Claims of a publication differ by their hash from what the scope states itself, so that each goes by itself.
WITH said AS MATERIALIZED (
    SELECT n.*, hashint8extended(kgmem.claim_digest(n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to, n.confidence,
                                                    n.episode, n.begins, n.ends), hashtextextended(n.mark, 0)) AS content_hash
    FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
                $9::integer[], $10::integer[], $11::bigint[], $12::text[])
         WITH ORDINALITY AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, origin,
                               mark, at)
), made AS (
    INSERT INTO {index}.claim (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends,
                               adopted, content_hash)
    SELECT topic, source, object, value::jsonb, valid_from, valid_to, confidence, episode, begins, ends, false, content_hash
    FROM said ORDER BY at
    ON CONFLICT (topic, content_hash) WHERE known_to IS NULL DO NOTHING
    RETURNING id, topic, content_hash
), marked AS (
    INSERT INTO {index}.published_claim (claim, mark)
    SELECT m.id, s.mark FROM made m JOIN said s ON s.topic = m.topic AND s.content_hash = m.content_hash
    ON CONFLICT DO NOTHING
), told AS (
    INSERT INTO {index}.change (operation, kind, ids, keys)
    SELECT 1, 5, array_agg(id ORDER BY id), '{}' FROM made HAVING count(*) > 0
)
SELECT coalesce(m.id, c.id) AS id, m.id IS NOT NULL AS created, s.origin
FROM said s
LEFT JOIN made m ON m.topic = s.topic AND m.content_hash = s.content_hash
LEFT JOIN {index}.claim c ON m.id IS NULL AND c.topic = s.topic AND c.content_hash = s.content_hash AND c.known_to IS NULL
ORDER BY s.at

-- name: outlived
-- Claims that repeat a scope ($3) and are not among those that do so now ($4): of a publication ($5) or of none, such as
-- from a file that is older than a change of the origin. What another publication made stays.
SELECT n.id
FROM (SELECT c.id FROM {index}.claim c WHERE c.id = ANY ($1::bigint[]) AND c.known_to IS NULL
      UNION SELECT c.id FROM {index}.claim c JOIN {index}.published_claim z ON z.claim = c.id
      WHERE c.topic = ANY ($2::bigint[]) AND c.known_to IS NULL AND substr(z.mark, strpos(z.mark, ' ') + 1) = $3) n
WHERE n.id <> ALL ($4::bigint[])
  AND NOT EXISTS (SELECT FROM {index}.publication o
                  WHERE o.copies @> ARRAY[n.id] AND o.ended IS NULL AND o.id <> $5 AND o.kind <> 2)
ORDER BY n.id

-- name: mark_of_edge
SELECT e.parallel_edge_hash FROM {index}.edge e WHERE e.id = $1

-- name: all
-- What is published from a scope, or from all, as records of a file name it: by keys.
SELECT p.kind, p.key, coalesce(a.key, t.subject, p.subject) AS subject, coalesce(t.predicate, p.predicate) AS predicate,
       t.about, b.key AS object, e.parallel_edge_hash, s.path AS scope, g.path AS target, p.by, p.reason, p.at, p.state, p.note,
       p.ended, p.origins,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(CASE z.kind WHEN 1 THEN 'entity' ELSE 'text' END, i.key, z.digest::text)
                                  ORDER BY z.kind, i.key), '[]')
        FROM {index}.published_item z JOIN {index}.item i ON i.id = z.item
        WHERE z.publication = p.id AND z.state < 4)::text AS stored
FROM {index}.publication p JOIN {index}.scope s ON s.id = p.scope JOIN {index}.scope g ON g.id = p.target
LEFT JOIN {index}.topic t ON t.id = p.topic
LEFT JOIN {index}.edge e ON p.kind = 3 AND e.id = p.origin
LEFT JOIN {index}.item a ON a.id = e.source LEFT JOIN {index}.item b ON b.id = e.target
WHERE $1::text IS NULL OR s.path = $1 ORDER BY p.id

-- name: same
SELECT id FROM {index}.publication
WHERE scope = $1 AND target = $2 AND kind = $3 AND key IS NOT DISTINCT FROM $4 AND subject IS NOT DISTINCT FROM $5
  AND predicate IS NOT DISTINCT FROM $6 AND at = $7 AND by = $8

-- name: restore
INSERT INTO {index}.publication
    (scope, target, kind, key, subject, predicate, at, by, reason, origin, topic, origins, state, note, ended, copies)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bigint[], $13, $14, $15, $16::bigint[])
ON CONFLICT (kind, origin, target) WHERE ended IS NULL DO NOTHING RETURNING id

-- name: topic_of
SELECT t.id FROM {index}.topic t WHERE t.scope = $1 AND t.subject = $2 AND t.predicate = $3 AND t.about = $4

-- name: facts_of
SELECT f.id, f.options::text AS options FROM {index}.fact f WHERE f.topic = $1 ORDER BY f.id

-- name: edge_of
SELECT e.id FROM {index}.edge e JOIN {index}.label l ON l.id = e.kind
JOIN {index}.item a ON a.id = e.source AND a.kind = 1 JOIN {index}.item b ON b.id = e.target AND b.kind = 1
WHERE e.scope = $1 AND a.key = $2 AND l.name = $3 AND b.key = $4
ORDER BY e.parallel_edge_hash = $5 DESC NULLS LAST, e.id LIMIT 1

-- name: marked
SELECT c.id FROM {index}.published_claim z JOIN {index}.claim c ON c.id = z.claim AND c.known_to IS NULL
JOIN {index}.topic t ON t.id = c.topic
WHERE z.mark = ANY ($1::text[]) AND t.scope = $2 ORDER BY c.id

-- name: put_marks
-- Which claims of an import repeat another scope; they are found by what they state.
INSERT INTO {index}.published_claim (claim, mark)
SELECT c.id, n.mark
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[],
            $9::integer[], $10::integer[], $11::text[])
     AS n (topic, source, object, value, valid_from, valid_to, confidence, episode, begins, ends, mark)
JOIN {index}.claim c ON c.topic = n.topic
 AND c.content_hash = hashint8extended(kgmem.claim_digest(n.source, n.object, n.value::jsonb, n.valid_from, n.valid_to,
                                                          n.confidence, n.episode, n.begins, n.ends), hashtextextended(n.mark, 0))
ON CONFLICT DO NOTHING

-- name: put_origins
INSERT INTO {index}.claim_origin (claim, sentence, derived_from)
SELECT n.claim, x.sentence, x.derived_from
FROM unnest($1::bigint[], $2::bigint[]) AS n (claim, origin)
JOIN {index}.claim_origin x ON x.claim = n.origin
ON CONFLICT DO NOTHING
