// answers: Which relationships of an entity were true at a time?
// parameter key STRING = "neil-armstrong": the entity's key
// parameter at STRING = "1969-07-20": the time, in ISO 8601
// column kind: the kind of the relationship
// column other: the name of what it leads to
// column from: since when it held
// column to: until when
MATCH (n {key: $key})-[r]->(m)
WHERE kgmem.valid_at(r, $at)
RETURN type(r) AS kind, m.name AS other, r.valid_from AS from, r.valid_to AS to
ORDER BY kind, other
