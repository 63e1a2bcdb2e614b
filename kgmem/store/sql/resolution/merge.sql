-- name: create
-- Entities that were found to be one: what the merge did, so that it can be undone exactly.
CREATE TABLE {index}.merge (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     integer NOT NULL,
    kept      bigint NOT NULL,
    gone      bigint NOT NULL,
    kept_key  text COLLATE "C" NOT NULL,
    gone_key  text COLLATE "C" NOT NULL,
    by        text NOT NULL,
    reason    text NOT NULL,
    record    jsonb NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    undone_by text,
    undone_reason text
);
CREATE INDEX merge_gone ON {index}.merge (scope, gone_key) WHERE undone_at IS NULL;
CREATE INDEX merge_kept ON {index}.merge (scope, kept_key) WHERE undone_at IS NULL;

-- Entities that may be one: the review list of resolution. What a person has told apart stays told.
CREATE TABLE {index}.merge_candidate (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    one      text COLLATE "C" NOT NULL,
    other    text COLLATE "C" NOT NULL,
    evidence real NOT NULL,
    parts    jsonb NOT NULL,
    vetoed   text,
    state    smallint NOT NULL DEFAULT 1,     -- 1 open, 2 two things, 3 one thing
    by       text,
    reason   text,
    at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scope, one, other)
);
CREATE INDEX merge_candidate_open ON {index}.merge_candidate (evidence DESC, id) WHERE state = 1;

-- name: item_record
SELECT to_jsonb(i)::text FROM {index}.item i WHERE id = $1

-- name: edge_records
SELECT to_jsonb(e)::text AS record, e.id FROM {index}.edge e WHERE id = ANY ($1::bigint[]) ORDER BY id

-- name: given_vector
SELECT v.embedding::text FROM {index}.passage p JOIN {index}.{table} v ON v.passage = p.id
WHERE p.item = $1 AND p.ordinal = 0 AND v.given

-- name: doubled
-- Which relationships would stand twice once they led from or to the kept entity: each with the one that is there.
SELECT e.id, d.id AS there
FROM {index}.edge e
JOIN {index}.edge d ON d.source = CASE WHEN e.source = $2 THEN $1 ELSE e.source END
                   AND d.target = CASE WHEN e.target = $2 THEN $1 ELSE e.target END
                   AND d.kind = e.kind AND d.scope = e.scope
                   AND d.parallel_edge_hash = e.parallel_edge_hash AND d.id <> e.id
WHERE e.id = ANY ($3::bigint[])
ORDER BY e.id

-- name: move_ends
UPDATE {index}.edge SET source = CASE WHEN source = $2 THEN $1 ELSE source END,
       target = CASE WHEN target = $2 THEN $1 ELSE target END, version = version + 1, content_hash = NULL,
       known_from = greatest(now(), known_from + interval '1us')
WHERE id = ANY ($3::bigint[])

-- name: lock_edges
SELECT id, kind, version, known_from, source, target FROM {index}.edge WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE

-- name: hand_claims_over
UPDATE {index}.claim c SET edge = n.there FROM unnest($1::bigint[], $2::bigint[]) AS n (edge, there)
WHERE c.edge = n.edge AND c.known_to IS NULL RETURNING c.id, n.edge

-- name: claims_of_edges
SELECT id FROM {index}.claim WHERE edge = ANY ($1::bigint[]) AND known_to IS NULL ORDER BY id

-- name: claims_name
UPDATE {index}.claim SET object = $2 WHERE edge = ANY ($1::bigint[]) AND object = $3 AND known_to IS NULL RETURNING id

-- name: rename_topics
UPDATE {index}.topic t SET subject = CASE WHEN f.subject = $3 THEN $2 ELSE f.subject END,
       about = CASE WHEN f.about = $3 THEN $2 ELSE f.about END, stale = true
FROM (SELECT id, subject, about FROM {index}.topic
      WHERE scope = $1 AND (subject = $3 OR about = $3) ORDER BY id FOR UPDATE) f
WHERE t.id = f.id AND NOT EXISTS (
    SELECT 1 FROM {index}.topic o WHERE o.scope = t.scope AND o.predicate = t.predicate
    AND o.subject = CASE WHEN f.subject = $3 THEN $2 ELSE f.subject END
    AND o.about = CASE WHEN f.about = $3 THEN $2 ELSE f.about END)
RETURNING f.id, f.subject, f.about

-- name: joined_topics
SELECT t.id, o.id AS into FROM {index}.topic t
JOIN {index}.topic o ON o.scope = t.scope AND o.predicate = t.predicate
    AND o.subject = CASE WHEN t.subject = $3 THEN $2 ELSE t.subject END
    AND o.about = CASE WHEN t.about = $3 THEN $2 ELSE t.about END
WHERE t.scope = $1 AND (t.subject = $3 OR t.about = $3) ORDER BY t.id

-- name: end_doubled_claims
UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
FROM unnest($1::bigint[], $2::bigint[]) AS n (topic, there)
WHERE c.topic = n.topic AND c.known_to IS NULL
  AND EXISTS (SELECT 1 FROM {index}.claim d
              WHERE d.topic = n.there AND d.content_hash = c.content_hash AND d.known_to IS NULL)
RETURNING c.id

-- name: move_claims
UPDATE {index}.claim c SET topic = n.there FROM unnest($1::bigint[], $2::bigint[]) AS n (topic, there)
WHERE c.topic = n.topic AND c.known_to IS NULL RETURNING c.id, n.topic, n.there

-- name: stale_topics
UPDATE {index}.topic SET stale = true WHERE id = ANY ($1::bigint[])

-- name: stale_topics_of_claims
UPDATE {index}.topic SET stale = true WHERE id IN (SELECT topic FROM {index}.claim WHERE id = ANY ($1::bigint[]))

-- name: put_merge
INSERT INTO {index}.merge (scope, kept, gone, kept_key, gone_key, by, reason, record)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb) RETURNING *

-- name: lock_merge
SELECT * FROM {index}.merge WHERE id = $1 AND scope = $2 FOR UPDATE

-- name: later_merges
SELECT id FROM {index}.merge
WHERE id > $1 AND scope = $2 AND undone_at IS NULL AND (kept_key = $3 OR gone_key = $3) ORDER BY id

-- name: rename_kept
UPDATE {index}.merge m SET kept_key = n.key FROM unnest($1::integer[], $2::text[], $3::text[]) AS n (scope, former, key)
WHERE m.scope = n.scope AND m.kept_key = n.former AND m.undone_at IS NULL

-- name: end_merge
UPDATE {index}.merge SET undone_at = now(), undone_by = $2, undone_reason = $3 WHERE id = $1 RETURNING *

-- name: merges
SELECT m.*, s.path FROM {index}.merge m JOIN {index}.scope s ON s.id = m.scope
WHERE s.path = ANY ($1::text[]) AND ($2::bigint IS NULL OR m.id < $2) ORDER BY m.id DESC LIMIT $3

-- name: held_key
SELECT id FROM {index}.item WHERE scope = $1 AND key = $2 AND kind = 1

-- name: restore_item
INSERT INTO {index}.item SELECT (jsonb_populate_record(NULL::{index}.item,
    $1::jsonb || jsonb_build_object('version', ($1::jsonb ->> 'version')::integer + 1, 'known_from', now(),
                                    'since', NULL, 'content_hash', NULL))).*

-- name: restore_edges
-- Those of which an end is gone since, or in whose place another stands, stay away.
INSERT INTO {index}.edge
SELECT r.* FROM unnest($1::jsonb[]) AS n (record)
CROSS JOIN LATERAL jsonb_populate_record(NULL::{index}.edge, n.record || jsonb_build_object(
    'version', (n.record ->> 'version')::integer + 1, 'known_from', now(), 'since', NULL, 'content_hash', NULL)) AS r
WHERE EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = r.source FOR KEY SHARE)
  AND EXISTS (SELECT 1 FROM {index}.item i WHERE i.id = r.target FOR KEY SHARE)
ON CONFLICT DO NOTHING
RETURNING id

-- name: give_claims_back
UPDATE {index}.claim c SET edge = n.edge FROM unnest($1::bigint[], $2::bigint[]) AS n (id, edge) WHERE c.id = n.id

-- name: name_again
UPDATE {index}.claim SET object = $2 WHERE id = ANY ($1::bigint[])

-- name: open_claims
UPDATE {index}.claim c SET known_to = NULL WHERE id = ANY ($1::bigint[]) AND NOT EXISTS (
    SELECT 1 FROM {index}.claim d WHERE d.topic = c.topic AND d.content_hash = c.content_hash AND d.known_to IS NULL)

-- name: withdraw_claims
UPDATE {index}.claim c SET known_to = greatest(now(), c.known_from + interval '1us')
WHERE id = ANY ($1::bigint[]) AND known_to IS NULL

-- name: topics_again
UPDATE {index}.topic t SET subject = n.subject, about = n.about, stale = true
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n (id, subject, about)
WHERE t.id = n.id

-- name: claims_again
UPDATE {index}.claim c SET topic = n.topic FROM unnest($1::bigint[], $2::bigint[]) AS n (id, topic) WHERE c.id = n.id

-- name: put_similarity
INSERT INTO {index}.merge_candidate AS l (scope, one, other, evidence, parts, vetoed)
SELECT $1, n.one, n.other, n.evidence, n.parts::jsonb, n.vetoed
FROM unnest($2::text[], $3::text[], $4::real[], $5::text[], $6::text[]) AS n (one, other, evidence, parts, vetoed)
ON CONFLICT (scope, one, other) DO UPDATE SET evidence = excluded.evidence, parts = excluded.parts,
    vetoed = excluded.vetoed
WHERE l.state = 1
RETURNING id

-- name: similarities
SELECT l.*, s.path FROM {index}.merge_candidate l JOIN {index}.scope s ON s.id = l.scope
WHERE s.path = ANY ($1::text[]) AND l.state = 1 AND ($2::real IS NULL OR (l.evidence, -l.id) < ($2, -$3::bigint))
ORDER BY l.evidence DESC, l.id LIMIT $4

-- name: judged
-- What people decided of pairs whose similarity the review list keeps. Where others are nearer, or values contradict each
-- other, it does not say how near is near enough.
SELECT (parts ->> 'similarity')::float8 AS similarity, state = $2 AS same FROM {index}.merge_candidate
WHERE scope = $1 AND state IN ($2, $3) AND parts ->> 'similarity' IS NOT NULL
  AND NOT parts ? 'rival' AND vetoed IS NULL ORDER BY at DESC, id DESC LIMIT $4

-- name: settle_similarity
UPDATE {index}.merge_candidate SET state = $3, by = $4, reason = $5, at = now()
WHERE scope = $1 AND id = $2 AND state = 1 RETURNING *

-- name: settle_pair
UPDATE {index}.merge_candidate SET state = $4, by = $5, reason = $6, at = now()
WHERE scope = $1 AND (one, other) IN (($2, $3), ($3, $2))

-- name: mark_pair
-- Also of a pair that nobody had proposed: without a row it would be proposed again.
INSERT INTO {index}.merge_candidate (scope, one, other, evidence, parts, state, by, reason)
VALUES ($1, $2, $3, 0, '{}', $4, $5, $6)
ON CONFLICT (scope, one, other) DO UPDATE SET state = excluded.state, by = excluded.by, reason = excluded.reason, at = now()

-- name: lead_label_starts
UPDATE {graph}.{label} SET start_id = $1::graphid WHERE id = ANY ($3::graphid[]) AND start_id = $2::graphid

-- name: lead_label_ends
UPDATE {graph}.{label} SET end_id = $1::graphid WHERE id = ANY ($3::graphid[]) AND end_id = $2::graphid
