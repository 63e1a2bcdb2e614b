"""Integrity checks: whether the index agrees with the label tables, and whether the tables are whole."""
