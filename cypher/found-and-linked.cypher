// answers: What does recall find for some words, and how is it linked?
// parameter words STRING = "oxygen tank": what to look for
// column name: the name of a hit
// column score: how well it fits
// column kinds: the kinds of its relationships
CALL kgmem.recall($words, {k: 10, kinds: ['entity'], any_time: true}) YIELD node, score
OPTIONAL MATCH (node)-[r]-()
RETURN node.name AS name, score, collect(DISTINCT type(r)) AS kinds
ORDER BY score DESC, name
