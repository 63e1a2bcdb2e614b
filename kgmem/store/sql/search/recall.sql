-- name: seen
seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM {index}.item c CROSS JOIN LATERAL (
               SELECT 1 FROM {index}.passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM {index}.scope s WHERE s.path = ANY (%(paths)s)
)

-- name: seen_archive
-- What is archived has no passages, and an exact search looks at all items of a scope: one of very many counts as large.
seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM {index}.item c WHERE c.scope = s.id OFFSET 3000)
              OR EXISTS (SELECT 1 FROM {index}.item c CROSS JOIN LATERAL (
               SELECT 1 FROM {index}.passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM {index}.scope s WHERE s.path = ANY (%(paths)s)
)

-- name: seen_large
seen AS MATERIALIZED (SELECT s.id, true AS large FROM {index}.scope s WHERE s.path = ANY (%(paths)s))

-- name: told_large
SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large

-- name: more_made
SELECT 'made', id::bigint, 0::float8, 0 FROM kgmem.graph WHERE id = %(graph)s AND cardinality(subsystems) > %(made)s

-- name: ef_search
-- A setting of this statement alone. As a subquery it is read before the scan begins.
 AND (SELECT set_config('hnsw.ef_search', %(ef_search)s, true)) IS NOT NULL

-- name: near_many
SELECT v.item, v.embedding <#> %(vector)s AS value, %(stands)s AS stands
FROM {index}.{table} v CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = v.item OFFSET 0) i
WHERE %(wide)s%(wider)s AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) %(filters)s
ORDER BY v.embedding <#> %(vector)s LIMIT %(most)s

-- name: near_few
SELECT i.id AS item, v.embedding <#> %(vector)s AS value, %(stands)s AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM {index}.passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM {index}.{table} WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: words_many
-- By the text index, where something large is seen; what is small beside it is weighed by the whole graph, too.
-- Rows come in the order of the function, which ends with the last row that is wanted.
SELECT i.id AS item, h.value, %(stands)s AS stands
FROM (SELECT (w.hit).item, (w.hit).value
      FROM (SELECT {index}.by_words(%(text)s) AS hit WHERE %(wide_words)s AND (SELECT bool_or(large) FROM seen) OFFSET 0) w) h
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
LIMIT %(most)s

-- name: words_of_few
-- Where all that is seen is small, BM25 is computed over just that (k1 1.2, b 0.75, as pg_textsearch has them), so that a
-- scope is answered like a graph that holds nothing else. An index could only weigh words by the whole graph, and counts
-- what was changed since the last VACUUM twice. How often a text has a word is read out of ts_rank, which gives
-- (1 + 1/4 + 1/9 + ... + 1/often^2) / (pi^2/6) for one word: what is lacking to pi^2/6 is about 1 / (often + 1/2). To
-- unnest a text takes twenty times as long.
words_of_few (id, item, value) AS MATERIALIZED (
    WITH documents AS MATERIALIZED (
        SELECT p.id, p.item, t.words,
               coalesce(l.length, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w), 0)::float8 AS length
        FROM seen s
        CROSS JOIN LATERAL (SELECT id FROM {index}.item WHERE scope = s.id OFFSET 0) i
        CROSS JOIN LATERAL (SELECT id, item, body FROM {index}.passage WHERE item = i.id OFFSET 0) p
        LEFT JOIN LATERAL (SELECT words, length FROM {held}.lexeme WHERE passage = p.id OFFSET 0) l ON true
        CROSS JOIN LATERAL (SELECT coalesce(l.words, to_tsvector('english', p.body)) AS words OFFSET 0) t
        WHERE NOT (SELECT bool_or(large) FROM seen)
    ), asked AS MATERIALIZED (
        SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query%(few_digest)s
        FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS w (lexeme)
    ), matching AS MATERIALIZED (
        SELECT d.id, d.item, d.length, a.lexeme,
               round(1 / (1.64493406685 * (1 - ts_rank('{1,1,1,1}', d.words, a.query)::float8)) - 0.5) AS often
        FROM documents d CROSS JOIN asked a WHERE d.words @@ a.query%(few_matching)s
    ), corpus AS (
        SELECT count(*)::float8 AS size, avg(length) AS mean FROM %(few_documents)s
    ), weights AS (
        SELECT m.lexeme, ln(1 + (c.size - count(*) + 0.5) / (count(*) + 0.5)) AS idf, c.mean
        FROM matching m CROSS JOIN corpus c GROUP BY m.lexeme, c.size, c.mean
    )
    SELECT m.id, m.item, -sum(a.idf * m.often * 2.2 / (m.often + 1.2 * (0.25 + 0.75 * m.length / a.mean)))
    FROM weights a JOIN matching m ON m.lexeme = a.lexeme GROUP BY m.id, m.item
)

-- name: words_few
SELECT i.id AS item, w.value, %(stands)s AS stands
FROM words_of_few w CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = w.item OFFSET 0) i
WHERE true %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: any_word
SELECT string_agg($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$, '|')::tsquery AS query
FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS w (lexeme)

-- name: plain_words
-- Each word once, and not ts_rank_cd: its time grows with the square of the question's length (2,000 words: 3 s).
SELECT p.item, -ts_rank(to_tsvector('english', p.body), q.query) AS value, %(stands)s AS stands
FROM (%(any_word)s) q
JOIN {index}.passage p ON to_tsvector('english', p.body) @@ q.query
JOIN {index}.item i ON i.id = p.item
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY 2, 1 LIMIT %(most)s

-- name: listed
SELECT i.id AS item, -extract(epoch FROM i.known_from) AS value, %(stands)s AS stands
FROM {index}.item i
WHERE %(wide)s AND i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY i.known_from DESC, i.id LIMIT %(most)s

-- name: nothing
-- Where only the walk finds anything.
SELECT 0::bigint AS item, 0::float8 AS value, 0 AS stands WHERE false LIMIT %(most)s

-- name: candidate
-- What may be a hit: what retrievers found and nothing holds back, and what stands beside that.
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
    FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')%(beside)s) f
    GROUP BY item
)

-- name: packed
-- One row for each retriever, with arrays of the same order: hundreds of rows take several times as long to read.
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (%(rows)s) AS rows (retriever, item, value, stands) GROUP BY retriever

-- name: packed_notes
SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes

-- name: valued
-- What dimensions and retrievers of the text make of all candidates: each is looked up once for all of them.
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, %(arrays)s
    FROM (SELECT c.item, %(columns)s FROM candidate c %(sources)s OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES %(rows)s) AS r (retriever, value)
WHERE v.items IS NOT NULL

-- name: item_of_candidate
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = c.item OFFSET 0) i

-- name: siblings
-- What meaning found whose texts name a sibling of what the question names, and nothing that it names.
SELECT 'siblings' AS retriever, f.item, 0::float8 AS value, 0 AS stands, NULL::bigint[] AS ids
FROM (SELECT DISTINCT item FROM found WHERE retriever = 'meaning') f
CROSS JOIN LATERAL (SELECT body FROM {index}.passage WHERE item = f.item LIMIT %(most)s + 1) p
GROUP BY f.item
HAVING count(*) <= %(most)s AND bool_or(p.body ~ %(siblings)s) AND NOT bool_or(p.body ~ %(named)s)

-- name: fetch_items
SELECT i.id, i.kind, i.key, i.trust, i.known_from, s.path AS scope, o.key AS source, o.name AS source_name,
       o.trust AS source_trust, v.properties, NULL::text AS told, %(state)s AS state
FROM (%(vertices)s) v
JOIN {index}.item i ON i.id = v.id
JOIN {index}.scope s ON s.id = i.scope
LEFT JOIN {index}.source o ON o.id = i.source

-- name: fetch_facts
-- With the columns of fetch_items. The names of ends are read in the label tables that ends are known to be in.
SELECT i.id, i.kind, i.key, i.trust, i.known_from, s.path AS scope, o.key AS source, o.name AS source_name,
       o.trust AS source_trust, v.properties,
       jsonb_build_object(
           'confidence', e.confidence, 'strength', e.strength,
           'start_label', CASE WHEN a.labels[1] = '' THEN a.labels[2] END,
           'end_label', CASE WHEN b.labels[1] = '' THEN b.labels[2] END,
           'start', e.source, 'start_key', a.key, 'start_name', CASE e.source >> 48 %(starts)s END,
           'end', e.target, 'end_key', b.key, 'end_name', CASE e.target >> 48 %(ends)s END)::text AS told,
       %(state)s AS state
FROM (%(facts)s) v
JOIN {index}.item i ON i.id = v.id
JOIN {index}.edge e ON e.id = i.id
JOIN {index}.scope s ON s.id = i.scope
LEFT JOIN {index}.source o ON o.id = i.source
LEFT JOIN {index}.item a ON a.id = e.source
LEFT JOIN {index}.item b ON b.id = e.target

-- name: end_name
WHEN %(id)s THEN (
    SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"name"'::agtype])::text
    FROM {graph}.{label} l WHERE l.id = e.%(end)s::text::ag_catalog.graphid)

-- name: fetch_vertices
SELECT n.id, l.properties::text AS properties
FROM unnest(%(ids)s::bigint[], %(graphids)s::ag_catalog.graphid[]) AS n (id, graphid)
JOIN {graph}.{label} l ON l.id = n.graphid

-- name: trust
-- Of an item itself, or else in its source; what nobody vouches for is trusted by half.
coalesce(i.trust, (SELECT o.trust FROM {index}.source o WHERE o.id = i.source), 0.5)

-- name: state
-- How an item stands in time: 2 yet to come, 0 current, 1 superseded, 8 past. An episode was said; it does not end.
CASE WHEN i.kind = 2 THEN 0 WHEN lower(i.valid) > %(now)s THEN 2 WHEN i.valid @> %(now)s THEN 0
     WHEN %(replaced)s OR EXISTS (SELECT 1 FROM {index}.relationship_state b WHERE b.id = i.id AND b.state = 4) THEN 1 ELSE 8 END

-- name: replaced
-- A fact of a one-valued kind that is over, where another one of its start began later: a later statement replaced it.
-- One that was invalidated replaces nothing.
i.kind = 3 AND (i.id >> 48) = ANY (%(functional)s) AND EXISTS (
    SELECT 1 FROM {index}.edge was
    JOIN {index}.edge later ON later.source = was.source AND later.kind = was.kind AND later.target <> was.target
    WHERE was.id = i.id AND later.scope = ANY (ARRAY(SELECT id FROM seen)) AND lower(later.valid) <= %(now)s
      AND (lower_inf(was.valid) OR lower(later.valid) > lower(was.valid))
      AND (upper_inf(later.valid) OR upper(later.valid) > upper(was.valid))
      AND NOT EXISTS (SELECT 1 FROM {index}.relationship_state b WHERE b.id = later.id AND b.state = 5))

-- name: scopes_seen
seen AS MATERIALIZED (SELECT s.id FROM {index}.scope s WHERE s.path = ANY (%(paths)s))

-- name: states_then
SELECT i.id, %(state)s AS state FROM {index}.item i WHERE i.id = ANY (%(ids)s)

-- name: stance
SELECT b.state FROM {index}.relationship_state b WHERE b.id = i.id

-- name: similarity
-- Of an item of many passages only the first few are compared, so that the pairs stay few.
WITH given AS MATERIALIZED (
    SELECT n.id, v.embedding
    FROM unnest($1::bigint[]) AS n (id)
    CROSS JOIN LATERAL (SELECT p.id FROM {index}.passage p WHERE p.item = n.id ORDER BY p.ordinal LIMIT 3) p
    JOIN {index}.{table} v ON v.passage = p.id
)
SELECT a.id, b.id, max(-(a.embedding <#> b.embedding)) FROM given a JOIN given b ON a.id < b.id GROUP BY 1, 2

-- name: unembedded
SELECT p.id, p.body, coalesce(s.path, '') AS scope, p.item
FROM {index}.embedding_queue u JOIN {index}.passage p ON p.id = u.passage
LEFT JOIN {index}.item i ON i.id = p.item LEFT JOIN {index}.scope s ON s.id = i.scope
WHERE u.space = $1 AND u.refused IS NULL AND u.passage <= $3 AND u.passage > $4 ORDER BY u.passage LIMIT $2

-- name: last_passage
SELECT coalesce(max(id), 0) FROM {index}.passage

-- name: put_vectors
-- Locks the passages, so that none goes or moves meanwhile; a vector that the caller gave meanwhile stays.
WITH arrived AS (
    SELECT n.passage, p.item, n.embedding
    FROM unnest($2::bigint[], $3::text[], $4::halfvec[]) AS n (passage, body, embedding)
    JOIN {index}.passage p ON p.id = n.passage AND p.body = n.body
    ORDER BY p.id FOR SHARE OF p
), stored AS (
    INSERT INTO {index}.{table} AS v (passage, item, given, embedding)
    SELECT passage, item, false, embedding FROM arrived
    ON CONFLICT (passage) DO UPDATE SET embedding = excluded.embedding WHERE NOT v.given
    RETURNING passage
)
DELETE FROM {index}.embedding_queue u USING stored WHERE u.space = $1 AND u.passage = stored.passage

-- name: refuse
UPDATE {index}.embedding_queue u SET refused = n.refused
FROM unnest($2::bigint[], $3::text[]) AS n (passage, refused) WHERE u.space = $1 AND u.passage = n.passage

-- name: refused
SELECT i.kind, i.key, s.path AS scope, p.ordinal, u.refused AS reason
FROM {index}.embedding_queue u
JOIN {index}.passage p ON p.id = u.passage JOIN {index}.item i ON i.id = p.item JOIN {index}.scope s ON s.id = i.scope
WHERE u.refused IS NOT NULL ORDER BY u.passage LIMIT $1

-- name: retry_refused
UPDATE {index}.embedding_queue SET refused = NULL WHERE refused IS NOT NULL

-- name: writers_wait
LOCK TABLE {index}.passage IN SHARE MODE

-- name: await_missing
INSERT INTO {index}.embedding_queue (passage, space)
SELECT p.id, $1 FROM {index}.passage p WHERE NOT EXISTS (SELECT 1 FROM {index}.{table} v WHERE v.passage = p.id)
ON CONFLICT DO NOTHING

-- name: forget_unembedded
DELETE FROM {index}.embedding_queue u
WHERE u.space = $1 AND NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = u.passage)

-- name: await_space
INSERT INTO {index}.embedding_queue (passage, space) SELECT id, $1 FROM {index}.passage ON CONFLICT DO NOTHING

-- name: waiting_for_space
SELECT EXISTS (SELECT 1 FROM {index}.embedding_queue u JOIN {index}.passage p ON p.id = u.passage
               WHERE u.space = $1 AND u.refused IS NULL AND u.passage <= $2)

-- name: leave_space
DELETE FROM {index}.embedding_queue WHERE space <> $1

-- name: drop_vectors
-- With the view of what was known of it.
DROP TABLE {index}.{table} CASCADE
