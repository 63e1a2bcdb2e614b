-- What retrievers of the text make of candidates that only others list. Candidates passed the filters of the question, so
-- nothing else is read.

-- name: meaning
-- Of a long text only the first passages are compared, so that the time is bounded; that holds for words, too.
SELECT 'meaning_looked_up', c.item, max(-(v.embedding <#> %(vector)s))::float8, 0
FROM candidate c
CROSS JOIN LATERAL (SELECT id FROM {index}.passage WHERE item = c.item ORDER BY ordinal LIMIT %(passages)s) p
CROSS JOIN LATERAL (SELECT embedding FROM {index}.{table} WHERE passage = p.id OFFSET 0) v
WHERE 'meaning' <> ALL (c.by) GROUP BY c.item

-- name: words_many
SELECT 'words_looked_up', c.item, max(-(p.body <@> to_bm25query(%(text)s, %(words)s)))::float8, 0
FROM candidate c
CROSS JOIN LATERAL (SELECT body FROM {index}.passage WHERE item = c.item ORDER BY ordinal LIMIT %(passages)s) p
WHERE 'words' <> ALL (c.by) AND (SELECT bool_or(large) FROM seen) GROUP BY c.item

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
