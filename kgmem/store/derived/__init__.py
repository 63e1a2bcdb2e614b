"""Data derived from the graph: communities, similarity links, summaries and extractions."""
