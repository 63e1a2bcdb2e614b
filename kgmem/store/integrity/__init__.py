"""Integrity checks: whether the index is what the label tables make of it, and whether the tables are whole."""
