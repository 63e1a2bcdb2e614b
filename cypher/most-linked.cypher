// answers: Which entities matter most, by what leads to them (PageRank)?
// parameter count INTEGER = 10: how many
// column name: an entity's name
// column labels: its labels
// column score: its rank; all ranks add up to 1
CALL kgmem.pagerank({limit: coalesce($count, 20)}) YIELD node, score
RETURN node.name AS name, labels(node) AS labels, score
ORDER BY score DESC, name
