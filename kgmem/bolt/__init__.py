"""The Bolt protocol: Neo4j's drivers, notebooks and viewers talk to kgmem as they talk to Neo4j.

`packstream` says how values are written, `structures` which values there are, `handshake` and `transport` how a
connection begins, `session` what it may ask when, and `backend` what kgmem has to offer to it.
"""
