"""One run of a plan: its transaction, what its expressions are computed with, and what it has changed so far."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from kgmem.domain.access import Key
from kgmem.domain.graph.graph import no_such_graph
from kgmem.query.errors import RUNTIME, CypherError, ValueProblem
from kgmem.query.evaluation.compiler import compile_expression
from kgmem.query.evaluation.environment import Compute, Environment, Row, truth
from kgmem.query.evaluation.kept_keys import KeptKeys
from kgmem.query.execution.graph import Counters, GraphTransaction
from kgmem.query.execution.limits import Limits, Watch
from kgmem.query.execution.thread_bridge import Beside, OnLoop
from kgmem.query.execution.virtual_elements import VirtualElements
from kgmem.query.planning.clauses import Planner
from kgmem.query.planning.steps import Step
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.traversal import calls_in, compares_keys, loops_in, nested_in
from kgmem.query.values import Node

T = TypeVar("T")
Rows = list[Row]
StepHandler = Callable[["Run", Any, Rows], Awaitable[Rows]]
Answer = Callable[["Run", Expression, Sequence[Row]], Awaitable[Sequence[Any]]]

_AT_ONCE = 1024  # Rows that are worked on without a look at the clock.
_ROUNDS = 2  # In which keys are noted and looked up together, before each is looked up when it is met.
_TURN = 0.005  # Seconds of work after which others have their turn.
WEIGHT = "\0weight"  # How many equal rows a row stands for.
# Functions that look into the graph.
_LOOKING = frozenset({"startnode", "endnode", "kgmem.known_at"})


def slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return items in slices, each so short that work on it takes some milliseconds at most."""
    if len(items) <= _AT_ONCE:
        yield items
        return
    for first in range(0, len(items), _AT_ONCE):
        yield items[first : first + _AT_ONCE]


def _looked_at(expression: Expression) -> tuple[tuple[Expression, ...], bool, bool]:
    """Return the queries that are requested beforehand, whether keys are compared, and whether it must be bridged."""
    nested = tuple(nested_in(expression))
    bridged = any(local for _, local in nested) or not _LOOKING.isdisjoint(calls_in(expression))
    asked = tuple(part for part, local in nested if not local)
    return asked, compares_keys(expression), bridged or loops_in(expression)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An expression that is compiled: `nested` are the queries in it that a row can be asked for beforehand.

    `keys`: it may compare keys of nodes, so that those of merged nodes are looked up. `bridged`: it asks the graph
    while it is computed, or may compute for long, so that it runs outside the event loop.
    """

    expression: Expression
    compute: Compute
    nested: tuple[Expression, ...]
    keys: bool
    bridged: bool


class Run:
    """What the steps of one statement share."""

    def __init__(
        self,
        transaction: GraphTransaction,
        setting: Environment,
        planner: Planner,
        *,
        limits: Limits,
        handlers: Mapping[type, StepHandler],
        procedures: Mapping[str, Any],
        answer: Answer,
    ) -> None:
        """Take what the steps run by; `answer` answers queries inside expressions."""
        lent = transaction if isinstance(transaction, OnLoop) else OnLoop(transaction, Beside())
        self.beside = lent.beside
        self.transaction = cast(GraphTransaction, lent)
        self.planner = planner
        self.limits = limits
        self.counters = Counters()
        # For procedures: the graph, the scope (None: all), whether the asker may learn of no other graph, and its key.
        self.graph = ""
        self.scope: str | None = None
        self.bound = True
        self.asker: Key | None = None
        self.gone: set[int] = set()
        self.changed: dict[int, Any] = {}  # What a procedure has written, until the rows know of it.
        self.written: dict[int, Any] = {}  # Nodes and relationships as SET and REMOVE have made them, by former ids.
        self.deleted_nodes: dict[int, int] = {}  # With the place in the query at which each was deleted.
        self._kept_keys = KeptKeys(self._learn_keys_here)
        self._looks_up_keys = True
        self._has_merges: bool | None = None  # None before anybody asked.
        self._watch = Watch(limits, self.beside)
        # Not by replace(), which takes ten times as long.
        self.setting = Environment(
            text=setting.text,
            parameters=setting.parameters,
            clock=setting.clock,
            functions=setting.functions,
            nested=self._ask,
            node=self._node,
            known_from=self._known_from,
            gone=self.gone,
            kept_keys=self._kept_keys,
            check=self._watch,
        )
        self.given = 0  # How much the store has given so far: ways to match, and what leads on in searches.
        self.profile: dict[int, tuple[int, int, float]] | None = None  # By step: rows, what was given for it, seconds.
        self.kept: dict[int, Any] = {}  # What steps have prepared for themselves, by the identity of its plan.
        self.procedures = procedures
        self.visitors = VirtualElements()
        self.runs: dict[str, Run] = {}  # Of this statement, by the graph that each is on; filled by the first USE.
        self._handlers = handlers
        self._answer = answer
        self._prepared: dict[int, Prepared] = {}
        self._answers: dict[tuple[int, int], Any] = {}
        self._depth = 0
        self._turned = time.perf_counter()

    async def steps(self, steps: Iterable[Step], rows: Rows) -> Rows:
        """Run steps one after another, each over all rows that the one before gave."""
        for step in steps:
            given, began = self.given, time.perf_counter()
            try:
                rows = await self._handlers[type(step)](self, step, rows)
            except ValueProblem as problem:
                raise self.setting.error(problem, step.at) from problem
            self.check(rows, step.at)
            await self.turn()
            if self.profile is not None:
                before = self.profile.get(id(step), (0, 0, 0.0))
                seconds = time.perf_counter() - began
                self.profile[id(step)] = (
                    before[0] + sum(row.get(WEIGHT, 1) for row in rows),
                    before[1] + self.given - given,
                    before[2] + seconds,
                )
        return rows

    async def on(self, name: str, *, writes: bool) -> "Run":
        """Return the run of this statement on a graph. Raises NotFound, and Forbidden where the asker may not."""
        if not self.runs:
            self.runs[self.graph] = self
        graph = await self.transaction.graph_named(name)
        if self.asker is not None:
            if self.asker.graph not in {None, graph}:
                raise no_such_graph(name)
            self.asker.demand("writer" if writes else "reader", graph)
        if graph not in self.runs:
            self.runs[graph] = await self._begun(graph)
        return self.runs[graph]

    async def _begun(self, graph: str) -> "Run":
        new = Run(
            cast(GraphTransaction, OnLoop(await self.transaction.on(graph), self.beside)),
            self.setting,
            self.planner,
            limits=self.limits,
            handlers=self._handlers,
            procedures=self.procedures,
            answer=self._answer,
        )
        new.graph, new.scope, new.bound, new.asker = graph, self.scope, self.bound, self.asker
        new.counters, new.profile = self.counters, self.profile
        new.visitors, new.runs = self.visitors, self.runs
        return new

    async def turn(self) -> None:
        """Yield to other tasks once this statement has worked for some milliseconds; it continues in a thread."""
        now = time.perf_counter()
        if now - self._turned < _TURN:
            return
        try:
            self._watch()
        except ValueProblem as problem:
            raise self.setting.error(problem, 0) from problem
        self._turned = now
        # While the store was asked, others had their turn: a statement that mostly waits needs no thread.
        if now - self.beside.resumed < _TURN:
            return
        if self.beside.can_go_aside:
            await self.beside.aside()
        elif not self.beside.away:
            await asyncio.sleep(0)
        self._turned = time.perf_counter()

    def check(self, rows: Sized, at: int) -> None:
        """Raise an error where there are more rows than a step may hold."""
        if len(rows) > self.limits.rows:
            raise self.error(
                "TooManyRows",
                f"A step of this query returns more than {self.limits.rows:,} rows.",
                at,
                type="ResourceExhausted",
                hint="Add conditions or a LIMIT.",
            )

    def own(self, id_: int, at: int) -> int:
        """Return the id of a node or relationship of this graph. Raises CypherError for a virtual one."""
        if id_ < 0:
            problem = (
                "This node or relationship is of another graph or virtual: it can be neither matched nor changed here."
            )
            hint = "Match it in its own graph by a property: CALL (n) { USE other MATCH (m {key: n.key}) ... }."
            raise self.error("InvalidArgumentType", problem, at, type="TypeError", hint=hint)
        return id_

    def error(self, detail: str, problem: str, at: int, *, type: str, hint: str = "") -> CypherError:  # noqa: A002
        """Return an error of this run, at a place of the query."""
        return CypherError(detail, problem, query=self.setting.text, at=at, type=type, phase=RUNTIME, hint=hint)

    def prepared(self, expression: Expression) -> Prepared:
        """Return an expression compiled, once for the whole run."""
        found = self._prepared.get(id(expression))
        if found is None:
            asked, keys, bridged = self.planner.remembered(expression, _looked_at)
            compute = compile_expression(expression, self.setting)
            found = self._prepared[id(expression)] = Prepared(expression, compute, asked, keys, bridged)
        return found

    async def values(self, expression: Expression, rows: Sequence[Row]) -> list[Any]:
        """Return the value of an expression for each row."""
        prepared = self.prepared(expression)
        if not prepared.nested:
            return await self._by_kept_keys(prepared, rows)
        for part in prepared.nested:
            answers = await self._answered(part, rows)
            self._answers |= {(id(part), id(row)): answer for row, answer in zip(rows, answers, strict=True)}
        try:
            return await self._by_kept_keys(prepared, rows)
        finally:
            for part in prepared.nested:
                for row in rows:
                    self._answers.pop((id(part), id(row)), None)

    async def _by_kept_keys(self, prepared: Prepared, rows: Sequence[Row]) -> list[Any]:
        """Return the value for each row, for which keys of merged nodes mean the kept ones."""
        if not prepared.keys or not self._looks_up_keys or not await self.has_merges():
            return await self._bridged(prepared, rows)
        for _ in range(_ROUNDS):
            with self._kept_keys.noting() as unknown:
                found: list[Any] = []
                try:
                    found = await self._bridged(prepared, rows)
                except CypherError:
                    if not unknown:
                        raise
            if not unknown:
                return found
            await self._learn_keys(unknown)
        # Which keys are compared depends on those that were compared before.
        with self._kept_keys.looking_up():
            return await self.beside.run(lambda: [prepared.compute(row) for row in rows])

    async def _bridged(self, prepared: Prepared, rows: Sequence[Row]) -> list[Any]:
        if prepared.bridged:
            return await self.beside.run(lambda: [prepared.compute(row) for row in rows])
        return await self._computed(prepared.compute, rows)

    async def redirected(self, values: Sequence[Any]) -> list[Any]:
        """Return what values stand for as keys of nodes: for that of a node that was merged away, the kept one's."""
        if not await self.has_merges():
            return list(values)
        with self._kept_keys.noting() as unknown:
            found = [self._kept_keys.of(value) for value in values]
            if unknown:
                await self._learn_keys(unknown)
                found = [self._kept_keys.of(value) for value in values]
        return found

    async def keys_of_kept(self, keys: Sequence[Any]) -> list[list[Any]]:
        """Return for keys of nodes all the keys that mean them: each itself, and those of nodes merged into it."""
        wanted = {key for key in keys if isinstance(key, str)}
        gone = list(await self.transaction.merged_keys(wanted)) if wanted and await self.has_merges() else []
        of: dict[str, list[str]] = {}
        for key, kept in zip(gone, await self.redirected(gone), strict=True):
            of.setdefault(kept, []).append(key)
        return [[key, *of.get(key, ())] if isinstance(key, str) else [key] for key in keys]

    async def has_merges(self) -> bool:
        """Whether nodes of the graph may have been merged into others."""
        if self._has_merges is None:
            self._has_merges = await self.transaction.has_merges()
        return self._has_merges

    @contextmanager
    def keys_as_they_are(self) -> Iterator[None]:
        """Look up no keys of merged nodes in a block."""
        self._looks_up_keys = False
        try:
            yield
        finally:
            self._looks_up_keys = True

    async def _learn_keys(self, keys: Iterable[str]) -> None:
        """Look up which keys are those of nodes that were merged away."""
        new = self._kept_keys.new(keys)
        if new:
            self._kept_keys.learn(new, await self.transaction.kept_keys(new))

    def _learn_keys_here(self, keys: Iterable[str]) -> None:
        self.beside.here(self._learn_keys(keys))

    async def _computed(self, compute: Compute, rows: Sequence[Row]) -> list[Any]:
        """Compute a value for each row, and let others have their turn in between."""
        if len(rows) <= _AT_ONCE:
            return [compute(row) for row in rows]
        found: list[Any] = []
        for part in slices(rows):
            found += [compute(row) for row in part]
            await self.turn()
        return found

    async def put(self, rows: Rows, name: str, values: Sequence[Any]) -> None:
        """Put a value into each row."""
        for part in slices(range(len(rows))):
            for at in part:
                rows[at][name] = values[at]
            await self.turn()

    async def value(self, expression: Expression, row: Row) -> Any:
        """Return the value of an expression for one row."""
        return (await self.values(expression, [row]))[0]

    async def where(self, predicates: Iterable[Expression], rows: Rows) -> Rows:
        """Return the rows for which all predicates are true."""
        for predicate in predicates:
            if not rows:
                break
            found = await self.values(predicate, rows)
            kept: Rows = []
            for part in slices(range(len(rows))):
                kept += [rows[number] for number in part if self.holds(found[number], predicate.at)]
                await self.turn()
            rows = kept
        return rows

    def holds(self, value: Any, at: int) -> bool:
        """Whether a predicate's value is true. Raises CypherError where it is no truth."""
        if value is True or value is False or value is None:
            return value is True
        try:
            return truth(value) is True
        except ValueProblem as problem:
            raise self.setting.error(problem, at) from problem

    async def _answered(self, part: Expression, rows: Sequence[Row]) -> Sequence[Any]:
        self._depth += 1
        if self._depth > self.limits.depth:
            problem = f"Queries are nested more than {self.limits.depth} levels deep."
            raise self.error("TooDeeplyNested", problem, part.at, type="ResourceExhausted")
        try:
            return await self._answer(self, part, rows)
        finally:
            self._depth -= 1

    def _ask(self, part: Expression, row: Row) -> Any:
        """Answer a query inside an expression: what was requested beforehand, or, in a thread of its own, now."""
        key = (id(part), id(row))
        if key in self._answers:
            return self._answers[key]

        async def one() -> Any:
            return (await self._answered(part, [row]))[0]

        return self.beside.here(one())

    def _known_from(self, identity: int) -> int | None:
        async def look() -> int | None:
            return await self.transaction.known_from(identity)

        return self.beside.here(look())

    def _node(self, identity: int) -> Node | None:
        async def look() -> Node | None:
            return (await self.transaction.nodes([identity])).get(identity)

        return self.beside.here(look())
