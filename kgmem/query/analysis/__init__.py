"""What a query means, found before it runs: scopes, types, grouping, columns, and the errors that are known already.

Each module is a layer over the one before: findings, expressions, patterns, subqueries' frame, projections, clauses,
queries, statements. What a lower layer needs of a higher one it names as an abstract method.
"""
