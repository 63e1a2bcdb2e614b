-- Verdicts of callers on what recall found.

-- name: create
CREATE TABLE {index}.feedback (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    item     bigint NOT NULL,
    by       text NOT NULL,  -- The id of an API key; empty: none.
    question text NOT NULL,  -- Empty: any.
    useful   boolean NOT NULL,
    reason   text,
    at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item, scope, by, question)
);
CREATE INDEX feedback_order ON {index}.feedback (scope, id);

-- name: there
-- Whether a question that sees these scopes may find an item.
SELECT EXISTS (SELECT FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope
               WHERE i.id = $1 AND s.path = ANY ($2::text[]))
    OR EXISTS (SELECT FROM {index}.edge e JOIN {index}.scope s ON s.id = e.scope
               WHERE e.id = $1 AND s.path = ANY ($2::text[]))

-- name: put
INSERT INTO {index}.feedback AS f (scope, item, by, question, useful, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (item, scope, by, question) DO UPDATE SET useful = excluded.useful, reason = excluded.reason, at = now()
RETURNING *, xmax = 0 AS created

-- name: list
SELECT * FROM {index}.feedback WHERE scope = $1 AND ($2::bigint IS NULL OR item = $2) AND id < $3
ORDER BY id DESC LIMIT $4

-- name: delete
DELETE FROM {index}.feedback WHERE item = $1 AND scope = $2 AND by = $3 AND question = $4 RETURNING id

-- name: forget
-- What was said of items that go.
DELETE FROM {index}.feedback WHERE item = ANY ($1::bigint[])

-- name: all
SELECT p.path, f.by, f.question, f.useful, f.reason, f.at, i.kind, i.key, a.key AS start, l.name AS relation, b.key AS end,
       o.path AS of_scope, e.parallel_edge_hash AS apart
FROM {index}.feedback f JOIN {index}.scope p ON p.id = f.scope
LEFT JOIN {index}.item i ON i.id = f.item AND i.kind IN (1, 2)
LEFT JOIN {index}.edge e ON e.id = f.item
LEFT JOIN {index}.label l ON l.id = e.kind
LEFT JOIN {index}.item a ON a.id = e.source LEFT JOIN {index}.item b ON b.id = e.target
JOIN {index}.scope o ON o.id = coalesce(i.scope, e.scope)
WHERE ($1::text IS NULL OR p.path = $1) AND ($2::bigint[] IS NULL OR f.item = ANY ($2))
  AND (i.key IS NOT NULL OR (a.key IS NOT NULL AND b.key IS NOT NULL))
ORDER BY f.id

-- name: item_of
SELECT i.id FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope WHERE s.path = $1 AND i.key = $2 AND i.kind = $3

-- name: relationship_of
-- Of several parallel ones that which a hash tells from the others, or the first where the file has none ($5).
SELECT e.id FROM {index}.edge e JOIN {index}.scope s ON s.id = e.scope JOIN {index}.label l ON l.id = e.kind
JOIN {index}.item a ON a.id = e.source JOIN {index}.item b ON b.id = e.target
WHERE s.path = $1 AND a.key = $2 AND l.name = $3 AND b.key = $4 AND ($5::bigint IS NULL OR e.parallel_edge_hash = $5)
ORDER BY e.id LIMIT 1

-- name: restore
INSERT INTO {index}.feedback (scope, item, by, question, useful, reason, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (item, scope, by, question) DO NOTHING RETURNING id

-- name: of_items
SELECT f.item, f.by, f.question, f.useful FROM {index}.feedback f JOIN {index}.scope s ON s.id = f.scope
WHERE f.item = ANY ($1::bigint[]) AND s.path = ANY ($2::text[]) ORDER BY f.id DESC LIMIT 10000
