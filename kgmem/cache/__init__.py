"""Places for cached values: in this process, and in Redis beside it."""
