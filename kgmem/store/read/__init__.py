"""Reads of single items, pages and the change feed."""
