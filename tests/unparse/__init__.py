"""Trees back to Cypher: the text of a tree, parsed again, gives an equal tree."""

from tests.unparse import clauses, commands, expressions, patterns
from tests.unparse.written import written as unparse

__all__ = ["clauses", "commands", "expressions", "patterns", "unparse"]
