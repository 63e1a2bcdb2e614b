"""Analysis of WITH, RETURN and YIELD: columns, aggregation and its grouping keys, and what ORDER BY may use."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from kgmem.query.analysis.patterns import PatternAnalyser
from kgmem.query.analysis.scope import NOTHING, Column, Projected, Scope
from kgmem.query.errors import CypherError
from kgmem.query.tree.clauses import Item, Projection, Subquery
from kgmem.query.tree.expressions import (
    Call,
    CountAll,
    Expression,
    IntegerLiteral,
    ListComprehension,
    ListPredicate,
    Located,
    Parameter,
    Property,
    Reduce,
    Variable,
)
from kgmem.query.tree.patterns import (
    AllLabels,
    DynamicLabel,
    GroupPattern,
    LabelName,
    Labels,
    NodePattern,
    PathPattern,
    RelationshipPattern,
)
from kgmem.query.tree.traversal import children, rebuilt
from kgmem.query.types import NODE, PATH, RELATIONSHIP


def is_simple(part: Expression) -> bool:
    """Return whether it is a variable or a property of one, which can be used with an aggregation as a grouping key."""
    while isinstance(part, Property):
        part = part.subject
    return isinstance(part, Variable)


def aggregates(part: Located, is_aggregation: Callable[[str], bool]) -> bool:
    """Return whether an expression aggregates, subqueries aside."""
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
        """Return the first variable used with an aggregation that is no grouping key; `own` are local variables."""
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
    """Expressions of columns that a later expression repeats, and may therefore refer to."""

    def __init__(self, columns: Iterable[Column]) -> None:
        """Take the columns of a projection that groups or is distinct."""
        self._columns: Mapping[Expression, Column] = {column.value: column for column in columns}
        self._names = {column.name for column in self._columns.values()}
        self.ambiguous: Expression | None = None

    def replaced(self, part: Expression, *, beside_aggregation: bool) -> Expression:
        """Return the expression with columns in place of the expressions that it repeats.

        With an aggregation, only simple expressions and those that aggregate may repeat a column; others are recorded
        in `ambiguous`.
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


# Patterns that are made, by CREATE and MERGE: what must be new, and what must be said of it.


class CreationAnalyser(PatternAnalyser):
    """Analyses the patterns of CREATE and MERGE."""

    def new_patterns(self, patterns: Iterable[PathPattern], scope: Scope, *, merge: bool) -> Scope:
        """Return the scope after patterns to create; with `merge` they are matched first."""
        grown = scope
        for pattern in patterns:
            if pattern.selector is not None:
                self.fail(
                    "UnexpectedSyntax", "A path selector cannot be used in a pattern to create.", pattern.selector.at
                )
            for element in pattern.elements:
                if isinstance(element, GroupPattern):
                    self.fail("UnexpectedSyntax", "A quantified path pattern cannot be created.", element.at)
                elif isinstance(element, NodePattern):
                    grown = self._new_node(element, grown, lone=len(pattern.elements) == 1)
                else:
                    grown = self._new_relationship(element, grown, merge=merge)
            if pattern.variable is not None:
                grown = self.bind_new(pattern.variable, PATH, grown)
        made = scope
        for pattern in patterns:
            made = self._new_contents(pattern, made, grown, merge=merge)
        return grown

    def _new_node(self, node: NodePattern, scope: Scope, *, lone: bool) -> Scope:
        if node.labels is not None:
            self.plain_labels(node.labels)
        if node.variable is None:
            return scope
        if lone or node.labels is not None or node.properties is not None:
            return self.bind_new(node.variable, NODE, scope)
        return self.bind(node.variable, NODE, scope)

    def _new_relationship(self, made: RelationshipPattern, scope: Scope, *, merge: bool) -> Scope:
        if made.length is not None or made.quantifier is not None:
            self.fail("CreatingVarLength", "A relationship to create cannot have a variable length.", made.at)
        if made.variable is not None:
            scope = self.bind_new(made.variable, RELATIONSHIP, scope)
        if not isinstance(made.types, LabelName | DynamicLabel):
            hint = "Write -[:TYPE]->."
            self.fail(
                "NoSingleRelationshipType", "A relationship to create needs exactly one type.", made.at, hint=hint
            )
        if made.direction == "both" and not merge:
            hint = "Write --> or <--."
            problem = "A relationship to create needs exactly one direction."
            self.fail("RequiresDirectedRelationship", problem, made.at, hint=hint)
        return scope

    def _new_contents(self, pattern: PathPattern, made: Scope, grown: Scope, *, merge: bool) -> Scope:
        """Check what is said of each element, which may ask for those made before it: nodes, then relationships.

        Gives the scope with what the pattern makes. What MERGE looks for can ask for none of its own variables.
        """
        around = made
        for element in sorted(pattern.elements, key=lambda each: isinstance(each, RelationshipPattern)):
            if isinstance(element, GroupPattern):
                continue  # It was refused before.
            if element.where is not None:
                self.fail("UnexpectedSyntax", "WHERE cannot be used in a pattern to create.", element.where.at)
            if merge and isinstance(element.properties, Parameter):
                self._refuse_parameter(element.properties)
            self.contents(element, around if merge else made)
            if element.variable is not None and element.variable.name not in made:
                made = made.bound(element.variable.name, grown[element.variable.name])
        if pattern.variable is not None:
            made = made.bound(pattern.variable.name, PATH)
        return made

    def plain_labels(self, labels: Labels) -> None:
        """Check labels to set: A, A&B, $(name). Raises CypherError."""
        if isinstance(labels, AllLabels):
            for operand in labels.operands:
                self.plain_labels(operand)
        elif not isinstance(labels, LabelName | DynamicLabel):
            self.fail("UnexpectedSyntax", "Labels to set cannot contain |, ! or %.", labels.at)


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
        """Return an analysed projection; with `named` its columns become variables and need names."""
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
        """Return the scope after a projection."""
        return Scope({column.name: column.type for column in projected.columns}, self.outer)

    def _columns(self, projection: Projection, scope: Scope) -> tuple[Column, ...]:
        found: list[Column] = []
        if projection.star:
            names = sorted(name for name in scope if name not in self.outer)
            self._spelled_out += len(names)
            if self._spelled_out > _MOST_COLUMNS:
                problem = f"The * in this query expand to more than {_MOST_COLUMNS:,} columns."
                self.fail("TooManyColumns", problem, projection.at, hint="List the columns that are needed.")
            found = [Column(name, Variable(projection.at, name), scope[name], aggregates=False) for name in names]
        for item in projection.items:
            kind, has_aggregation = self.aggregating(item.value, scope)
            name = item.name
            hidden = name in self.outer and not (isinstance(item.value, Variable) and item.value.name == name)
            if hidden and item.alias is not None:
                problem = f"Variable {name} is already defined in the outer query."
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
        hint = "Return it as a column of its own, or compute it in an earlier WITH."
        problem = f"{name} is used with an aggregation, but is neither aggregated nor a grouping column."
        self.fail("AmbiguousAggregationExpression", problem, at, hint=hint)

    def _check_names(self, columns: tuple[Column, ...], at: int) -> None:
        seen: set[str] = set()
        for column in columns:
            if column.name in seen:
                hint = "Rename one of them with AS."
                problem = f"Duplicate column name {column.name}."
                self.fail("ColumnNameConflict", problem, column.value.at or at, hint=hint)
            seen.add(column.name)

    def _check_aliases(self, items: tuple[Item, ...]) -> None:
        for item in items:
            if item.alias is None and not isinstance(item.value, Variable):
                hint = f"Write {item.name} AS name."
                self.fail("NoExpressionAlias", "An expression in WITH needs an alias.", item.at, hint=hint)

    def _later(
        self, projection: Projection, columns: tuple[Column, ...], scope: Scope, *, grouped: bool
    ) -> Callable[..., Expression]:
        """Return the function that analyses ORDER BY and WHERE of a projection."""
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
                problem = "ORDER BY and WHERE can use an aggregation only if it is also a column."
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
            problem = "SKIP and LIMIT cannot use variables: they are the same for all rows."
            self.fail("NonConstantExpression", problem, error.at)
        self.fits(part, found, _INTEGERS, "an integer")
        if isinstance(part, IntegerLiteral) and part.value < 0:
            self.fail("NegativeIntegerArgument", "SKIP and LIMIT cannot be negative.", part.at)
