"""The graph: entities, relationships, episodes, scopes, changes and batches."""
