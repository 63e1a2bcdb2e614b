// answers: How many entities of each label are there?
// column label: a label
// column entities: how many entities bear it
MATCH (n)
UNWIND labels(n) AS label
RETURN label, count(*) AS entities
ORDER BY entities DESC, label
