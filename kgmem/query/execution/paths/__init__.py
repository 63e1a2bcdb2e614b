"""Paths: quantified patterns, shortest paths and selectors."""
