"""CALL { } IN TRANSACTIONS: the rows before it are read first, then each batch of them has a transaction of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from kgmem.domain.errors import KgmemError, TimedOut
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.graph import Counters, Graphs, GraphTransaction
from kgmem.query.execution.projection import number
from kgmem.query.execution.writes.update import check_deleted, renewed
from kgmem.query.planning.steps import Plan, Step, Subcall, Use
from kgmem.query.values import Node, Path, Relationship

ROWS = 1000  # Of a batch, where the query names no number.
Begin = Callable[[GraphTransaction], Run]


def is_batched(plan: Plan | None) -> bool:
    """Whether a plan has transactions of its own."""
    steps = [] if plan is None else [step for part in plan.parts for step in part]
    return any(isinstance(step, Subcall) and step.transactions is not None for step in steps)


@dataclass(slots=True)
class Batches:
    """Runs a plan with CALL { } IN TRANSACTIONS; `writes`: it writes, `begin` opens a transaction that runs steps."""

    graphs: Graphs
    graph: str
    scope: str | None
    begin: Begin
    writes: bool
    counters: Counters
    started: int = 0

    async def run(self, plan: Plan) -> Rows:
        """Return the rows of a plan."""
        rows: Rows = [{}]
        waiting: list[Step] = []
        wrote = False
        for step in plan.parts[0]:
            if isinstance(step, Use):  # The query was sent to that graph, since all of it uses it.
                continue
            if isinstance(step, Subcall) and step.transactions is not None:
                rows = await self._within(waiting, rows, writes=self.writes and wrote)
                rows = await self._batched(step, rows)
                waiting, wrote = [], True
            else:
                waiting.append(step)
        return await self._within(waiting, rows, writes=self.writes)

    async def _within(self, steps: Sequence[Step], rows: Rows, *, writes: bool) -> Rows:
        """Run steps in a transaction of their own; what they changed is counted when it is kept."""
        if not steps:
            return rows

        async def work(transaction: GraphTransaction) -> tuple[Rows, Counters]:
            run = self.begin(transaction)

            async def found() -> Rows:
                result = await run.steps(steps, await _read_again(run, rows))
                await check_deleted(run)
                return result

            return await run.beside.drive(found()), run.counters

        if writes:
            found, counters = await self.graphs.writing(self.graph, self.scope, work)
        else:
            async with self.graphs.reading(self.graph, self.scope) as transaction:
                found, counters = await work(transaction)
        for each in fields(counters):
            setattr(self.counters, each.name, getattr(self.counters, each.name) + getattr(counters, each.name))
        return list(found)

    async def _batched(self, step: Subcall, rows: Rows) -> Rows:
        told = step.transactions
        assert told is not None  # noqa: S101 - the caller has looked
        size = await self._size(step)
        inner = replace(step, transactions=None)
        goes_on = told.on_error in {"CONTINUE", "BREAK"}
        result: Rows = []
        broken = False
        for first in range(0, len(rows), size):
            batch = rows[first : first + size]
            error: KgmemError | None = None
            found = [{**row, **dict.fromkeys(step.plan.names)} for row in batch]
            started = not broken
            if started:
                self.started += 1
                try:
                    found = await self._within([inner], batch, writes=self.writes)
                except TimedOut:  # Of the whole statement, or of a batch that will take as long again.
                    raise
                except KgmemError as failed:
                    if not goes_on:
                        raise
                    error, broken = failed, told.on_error == "BREAK"
            if told.report is not None:
                status = self._status(error, started=started)
                found = [{**row, told.report.name: status} for row in found]
            result += found
        return result

    async def _size(self, step: Subcall) -> int:
        told = step.transactions
        if told is None or told.rows is None:
            return ROWS
        async with self.graphs.reading(self.graph, self.scope) as transaction:
            run = self.begin(transaction)
            found = await number(run, told.rows)
            if not found:
                problem = "The batch size must be at least 1."
                raise run.error("InvalidArgumentValue", problem, told.rows.at, type="ArgumentError")
        return found

    def _status(self, error: KgmemError | None, *, started: bool) -> dict[str, Any]:
        return {
            "started": started,
            "committed": started and error is None,
            "transactionId": f"{self.graph}-transaction-{self.started}" if started else None,
            "errorMessage": None if error is None else str(error),
        }


async def _read_again(run: Run, rows: Rows) -> Rows:
    """Return rows whose nodes and relationships are as they are now: others, and batches before, have changed them."""
    found: dict[int, Node | Relationship] = {}
    for row in rows:
        found |= {each.id: each for value in row.values() for each in _elements(value) if each.id >= 0}
    if not found:
        return rows
    nodes = [id_ for id_, each in found.items() if isinstance(each, Node)]
    links = [id_ for id_, each in found.items() if isinstance(each, Relationship)]
    now: dict[int, Any] = {**await run.transaction.nodes(nodes), **await run.transaction.relationships(links)}
    run.gone |= found.keys() - now.keys()
    return [renewed(row, now) for row in rows]


def _elements(value: Any) -> Iterator[Node | Relationship]:
    if isinstance(value, Node | Relationship):
        yield value
    elif isinstance(value, Path):
        yield from value.elements
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _elements(each)
