// answers: Who flew most often with a person, and on which missions?
// parameter person STRING = "michael-collins": the person's key
// column name: the name of a companion
// column missions: the missions that they flew together
MATCH (p:Person {key: $person})-[:CREW_OF]->(m:Mission)<-[:CREW_OF]-(other:Person)
WITH other, m ORDER BY m.valid_from
RETURN other.name AS name, collect(m.name) AS missions
ORDER BY size(missions) DESC, name
