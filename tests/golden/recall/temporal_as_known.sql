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
 SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
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
FROM (
SELECT i.id AS item, -sum(w.idf * w.often * 2.2 / (w.often + 1.2 * (0.25 + 0.75 * w.length / w.mean))) AS value,
       CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1_asof".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (
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
    SELECT m.id, m.item, m.often, m.length, a.idf, a.mean FROM weights a JOIN matching m ON m.lexeme = a.lexeme
    OFFSET 0
) w
CROSS JOIN LATERAL (SELECT * FROM "kgm_1_asof".item WHERE id = w.item OFFSET 0) i
WHERE true
GROUP BY w.id, i.id, 3 ORDER BY 2, 1 LIMIT $2::integer
) "words_few"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (
SELECT item, -sum(idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * length / mean))) AS value, stands
FROM (
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
        SELECT p.id, i.id AS item, octet_length(p.body) AS length, to_tsvector('english', p.body) AS words,
               CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1_asof".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands, (true ) AS wanted
        FROM "kgm_1_asof".passage p JOIN "kgm_1_asof".item i ON i.id = p.item
        WHERE p.id IN (SELECT id FROM sharing) AND i.scope = ANY (ARRAY(SELECT id FROM seen))
    ),
held AS MATERIALIZED (
        SELECT d.id, d.item, d.stands, d.wanted, d.length, w.lexeme, cardinality(w.positions)::float8 AS often
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
    SELECT h.id, h.item, h.stands, h.often, h.length, a.idf, a.mean
    FROM weights a JOIN held h ON h.lexeme = a.lexeme WHERE h.wanted
) weighed
GROUP BY id, item, stands ORDER BY 2, 1 LIMIT $2::integer
) "words_then"
