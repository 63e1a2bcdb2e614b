"""The modules of the project as syntax trees: each is parsed once, whichever tests of the house read it."""

import ast
from functools import cache
from pathlib import Path


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module, which is shared: nobody may change it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a module, those further out first."""
    return tuple(ast.walk(tree(path)))
