"""Runs plans: clauses over rows, against a graph that a port gives, one transaction a statement."""
