"""Reading through the cache: what is current is served, and everything else is computed."""
