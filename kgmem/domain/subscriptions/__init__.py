"""Subscriptions: the events of a graph, which of them are delivered, and how far each consumer group is."""
