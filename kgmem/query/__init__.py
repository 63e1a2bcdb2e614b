"""Cypher: so far its front end, from a query's text to a tree that is checked and resolved.

`analysis.statements.analyse` is the way in. What plans and runs a query is not there yet, and no door leads here.
"""
