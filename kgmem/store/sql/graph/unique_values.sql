-- name: there
SELECT to_regclass(format('%I.unique_rule', $1::text)) IS NOT NULL

-- name: make_tables
SELECT kgmem.make_unique_tables($1::text::name)

-- name: drop_tables
SELECT kgmem.drop_unique_tables($1::text::name, $2::text::name)

-- name: watch
SELECT kgmem.watch_unique_values($1::text::name, $2::text::name)

-- name: fill
SELECT kgmem.fill_unique_values($1::text::name, $2::text::name, $3::graphid[])

-- name: keep_writers_out
-- Of the tables of all labels, which inherit from this one.
LOCK TABLE {graph}._ag_label_vertex IN SHARE ROW EXCLUSIVE MODE

-- name: rules
SELECT label, declared FROM {index}.unique_rule

-- name: drop_rules
WITH gone AS (
    DELETE FROM {index}.unique_rule r USING unnest($1::text[], $2::text[]) AS n (label, declared)
    WHERE r.label = n.label AND r.declared = string_to_array(n.declared, E'\x1f') RETURNING r.id
)
DELETE FROM {index}.unique_value u USING gone WHERE u.rule = gone.id

-- name: make_rule
INSERT INTO {index}.unique_rule (label, listed, declared, stored)
VALUES ($1, $2::text::agtype, $3::text[], ($4::text[])::agtype[])

-- name: twice
SELECT r.label, r.declared, ag_catalog.agtype_out(w.value)::text AS value,
       (array_agg(ag_catalog.agtype_out(
            ag_catalog.agtype_access_operator(VARIADIC ARRAY[n.properties, '"key"'::agtype]))::text ORDER BY n.id))[1:2] AS keys
FROM {graph}._ag_label_vertex n JOIN {index}.label l ON l.id = (n.id::text::bigint >> 48)
CROSS JOIN LATERAL {index}.unique_of(l.name, n.properties) w
JOIN {index}.unique_rule r ON r.id = w.rule
GROUP BY r.id, w.value, w.scope HAVING count(*) > 1 LIMIT 1

-- name: rule
SELECT label, declared FROM {index}.unique_rule WHERE id = $1

-- name: holder
SELECT i.key FROM {index}.unique_value u JOIN {index}.item i ON i.id = u.item::text::bigint
WHERE u.rule = $1 AND u.value = $2::text::agtype AND u.scope IS NOT DISTINCT FROM $3::text::agtype

-- name: age_name
SELECT age_name::text FROM kgmem.graph WHERE index_name = $1

-- name: forget_stale
-- What another client deleted or changed, and nobody has indexed yet, has its value no longer.
DELETE FROM {index}.unique_value u
WHERE u.rule = $1 AND u.value = $2::text::agtype AND u.scope IS NOT DISTINCT FROM $3::text::agtype
  AND NOT EXISTS (SELECT 1 FROM {graph}._ag_label_vertex n JOIN {index}.label l ON l.id = (n.id::text::bigint >> 48)
                  CROSS JOIN LATERAL {index}.unique_of(l.name, n.properties) w
                  WHERE n.id = u.item AND w.rule = u.rule AND w.value = u.value AND w.scope IS NOT DISTINCT FROM u.scope)
RETURNING u.item

-- name: differ
-- Nodes of which a unique value is not held by them, and nodes (or what is left of them) that hold one they do not have.
WITH wanted AS MATERIALIZED (
    SELECT w.rule, w.value, w.scope, n.id AS item
    FROM {graph}._ag_label_vertex n JOIN {index}.label l ON l.id = (n.id::text::bigint >> 48)
    CROSS JOIN LATERAL {index}.unique_of(l.name, n.properties) w
)
SELECT DISTINCT ON (id) id, doubled FROM (
SELECT w.item::text::bigint AS id, EXISTS (
    SELECT 1 FROM wanted o WHERE o.item <> w.item AND o.rule = w.rule AND o.value = w.value
                             AND o.scope IS NOT DISTINCT FROM w.scope) AS doubled
FROM wanted w
WHERE NOT EXISTS (SELECT 1 FROM {index}.unique_value u WHERE u.item = w.item AND u.rule = w.rule AND u.value = w.value
                                                         AND u.scope IS NOT DISTINCT FROM w.scope)
UNION ALL
SELECT u.item::text::bigint, false FROM {index}.unique_value u
WHERE NOT EXISTS (SELECT 1 FROM wanted w WHERE w.item = u.item AND w.rule = u.rule AND w.value = u.value
                                           AND w.scope IS NOT DISTINCT FROM u.scope)
) found ORDER BY id, doubled DESC

-- name: captured
SELECT id FROM kgmem.captured WHERE graph = $1

-- name: unwatched
SELECT l.name AS label FROM {index}.label l
JOIN pg_class c ON c.relname = l.age_name AND c.relnamespace = to_regnamespace(quote_ident($1))
WHERE l.kind = 1 AND 3 > (SELECT count(*) FROM pg_trigger t
                          WHERE t.tgrelid = c.oid AND t.tgname LIKE 'kgmem\_unique\_%' AND t.tgenabled <> 'D')
ORDER BY l.name

-- name: holders
SELECT n.at, i.key
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS n (label, declared, value, scope, at)
JOIN {index}.unique_rule r ON r.label = n.label AND r.declared = string_to_array(n.declared, E'\x1f')
JOIN {index}.unique_value u ON u.rule = r.id AND u.value = n.value::agtype AND u.scope IS NOT DISTINCT FROM n.scope::agtype
JOIN {index}.item i ON i.id = u.item::text::bigint
