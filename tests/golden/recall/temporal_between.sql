-- retrievers: when
-- $1: ['']
-- $2: 40
-- $3: -31536000000000
-- $4: None
-- $5: 31536000.0
WITH RECURSIVE seen AS MATERIALIZED (
    SELECT s.id, EXISTS (SELECT 1 FROM "kgm_1".item c CROSS JOIN LATERAL (
               SELECT 1 FROM "kgm_1".passage p WHERE p.item = c.id OFFSET 0) cut
           WHERE c.scope = s.id OFFSET 1000) AS large
    FROM "kgm_1".scope s WHERE s.path = ANY ($1::text[])
)
,
found (retriever, item, value, stands) AS MATERIALIZED (SELECT 'large', id::bigint, 0::float8, 0 FROM seen WHERE large
UNION ALL SELECT 'when', item, value::float8, stands
FROM ((SELECT i.id AS item, coalesce(CASE
WHEN lower_inf(i.valid) AND upper_inf(i.valid) THEN NULL
WHEN i.valid && tstzrange($3::timestamptz, $4::timestamptz) THEN 1::float8
ELSE 0.5 * power(2::float8, greatest(-1000, -greatest(0, date_part('epoch', coalesce($3::timestamptz, '-infinity')) - date_part('epoch', coalesce(upper(i.valid), 'infinity')), date_part('epoch', coalesce(lower(i.valid), '-infinity')) - date_part('epoch', coalesce($4::timestamptz, 'infinity'))) / $5::float8)) END, 0) AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1".item i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND i.valid && tstzrange($3::timestamptz, $4::timestamptz) AND NOT (lower_inf(i.valid) AND upper_inf(i.valid))
ORDER BY CASE
WHEN lower_inf(i.valid) AND upper_inf(i.valid) THEN NULL
ELSE 1 / (1 + (CASE
WHEN 'infinity' IN (abs(date_part('epoch', coalesce(lower(i.valid), '-infinity'))), abs(date_part('epoch', coalesce($3::timestamptz, '-infinity')))) THEN 0
ELSE abs(date_part('epoch', coalesce(lower(i.valid), '-infinity')) - date_part('epoch', coalesce($3::timestamptz, '-infinity'))) END + CASE
WHEN 'infinity' IN (abs(date_part('epoch', coalesce(upper(i.valid), 'infinity'))), abs(date_part('epoch', coalesce($4::timestamptz, 'infinity')))) THEN 0
ELSE abs(date_part('epoch', coalesce(upper(i.valid), 'infinity')) - date_part('epoch', coalesce($4::timestamptz, 'infinity'))) END) / $5::float8) END DESC NULLS LAST, i.id LIMIT $2::integer
)
UNION ALL (
SELECT i.id AS item, 0::float8 AS value, CASE
WHEN ((i.kind <> 3 OR (SELECT b.state FROM "kgm_1".relationship_state b WHERE b.id = i.id
) IS DISTINCT FROM 5)) IS NOT TRUE THEN 6
ELSE 0 END AS stands
FROM "kgm_1".item i
WHERE i.scope = ANY (ARRAY(SELECT id FROM seen)) AND lower_inf(i.valid) AND upper_inf(i.valid)
ORDER BY i.id LIMIT $2::integer
)) "when_found"),
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
    SELECT array_agg(item) AS items, array_agg("when") AS "when"
FROM (SELECT c.item, (CASE
WHEN lower_inf(i.valid) AND upper_inf(i.valid) THEN NULL
WHEN i.valid && tstzrange($3::timestamptz, $4::timestamptz) THEN 1::float8
ELSE 0.5 * power(2::float8, greatest(-1000, -greatest(0, date_part('epoch', coalesce($3::timestamptz, '-infinity')) - date_part('epoch', coalesce(upper(i.valid), 'infinity')), date_part('epoch', coalesce(lower(i.valid), '-infinity')) - date_part('epoch', coalesce($4::timestamptz, 'infinity'))) / $5::float8)) END)::float8 AS "when" FROM candidate c CROSS JOIN LATERAL (SELECT * FROM "kgm_1".item WHERE id = c.item OFFSET 0) i
 OFFSET 0) each
) v
CROSS JOIN LATERAL (VALUES ('when', v."when")) AS r (retriever, value)
WHERE v.items IS NOT NULL
