-- What belongs to a session: its messages, what was extracted from them, and the decisions that were made in it.

-- name: episodes
SELECT m.item AS id, i.key
FROM {index}.scope p JOIN {index}.session s ON s.scope = p.id JOIN {index}.session_message m ON m.session = s.id
JOIN {index}.item i ON i.id = m.item WHERE p.path = $1 AND s.name = $2

-- name: decisions
SELECT i.id
FROM {graph}.{label} v JOIN {index}.item i ON i.id = (ag_catalog.graphid_to_agtype(v.id)::text)::bigint
JOIN {index}.scope p ON p.id = i.scope
WHERE p.path = $1
  AND ag_catalog.agtype_access_operator(VARIADIC ARRAY[v.properties, '"session"'::agtype]) = $2::text::agtype

-- name: claims
-- Claims that its texts state; a topic is whole where no other text has a claim on it.
SELECT c.id, c.edge, t.id AS topic,
       NOT EXISTS (SELECT FROM {index}.claim o
                   WHERE o.topic = t.id AND (o.episode IS NULL OR NOT o.episode = ANY ($2::text[]))) AS whole
FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic JOIN {index}.scope p ON p.id = t.scope
WHERE c.episode = ANY ($2::text[]) AND p.path = $1

-- name: relationships
-- Those that its texts brought, those at its decisions, and those of entities that one of its texts mentions together.
SELECT e.id, e.source, e.target
FROM {index}.edge e JOIN {index}.scope p ON p.id = e.scope
WHERE p.path = $1
  AND e.id IN (SELECT b.item FROM {index}.provenance b WHERE b.episode = ANY ($2::bigint[]) AND b.kind = 3
               UNION SELECT unnest($3::bigint[])
               UNION SELECT c.id FROM {index}.edge m JOIN {index}.edge c ON c.source = m.target AND c.kind = $5
                     JOIN {index}.edge n ON n.source = m.source AND n.target = c.target
                     WHERE m.source = ANY ($2::bigint[])
               UNION SELECT d.id FROM {index}.edge d WHERE d.source = ANY ($4::bigint[])
               UNION SELECT d.id FROM {index}.edge d WHERE d.target = ANY ($4::bigint[]))

-- name: entities
-- Those that its texts brought or mention, the ends of its relationships, and its decisions.
SELECT i.id FROM {index}.item i JOIN {index}.scope p ON p.id = i.scope
WHERE p.path = $1 AND i.kind = 1
  AND i.id IN (SELECT unnest($3::bigint[])
               UNION SELECT m.target FROM {index}.edge m WHERE m.source = ANY ($2::bigint[])
               UNION SELECT x.id FROM {index}.provenance b JOIN {index}.item x ON x.key = b.key AND x.scope = p.id AND x.kind = 1
                     WHERE b.episode = ANY ($2::bigint[]) AND b.kind = 1)

-- name: sources
SELECT o.key, o.name, o.kind, o.trust, o.note, k.parent, k.domain
FROM {index}.source o LEFT JOIN {index}.source_origin k ON k.source = o.id
WHERE o.id IN (SELECT i.source FROM {index}.item i WHERE i.id = ANY ($1::bigint[])
               UNION SELECT e.origin FROM {index}.edge e WHERE e.id = ANY ($2::bigint[])
               UNION SELECT c.source FROM {index}.claim c WHERE c.id = ANY ($3::bigint[]))
ORDER BY o.key
