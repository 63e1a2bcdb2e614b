"""Retention: legal holds, and rules by which a graph forgets."""
