"""What the analysis of a query gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from kgmem.query.analysis.scope import Scope
from kgmem.query.signatures import ProcedureSignature
from kgmem.query.tree.clauses import CallProcedure, Clause, Projection, SortKey
from kgmem.query.tree.commands import Statement
from kgmem.query.tree.expressions import Expression
from kgmem.query.types import Type


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a projection: its name, what gives its value, and whether that aggregates."""

    name: str
    value: Expression
    type: Type
    aggregates: bool


@dataclass(frozen=True, slots=True)
class Projected:
    """What RETURN, WITH or YIELD mean: * is spelled out, and in `order` and `where` columns stand for what they repeat.

    With `grouped` some column aggregates, and the others are the grouping key. `order` and `where` see the columns, and
    with `sees_before` the variables that were there before too (a column hides a variable of its name).
    """

    columns: tuple[Column, ...]
    grouped: bool
    sees_before: bool
    order: tuple[SortKey, ...]
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Analysed:
    """A statement that is understood: its tree, and what was found of its parts, by their identity."""

    text: str
    statement: Statement
    columns: tuple[Column, ...]
    writes: bool
    parameters: frozenset[str]
    scopes: Mapping[int, Scope]
    types: Mapping[int, Type]
    projections: Mapping[int, Projected]
    procedures: Mapping[int, ProcedureSignature]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order; none where the statement gives no rows."""
        return tuple(column.name for column in self.columns)

    def after(self, clause: Clause) -> Scope:
        """Return the variables that can be seen after a clause, with their types."""
        return self.scopes[id(clause)]

    def projected(self, projection: Projection) -> Projected:
        """Return what a projection means."""
        return self.projections[id(projection)]

    def type(self, expression: Expression) -> Type:
        """Return the type of an expression of the tree."""
        return self.types[id(expression)]

    def procedure(self, call: CallProcedure) -> ProcedureSignature:
        """Return the signature of what a CALL calls."""
        return self.procedures[id(call)]
