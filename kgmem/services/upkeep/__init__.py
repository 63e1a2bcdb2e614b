"""Upkeep: use cases that keep derived data in line with the graph."""
