"""Subscriptions: the events of a graph, who is told of which, and how far each consumer group is."""
