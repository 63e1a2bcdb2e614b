"""The logical plan of a query: its clauses as steps, its patterns as nodes, links and predicates.

A plan says what is done and names nothing of how a graph is stored; execution runs it over rows.
"""
