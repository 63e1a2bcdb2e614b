"""What every part of the compiler of expressions uses."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kgmem.query.evaluation.environment import Compute, Row, Setting
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.located import Located
from kgmem.query.tree.walking import children
from kgmem.query.values import Value
from kgmem.query.values.problems import ValueProblem, wrong_type

Handler = Callable[[Any, Any], Compute]

# What a constant is made of; a Call is constant where its function is.
_CONSTANT = (
    tree.NullLiteral,
    tree.BooleanLiteral,
    tree.IntegerLiteral,
    tree.FloatLiteral,
    tree.StringLiteral,
    tree.Parameter,
    tree.ListLiteral,
    tree.MapLiteral,
    tree.Arithmetic,
    tree.Signed,
    tree.Not,
    tree.And,
    tree.Or,
    tree.Xor,
    tree.Comparison,
    tree.Test,
    tree.IsNull,
    tree.Index,
    tree.Slice,
    tree.Property,
    tree.Call,
)
_UNSET: Any = object()


class Compiler:
    """Makes functions of expressions by the handlers that the layers above bring."""

    handlers: ClassVar[Mapping[type, Handler]] = {}

    def __init__(self, setting: Setting) -> None:
        """Take what the expressions are computed with."""
        self.setting = setting

    def compile(self, part: Expression) -> Compute:
        """Return the function that computes an expression for a row; what no row changes is computed once."""
        compute = self.handlers.get(type(part), Compiler.nested)(self, part)
        if isinstance(part, tree.Arithmetic | tree.Call | tree.Signed | tree.Index) and self.is_constant(part):
            return _once(compute)
        return compute

    def is_constant(self, part: Located) -> bool:
        """Whether an expression has the same value for every row."""
        if not isinstance(part, _CONSTANT):
            return False
        if isinstance(part, tree.Call) and not self.is_constant_function(part.name):
            return False
        return all(map(self.is_constant, children(part)))

    def is_constant_function(self, name: str) -> bool:
        """Whether a function gives the same for the same arguments."""
        raise NotImplementedError

    def nested(self, part: Expression) -> Compute:
        """Return what asks for a subquery or a pattern."""
        hook, setting = self.setting.nested, self.setting

        def run(row: Row) -> Value:
            try:
                return hook(part, row)
            except ValueProblem as problem:
                raise setting.error(problem, part.at) from problem

        return run

    def guarded(self, compute: Compute, at: int) -> Compute:
        """Return the same, where a problem with a value becomes an error at a place of the query."""
        setting = self.setting

        def run(row: Row) -> Value:
            try:
                return compute(row)
            except ValueProblem as problem:
                raise setting.error(problem, at) from problem

        return run


def _once(compute: Compute) -> Compute:
    held: Any = _UNSET

    def run(row: Row) -> Value:
        nonlocal held
        if held is _UNSET:
            held = compute(row)
        return held

    return run


def truth(value: Value) -> bool | None:
    """Return a value that must be true, false or null. Raises ValueProblem."""
    if value is None or value is True or value is False:
        return value
    raise wrong_type("true or false", value)
