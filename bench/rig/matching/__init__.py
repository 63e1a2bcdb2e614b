"""Matching the rows of two tables without a database: the rules of resolution with weights that the rows teach."""
