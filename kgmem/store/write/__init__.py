"""Writes: vertices, edges, episodes and passages in the caller's transaction, and their deletion."""
