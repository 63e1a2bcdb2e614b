"""The routes, one file a resource; each is a router with whole addresses."""
