"""The whole compiler of expressions, and its entrance."""

from collections.abc import Mapping
from typing import ClassVar

from kgmem.query.evaluation import access, base, calls, lists, operators
from kgmem.query.evaluation.environment import Compute, Setting
from kgmem.query.tree.expressions import Expression


class ExpressionCompiler(operators.OperatorCompiler, access.AccessCompiler, lists.ListCompiler, calls.CallCompiler):
    """Compiles every expression."""

    handlers: ClassVar[Mapping[type, base.Handler]] = {
        **operators.HANDLERS,
        **access.HANDLERS,
        **lists.HANDLERS,
        **calls.HANDLERS,
    }


def compile_expression(expression: Expression, setting: Setting) -> Compute:
    """Return the function that computes an expression for a row. It raises CypherError."""
    return ExpressionCompiler(setting).compile(expression)
