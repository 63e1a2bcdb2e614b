-- Search in the archive: what signs and rare words find. What it is worth is computed of codes and texts (archived.py).

-- name: asked
archived_asked (words) AS MATERIALIZED (
    SELECT array_agg(d.word) FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS w (lexeme)
    CROSS JOIN LATERAL (SELECT (('x' || left(md5(w.lexeme), 4))::bit(16)::integer - 32768)::smallint AS word) d
    WHERE NOT EXISTS (SELECT FROM {held}.archive_word a WHERE a.word = d.word)
)

-- name: few
-- What is archived of small scopes: words_of_few (recall.sql) weighs words by all passages, wherever they are.
archived_few (item, ordinal, terms, length) AS MATERIALIZED (
    SELECT a.item, a.ordinal, a.terms[2:], cardinality(a.terms)::float8 - 1
    FROM seen s
    CROSS JOIN LATERAL (SELECT id FROM {index}.item WHERE scope = s.id OFFSET 0) i
    CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
    WHERE NOT (SELECT bool_or(large) FROM seen) AND a.terms IS NOT NULL%(since)s
)

-- name: few_digest
, (('x' || left(md5(w.lexeme), 4))::bit(16)::integer - 32768)::smallint AS digest

-- name: few_matching
 UNION ALL
        SELECT -1 - d.ordinal, d.item, d.length, a.lexeme, cardinality(array_positions(d.terms, a.digest))
        FROM archived_few d CROSS JOIN asked a WHERE a.digest = ANY (d.terms)

-- name: few_documents
(SELECT length FROM documents UNION ALL SELECT length FROM archived_few) documents

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
WHERE %(small)s AND a.space = %(space)s%(since)s %(filters)s
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
FROM (SELECT a.item, (SELECT count(*) FROM unnest(q.words) AS w WHERE w = ANY (a.terms[2:])) AS shared
      FROM archived_asked q
      CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE terms[2:terms[1] + 1] && q.words LIMIT %(most_read)s) a
      WHERE (SELECT bool_or(large) FROM seen)%(since)s) h
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: words_few
SELECT i.id AS item, -(SELECT count(*) FROM unnest(q.words) AS w WHERE w = ANY (a.terms[2:])) AS value, %(stands)s AS stands
FROM archived_asked q CROSS JOIN seen s
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE %(small_words)s AND a.terms[2:] && q.words%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: words_narrow
SELECT i.id AS item, -(SELECT count(*) FROM unnest(q.words) AS w WHERE w = ANY (a.terms[2:])) AS value, %(stands)s AS stands
FROM archived_asked q CROSS JOIN %(narrow)s n
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = n.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT * FROM {held}.archived WHERE item = i.id OFFSET 0) a
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large)) AND a.terms[2:] && q.words%(since)s %(filters)s
ORDER BY 2, 1 LIMIT %(most_words)s

-- name: rows
SELECT a.item, a.ordinal, a.signs, a.codes FROM {held}.archived a
WHERE a.item = ANY ($1::bigint[]) AND a.space = $2 ORDER BY a.item, a.ordinal

-- name: numbers
-- The number of the graph's space in the archive, about how many passages are archived and in the indexes, and what the
-- settings take for enough.
SELECT s.id, s.dimension, greatest(a.reltuples, 0)::bigint AS archived, greatest(p.reltuples, 0)::bigint AS passages,
       (SELECT (t.settings->>'enough')::float8 FROM {held}.tier_settings t) AS enough
FROM {held}.archive_space s
CROSS JOIN (SELECT reltuples FROM pg_class WHERE oid = to_regclass('{held}.archived')) a
CROSS JOIN (SELECT reltuples FROM pg_class WHERE oid = to_regclass('{held}.passage')) p
WHERE s.space = $1

-- name: only_cold
-- Whether of the episodes that a question sees within a time some are cold, and none is hot or warm.
SELECT bool_and(e.tier = 2) FROM (
    SELECT i.tier FROM {index}.item i
    WHERE i.kind = 2 AND i.valid && tstzrange($2::timestamptz, $3::timestamptz)
      AND NOT (lower_inf(i.valid) AND upper_inf(i.valid))
      AND i.scope IN (SELECT s.id FROM {index}.scope s WHERE s.path = ANY ($1::text[]))
    LIMIT $4) e

-- name: score
-- BM25 (k1 1.2, b 0.75) of archived items ($2) and of items in the indexes ($3), as words_of_few (recall.sql) has it. How
-- many of all passages ($4) have a word is estimated by the archive: by its list of common words, or by how many of its
-- own ($5) have the digest.
WITH asked AS MATERIALIZED (
    SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query,
           (('x' || left(md5(w.lexeme), 4))::bit(16)::integer - 32768)::smallint AS word
    FROM unnest(tsvector_to_array(to_tsvector('english', $1))) AS w (lexeme)
), archived AS MATERIALIZED (
    SELECT a.item, a.ordinal, a.terms[2:] AS terms, cardinality(a.terms)::float8 - 1 AS length FROM {held}.archived a
    WHERE a.item = ANY ($2::bigint[]) AND a.terms IS NOT NULL
), documents AS MATERIALIZED (
    -- Of a long text the first passages, as everywhere (lookups.py).
    SELECT p.id, n.item, t.words,
           coalesce(l.length, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w), 0)::float8 AS length
    FROM unnest($3::bigint[]) AS n (item)
    CROSS JOIN LATERAL (SELECT id, body FROM {index}.passage WHERE item = n.item ORDER BY ordinal LIMIT 32) p
    LEFT JOIN LATERAL (SELECT words, length FROM {held}.lexeme WHERE passage = p.id OFFSET 0) l ON true
    CROSS JOIN LATERAL (SELECT coalesce(l.words, to_tsvector('english', p.body)) AS words OFFSET 0) t
), matching AS MATERIALIZED (
    SELECT d.id, d.item, d.length, a.lexeme,
           round(1 / (1.64493406685 * (1 - ts_rank('{1,1,1,1}', d.words, a.query)::float8)) - 0.5) AS often
    FROM documents d CROSS JOIN asked a WHERE d.words @@ a.query
    UNION ALL
    SELECT -1 - d.ordinal, d.item, d.length, a.lexeme, cardinality(array_positions(d.terms, a.word))
    FROM archived d CROSS JOIN asked a WHERE a.word = ANY (d.terms)
), weights AS MATERIALIZED (
    SELECT a.lexeme, ln(1 + ($4::float8 - f.passages + 0.5) / (f.passages + 0.5)) AS idf, c.mean
    FROM asked a
    CROSS JOIN (SELECT avg(length) AS mean FROM (SELECT length FROM documents UNION ALL SELECT length FROM archived) d) c
    CROSS JOIN LATERAL (
        SELECT least($4::float8, greatest(o.texts, coalesce(
            (SELECT w.share * $4::float8 FROM {held}.archive_word w WHERE w.word = a.word),
            (SELECT count(*) FROM (SELECT 1 FROM {held}.archived r WHERE r.terms[2:r.terms[1] + 1] @> ARRAY[a.word] LIMIT 1000) few)
            * $4::float8 / $5::float8))) AS passages
        FROM (SELECT count(*)::float8 AS texts FROM matching m WHERE m.lexeme = a.lexeme) o
    ) f
    WHERE a.lexeme IN (SELECT lexeme FROM matching)
), scored AS (
    SELECT m.item, sum(a.idf * m.often * 2.2 / (m.often + 1.2 * (0.25 + 0.75 * m.length / a.mean))) AS score
    FROM weights a JOIN matching m ON m.lexeme = a.lexeme GROUP BY m.id, m.item
)
SELECT item, max(score) AS score FROM scored GROUP BY item

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
