"""A statement from its text to its rows: understood, planned, and run in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from kgmem.domain.errors import TimedOut
from kgmem.query.analysis.findings import Analysed
from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError
from kgmem.query.evaluation.setting import Clock, Setting
from kgmem.query.execution import (
    creating,
    deleting,
    matching,
    merging,
    procedures,
    projecting,
    showing,
    subqueries,
    updating,
)
from kgmem.query.execution.counters import Counters
from kgmem.query.execution.graph import AskedAgain, Graphs, GraphTransaction
from kgmem.query.execution.limits import Limits
from kgmem.query.execution.procedures import Procedure
from kgmem.query.execution.run import Run, StepHandler
from kgmem.query.planning import steps
from kgmem.query.planning.clauses import Planner
from kgmem.query.planning.steps import Plan
from kgmem.query.tree.clauses import Create, Merge, Query
from kgmem.query.tree.commands import Show
from kgmem.query.tree.labels import LabelName
from kgmem.query.tree.located import Located
from kgmem.query.tree.patterns import NodePattern, RelationshipPattern
from kgmem.query.tree.walking import children

HANDLERS: Mapping[type, StepHandler] = {
    steps.Match: matching.match,
    steps.Unwind: projecting.unwind,
    steps.Project: projecting.project,
    steps.Finish: projecting.finish,
    steps.Create: creating.create,
    steps.Merge: merging.merge,
    steps.Set: updating.set_,
    steps.Remove: updating.remove,
    steps.Delete: deleting.delete,
    steps.Foreach: deleting.foreach,
    steps.Call: procedures.call,
    steps.Subcall: subqueries.subcall,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the query, its parameters, the graph, the scope (None: all), and whether it may write."""

    text: str
    graph: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scope: str | None = None
    writes: bool = False
    limits: Limits = field(default_factory=Limits)
    bound: bool = True  # The asker may learn of no other graph.


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: columns, rows of values, and what it changed."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    counters: Counters
    writes: bool


@dataclass(frozen=True, slots=True)
class _Understood:
    """What a statement means, and what runs it in a transaction; `once` where it asks the graph once at the most."""

    analysed: Analysed
    work: Callable[[GraphTransaction], Awaitable[Result]]
    once: bool


class Engine:
    """Runs statements on graphs."""

    def __init__(
        self, graphs: Graphs, procedures: Iterable[Procedure] = (), shows: Mapping[str, showing.Rows] | None = None
    ) -> None:
        """Take the graphs, the procedures that can be called, and what gives the rows of each kind of SHOW."""
        self._graphs = graphs
        self._procedures = {each.signature.name: each for each in procedures}
        self._shows = shows or {}
        self._signatures = {name: each.signature for name, each in self._procedures.items()}

    async def run(self, asked: Asked) -> Result:
        """Run a statement in a transaction of its own. Raises CypherError, TimedOut, and what the graph raises."""
        understood = self._understood(asked)
        async with _within(asked.limits.seconds):
            if not understood.analysed.writes:
                return await self._read(asked, understood)
            await self._prepare(asked, understood.analysed)
            result: Result = await self._graphs.writing(asked.graph, asked.scope, understood.work)
            return result

    async def _read(self, asked: Asked, understood: "_Understood") -> Result:
        if understood.once:
            try:
                async with self._graphs.reading(asked.graph, asked.scope, once=True) as transaction:
                    return await understood.work(transaction)
            except AskedAgain:
                pass
        async with self._graphs.reading(asked.graph, asked.scope) as transaction:
            return await understood.work(transaction)

    async def run_within(self, asked: Asked, transaction: GraphTransaction) -> Result:
        """Run a statement in a transaction that is open; whoever opened it ends it."""
        understood = self._understood(asked)
        async with _within(asked.limits.seconds):
            if understood.analysed.writes:
                await self._prepare(asked, understood.analysed)
            return await understood.work(transaction)

    def _understood(self, asked: Asked) -> "_Understood":
        """Give what a statement means, and what runs it in a transaction. Raises CypherError."""
        analysed = analyse(asked.text, parameters=asked.parameters, procedures=self._signatures)
        if analysed.writes and not asked.writes:
            problem = "This query writes, and it was sent to read only."
            mend = "Send it in the mode write."
            raise CypherError("WriteInReadMode", problem, query=asked.text, at=0, type="AccessMode", mend=mend)
        body = analysed.statement.body
        if not isinstance(body, Query | Show):
            raise CypherError("NotSupported", "This command cannot be run yet.", query=asked.text, at=0)
        planner = Planner(analysed)
        plan = planner.query(body) if isinstance(body, Query) else None
        clock = Clock.now()

        async def work(transaction: GraphTransaction) -> Result:
            setting = Setting(text=asked.text, parameters=asked.parameters, clock=clock)
            run = Run(
                transaction,
                setting,
                planner,
                limits=asked.limits,
                handlers=HANDLERS,
                procedures=self._procedures,
                answer=subqueries.answer,
            )
            run.graph, run.scope, run.bound = asked.graph, asked.scope, asked.bound
            if plan is not None:
                rows = await subqueries.run_plan(run, plan, [{}])
            else:
                rows = await showing.show(run, analysed, self._shows)
            await deleting.check_deleted(run)
            names = analysed.names
            values = [tuple(row[name] for name in names) for row in rows] if names else []
            return Result(names, values, run.counters, analysed.writes)

        return _Understood(analysed, work, plan is not None and _asks_once(plan))

    async def _prepare(self, asked: Asked, analysed: Analysed) -> None:
        labels, types = written(analysed.statement.body)
        await self._graphs.prepare(asked.graph, labels, types)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Stop what takes longer. Raises TimedOut."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        problem = f"The query took longer than {seconds:g} seconds and was stopped."
        raise TimedOut(problem, mend="Ask for less, or allow it more time.") from error


def _asks_once(plan: Plan) -> bool:
    """Whether a plan asks the graph with one MATCH at the most; what asks more nevertheless begins again."""
    found = [step for part in plan.parts for step in part]
    return all(isinstance(step, steps.Match | steps.Unwind | steps.Project) for step in found) and (
        sum(isinstance(step, steps.Match) for step in found) <= 1
    )


def written(part: Located) -> tuple[Collection[str], Collection[str]]:
    """Give the labels (with an empty one for nodes that have none) and types that a query may write into."""
    labels: set[str] = set()
    types: set[str] = set()
    for each in _written(part):
        if isinstance(each, RelationshipPattern):
            types.update(_names(each.types))
        else:
            names = list(_names(each.labels))
            labels.add(names[0] if names else "")
    return labels, types


def _written(part: Located, *, made: bool = False) -> Iterator[NodePattern | RelationshipPattern]:
    made = made or isinstance(part, Create | Merge)
    if made and isinstance(part, NodePattern | RelationshipPattern):
        yield part
    for child in children(part):
        yield from _written(child, made=made)


def _names(part: Located | None) -> Iterator[str]:
    if isinstance(part, LabelName):
        yield part.name
    elif part is not None:
        for child in children(part):
            yield from _names(child)
