"""Trees back to Cypher: the text of a tree, parsed again, gives an equal tree."""

from kgmem.query.unparse import clauses, commands, expressions, patterns
from kgmem.query.unparse.written import written as unparse

__all__ = ["clauses", "commands", "expressions", "patterns", "unparse"]
