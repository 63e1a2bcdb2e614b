"""Subscriptions: the events of a graph in one order, and the cursors of consumer groups."""
