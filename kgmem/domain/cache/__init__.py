"""What may be served from a cache, for how long, and how it is known that it is current."""
