"""What analysts already use, each in an environment of its own, against kgmem's Bolt server."""
