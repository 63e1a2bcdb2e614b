"""Flows: what a named piece of work does, step by step."""
