"""Derived data: communities, similarity links and summaries."""
