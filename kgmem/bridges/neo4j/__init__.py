"""Neo4j, and whatever else speaks Bolt and answers Cypher."""
