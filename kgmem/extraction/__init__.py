"""Text to candidates for the graph: entities, facts, times, places and causes."""
