"""Scopes of variables, and the result of the analysis of a query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kgmem.query.tree.clauses import CallProcedure, Clause, Projection, SortKey, Statement
from kgmem.query.tree.expressions import Expression
from kgmem.query.types import ProcedureSignature, Type

_DEEPEST = 64  # Layers that a look-up may have to go through before they are made one.


class Scope(Mapping[str, Type]):
    """The variables at one place of a query; it never changes.

    A clause mostly adds to what the one before it has, and every clause's scope is kept. So scopes that grow from each
    other share one dictionary, of which each sees the first so many; what belongs to an inner query, a comprehension or
    a changed type is a layer over the scope around it. So n clauses with n variables take n steps, and not n * n.
    """

    __slots__ = ("_around", "_count", "_depth", "_own")

    def __init__(self, own: Mapping[str, Type] | None = None, around: "Scope | None" = None) -> None:
        """Take variables with their types, and the scope that they hide or add to."""
        self._own = {name: (place, kind) for place, (name, kind) in enumerate((own or {}).items())}
        self._count = len(self._own)
        self._around = around
        self._depth: int = 0 if around is None else around._depth + 1

    def bound(self, name: str, kind: Type) -> "Scope":
        """Return the scope with one more variable, or with another type for one that it has."""
        if not self._count:
            return Scope({name: kind}, self._around)
        if name in self._own or len(self._own) != self._count:
            around = self if self._depth < _DEEPEST else Scope(dict(self))
            return Scope({name: kind}, around)
        self._own[name] = (self._count, kind)
        grown = Scope.__new__(Scope)
        grown._own, grown._count, grown._around, grown._depth = self._own, self._count + 1, self._around, self._depth
        return grown

    def local(self, name: str, kind: Type) -> "Scope":
        """Return the scope inside an expression that has a variable of its own."""
        return Scope({name: kind}, self)

    def inner(self) -> "Scope":
        """Return the scope in which a part of the query begins whose variables end with it."""
        return Scope(None, self)

    def _find(self, name: object) -> Type | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope._own.get(name)  # type: ignore[call-overload]
            if found is not None and found[0] < scope._count:
                kind: Type = found[1]
                return kind
            scope = scope._around
        return None

    def __getitem__(self, name: str) -> Type:
        """Return a variable's type. Raises KeyError."""
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        """Whether there is a variable of that name."""
        return self._find(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Return the names, the outermost first."""
        layers: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            layers.append(scope)
            scope = scope._around
        seen: dict[str, None] = {}
        for layer in reversed(layers):
            for name, (place, _) in layer._own.items():
                if place >= layer._count:
                    break
                seen[name] = None
        return iter(seen)

    def __len__(self) -> int:
        """Return how many variables there are."""
        return sum(1 for _ in self)


NOTHING = Scope()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a projection: its name, its expression, and whether that aggregates."""

    name: str
    value: Expression
    type: Type
    aggregates: bool


@dataclass(frozen=True, slots=True)
class Projected:
    """An analysed RETURN, WITH or YIELD: * is expanded, and `order` and `where` refer to the columns.

    With `grouped` some column aggregates, and the others are the grouping key. `order` and `where` see the columns, and
    with `sees_before` also the variables before them (a column hides a variable of its name).
    """

    columns: tuple[Column, ...]
    grouped: bool
    sees_before: bool
    order: tuple[SortKey, ...]
    where: Expression | None


@dataclass(frozen=True, slots=True)
class Analysed:
    """An analysed statement: its tree, and the results for its parts, by their identity."""

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
        """The names of the columns, in order; empty where the statement returns no rows."""
        return tuple(column.name for column in self.columns)

    def after(self, clause: Clause) -> Scope:
        """Return the variables in scope after a clause, with their types."""
        return self.scopes[id(clause)]

    def projected(self, projection: Projection) -> Projected:
        """Return the analysed projection of a clause."""
        return self.projections[id(projection)]

    def type(self, expression: Expression) -> Type:
        """Return the type of an expression of the tree."""
        return self.types[id(expression)]

    def procedure(self, call: CallProcedure) -> ProcedureSignature:
        """Return the signature of the procedure of a CALL."""
        return self.procedures[id(call)]
