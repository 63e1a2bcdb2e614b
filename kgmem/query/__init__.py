"""Cypher, from a query's text to its rows.

`execution.statements.Engine` is the way in; what holds the graph stands behind a port (`execution.graph`).
"""
