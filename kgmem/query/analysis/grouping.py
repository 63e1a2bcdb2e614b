"""Aggregation in projections: what groups, what may stand beside an aggregation, and what ORDER BY can still see."""

from collections.abc import Callable, Iterable, Mapping

from kgmem.query.analysis.findings import Column
from kgmem.query.analysis.scope import Scope
from kgmem.query.tree.clauses import Subquery
from kgmem.query.tree.expressions import (
    Call,
    CountAll,
    Expression,
    ListComprehension,
    ListPredicate,
    Property,
    Reduce,
    Variable,
)
from kgmem.query.tree.located import Located
from kgmem.query.tree.walking import children, rebuilt


def is_simple(part: Expression) -> bool:
    """Whether it is a variable or a property of one: what may stand beside an aggregation when it is a grouping key."""
    while isinstance(part, Property):
        part = part.subject
    return isinstance(part, Variable)


def aggregates(part: Located, is_aggregation: Callable[[str], bool]) -> bool:
    """Whether something in it aggregates, subqueries aside."""
    if isinstance(part, CountAll) or (isinstance(part, Call) and is_aggregation(part.name)):
        return True
    return not isinstance(part, Subquery) and any(aggregates(child, is_aggregation) for child in children(part))


class Grouping:
    """The grouping key of a projection."""

    def __init__(self, keys: Iterable[Expression], scope: Scope, is_aggregation: Callable[[str], bool]) -> None:
        """Take the columns that do not aggregate, the scope before, and which functions aggregate."""
        self._keys = {key for key in keys if is_simple(key)}
        self._scope = scope
        self._is_aggregation = is_aggregation

    def stray(self, part: Located, own: frozenset[str] = frozenset()) -> Variable | None:
        """The first variable beside an aggregation that is no grouping key; `own` are bound in the expression."""
        if isinstance(part, CountAll) or (isinstance(part, Call) and self._is_aggregation(part.name)):
            return None
        if isinstance(part, Expression) and part in self._keys:
            return None
        if isinstance(part, Variable):
            return None if part.name in own or part.name not in self._scope else part
        own |= _own(part)
        for child in children(part):
            found = self.stray(child, own)
            if found is not None:
                return found
        return None


def _own(part: Located) -> frozenset[str]:
    if isinstance(part, ListComprehension | ListPredicate):
        return frozenset({part.variable.name})
    if isinstance(part, Reduce):
        return frozenset({part.variable.name, part.accumulator.name})
    return frozenset()


class Repetitions:
    """Columns that a later expression repeats, and so may be named in their place."""

    def __init__(self, columns: Iterable[Column]) -> None:
        """Take the columns of a projection that groups or is distinct."""
        self._columns: Mapping[Expression, Column] = {column.value: column for column in columns}
        self._names = {column.name for column in self._columns.values()}
        self.ambiguous: Expression | None = None

    def replaced(self, part: Expression, *, beside_aggregation: bool) -> Expression:
        """Return the expression with columns in place of what they repeat.

        Beside an aggregation only what is simple, or aggregates itself, may repeat a column; what is not is left in
        `ambiguous`.
        """
        if isinstance(part, Variable) and part.name in self._names:
            return part
        column = self._columns.get(part) if isinstance(part, Expression) else None
        if column is not None:
            if beside_aggregation and not column.aggregates and not is_simple(part):
                self.ambiguous = self.ambiguous or part
            return Variable(part.at, column.name)
        changed: Expression = rebuilt(part, lambda child: self.replaced(child, beside_aggregation=beside_aggregation))
        return changed
