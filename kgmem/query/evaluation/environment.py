"""What expressions are computed with, beside the row: parameters, the clock, the functions there are, and hooks."""

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from kgmem.query.errors import RUNTIME, CypherError
from kgmem.query.tree.expressions import Expression
from kgmem.query.values import Node, Value
from kgmem.query.values.problems import ValueProblem

Row = dict[str, Any]
Compute = Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class Clock:
    """When statement and transaction began, in nanoseconds since 1970-01-01T00:00Z: each knows only this one time."""

    statement: int
    transaction: int

    @classmethod
    def now(cls, transaction: int | None = None) -> "Clock":
        """Return the clock of a statement that begins now, in a transaction that began then, or with it."""
        now = time.time_ns()
        return cls(now, now if transaction is None else transaction)


def _nothing_nested(expression: Expression, _row: Row) -> NoReturn:
    raise ValueProblem(f"Nothing here can answer a {type(expression).__name__}.", detail="NotSupported")


def _no_node(_identity: int) -> None:
    """Know no node."""


def _never_known(_identity: int) -> int | None:
    raise ValueProblem("When this was known cannot be told here.", detail="NotSupported")


def _never_stopped() -> None:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the expressions of one statement are computed with.

    `nested` answers subqueries and patterns for a row. `node` gives the node of an id (for startNode and endNode), and
    `known_from` the microseconds since 1970 since when kgmem knows what has an id. `gone` are the ids of what the
    statement has deleted. `check` raises where the statement shall stop; long computations call it every so often.
    `functions` are those that a caller adds, by name in lower case.
    """

    text: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock.now)
    functions: Mapping[str, Callable[..., Value]] = field(default_factory=dict)
    nested: Callable[[Expression, Row], Value] = _nothing_nested
    node: Callable[[int], Node | None] = _no_node
    known_from: Callable[[int], int | None] = _never_known
    gone: Container[int] = frozenset()
    check: Callable[[], None] = _never_stopped

    def error(self, problem: ValueProblem, at: int) -> CypherError:
        """Return a problem with a value as an error of the query, at its place."""
        return CypherError(
            problem.detail,
            problem.message,
            query=self.text,
            at=at,
            type=problem.type,
            phase=RUNTIME,
            hint=problem.hint,
        )
