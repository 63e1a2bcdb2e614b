"""The environment of evaluation (rows, parameters, clock), and what all parts of the compiler share."""

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from kgmem.query.errors import RUNTIME, CypherError, ValueProblem, wrong_type
from kgmem.query.evaluation.kept_keys import KeptKeys
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression, Located
from kgmem.query.tree.traversal import children
from kgmem.query.values import Node, Value

Row = dict[str, Any]
Compute = Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class Clock:
    """The start of statement and transaction, in nanoseconds since 1970-01-01T00:00Z; time functions use only these."""

    statement: int
    transaction: int

    @classmethod
    def now(cls, transaction: int | None = None) -> "Clock":
        """Return the clock of a statement that starts now, in a transaction that started then, or with it."""
        now = time.time_ns()
        return cls(now, now if transaction is None else transaction)


def _nothing_nested(expression: Expression, _row: Row) -> NoReturn:
    raise ValueProblem(f"{type(expression).__name__} cannot be evaluated here.", detail="NotSupported")


def _no_node(_identity: int) -> None:
    """Know no node."""


def _never_known(_identity: int) -> int | None:
    raise ValueProblem("known_at is not available here.", detail="NotSupported")


def _never_stopped() -> None:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of the expressions of one statement.

    `nested` evaluates subqueries and patterns for a row. `node` returns the node of an id (for startNode and endNode),
    and `known_from` the microseconds since 1970 from which an id is known. `gone` are the ids that the statement has
    deleted. `check` raises where the statement must stop; long computations call it now and then. `functions` are
    additional ones, by name in lower case. `kept_keys` knows the keys of nodes that were merged away.
    """

    text: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock.now)
    functions: Mapping[str, Callable[..., Value]] = field(default_factory=dict)
    nested: Callable[[Expression, Row], Value] = _nothing_nested
    node: Callable[[int], Node | None] = _no_node
    known_from: Callable[[int], int | None] = _never_known
    gone: Container[int] = frozenset()
    kept_keys: KeptKeys = field(default_factory=KeptKeys)
    check: Callable[[], None] = _never_stopped

    def error(self, problem: ValueProblem, at: int) -> CypherError:
        """Return a problem with a value as an error of the query, with its place."""
        return CypherError(
            problem.detail,
            problem.message,
            query=self.text,
            at=at,
            type=problem.type,
            phase=RUNTIME,
            hint=problem.hint,
        )


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
    """Compiles expressions by the handlers of the modules that build on it."""

    handlers: ClassVar[Mapping[type, Handler]] = {}

    def __init__(self, setting: Environment) -> None:
        """Take what the expressions are computed with."""
        self.setting = setting

    def compile(self, part: Expression) -> Compute:
        """Return a function that computes an expression for a row; constant parts are computed once."""
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
        """Return a function that evaluates a subquery or a pattern."""
        hook, setting = self.setting.nested, self.setting

        def run(row: Row) -> Value:
            try:
                return hook(part, row)
            except ValueProblem as problem:
                raise setting.error(problem, part.at) from problem

        return run

    def guarded(self, compute: Compute, at: int) -> Compute:
        """Return the same function, with problems of values raised as errors at a place in the query."""
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
