"""Graphs for the execution of Cypher: patterns as SQL over the retrieval index, nodes out of AGE's label tables."""
