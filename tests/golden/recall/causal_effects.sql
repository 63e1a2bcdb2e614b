-- retrievers: meaning, why
-- $1: ['']
-- $2: 40
-- $3: ['effects']
-- $4: ['explosion']
-- $5: ['CAUSES']
-- $6: []
-- $7: 5
-- $8: 0.0
-- $9: ['']
-- $10: (0.6, 0.8)
-- refused: There is no entity 'explosion' to ask the causes or effects of. Correct the key.
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
why_asked (side, place, item, begins) AS MATERIALIZED (
    SELECT k.side, k.place, i.id, lower(i.valid)
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS k (side, key, place)
    CROSS JOIN LATERAL (
        SELECT i.id, i.valid
        FROM "kgm_1".scope s JOIN "kgm_1".item i ON i.scope = s.id AND i.key = k.key AND i.kind = 1
        WHERE s.path = ANY ($9::text[])
        ORDER BY array_position($9::text[], s.path) DESC LIMIT 1
    ) i
)
,
why_kinds (id, sign) AS MATERIALIZED (
    SELECT id, CASE
WHEN name = ANY ($6::text[]) THEN -1
ELSE 1 END
    FROM "kgm_1".label WHERE kind = 2 AND name = ANY ($5::text[])
)
,
why_effects (asked, items, links, item, bound, strength, sign, cut) AS (
    SELECT place, ARRAY[item], '{}'::bigint[], item, begins, 1::float8, 1, false FROM why_asked WHERE side = 'effects'
    UNION ALL
    SELECT *
FROM (
        SELECT *
FROM (
            SELECT DISTINCT ON (far, asked, items, sign) *
FROM (
                SELECT *, count(*) OVER () > 25000 AS cut
FROM (
                    SELECT w.asked, w.items || e.far AS items, w.links || e.id AS links, e.far,
                           greatest(w.bound, lower(i.valid)) AS bound, w.strength * e.strength AS strength,
                           w.sign * e.sign AS sign
                    FROM why_effects w
                    CROSS JOIN LATERAL (
SELECT e.id, e.target AS far, k.sign,
       least(greatest(coalesce(e.strength::text::float8, 1) * coalesce(e.confidence::text::float8, 1), 0), 1) AS strength
FROM "kgm_1".edge e JOIN why_kinds k ON k.id = e.kind
WHERE e.source = w.item AND e.kind = ANY (ARRAY(SELECT id FROM why_kinds))
  AND e.scope = ANY (ARRAY(SELECT id FROM seen))
OFFSET 0
) e
                    CROSS JOIN LATERAL (
                        SELECT valid FROM "kgm_1".item
                        WHERE id = e.far AND kind = 1 AND scope = ANY (ARRAY(SELECT id FROM seen)) OFFSET 0
                    ) i
                    WHERE cardinality(w.links) < $7::integer AND NOT e.far = ANY (w.items)
                      AND w.strength * e.strength > 0 AND w.strength * e.strength >= $8::float8
AND (w.bound IS NULL OR lower(i.valid) IS NULL OR lower(i.valid) >= w.bound)
                    LIMIT 25000 + 1
                ) reached
            ) counted
            ORDER BY far, asked, items, sign, strength DESC, links
        ) told
        ORDER BY strength DESC, asked, items, sign
    ) level
)
,
why_paths AS MATERIALIZED ((SELECT asked, items, links, item, strength, sign, cut FROM why_effects LIMIT 25000 + 1)
)
,
why_scores (item, value) AS MATERIALIZED (
    SELECT item, min(value)
FROM (
        SELECT asked, item,
               coalesce(CASE
WHEN sum(strength) FILTER (WHERE sign > 0) = max(strength) FILTER (WHERE sign > 0)
                             THEN max(strength) FILTER (WHERE sign > 0)
ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign > 0)) END, 0)
             - coalesce(CASE
WHEN sum(strength) FILTER (WHERE sign < 0) = max(strength) FILTER (WHERE sign < 0)
                             THEN max(strength) FILTER (WHERE sign < 0)
ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign < 0)) END, 0) AS value
        FROM why_paths WHERE cardinality(links) > 0 GROUP BY asked, item
    ) each
    GROUP BY item HAVING count(*) = 1
)
,
why_by_item AS MATERIALIZED (SELECT jsonb_object_agg(item, value) AS of FROM why_scores)
,
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT v.item, v.embedding <#> $10::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1"."vector_1" v CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = v.item OFFSET 0) i
WHERE true
AND (SELECT bool_or(large) FROM seen)
      AND i.scope = ANY (ARRAY(SELECT id FROM seen WHERE large))
ORDER BY v.embedding <#> $10::halfvec LIMIT $2::integer
) "near_many"
UNION ALL SELECT 'meaning', item, -value::float8, stands
FROM (SELECT i.id AS item, v.embedding <#> $10::halfvec AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM seen s
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE scope = s.id OFFSET 0) i
CROSS JOIN LATERAL (SELECT id FROM "kgm_1".passage WHERE item = i.id OFFSET 0) p
CROSS JOIN LATERAL (SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id OFFSET 0) v
WHERE NOT s.large
ORDER BY 2, 1 LIMIT $2::integer
) "near_few"
UNION ALL SELECT 'why', item, value::float8, stands
FROM (
SELECT w.item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT item, value FROM why_scores ORDER BY value DESC, item) w
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
ORDER BY w.value DESC, w.item LIMIT $2::integer
) "why_found"
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT 1 FROM why_asked WHERE place = 1)),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((SELECT 'paths_cut', 0::bigint, 1::float8, 0, NULL::bigint[]
WHERE (SELECT bool_or(cut) OR count(*) > 25000 FROM why_paths)
)
UNION ALL (
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
FROM (SELECT * FROM found) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, array_agg("why") AS "why", array_agg("meaning_looked_up") AS "meaning_looked_up"
FROM (SELECT c.item, (((SELECT of FROM why_by_item) ->> i.id::text)::float8)::float8 AS "why", (t."meaning")::float8 AS "meaning_looked_up" FROM candidate c CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = c.item OFFSET 0) i
CROSS JOIN LATERAL (
    SELECT max(-(v.embedding <#> $10::halfvec))::float8
 AS "meaning"
FROM (SELECT id, body FROM "kgm_1".passage WHERE item = c.item ORDER BY ordinal LIMIT 32) p LEFT JOIN LATERAL (
    SELECT embedding FROM "kgm_1"."vector_1" WHERE passage = p.id AND 'meaning' <> ALL (c.by) OFFSET 0
) v ON true
) t
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('why', v."why"), ('meaning_looked_up', v."meaning_looked_up")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
