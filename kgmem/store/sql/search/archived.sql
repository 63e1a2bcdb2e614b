-- Search in the archive: what signs and rare words find. What it is worth is computed of codes and texts (archived.py).

-- name: asked
archived_asked (words) AS MATERIALIZED (
    SELECT array_agg(d.word) FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS w (lexeme)
    CROSS JOIN LATERAL (SELECT ('x' || left(md5(w.lexeme), 8))::bit(32)::integer AS word) d
    WHERE NOT EXISTS (SELECT FROM {held}.archive_word a WHERE a.word = d.word)
)

-- name: since
 AND (a.since IS NULL OR a.since <= (SELECT current_setting('kgmem.known_at')::timestamptz))

-- name: probes
-- Settings of this statement alone. As subqueries they are read before the scan begins.
 AND (SELECT set_config('ivfflat.probes', %(probes)s, true)) IS NOT NULL
 AND (SELECT set_config('ivfflat.iterative_scan', 'relaxed_order', true)) IS NOT NULL
 AND (SELECT set_config('ivfflat.max_probes', %(most_probes)s, true)) IS NOT NULL

-- name: meaning_many
SELECT i.id AS item, a.signs::bit(%(dimension)s) <~> %(signs)s AS value, %(stands)s AS stands
FROM {held}.archived a CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = a.item OFFSET 0) i
WHERE %(wide)s%(settings)s AND (SELECT bool_or(large) FROM seen) AND a.space = %(space)s%(since)s
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) %(filters)s
ORDER BY a.signs::bit(%(dimension)s) <~> %(signs)s LIMIT %(most_archived)s

-- name: meaning_few
SELECT i.id AS item, a.signs::bit(%(dimension)s) <~> %(signs)s AS value, %(stands)s AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE NOT s.large AND a.space = %(space)s%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_archived)s

-- name: meaning_narrow
SELECT i.id AS item, a.signs::bit(%(dimension)s) <~> %(signs)s AS value, %(stands)s AS stands
FROM %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) AND a.space = %(space)s%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_archived)s

-- name: words_many
SELECT i.id AS item, -h.shared AS value, %(stands)s AS stands
FROM (SELECT a.item, (SELECT count(*) FROM unnest(a.words) AS w WHERE w = ANY (q.words)) AS shared
      FROM archived_asked q
      CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE words && q.words LIMIT %(most_read)s) a
      WHERE (SELECT bool_or(large) FROM seen)%(since)s) h
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: words_few
SELECT i.id AS item, -(SELECT count(*) FROM unnest(a.words) AS w WHERE w = ANY (q.words)) AS value, %(stands)s AS stands
FROM archived_asked q CROSS JOIN seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE NOT s.large AND a.words && q.words%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: words_narrow
SELECT i.id AS item, -(SELECT count(*) FROM unnest(a.words) AS w WHERE w = ANY (q.words)) AS value, %(stands)s AS stands
FROM archived_asked q CROSS JOIN %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) AND a.words && q.words%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: rows
SELECT a.item, a.ordinal, a.signs, a.codes FROM {held}.archived a
WHERE a.item = ANY ($1::bigint[]) AND a.space = $2 ORDER BY a.item, a.ordinal

-- name: numbers
-- The number of the graph's space in the archive, and about how many passages are archived and in the indexes.
SELECT s.id, s.dimension, greatest(a.reltuples, 0)::bigint AS archived, greatest(p.reltuples, 0)::bigint AS passages
FROM {held}.archive_space s
CROSS JOIN (SELECT reltuples FROM pg_class WHERE oid = to_regclass('{held}.archived')) a
CROSS JOIN (SELECT reltuples FROM pg_class WHERE oid = to_regclass('{held}.passage')) p
WHERE s.space = $1

-- name: score
-- BM25 (k1 1.2, b 0.75) of texts ($2), as words_of_few (recall.sql) has it. How many of all passages ($3) have a word is
-- estimated by the archive: by its list of common words, or by how many of its own ($4) have the digest.
WITH asked AS MATERIALIZED (
    SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query, d.word
    FROM unnest(tsvector_to_array(to_tsvector('english', $1))) AS w (lexeme)
    CROSS JOIN LATERAL (SELECT ('x' || left(md5(w.lexeme), 8))::bit(32)::integer AS word) d
), documents AS MATERIALIZED (
    SELECT n.at, t.words, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w)::float8 AS length
    FROM unnest($2::text[]) WITH ORDINALITY AS n (body, at)
    CROSS JOIN LATERAL (SELECT to_tsvector('english', n.body) AS words OFFSET 0) t
), matching AS MATERIALIZED (
    SELECT d.at, d.length, a.lexeme,
           round(1 / (1.64493406685 * (1 - ts_rank('{1,1,1,1}', d.words, a.query)::float8)) - 0.5) AS often
    FROM documents d CROSS JOIN asked a WHERE d.words @@ a.query
), weights AS MATERIALIZED (
    SELECT a.lexeme, ln(1 + ($3::float8 - f.passages + 0.5) / (f.passages + 0.5)) AS idf, c.mean
    FROM asked a
    CROSS JOIN (SELECT avg(length) AS mean FROM documents) c
    CROSS JOIN LATERAL (
        SELECT least($3::float8, greatest(o.texts, coalesce(
            (SELECT w.share * $3::float8 FROM {held}.archive_word w WHERE w.word = a.word),
            (SELECT count(*) FROM (SELECT 1 FROM {held}.archived r WHERE r.words @> ARRAY[a.word] LIMIT 3000) few)
            * $3::float8 / $4::float8))) AS passages
        FROM (SELECT count(*)::float8 AS texts FROM matching m WHERE m.lexeme = a.lexeme) o
    ) f
    WHERE a.lexeme IN (SELECT lexeme FROM matching)
)
SELECT m.at, sum(a.idf * m.often * 2.2 / (m.often + 1.2 * (0.25 + 0.75 * m.length / a.mean))) AS score
FROM weights a JOIN matching m ON m.lexeme = a.lexeme GROUP BY m.at

-- name: bodies
-- Of a long text the first passages, as everywhere (lookups.py).
SELECT n.item, p.body FROM unnest($1::bigint[]) AS n (item)
CROSS JOIN LATERAL (SELECT body FROM {index}.passage WHERE item = n.item ORDER BY ordinal LIMIT 32) p

-- name: score_plainly
SELECT n.at, ts_rank(to_tsvector('english', n.body), q.query)::float8 AS score
FROM unnest($2::text[]) WITH ORDINALITY AS n (body, at)
CROSS JOIN (SELECT string_agg($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$, '|')::tsquery AS query
            FROM unnest(tsvector_to_array(to_tsvector('english', $1))) AS w (lexeme)) q
WHERE to_tsvector('english', n.body) @@ q.query
