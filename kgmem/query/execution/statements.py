"""A statement from its text to its rows: understood, planned, and run in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from kgmem.domain.access import Key
from kgmem.domain.graph.graph import no_such_graph
from kgmem.query.errors import CypherError
from kgmem.query.evaluation.environment import Clock, Environment, Row
from kgmem.query.execution import match, procedures, projection, subqueries
from kgmem.query.execution.batches import Batches
from kgmem.query.execution.executor import Run, StepHandler, slices
from kgmem.query.execution.explain import EXPLAIN, PROFILE, explained
from kgmem.query.execution.graph import Counters, Graphs, GraphTransaction, SecondRequest
from kgmem.query.execution.limits import Limits, out_of_time
from kgmem.query.execution.plan_cache import LONGEST_KEPT, PlanCache, PreparedStatement
from kgmem.query.execution.procedures import Procedure, ShowRows
from kgmem.query.execution.subqueries import common_name
from kgmem.query.execution.writes import create, merge, schema_commands, update
from kgmem.query.lexer import check_length
from kgmem.query.planning import steps
from kgmem.query.tree.clauses import Query, Show

HANDLERS: Mapping[type, StepHandler] = {
    steps.Match: match.match,
    steps.Unwind: projection.unwind,
    steps.Project: projection.project,
    steps.Finish: projection.finish,
    steps.Create: create.create,
    steps.Merge: merge.merge,
    steps.Set: update.set_,
    steps.Remove: update.remove,
    steps.Delete: update.delete,
    steps.Foreach: update.foreach,
    steps.Call: procedures.call,
    steps.Subcall: subqueries.subcall,
}


@dataclass(frozen=True, slots=True)
class StatementRequest:
    """One request: the query, its parameters, the graph, the scope (None: all), and whether it may write."""

    text: str
    graph: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scope: str | None = None
    writes: bool = False
    limits: Limits = field(default_factory=Limits)
    bound: bool = True  # The asker may learn of no other graph.
    asker: Key | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a statement: columns, rows of values, counts of changes, and its plan on request."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    counters: Counters
    writes: bool
    plan: Mapping[str, Any] | None = None  # Of EXPLAIN and PROFILE; see explain.py.
    graphs: tuple[str, ...] = ()  # That it ran on.


Work = Callable[[GraphTransaction], Awaitable[Result]]


class Engine:
    """Runs statements on graphs."""

    def __init__(
        self, graphs: Graphs, procedures: Iterable[Procedure] = (), shows: Mapping[str, ShowRows] | None = None
    ) -> None:
        """Take the graphs, the available procedures, and the source of the rows of each kind of SHOW."""
        self._graphs = graphs
        self._procedures = {each.signature.name: each for each in procedures}
        self._shows = shows or {}
        self._understanding = PlanCache({name: each.signature for name, each in self._procedures.items()})

    async def run(self, asked: StatementRequest) -> Result:
        """Run a statement in its own transaction. Raises CypherError, TimedOut, and the errors of the graph."""
        async with _within(asked.limits.seconds):
            understood = await self._understood(asked)
            asked = await self._at_home(asked, understood)
            if understood.is_batched:
                return await self._batched(asked, understood)
            work = self._work(asked, understood)
            if not understood.writes:
                return await self._read(asked, work, once=understood.once)
            if not understood.visits:
                await self._graphs.prepare(asked.graph, understood.labels, understood.types)
            result: Result = await self._graphs.writing(asked.graph, asked.scope, work)
            return result

    async def run_within(self, asked: StatementRequest, transaction: GraphTransaction) -> Result:
        """Run a statement in a transaction that is open; whoever opened it ends it."""
        async with _within(asked.limits.seconds):
            understood = await self._understood(asked)
            if understood.is_batched:
                problem = "CALL { } IN TRANSACTIONS can only be executed in an implicit transaction; one is open."
                hint = "Run it by itself: without BEGIN (:auto in Neo4j's tools, session.run in its drivers)."
                raise CypherError(
                    "TransactionStartFailed", problem, query=asked.text, at=0, type="TransactionError", hint=hint
                )
            if understood.writes and not understood.visits:
                await self._graphs.prepare(asked.graph, understood.labels, understood.types)
            return await self._work(asked, understood)(transaction)

    async def _at_home(self, asked: StatementRequest, understood: PreparedStatement) -> StatementRequest:
        """Return what is requested, of the graph that all of it uses: then it is as if it had been sent there."""
        body = understood.analysed.statement.body
        name = common_name(body, asked.parameters) if isinstance(body, Query) else None
        if name is None:
            if understood.is_batched and understood.visits_first:
                problem = "USE before CALL { } IN TRANSACTIONS takes the name of a graph, or a parameter."
                raise CypherError("InvalidArgumentType", problem, query=asked.text, at=0, type="TypeError")
            return asked
        graph = await self._graphs.named(name)
        if asked.asker is not None:
            if asked.asker.graph not in {None, graph}:
                raise no_such_graph(name)
            asked.asker.demand("writer" if understood.writes else "reader", graph)
        return replace(asked, graph=graph)

    async def _read(self, asked: StatementRequest, work: Work, *, once: bool) -> Result:
        if once:
            try:
                async with self._graphs.reading(asked.graph, asked.scope, once=True) as transaction:
                    return await work(transaction)
            except SecondRequest:
                pass
        async with self._graphs.reading(asked.graph, asked.scope) as transaction:
            return await work(transaction)

    async def _understood(self, asked: StatementRequest) -> PreparedStatement:
        """Return what a statement means. Raises CypherError."""
        check_length(asked.text, asked.limits.length)
        if len(asked.text) > LONGEST_KEPT:  # It takes a while to read: others shall have their turn.
            understood = await asyncio.to_thread(self._understanding.of, asked.text, asked.parameters)
        else:
            understood = self._understanding.of(asked.text, asked.parameters)
        if understood.writes and not asked.writes:
            problem = "The query writes, but it was sent in read mode."
            hint = "Send it in write mode."
            raise CypherError("WriteInReadMode", problem, query=asked.text, at=0, type="AccessMode", hint=hint)
        return understood

    def _begun(
        self,
        transaction: GraphTransaction,
        asked: StatementRequest,
        understood: PreparedStatement,
        setting: Environment,
    ) -> Run:
        """Return what runs the steps of a statement in a transaction."""
        run = Run(
            transaction,
            setting,
            understood.planner,
            limits=asked.limits,
            handlers=HANDLERS,
            procedures=self._procedures,
            answer=subqueries.answer,
        )
        run.graph, run.scope, run.bound, run.asker = asked.graph, asked.scope, asked.bound, asked.asker
        return run

    async def _batched(self, asked: StatementRequest, understood: PreparedStatement) -> Result:
        """Run a statement with transactions of its own: what they kept stays, whatever comes behind it."""
        plan, names = understood.plan, understood.analysed.names
        assert plan is not None  # noqa: S101 - only queries have batches
        setting = Environment(text=asked.text, parameters=asked.parameters, clock=Clock.now())
        profile: dict[int, tuple[int, int, float]] | None = {} if understood.mode == PROFILE else None

        def begin(transaction: GraphTransaction) -> Run:
            run = self._begun(transaction, asked, understood, setting)
            run.profile = profile
            return run

        if understood.writes and not understood.visits:
            await self._graphs.prepare(asked.graph, understood.labels, understood.types)
        batches = Batches(self._graphs, asked.graph, asked.scope, begin, understood.writes, Counters())
        rows = await batches.run(plan)
        told = None
        if understood.mode is not None:
            async with self._graphs.reading(asked.graph, asked.scope) as transaction:
                run = begin(transaction)
                told = await run.beside.drive(_plan(run, understood))
        values = [tuple(row[name] for name in names) for row in rows] if names else []
        return Result(names, values, batches.counters, understood.writes, told, (asked.graph,))

    def _work(self, asked: StatementRequest, understood: PreparedStatement) -> Work:
        """Return what runs a statement in a transaction."""
        setting = Environment(text=asked.text, parameters=asked.parameters, clock=Clock.now())

        async def work(transaction: GraphTransaction) -> Result:
            run = self._begun(transaction, asked, understood, setting)
            return await run.beside.drive(self._steps(run, understood))

        return work

    async def _steps(self, run: Run, understood: PreparedStatement) -> Result:
        """Run a statement's steps; they may go on in a thread, so that they await only what can be driven there."""
        analysed, plan, mode = understood.analysed, understood.plan, understood.mode
        names, body = analysed.names, analysed.statement.body
        rows: list[Row] = []
        if mode == EXPLAIN:
            return Result(names, [], run.counters, writes=False, plan=await _plan(run, understood))
        run.profile = {} if mode == PROFILE else None
        if plan is not None:
            rows = await subqueries.run_plan(run, plan, [{}])
        elif isinstance(body, Show):
            rows = await run.beside.on_loop(lambda: run.beside.drive(procedures.show(run, analysed, self._shows)))
        elif not isinstance(body, Query):
            await run.beside.on_loop(lambda: run.beside.drive(schema_commands.command(run, body, self._graphs)))
        await update.check_deleted(run)
        values: list[tuple[Any, ...]] = []
        for part in slices(rows if names else []):
            values += [tuple([row[name] for name in names]) for row in part]
            await run.turn()
        told = None if mode is None else await _plan(run, understood)
        graphs = tuple(run.runs) or (run.graph,)
        return Result(names, values, run.counters, analysed.writes, told, graphs)


async def _plan(run: Run, understood: PreparedStatement) -> Mapping[str, Any]:
    if understood.plan is not None and understood.mode is not None:
        return await explained(run, understood.plan, understood.mode)
    told = {"operator": type(understood.analysed.statement.body).__name__, "details": run.setting.text.strip()}
    return {
        "mode": str(understood.mode).lower(),
        **told,
        "identifiers": list(understood.analysed.names),
        "children": [],
    }


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Stop the block after so many seconds. Raises TimedOut, also where the stopped work fails with another error."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        raise out_of_time(seconds) from error
    except Exception as error:
        # A database that is told to stop may fail in ways of its own.
        if limit.expired():
            raise out_of_time(seconds) from error
        raise
