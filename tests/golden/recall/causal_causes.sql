-- retrievers: why
-- $1: ['']
-- $2: 40
-- $3: ['causes']
-- $4: ['landing']
-- $5: ['CAUSES']
-- $6: []
-- $7: 3
-- $8: 0.09999999990000001
-- $9: ['']
-- refused: There is no entity 'landing' to ask the causes or effects of. Correct the key.
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
why_causes (asked, items, links, item, bound, strength, sign, cut) AS (
    SELECT place, ARRAY[item], '{}'::bigint[], item, begins, 1::float8, 1, false FROM why_asked WHERE side = 'causes'
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
                           least(w.bound, lower(i.valid)) AS bound, w.strength * e.strength AS strength,
                           w.sign * e.sign AS sign
                    FROM why_causes w
                    CROSS JOIN LATERAL (
SELECT e.id, e.source AS far, k.sign,
       least(greatest(coalesce(e.strength::text::float8, 1) * coalesce(e.confidence::text::float8, 1), 0), 1) AS strength
FROM "kgm_1".edge e JOIN why_kinds k ON k.id = e.kind
WHERE e.target = w.item AND e.kind = ANY (ARRAY(SELECT id FROM why_kinds))
  AND e.scope = ANY (ARRAY(SELECT id FROM seen))
OFFSET 0
) e
                    CROSS JOIN LATERAL (
                        SELECT valid FROM "kgm_1".item
                        WHERE id = e.far AND kind = 1 AND scope = ANY (ARRAY(SELECT id FROM seen)) OFFSET 0
                    ) i
                    WHERE cardinality(w.links) < $7::integer AND NOT e.far = ANY (w.items)
                      AND w.strength * e.strength > 0 AND w.strength * e.strength >= $8::float8
AND (w.bound IS NULL OR lower(i.valid) IS NULL OR lower(i.valid) <= w.bound)
                    LIMIT 25000 + 1
                ) reached
            ) counted
            ORDER BY far, asked, items, sign, strength DESC, links
        ) told
        ORDER BY strength DESC, asked, items, sign
    ) level
)
,
why_paths AS MATERIALIZED ((SELECT asked, items, links, item, strength, sign, cut FROM why_causes LIMIT 25000 + 1)
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
"probe_why" (id) AS MATERIALIZED (
    SELECT DISTINCT id
FROM (SELECT id
FROM (SELECT item AS id FROM why_scores) r
WHERE (SELECT bool_or(large) FROM seen) LIMIT 2001) r
)
,
narrow_by (name) AS MATERIALIZED (
    SELECT CASE
WHEN NOT coalesce((SELECT bool_or(large) FROM seen), false) THEN NULL
WHEN (SELECT count(*) <= 2000 FROM "probe_why") THEN 'why' END
)
,
narrow (id) AS MATERIALIZED (SELECT id FROM "probe_why"
WHERE (SELECT name FROM narrow_by) = 'why'),
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'why', item, value::float8, stands
FROM (
SELECT w.item, w.value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM (SELECT item, value FROM why_scores ORDER BY value DESC, item) w
CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = w.item OFFSET 0) i
WHERE true
AND (i.id IN (SELECT item FROM why_scores)) IS TRUE
ORDER BY w.value DESC, w.item LIMIT $2::integer
) "why_found"
UNION ALL SELECT 'refused', 0::bigint, 0::float8, 0 WHERE NOT EXISTS (SELECT 1 FROM why_asked WHERE place = 1)),
notes (retriever, item, value, stands, ids) AS MATERIALIZED ((SELECT 'paths_cut', 0::bigint, 1::float8, 0, NULL::bigint[]
WHERE (SELECT bool_or(cut) OR count(*) > 25000 FROM why_paths)
)),
candidate (item, by) AS MATERIALIZED (
    SELECT item, array_agg(retriever)
FROM (SELECT item, retriever FROM found WHERE stands = 0 AND retriever NOT IN ('large', 'refused', 'made')) f
    GROUP BY item
)
SELECT retriever, array_agg(item), array_agg(value), array_agg(stands), NULL::bigint[]
FROM (SELECT * FROM found) AS rows (retriever, item, value, stands) GROUP BY retriever
UNION ALL
SELECT r.retriever, v.items, r.value, NULL::integer[], NULL::bigint[]
FROM (
    SELECT array_agg(item) AS items, array_agg("why") AS "why"
FROM (SELECT c.item, (((SELECT of FROM why_by_item) ->> i.id::text)::float8)::float8 AS "why" FROM candidate c CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = c.item OFFSET 0) i
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('why', v."why")) AS r (retriever, value)
WHERE v.items IS NOT NULL
UNION ALL SELECT retriever, ARRAY[item]::bigint[], ARRAY[value]::float8[], ARRAY[stands]::integer[], ids FROM notes
