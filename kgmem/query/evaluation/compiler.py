"""The compiler of expressions to Python functions of a row, and its function calls."""

from collections.abc import Mapping
from typing import Any, ClassVar

from kgmem.query.errors import CypherError, ValueProblem, closest
from kgmem.query.evaluation import access, environment, lists, operators
from kgmem.query.evaluation.environment import Compiler, Compute, Environment, Handler, Row
from kgmem.query.evaluation.functions import PURE, SETTLED, WITH_NULLS, Function
from kgmem.query.functions import FUNCTIONS
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.patterns import PatternPredicate
from kgmem.query.values import Value

# What reads a clock gives another value at another time, but within a statement the same, unless it is realtime.
_CHANGING = frozenset({"rand", "randomuuid", *(name for name in SETTLED if name.endswith(".realtime"))})


class CallCompiler(Compiler):
    """Compiles function calls; aggregations are computed elsewhere and are variables here."""

    def is_constant_function(self, name: str) -> bool:
        """Return whether a function returns the same value for the same arguments."""
        return name.lower() not in _CHANGING and name.lower() not in self.setting.functions

    def _call(self, part: tree.Call) -> Compute:
        name = part.name.lower()
        if name == "exists" and isinstance(part.arguments[0], PatternPredicate):
            return self.compile(part.arguments[0])
        arguments = tuple(map(self.compile, part.arguments))
        if name in WITH_NULLS:
            function = WITH_NULLS[name]
            return self.guarded(lambda row: function(*[argument(row) for argument in arguments]), part.at)
        return self._applied(self._function(part, name), arguments, part.at)

    def _function(self, part: tree.Call, name: str) -> Function:
        if name in self.setting.functions:
            return self.setting.functions[name]
        if name in SETTLED:
            return SETTLED[name](self.setting)
        if name in PURE:
            return PURE[name]
        problem, known = f"Unknown function {part.name}.", (each.name for each in FUNCTIONS.values())
        if name in FUNCTIONS:
            problem = f"The aggregating function {part.name} cannot be used here."
        hint = closest(part.name, known)
        raise CypherError("UnknownFunction", problem, query=self.setting.text, at=part.at, hint=hint)

    def _applied(self, function: Function, arguments: tuple[Compute, ...], at: int) -> Compute:
        setting = self.setting
        if len(arguments) == 1:
            (only,) = arguments

            def run_one(row: Row) -> Value:
                value = only(row)
                if value is None:
                    return None
                try:
                    return function(value)
                except ValueProblem as problem:
                    raise setting.error(problem, at) from problem

            return run_one

        def run(row: Row) -> Value:
            values: list[Any] = []
            for argument in arguments:
                value = argument(row)
                if value is None:
                    return None
                values.append(value)
            try:
                return function(*values)
            except ValueProblem as problem:
                raise setting.error(problem, at) from problem

        return run


HANDLERS: Mapping[type, Handler] = {tree.Call: CallCompiler._call}


class ExpressionCompiler(operators.OperatorCompiler, access.AccessCompiler, lists.ListCompiler, CallCompiler):
    """Compiles every expression."""

    handlers: ClassVar[Mapping[type, environment.Handler]] = {
        **operators.HANDLERS,
        **access.HANDLERS,
        **lists.HANDLERS,
        **HANDLERS,
    }


def compile_expression(expression: Expression, setting: Environment) -> Compute:
    """Return a function that computes an expression for a row. It raises CypherError."""
    return ExpressionCompiler(setting).compile(expression)
