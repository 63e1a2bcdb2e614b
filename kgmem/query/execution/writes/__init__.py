"""Clauses that write: CREATE, MERGE, SET, REMOVE, DELETE, and commands on the schema."""
