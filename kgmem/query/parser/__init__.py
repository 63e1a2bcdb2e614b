"""Cypher's grammar by recursive descent: openCypher 9, and what Neo4j 5 adds that is in daily use.

Each module is a layer over the one before: the cursor over the tokens, atoms, labels, patterns, calls, primary
expressions, expressions, projections, clauses, queries, commands, statements. What a lower layer needs of a higher one
it names as an abstract method. Time is linear in the length of the text: no place is read twice, and what looks ahead
looks at a fixed number of tokens, or over one pair of brackets.
"""
