"""Exports: all records of a graph from one snapshot, in constant memory."""
