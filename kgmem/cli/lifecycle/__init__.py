"""Commands of the life cycle: erase, hold and retention."""
