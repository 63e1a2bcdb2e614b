// answers: Which entities lie nearest to one that has a place?
// parameter key STRING = "kennedy-space-center": its key
// parameter count INTEGER = 5: how many
// column name: the name of a neighbour
// column km: how far it is, in kilometres
MATCH (here {key: $key})
CALL kgmem.nearest(here, coalesce($count, 10)) YIELD node, km
WHERE node <> here
RETURN node.name AS name, round(km, 1) AS km
ORDER BY km
