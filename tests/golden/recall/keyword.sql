-- retrievers: words
-- $1: ['']
-- $2: 40
-- $3: 'landing'
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
words_of_few (id, item, value) AS MATERIALIZED (
    WITH documents AS MATERIALIZED (
        SELECT p.id, p.item, t.words,
               coalesce(l.length, (SELECT sum(cardinality(w.positions)) FROM unnest(t.words) w), 0)::float8 AS length
        FROM seen s
        CROSS JOIN LATERAL (SELECT id FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
        CROSS JOIN LATERAL (SELECT id, item, body FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
        LEFT JOIN LATERAL (SELECT words, length FROM "kgm_1".lexeme WHERE passage = p.id OFFSET 0) l ON true
        CROSS JOIN LATERAL (SELECT coalesce(l.words, to_tsvector('english', p.body)) AS words OFFSET 0) t
        WHERE NOT (SELECT bool_or(large) FROM seen)
    ),
asked AS MATERIALIZED (
        SELECT w.lexeme, ($$'$$ || replace(replace(w.lexeme, $$\$$, $$\\$$), $$'$$, $$''$$) || $$'$$)::tsquery AS query
        FROM unnest(tsvector_to_array(to_tsvector('english', $3::text))) AS w (lexeme)
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
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (
SELECT i.id AS item, h.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT (w.hit).item, (w.hit).value
FROM (SELECT "kgm_1".by_words($3::text) AS hit WHERE true
AND (SELECT bool_or(large) FROM seen) OFFSET 0) w) h
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = h.item OFFSET 0) i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen))
LIMIT $2::integer
) "words_many"
UNION ALL SELECT 'words', item, -value::float8, stands
FROM (SELECT i.id AS item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM words_of_few w CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
ORDER BY 2, 1 LIMIT $2::integer
) "words_few"),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((
SELECT 'beside' AS retriever, i.id AS item, 1.0 / b.away AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands, ARRAY[t.id] AS ids
FROM (SELECT t.id, t.scope
FROM (SELECT DISTINCT item FROM found WHERE stands = 0 AND retriever IN ('words', 'meaning', 'words_archived', 'meaning_archived')) f
      JOIN "kgm_1".item t ON t.id = f.item AND t.kind = 2
      WHERE true
AND (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = t.id::text::ag_catalog.graphid)
 IS NOT NULL OFFSET 0) t
CROSS JOIN LATERAL (
(SELECT n.id, row_number() OVER () AS away
FROM (SELECT id FROM "kgm_1".item WHERE scope = t.scope AND kind = 2 AND id < t.id ORDER BY id DESC LIMIT 2) n)
UNION ALL
(SELECT n.id, row_number() OVER () AS away
FROM (SELECT id FROM "kgm_1".item WHERE scope = t.scope AND kind = 2 AND id > t.id ORDER BY id LIMIT 2) n)
) b
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = b.id OFFSET 0) i
WHERE (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = i.id::text::ag_catalog.graphid)
 IS NOT DISTINCT
FROM (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM "flights"."Episode" l WHERE l.id = t.id::text::ag_catalog.graphid)
)),
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')
UNION ALL SELECT item, retriever FROM notes WHERE retriever = 'beside' AND stands = 0) f
    GROUP BY item
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT * FROM found
UNION ALL
SELECT 'words_looked_up', item, max(-value)::float8, 0 FROM words_of_few
WHERE (item IN (SELECT item FROM candidate WHERE 'words' <> ALL (by))) IS TRUE GROUP BY item
) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, array_agg("words_looked_up") AS "words_looked_up"
FROM (SELECT c.item, (t."words_many")::float8 AS "words_looked_up" FROM candidate c
CROSS JOIN LATERAL (
    SELECT
max(CASE
WHEN 'words' <> ALL (c.by)
AND (SELECT bool_or(large) FROM seen)
              AND lower(p.body) LIKE ANY (((
SELECT array_agg(chr(37) || replace(left(w.lexeme, CASE
WHEN length(w.lexeme) > 3 THEN length(w.lexeme) - 1
ELSE 1 END),
                                    $$\$$, '_') || chr(37))
FROM unnest(tsvector_to_array(to_tsvector('english', $3::text))) AS w (lexeme)
))::text[])
         THEN -(p.body <@> to_bm25query($3::text, '"kgm_1".passage_words')) END)::float8
 AS "words_many"
FROM (SELECT id, body FROM "kgm_1".passage WHERE item = c.item ORDER BY ordinal LIMIT 32) p
) t
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('words_looked_up', v."words_looked_up")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
