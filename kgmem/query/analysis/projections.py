"""RETURN, WITH and YIELD: columns, their names and types, grouping, and what is seen by what comes after them."""

from collections.abc import Callable
from dataclasses import replace

from kgmem.query.analysis.creations import CreationAnalyser
from kgmem.query.analysis.findings import Column, Projected
from kgmem.query.analysis.grouping import Grouping, Repetitions, aggregates
from kgmem.query.analysis.scope import NOTHING, Scope
from kgmem.query.errors import CypherError
from kgmem.query.tree.clauses import Item, Projection
from kgmem.query.tree.expressions import Expression, IntegerLiteral, Variable

_INTEGERS = frozenset({"INTEGER"})
# How many columns all the * of one query may stand for: beyond that a short text would take very long.
_MOST_COLUMNS = 100_000


class ProjectionAnalyser(CreationAnalyser):
    """Analyses projections."""

    # What is seen in a subquery after every WITH: the variables of the query around it.
    outer: Scope = NOTHING
    _spelled_out = 0  # How many columns a * stood for so far.

    def project(
        self, projection: Projection, scope: Scope, *, where: Expression | None = None, named: bool = False
    ) -> Projected:
        """Give what a projection means; with `named` its columns are variables afterwards, and need names."""
        columns = self._columns(projection, scope)
        grouped = any(column.aggregates for column in columns)
        if grouped:
            self._check_grouping(columns, scope)
        self._check_names(columns, projection.at)
        later = self._later(projection, columns, scope, grouped=grouped)
        order = tuple(replace(key, value=later(key.value)) for key in projection.order)
        filtered = None if where is None else later(where, is_predicate=True)
        for number in (projection.skip, projection.limit):
            if number is not None:
                self._check_number(number)
        if named:
            self._check_aliases(projection.items)
        sees_before = not grouped and not projection.distinct
        found = Projected(columns, grouped, sees_before, order, filtered)
        self.projections[id(projection)] = found
        return found

    def after(self, projected: Projected) -> Scope:
        """Give the scope after a projection."""
        return Scope({column.name: column.type for column in projected.columns}, self.outer)

    def _columns(self, projection: Projection, scope: Scope) -> tuple[Column, ...]:
        found: list[Column] = []
        if projection.star:
            names = sorted(name for name in scope if name not in self.outer)
            self._spelled_out += len(names)
            if self._spelled_out > _MOST_COLUMNS:
                problem = f"The * of this query stand for more than {_MOST_COLUMNS:,} columns."
                self.fail("TooManyColumns", problem, projection.at, mend="Name the columns that are needed.")
            found = [Column(name, Variable(projection.at, name), scope[name], aggregates=False) for name in names]
        for item in projection.items:
            kind, has_aggregation = self.aggregating(item.value, scope)
            name = item.name
            hidden = name in self.outer and not (isinstance(item.value, Variable) and item.value.name == name)
            if hidden and item.alias is not None:
                problem = f"Variable {name} is already bound by the query around this one."
                self.fail("VariableAlreadyBound", problem, item.alias.at)
            found.append(Column(name, item.value, kind, has_aggregation))
        return tuple(found)

    def _is_aggregation(self, name: str) -> bool:
        found = self.functions.get(name.lower())
        return found is not None and found.aggregates

    def _check_grouping(self, columns: tuple[Column, ...], scope: Scope) -> None:
        keys = (column.value for column in columns if not column.aggregates)
        grouping = Grouping(keys, scope, self._is_aggregation)
        for column in columns:
            stray = grouping.stray(column.value) if column.aggregates else None
            if stray is not None:
                self._ambiguous(stray.name, stray.at)

    def _ambiguous(self, name: str, at: int) -> None:
        mend = "Give it as a column of its own, or compute it in a WITH before."
        problem = f"{name} stands beside an aggregation, and is neither aggregated nor a column itself."
        self.fail("AmbiguousAggregationExpression", problem, at, mend=mend)

    def _check_names(self, columns: tuple[Column, ...], at: int) -> None:
        seen: set[str] = set()
        for column in columns:
            if column.name in seen:
                mend = "Name one of them with AS."
                problem = f"Two columns are named {column.name}."
                self.fail("ColumnNameConflict", problem, column.value.at or at, mend=mend)
            seen.add(column.name)

    def _check_aliases(self, items: tuple[Item, ...]) -> None:
        for item in items:
            if item.alias is None and not isinstance(item.value, Variable):
                mend = f"Write {item.name} AS name."
                self.fail("NoExpressionAlias", "An expression in WITH needs a name.", item.at, mend=mend)

    def _later(
        self, projection: Projection, columns: tuple[Column, ...], scope: Scope, *, grouped: bool
    ) -> Callable[..., Expression]:
        """Give the function that analyses what comes after the columns: ORDER BY and WHERE."""
        names = {column.name: column.type for column in columns}
        after = Scope(names, self.outer)
        if not grouped and not projection.distinct:
            visible = Scope(names, scope)

            def plain(part: Expression, *, is_predicate: bool = False) -> Expression:
                self._analyse(part, visible, is_predicate=is_predicate)
                return part

            return plain

        repetitions = Repetitions(columns)

        def rewritten(part: Expression, *, is_predicate: bool = False) -> Expression:
            beside = grouped and aggregates(part, self._is_aggregation)
            found = repetitions.replaced(part, beside_aggregation=beside)
            if repetitions.ambiguous is not None:
                stray = repetitions.ambiguous
                self._ambiguous(self.text[stray.at :].split(None, 1)[0], stray.at)
            if beside and aggregates(found, self._is_aggregation):
                self.aggregating(found, after)
                problem = "Only an aggregation that is a column too can be sorted or filtered by."
                self.fail("InvalidAggregation", problem, part.at)
            self._analyse(found, after, is_predicate=is_predicate)
            return found

        return rewritten

    def _analyse(self, part: Expression, scope: Scope, *, is_predicate: bool) -> None:
        if is_predicate:
            self.predicate(part, scope)
        else:
            self.type_of(part, scope)

    def _check_number(self, part: Expression) -> None:
        try:
            found = self.type_of(part, NOTHING)
        except CypherError as error:
            if error.detail != "UndefinedVariable":
                raise
            problem = "SKIP and LIMIT are the same for all rows, and cannot depend on variables."
            self.fail("NonConstantExpression", problem, error.at)
        self.fits(part, found, _INTEGERS, "an integer")
        if isinstance(part, IntegerLiteral) and part.value < 0:
            self.fail("NegativeIntegerArgument", "SKIP and LIMIT cannot be negative.", part.at)
