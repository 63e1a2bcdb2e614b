"""The base of the analysis: types, errors, type checks, and the tracking of aggregations."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from kgmem.query.analysis.scope import Projected, Scope
from kgmem.query.errors import CypherError, closest
from kgmem.query.tree.expressions import Expression, Parameter, Variable
from kgmem.query.tree.patterns import PatternPredicate
from kgmem.query.types import ANY, FunctionSignature, ProcedureSignature, Type, can_be

BOOLEANS = frozenset({"BOOLEAN"})

Handler = Callable[[Any, Any, Scope], Type]


class Analyser:
    """Determines the types of expressions, by the handlers of the modules that build on it."""

    handlers: ClassVar[Mapping[type, Handler]] = {}

    def __init__(
        self,
        text: str,
        *,
        functions: Mapping[str, FunctionSignature],
        procedures: Mapping[str, ProcedureSignature],
        parameters: frozenset[str] | None,
    ) -> None:
        """Take the query's text and what it may use; `parameters` are the names that are given, None where unknown."""
        self.text = text
        self.functions = functions
        self.procedures = procedures
        self.given = parameters
        self.types: dict[int, Type] = {}
        self.scopes: dict[int, Scope] = {}
        self.projections: dict[int, Projected] = {}
        self.called: dict[int, ProcedureSignature] = {}
        self.parameters: set[str] = set()
        self.writes = False
        self.aggregations = 0  # How many have been met.
        self._may_aggregate = False
        self._aggregating = False

    @abstractmethod
    def pattern_predicate(self, part: PatternPredicate, scope: Scope) -> Type:
        """Analyse a pattern as a predicate."""

    def fail(
        self,
        detail: str,
        problem: str,
        at: int,
        *,
        hint: str = "",
        type: str = "SyntaxError",  # noqa: A002 - the TCK's word for it
    ) -> NoReturn:
        """Raise an error of the query."""
        raise CypherError(detail, problem, query=self.text, at=at, hint=hint, type=type)

    def type_of(self, part: Expression, scope: Scope) -> Type:
        """Return an expression's type. Raises CypherError."""
        found: Type = self.handlers[type(part)](self, part, scope)
        self.types[id(part)] = found
        return found

    def predicate(self, part: Expression, scope: Scope) -> None:
        """Analyse an expression that must be true or false; a pattern means that it has a match."""
        if isinstance(part, PatternPredicate):
            self.types[id(part)] = self.pattern_predicate(part, scope)
            return
        self.fits(part, self.type_of(part, scope), BOOLEANS, "true or false")

    def aggregating(self, part: Expression, scope: Scope) -> tuple[Type, bool]:
        """Return the type of an expression that may aggregate, and whether it does."""
        before, met = self._may_aggregate, self.aggregations
        self._may_aggregate = True
        found = self.type_of(part, scope)
        self._may_aggregate = before
        return found, self.aggregations > met

    def enter_query(self) -> tuple[bool, bool, int]:
        """Start a subquery, in which aggregation is tracked separately; returns the argument of `leave_query`."""
        kept = self._may_aggregate, self._aggregating, self.aggregations
        self._may_aggregate = self._aggregating = False
        return kept

    def leave_query(self, kept: tuple[bool, bool, int]) -> None:
        """End a subquery."""
        self._may_aggregate, self._aggregating, self.aggregations = kept

    def fits(self, part: Expression, found: Type, names: frozenset[str], wanted: str, *, type: str = "") -> None:  # noqa: A002
        """Raise an error where a type is known and not one of the expected types."""
        if not can_be(found, names):
            problem = f"Expected {wanted}, got {found}."
            self.fail("InvalidArgumentType", problem, part.at, type=type or "SyntaxError")

    def types_of(self, parts: Iterable[Expression], scope: Scope) -> list[Type]:
        """Return the types of several expressions."""
        return [self.type_of(part, scope) for part in parts]

    def alone(self, part: Expression, scope: Scope) -> Type:
        """Return the type of an expression for each item of a list, which must not aggregate."""
        before, self._may_aggregate = self._may_aggregate, False
        found = self.type_of(part, scope)
        self._may_aggregate = before
        return found

    def alone_predicate(self, part: Expression | None, scope: Scope) -> None:
        """Analyse a predicate on each item of a list."""
        if part is not None:
            before, self._may_aggregate = self._may_aggregate, False
            self.predicate(part, scope)
            self._may_aggregate = before

    def parameter(self, part: Parameter, _scope: Scope) -> Type:
        """Record the use of a parameter."""
        self.use_parameter(part.name, part.at)
        return ANY

    def use_parameter(self, name: str, at: int) -> None:
        """Record the use of a parameter. Raises CypherError where it is missing."""
        self.parameters.add(name)
        if self.given is not None and name not in self.given:
            hint = closest(name, self.given) or "Send its value with the query."
            self.fail("MissingParameter", f"Missing parameter ${name}.", at, hint=hint, type="ParameterMissing")

    def variable(self, part: Variable, scope: Scope) -> Type:
        """Return a variable's type. Raises CypherError where it is not in scope."""
        found = scope.get(part.name)
        if found is None:
            hint = closest(part.name, scope)
            self.fail("UndefinedVariable", f"Variable {part.name} is not defined.", part.at, hint=hint)
        return found


HANDLERS: Mapping[type, Handler] = {Parameter: Analyser.parameter, Variable: Analyser.variable}
