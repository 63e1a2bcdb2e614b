"""Erasure: what is removed of a person or a scope, in history and copies, too, and the report that proves it."""
