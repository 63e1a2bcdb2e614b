-- retrievers: meaning, words
-- $1: ['']
-- $2: 40
-- $3: (0.6, 0.8)
-- $4: 'landing'
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1_asof".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1_asof".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1_asof".scope s WHERE s.path = ANY ($1::text[])
)
,
words_of_few (id, item, value) AS MATERIALIZED (
    WITH documents AS MATERIALIZED (
        SELECT p.id, p.item, t.words,
               coalesce(l.length, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w), 0)::float8 AS length
        FROM seen s
        CROSS JOIN LATERAL (SELECT id FROM "kgm_1_asof".item WHERE scope = s.id OFFSET 0) i
        CROSS JOIN LATERAL (SELECT id, item, body FROM "kgm_1_asof".passage WHERE item = i.id OFFSET 0) p
        LEFT JOIN LATERAL (SELECT words, length FROM "kgm_1".lexeme WHERE passage = p.id OFFSET 0) l ON true
        CROSS JOIN LATERAL (SELECT coalesce(l.words, to_tsvector('english', p.body)) AS words OFFSET 0) t
        WHERE NOT (SELECT bool_or(large) FROM seen)
    ),
asked AS MATERIALIZED (
        SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query
        FROM unnest(tsvector_to_array(to_tsvector('english', $4::text))) AS w (lexeme)
    ),
matching AS MATERIALIZED (
        SELECT d.id, d.item, d.length, a.lexeme,
               round(1 / (1.64493406685 * (1 - ts_rank('{1,1,1,1}', d.words, a.query)::float8)) - 0.5) AS often
        FROM documents d CROSS JOIN asked a WHERE d.words @@ a.query
    ),
corpus AS (
        SELECT count(*)::float8 AS size, avg(length) AS mean FROM documents
    ),
weights AS (
        SELECT m.lexeme, ln(1 + (c.size - count(*) + 0.5) / (count(*) + 0.5)) AS idf, c.mean
        FROM matching m CROSS JOIN corpus c GROUP BY m.lexeme, c.size, c.mean
    )
    SELECT m.id, m.item, -sum(a.idf * m.often * 2.2 / (m.often + 1.2 * (0.25 + 0.75 * m.length / a.mean)))
    FROM weights a JOIN matching m ON m.lexeme = a.lexeme GROUP BY m.id, m.item
)
,
words_of_then (id, item, value) AS MATERIALIZED (
    WITH asked AS MATERIALIZED (
        SELECT tsvector_to_array(to_tsvector('english', $4::text)) AS lexemes
    ),
sharing AS MATERIALIZED (
        SELECT id
FROM (SELECT p.id FROM "kgm_1".passage p
WHERE (SELECT bool_or(large) FROM seen)
                ORDER BY p.body <@> to_bm25query($4::text, '"kgm_1".passage_words') LIMIT 2147483647) indexed
UNION SELECT id FROM "kgm_1".past_passage
WHERE (SELECT bool_or(large) FROM seen)
    ),
documents AS MATERIALIZED (
        SELECT p.id, i.id AS item, octet_length(p.body) AS length, to_tsvector('english', p.body) AS words
        FROM "kgm_1_asof".passage p JOIN "kgm_1_asof".item i ON i.id = p.item
        WHERE p.id IN (SELECT id FROM sharing) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
    ),
held AS MATERIALIZED (
        SELECT d.id, d.item, d.length, w.lexeme, cardinality(w.positions)::float8 AS often
        FROM documents d CROSS JOIN asked q CROSS JOIN LATERAL unnest(d.words) AS w (lexeme, positions, weights)
        WHERE w.lexeme = ANY (q.lexemes)
    ),
corpus AS MATERIALIZED (
        SELECT count(*)::float8 AS size, avg(octet_length(p.body))::float8 AS mean
        FROM "kgm_1_asof".passage p JOIN "kgm_1_asof".item i ON i.id = p.item
WHERE (SELECT bool_or(large) FROM seen) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
    ),
weights AS (
        SELECT h.lexeme, ln(1 + (c.size - count(*) + 0.5) / (count(*) + 0.5)) AS idf, c.mean
        FROM held h CROSS JOIN corpus c GROUP BY h.lexeme, c.size, c.mean
    )
    SELECT h.id, h.item, -sum(a.idf * h.often * 2.2 / (h.often + 1.2 * (0.25 + 0.75 * h.length / a.mean)))
    FROM weights a JOIN held h ON h.lexeme = a.lexeme GROUP BY h.id, h.item
)
,
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (
SELECT item, value, stands
FROM (
    SELECT v.item, v.embedding <#> $3::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1_asof".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
    FROM "kgm_1_asof"."vector_1" v JOIN "kgm_1_asof".item i ON i.id = v.item
    WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
    OFFSET 0) compared
ORDER BY 2, 1 LIMIT $2::integer
) "near_then"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1_asof".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM words_of_few w CROSS JOIN LATERAL (SELECT * FROM "kgm_1_asof".item WHERE id = w.item OFFSET 0) i
WHERE true
ORDER BY 2, 1 LIMIT $2::integer
) "words_few"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1_asof".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM words_of_then w JOIN "kgm_1_asof".item i ON i.id = w.item
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
ORDER BY 2, 1 LIMIT $2::integer
) "words_then"),
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')) f
    GROUP BY item
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT * FROM found
UNION ALL
SELECT 'words_looked_up', item, max(-value)::float8, 0 FROM words_of_few
WHERE (item IN (SELECT item FROM candidate WHERE 'words' <> ALL (by))) IS TRUE GROUP BY item
UNION ALL SELECT 'words_looked_up', item, max(-value)::float8, 0 FROM words_of_then
WHERE (item IN (SELECT item FROM candidate WHERE 'words' <> ALL (by))) IS TRUE GROUP BY item
) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, array_agg("meaning_looked_up") AS "meaning_looked_up"
FROM (SELECT c.item, (t."meaning")::float8 AS "meaning_looked_up" FROM candidate c
CROSS JOIN LATERAL (
    SELECT max(-(v.embedding <#> $3::halfvec))::float8
 AS "meaning"
FROM (SELECT id, body FROM "kgm_1_asof".passage WHERE item = c.item ORDER BY ordinal LIMIT 32) p LEFT JOIN LATERAL (
    SELECT embedding FROM "kgm_1_asof"."vector_1" WHERE passage = p.id AND 'meaning' <> ALL (c.by) OFFSET 0
) v ON true
) t
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('meaning_looked_up', v."meaning_looked_up")) AS r (retriever, value)
WHERE v.items IS NOT NULL
