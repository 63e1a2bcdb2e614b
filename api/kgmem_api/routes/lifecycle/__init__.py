"""Routes of the life cycle: erasures, legal holds and retention."""
