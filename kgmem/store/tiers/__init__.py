"""Tiers of items in the tables of each graph: settings, uses, pins and sweeps."""
