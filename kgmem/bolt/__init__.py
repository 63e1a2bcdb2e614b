"""The Bolt protocol: drivers, notebooks and viewers of Neo4j connect to kgmem as they connect to Neo4j.

`packstream` and `structures` define the form of values, `handshake` and `transport` the start of a connection,
`session` the state machine of requests, and `backend` the port to kgmem.
"""
