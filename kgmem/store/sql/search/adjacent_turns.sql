-- What was said around the episodes that words and meaning find.

-- name: note
-- In `item` an episode, in `ids` the found one that it stands beside, and in `value` how much of that one's score is its.
SELECT 'beside' AS retriever, i.id AS item, 1.0 / b.away AS value, %(stands)s AS stands, ARRAY[t.id] AS ids
FROM (SELECT t.id, t.scope
      FROM (SELECT DISTINCT item FROM found WHERE stands = 0 AND retriever IN ('words', 'meaning', 'words_archived', 'meaning_archived')) f
      JOIN {index}.item t ON t.id = f.item AND t.kind = 2
      WHERE true%(in_session)s OFFSET 0) t
CROSS JOIN LATERAL (%(before)s UNION ALL %(after)s) b
CROSS JOIN LATERAL (SELECT * FROM {index}.item WHERE id = b.id OFFSET 0) i
WHERE %(session_beside)s IS NOT DISTINCT FROM %(session)s %(filters)s

-- name: beside
-- By how many episodes away, in the order in which they came.
(SELECT n.id, row_number() OVER () AS away
 FROM (SELECT id FROM {index}.item WHERE scope = t.scope AND kind = 2 AND id %(way)s LIMIT %(reach)s) n)

-- name: session
(SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[l.properties, '"session"'::agtype])
 FROM {graph}.{label} l WHERE l.id = %(id)s::text::ag_catalog.graphid)
