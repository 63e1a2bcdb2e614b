// answers: How are two things linked, by the fewest relationships?
// parameter from STRING = "neil-armstrong": the key of the one
// parameter to STRING = "wernher-von-braun": the key of the other
// column names: the names along the path
// column kinds: the kinds of the relationships along it
// column steps: how many relationships there are
MATCH (a {key: $from}), (b {key: $to})
MATCH p = shortestPath((a)-[*..6]-(b))
RETURN [n IN nodes(p) | coalesce(n.name, n.key)] AS names, [r IN relationships(p) | type(r)] AS kinds, length(p) AS steps
