-- Causes and effects: paths along relationships of causal kinds, by a recursive search over the edge index.

-- name: asked
-- What a question names, each key in the nearest scope that is seen from its own.
why_asked (side, place, item, begins) AS MATERIALIZED (
    SELECT k.side, k.place, i.id, lower(i.valid)
    FROM unnest(%(sides)s, %(keys)s) WITH ORDINALITY AS k (side, key, place)
    CROSS JOIN LATERAL (
        SELECT i.id, i.valid
        FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id AND i.key = k.key AND i.kind = 1
        WHERE s.path = ANY (%(paths)s)
        ORDER BY array_position(%(paths)s, s.path) DESC LIMIT 1
    ) i
)

-- name: kinds
-- By name, since another process may have used a kind for the first time.
why_kinds (id, sign) AS MATERIALIZED (
    SELECT id, CASE WHEN name = ANY (%(preventing)s) THEN -1 ELSE 1 END
    FROM {index}.label WHERE kind = 2 AND name = ANY (%(causal)s)
)

-- name: walk
-- One row a simple path, level by level, in each the strongest first: what is cut off at the end is the longest and
-- the weakest; of one entity's relationships those that the index has first. Of several relationships of one sign between the same two only the strongest counts, since the others
-- state the same link again. `bound` is the earliest begin on the way from an effect, the latest on that from a cause.
why_%(side)s (asked, items, links, item, bound, strength, sign, cut) AS (
    SELECT place, ARRAY[item], '{}'::bigint[], item, begins, 1::float8, 1, false FROM why_asked WHERE side = '%(side)s'
    UNION ALL
    SELECT * FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (far, asked, items, sign) * FROM (
                SELECT *, count(*) OVER () > %(paths_most)s AS cut FROM (
                    SELECT w.asked, w.items || e.far AS items, w.links || e.id AS links, e.far,
                           %(tighter)s(w.bound, lower(i.valid)) AS bound, w.strength * e.strength AS strength,
                           w.sign * e.sign AS sign
                    FROM why_%(side)s w
                    CROSS JOIN LATERAL (%(edges)s) e
                    CROSS JOIN LATERAL (
                        SELECT valid FROM {index}.item
                        WHERE id = e.far AND kind = 1 AND scope = ANY (ARRAY(SELECT id FROM seen)) OFFSET 0
                    ) i
                    WHERE cardinality(w.links) < %(depth)s AND NOT e.far = ANY (w.items)
                      AND w.strength * e.strength > 0 AND w.strength * e.strength >= %(least)s %(conditions)s
                    LIMIT %(paths_most)s + 1
                ) reached
            ) counted
            ORDER BY far, asked, items, sign, strength DESC, links  -- By far first, which costs less than by items.
        ) told
        ORDER BY strength DESC, asked, items, sign
    ) level
)

-- name: edges
-- The text of a real is the number that was stored (0.9), its cast the nearest binary fraction (0.899999976).
SELECT e.id, e.%(far)s AS far, k.sign,
       least(greatest(coalesce(e.strength::text::float8, 1) * coalesce(e.confidence::text::float8, 1), 0), 1) AS strength
FROM {index}.edge e JOIN why_kinds k ON k.id = e.kind
WHERE e.%(near)s = w.item AND e.kind = ANY (ARRAY(SELECT id FROM why_kinds))
  AND e.scope = ANY (ARRAY(SELECT id FROM seen)) %(edge_conditions)s
OFFSET 0

-- name: in_order
AND (w.bound IS NULL OR lower(i.valid) IS NULL OR lower(i.valid) %(order)s w.bound)

-- name: walked
(SELECT asked, items, links, item, strength, sign, cut FROM why_%(side)s LIMIT %(paths_most)s + 1)

-- name: paths
why_paths AS MATERIALIZED (%(walked)s)

-- name: scores
-- Of several paths the noisy-or; of what brings about and what prevents the difference; of several keys the least.
why_scores (item, value) AS MATERIALIZED (
    SELECT item, min(value) FROM (
        SELECT asked, item,
               coalesce(CASE WHEN sum(strength) FILTER (WHERE sign > 0) = max(strength) FILTER (WHERE sign > 0)
                             THEN max(strength) FILTER (WHERE sign > 0)
                             ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign > 0)) END, 0)
             - coalesce(CASE WHEN sum(strength) FILTER (WHERE sign < 0) = max(strength) FILTER (WHERE sign < 0)
                             THEN max(strength) FILTER (WHERE sign < 0)
                             ELSE 1 - exp(sum(ln(greatest(1 - strength, 1e-300))) FILTER (WHERE sign < 0)) END, 0) AS value
        FROM why_paths WHERE cardinality(links) > 0 GROUP BY asked, item
    ) each
    GROUP BY item HAVING count(*) = %(asked)s
)

-- name: reach
-- From where the end is reached in how many steps; the walk from the start goes nowhere else.
why_reach (item, steps) AS (
    SELECT item, 0 FROM why_asked WHERE side = 'end'
    UNION
    SELECT e.far, w.steps + 1 FROM why_reach w CROSS JOIN LATERAL (%(edges)s) e WHERE w.steps < %(depth)s - 1
),
why_reached AS MATERIALIZED (SELECT item, steps FROM why_reach LIMIT 4 * %(paths_most)s + 1),
why_within (item, steps) AS MATERIALIZED (
    SELECT item, generate_series(least, %(depth)s - 1) FROM (
        SELECT item, min(steps) AS least FROM why_reached GROUP BY item
    ) nearest
)

-- name: towards_end
AND (e.far, %(depth)s - 1 - cardinality(w.links)) IN (SELECT item, steps FROM why_within) IS TRUE
AND w.item NOT IN (SELECT item FROM why_asked WHERE side = 'end')

-- name: found_paths
-- The id of a path is the same whenever it is asked for, and below zero, where no item has its own.
why_found (id, items, links, strength, sign) AS MATERIALIZED (
    SELECT -1 - (hash_array_extended(links, 0) & 4611686018427387903), items, links, strength, sign
    FROM why_paths WHERE item IN (SELECT item FROM why_asked WHERE side = 'end')
),
why_scores (item, value) AS MATERIALIZED (
    SELECT item, max(strength) FROM why_found CROSS JOIN LATERAL unnest(items) AS u (item) GROUP BY item
)

-- name: path_candidates
SELECT id AS item, strength AS value, 0 AS stands FROM why_found ORDER BY strength DESC, items, sign LIMIT %(most)s

-- name: candidates
-- Best first, so that no more items are looked up than are asked for.
SELECT w.item, w.value, %(stands)s AS stands
FROM (SELECT item, value FROM why_scores ORDER BY value DESC, item) w
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = w.item OFFSET 0) i
WHERE true %(filters)s
ORDER BY w.value DESC, w.item LIMIT %(most)s

-- name: by_item
why_by_item AS MATERIALIZED (SELECT jsonb_object_agg(item, value) AS of FROM why_scores)

-- name: note_cut
SELECT 'paths_cut', 0::bigint, 1::float8, 0, NULL::bigint[]
WHERE (SELECT bool_or(cut) OR count(*) > %(paths_most)s FROM why_paths) %(reach_cut)s

-- name: reach_cut
OR (SELECT count(*) > 4 * %(paths_most)s FROM why_reached)

-- name: note_found_paths
SELECT 'path', f.id, f.sign * f.strength, 0, f.items || f.links
FROM why_found f WHERE f.id IN (SELECT item FROM found WHERE retriever = 'why')

-- name: note_paths
-- For each that is found the strongest path from or to each of the keys.
SELECT 'path', item, sign * strength, 0, CASE WHEN backwards THEN
           ARRAY(SELECT u.id FROM unnest(items) WITH ORDINALITY AS u (id, at) ORDER BY at DESC)
           || ARRAY(SELECT u.id FROM unnest(links) WITH ORDINALITY AS u (id, at) ORDER BY at DESC)
       ELSE items || links END
FROM (
    SELECT DISTINCT ON (p.item, p.asked) p.*, p.asked IN (SELECT place FROM why_asked WHERE side = 'causes') AS backwards
    FROM why_paths p
    WHERE cardinality(p.links) > 0 AND p.item IN (SELECT item FROM found) AND p.item IN (SELECT item FROM why_scores)
    ORDER BY p.item, p.asked, p.strength DESC, p.items, p.sign DESC
) strongest

-- name: fetch_links
-- The relationships of paths, with the columns of fetch_items.
SELECT e.id, 3::smallint, e.key, e.trust, e.known_from, s.path, o.key, o.name, o.trust, v.properties, NULL, NULL
FROM (%(links)s) v
JOIN {index}.edge e ON e.id = v.id
JOIN {index}.scope s ON s.id = e.scope
LEFT JOIN {index}.source o ON o.id = e.origin

-- name: causal_graph
-- All that causes lead from to what is asked, and where they lead on to; rows of (what, id, id, key, scope).
WITH RECURSIVE seen AS MATERIALIZED (SELECT id FROM {index}.scope WHERE path = ANY (%(paths)s)),
%(asked)s, %(kinds)s,
back (item) AS (
    SELECT item FROM why_asked UNION SELECT e.far FROM back w CROSS JOIN LATERAL (%(back)s) e
),
causes AS MATERIALIZED (SELECT item FROM back LIMIT %(most)s + 1),
forth (item) AS (
    SELECT item FROM why_asked WHERE %(effects)s
    UNION SELECT e.far FROM forth w CROSS JOIN LATERAL (%(forth)s) e
),
effects AS MATERIALIZED (SELECT item FROM forth LIMIT %(most)s + 1),
linked AS MATERIALIZED (
    SELECT * FROM (
        SELECT e.far AS source, w.item AS target FROM causes w CROSS JOIN LATERAL (%(back)s) e
        UNION ALL
        SELECT w.item, e.far FROM effects w CROSS JOIN LATERAL (%(forth)s) e
    ) links LIMIT %(most_links)s + 1
)
SELECT 'asked' AS what, place AS id, item AS other, NULL AS key, NULL AS scope FROM why_asked
UNION ALL
SELECT 'node', i.id, NULL, i.key, s.path
FROM (SELECT item FROM causes UNION SELECT item FROM effects) n
JOIN {index}.item i ON i.id = n.item AND i.kind = 1 AND i.scope = ANY (ARRAY(SELECT id FROM seen))
JOIN {index}.scope s ON s.id = i.scope
UNION ALL
SELECT 'link', source, target, NULL, NULL FROM linked
