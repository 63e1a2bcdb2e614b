-- What retrievers of the text make of candidates that only others list. Candidates passed the filters of the question, so
-- nothing else is read.

-- name: texts
-- Of a long text only the first passages are compared, so that the time is bounded; that holds for words, too.
CROSS JOIN LATERAL (
    SELECT %(values)s
    FROM (SELECT id, body FROM {index}.passage WHERE item = c.item ORDER BY ordinal LIMIT %(passages)s) p %(vectors)s
) t

-- name: vectors
LEFT JOIN LATERAL (
    SELECT embedding FROM {index}.{table} WHERE passage = p.id AND 'meaning' <> ALL (c.by) OFFSET 0
) v ON true

-- name: meaning
max(-(v.embedding <#> %(vector)s))::float8

-- name: words_many
-- To score a text takes ten times as long as to see that it has none of the words.
max(CASE WHEN 'words' <> ALL (c.by) AND (SELECT bool_or(large) FROM seen)
              AND lower(p.body) LIKE ANY ((%(patterns)s)::text[])
         THEN -(p.body <@> to_bm25query(%(text)s, %(words)s)) END)::float8

-- name: patterns
-- A pattern for each stem of the question, which at least all texts match that have it. A word begins with its stem, of
-- which it may change the last letter; the stems of "dying" and "lying" have three letters, and share the first.
SELECT array_agg(chr(37) || replace(left(w.lexeme, CASE WHEN length(w.lexeme) > 3 THEN length(w.lexeme) - 1 ELSE 1 END),
                                    $$\$$, '_') || chr(37))
FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS w (lexeme)

-- name: words_few
-- Written so that the candidates are hashed: searches join by nested loops.
SELECT 'words_looked_up', item, max(-value)::float8, 0 FROM words_of_few
WHERE (item IN (SELECT item FROM candidate WHERE 'words' <> ALL (by))) IS TRUE GROUP BY item

-- name: words_then
SELECT 'words_looked_up', item, max(-value)::float8, 0 FROM words_of_then
WHERE (item IN (SELECT item FROM candidate WHERE 'words' <> ALL (by))) IS TRUE GROUP BY item

-- name: plain_words
SELECT 'words_looked_up', c.item, max(ts_rank(to_tsvector('english', p.body), q.query))::float8, 0
FROM candidate c
CROSS JOIN LATERAL (SELECT body FROM {index}.passage WHERE item = c.item ORDER BY ordinal LIMIT %(passages)s) p
CROSS JOIN (%(any_word)s) q
WHERE 'words' <> ALL (c.by) AND q.query IS NOT NULL GROUP BY c.item
