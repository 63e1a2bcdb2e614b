"""Which names an expression may look up, and which of its parts are queries of their own."""

from collections.abc import Iterator

from kgmem.query.tree.clauses import Subquery
from kgmem.query.tree.expressions import Call, Expression, ListComprehension, ListPredicate, Reduce, Variable
from kgmem.query.tree.located import Located
from kgmem.query.tree.patterns import PatternComprehension, PatternPredicate, ShortestPath
from kgmem.query.tree.walking import children

# Expressions that ask the graph.
NESTED = (Subquery, PatternPredicate, PatternComprehension, ShortestPath)


def names_in(part: Located) -> frozenset[str]:
    """Return all variables that stand anywhere in it, those included that it binds itself."""
    if isinstance(part, Variable):
        return frozenset({part.name})
    found: set[str] = set()
    for child in children(part):
        found |= names_in(child)
    return frozenset(found)


def nested_in(part: Located, *, local: bool = False) -> Iterator[tuple[Expression, bool]]:
    """Return the expressions in it that ask the graph, each with whether it may see variables that are local to it."""
    if isinstance(part, NESTED):
        yield part, local
        return
    local = local or isinstance(part, ListComprehension | ListPredicate | Reduce)
    for child in children(part):
        yield from nested_in(child, local=local)


def calls_in(part: Located) -> Iterator[str]:
    """Return the names of the functions that are called in it, in lower case; not those in queries of their own."""
    if isinstance(part, NESTED):
        return
    if isinstance(part, Call):
        yield part.name.lower()
    for child in children(part):
        yield from calls_in(child)


def loops_in(part: Located) -> bool:
    """Whether computing it may take long for one row: it goes through a list; queries of its own do not count."""
    if isinstance(part, NESTED):
        return False
    return isinstance(part, ListComprehension | ListPredicate | Reduce) or any(map(loops_in, children(part)))
