"""The audit log: written in batches, chained, append-only."""
