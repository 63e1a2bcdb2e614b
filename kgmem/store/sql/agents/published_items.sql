-- What publications stored in the other scope beside claims: texts, and the entities that these or claims are about.

-- name: put
INSERT INTO {index}.published_item (publication, item, kind, digest)
SELECT $1, n.item, $2, n.digest FROM unnest($3::bigint[], $4::bigint[]) AS n (item, digest)
ON CONFLICT (publication, item) DO UPDATE SET digest = excluded.digest, state = 1

-- name: restore
-- What a publication ($1) stored in a scope ($2), by kinds, keys and digests.
INSERT INTO {index}.published_item (publication, item, kind, digest)
SELECT $1, i.id, i.kind, n.digest
FROM unnest($3::smallint[], $4::text[], $5::bigint[]) AS n (kind, key, digest)
JOIN {index}.item i ON i.scope = $2 AND i.kind = n.kind AND i.key = n.key
ON CONFLICT DO NOTHING

-- name: keep
-- A publication ($1) needs these entities ($3) of a scope ($2), of those that publications stored there. They are locked,
-- so that none is removed before the transaction ends.
WITH needed AS MATERIALIZED (
    SELECT i.id FROM {index}.item i
    WHERE i.scope = $2 AND i.kind = 1 AND i.key = ANY ($3::text[])
      AND EXISTS (SELECT FROM {index}.published_item z WHERE z.item = i.id AND z.state < 4)
    ORDER BY i.id FOR KEY SHARE OF i
)
INSERT INTO {index}.published_item AS h (publication, item, kind, digest)
SELECT DISTINCT ON (z.item) $1, z.item, 1, z.digest
FROM needed n JOIN {index}.published_item z ON z.item = n.id AND z.state < 4
ORDER BY z.item, z.publication
ON CONFLICT (publication, item) DO UPDATE SET state = 1 WHERE h.state IN (2, 3)
RETURNING item

-- name: let_go
UPDATE {index}.published_item SET state = $2 WHERE publication = $1 AND state < $2

-- name: let_entities_go
UPDATE {index}.published_item z SET state = 2
WHERE z.publication = $1 AND z.state = 1 AND z.kind = 1
  AND NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = z.item AND i.key = ANY ($2::text[]))

-- name: restated
-- What somebody else states of items makes them the other scope's own.
UPDATE {index}.published_item SET state = 4 WHERE item = ANY ($1::bigint[]) AND state < 4

-- name: noted
SELECT DISTINCT item, digest FROM {index}.published_item WHERE item = ANY ($1::bigint[]) AND state < 4

-- name: note_again
UPDATE {index}.published_item z SET digest = n.digest
FROM unnest($1::bigint[], $2::bigint[]) AS n (item, digest) WHERE z.item = n.item AND z.state < 4

-- name: settle
UPDATE {index}.published_item SET state = 4 WHERE publication = $1 AND item = $2

-- name: text_there
-- The text that a scope ($2) has under a key ($3), and what a publication ($1) stored of it.
SELECT i.id, i.version, z.digest, z.state
FROM {index}.item i LEFT JOIN {index}.published_item z ON z.publication = $1 AND z.item = i.id
WHERE i.scope = $2 AND i.key = $3 AND i.kind = 2

-- name: lock_text
-- The same, locked until the end of the transaction.
SELECT i.id, i.version, z.digest, z.state
FROM {index}.item i LEFT JOIN {index}.published_item z ON z.publication = $1 AND z.item = i.id
WHERE i.scope = $2 AND i.key = $3 AND i.kind = 2 FOR NO KEY UPDATE OF i

-- name: digest_of
SELECT digest FROM {index}.published_item WHERE publication = $1 AND item = $2 AND state < 4

-- name: leaving
SELECT z.publication, z.item, z.kind, z.state, t.path AS target, i.key
FROM {index}.published_item z
JOIN {index}.publication p ON p.id = z.publication
JOIN {index}.scope t ON t.id = p.target
LEFT JOIN {index}.item i ON i.id = z.item
WHERE z.state IN (2, 3) AND (z.publication, z.item) > ($1::bigint, $2::bigint)
ORDER BY z.publication, z.item LIMIT $3

-- name: is_used
-- Whether an entity ($1: its id, $2: its key), which a publication ($3) stored in a scope ($4), is used otherwise: by another
-- publication, or by what is said where no nearer entity has its key.
SELECT EXISTS (SELECT FROM {index}.published_item z WHERE z.item = $1 AND z.publication <> $3 AND z.state = 1)
    OR EXISTS (SELECT FROM {index}.edge e WHERE (e.source = $1 OR e.target = $1)
               AND e.kind NOT IN (SELECT l.id FROM {index}.label l WHERE l.kind = 2 AND l.name = 'SIMILAR_TO'))
    OR EXISTS (SELECT FROM {index}.merge m WHERE (m.kept = $1 OR m.gone = $1) AND m.undone_at IS NULL)
    OR EXISTS (SELECT FROM {index}.item_pin n WHERE n.item = $1)
    OR EXISTS (SELECT FROM {index}.feedback f WHERE f.item = $1)
    OR EXISTS (
        SELECT FROM {index}.scope s
        WHERE ($4 = '' OR s.path = $4 OR starts_with(s.path, $4 || '/'))
          AND NOT EXISTS (SELECT FROM {index}.item o JOIN {index}.scope q ON q.id = o.scope
                          WHERE o.key = $2 AND o.kind = 1 AND o.id <> $1 AND length(q.path) > length($4)
                            AND (s.path = q.path OR starts_with(s.path, q.path || '/')))
          AND (EXISTS (SELECT FROM {index}.topic t
                       WHERE t.scope = s.id AND t.subject = $2
                         AND (EXISTS (SELECT FROM {index}.claim c WHERE c.topic = t.id AND c.known_to IS NULL)
                              OR EXISTS (SELECT FROM {index}.adjudication a WHERE a.topic = t.id AND a.ended IS NULL)))
            OR EXISTS (SELECT FROM {index}.provenance b JOIN {index}.item w ON w.id = b.episode
                       WHERE b.item = 0 AND b.key = $2 AND b.kind = 1 AND b.begins >= 0 AND w.scope = s.id)))

-- name: lock_entity
SELECT i.id, i.key, i.version, i.known_from, i.scope FROM {index}.item i WHERE i.id = $1 AND i.kind = 1 FOR UPDATE

-- name: values_of
-- What claims said of an entity ($2: its key) of a scope ($1), withdrawn ones too.
SELECT DISTINCT t.predicate, c.value::text AS value FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id
WHERE t.scope = $1 AND t.subject = $2 AND t.predicate = ANY ($3::text[]) AND c.value IS NOT NULL

-- name: versions
-- Former versions of a text.
SELECT h.record::text AS record FROM {index}.history h WHERE h.id = $1 AND h.kind = 2 ORDER BY h.version DESC LIMIT 1000

-- name: of_keys
-- Texts of a scope under these keys, former ones too.
SELECT i.id FROM {index}.item i WHERE i.scope = $1 AND i.kind = 2 AND i.key = ANY ($2::text[])
UNION SELECT p.thing FROM {index}.past_item p WHERE p.scope = $1 AND p.kind = 2 AND p.key = ANY ($2::text[])

-- name: led_from
-- Where texts ($1) were published to, also through further scopes.
WITH RECURSIVE led (item) AS (
    SELECT unnest($1::bigint[])
    UNION
    SELECT n.item FROM led l JOIN {index}.publication p ON p.kind = 2 AND p.origin = l.item
    CROSS JOIN LATERAL (SELECT z.item FROM {index}.published_item z WHERE z.publication = p.id AND z.kind = 2
                        UNION SELECT unnest(p.copies)) n
)
SELECT item FROM led WHERE item <> ALL ($1::bigint[])

-- name: words_of
SELECT DISTINCT h.record -> 'properties' ->> 'text' AS words FROM {index}.history h WHERE h.id = ANY ($1::bigint[]) AND h.kind = 2

-- name: erase_versions
-- Former versions of texts ($1) that have these words ($2), with their passages and vectors.
WITH versions AS (
    DELETE FROM {index}.history h
    WHERE h.id = ANY ($1::bigint[]) AND h.kind = 2 AND h.record -> 'properties' ->> 'text' = ANY ($2::text[])
    RETURNING h.id, h.version
), items AS (
    DELETE FROM {index}.past_item p USING versions v WHERE p.thing = v.id AND p.version = v.version
), passages AS (
    DELETE FROM {index}.past_passage p
    WHERE p.item = ANY ($1::bigint[]) AND EXISTS (SELECT FROM unnest($2::text[]) AS w (words) WHERE strpos(w.words, p.body) > 0)
    RETURNING p.id
), vectors AS (
    DELETE FROM {index}.past_vector x WHERE x.passage IN (SELECT id FROM passages)
)
SELECT count(*) FROM versions
