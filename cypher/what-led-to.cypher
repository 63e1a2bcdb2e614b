// answers: What led to something, over at most so many steps, and how strongly?
// parameter event STRING = "apollo-13-explosion": the key of what came about
// column name: the name of a cause
// column key: its key
// column strength: the strength of the strongest path, the product along it
CALL kgmem.causes($event, 5, 0.0) YIELD node, strength
RETURN node.name AS name, node.key AS key, strength
ORDER BY strength DESC, name
