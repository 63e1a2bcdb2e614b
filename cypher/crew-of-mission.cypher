// answers: Who flew on a mission, and as what?
// parameter mission STRING = "apollo-11": the mission's key
// column name: the name of who flew
// column role: the role on this mission
MATCH (p:Person)-[r:CREW_OF]->(m {key: $mission})
RETURN p.name AS name, r.role AS role
ORDER BY role, name
