"""The Cypher engine behind its port: single queries, and transactions of several queries."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

from kgmem.domain.cypher import CypherAnswer, CypherQuery, CypherTransaction, Mode, RowNodes
from kgmem.domain.errors import Conflict, KgmemError, TimedOut
from kgmem.query.errors import ValueProblem
from kgmem.query.execution.graph import Graphs, GraphTransaction
from kgmem.query.execution.limits import Limits
from kgmem.query.execution.statements import Engine, Result, StatementRequest
from kgmem.query.procedures import procedures, shown
from kgmem.query.procedures.context import ProcedureContext
from kgmem.query.values.native import found_in, from_python

IDLE = 60.0  # Seconds without a query after which a transaction of several queries is rolled back.
_CONVERTED_AT_ONCE = 2_000  # Values of parameters.


class GraphCypher:
    """Runs Cypher queries on the graphs of one store."""

    def __init__(
        self,
        graphs: Graphs,
        context: ProcedureContext | None = None,
        *,
        limits: Limits | None = None,
        transactions: Graphs | None = None,
        idle: float = IDLE,
    ) -> None:
        """Take the graphs, the context of procedures (None: no procedures), and the limits of a statement.

        `transactions` are the same graphs for transactions of several queries, which may be `idle` for so many seconds.
        """
        self._transactions = transactions or graphs
        self.idle = idle
        self._engine = Engine(graphs, procedures(context), shown(context)) if context else Engine(graphs)
        self._limits = limits or Limits()

    async def run(self, graph: str, query: CypherQuery) -> CypherAnswer:
        """Run one query in its own transaction."""
        return _answer(await self._engine.run(await self._asked(graph, query)))

    def found_in(self, answer: CypherAnswer) -> RowNodes:
        """Return the nodes that the rows of an answer contain."""
        return found_in(answer.rows)

    @asynccontextmanager
    async def transaction(self, graph: str, *, mode: Mode, scope: str | None) -> AsyncIterator[CypherTransaction]:
        """Open a transaction of several queries; it is rolled back unless it is committed."""
        transaction = _Transaction(self, graph, mode, scope)
        try:
            yield transaction
        finally:
            await transaction.undo()

    async def _asked(self, graph: str, query: CypherQuery) -> StatementRequest:
        seconds = min(query.seconds or self._limits.seconds, self._limits.seconds)
        rows = min(query.rows or self._limits.rows, self._limits.rows)
        return StatementRequest(
            query.text,
            graph,
            await _parameters(query.parameters),
            query.scope,
            query.mode == "write",
            replace(self._limits, seconds=seconds, rows=rows),
            bound=query.scope is not None or (query.asker is not None and query.asker.graph is not None),
            asker=query.asker,
        )

    async def hold(self, held: "_Transaction") -> None:
        """Keep a transaction open, and run its queries until it ends."""
        if held.mode == "read":
            async with self._transactions.reading(held.graph, held.scope) as transaction:
                await held.serve(transaction)
        else:
            # Its caller has seen answers: only the caller can run it again.
            await self._transactions.writing(held.graph, held.scope, held.serve, follow=False)

    async def within(self, held: "_Transaction", query: CypherQuery, transaction: GraphTransaction) -> CypherAnswer:
        """Run one query of a transaction."""
        asked = await self._asked(held.graph, replace(query, mode=held.mode, scope=held.scope))
        return _answer(await self._engine.run_within(asked, transaction))


async def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as Cypher values, converted in a thread where there are many."""

    def convert() -> dict[str, Any]:
        return {name: _parameter(name, value) for name, value in given.items()}

    return await asyncio.to_thread(convert) if _are_many(given) else convert()


def _parameter(name: str, value: Any) -> Any:
    try:
        return from_python(value)
    except ValueProblem as error:
        problem = f"Invalid parameter ${name[:80]}: {error.message}"
        raise ValueProblem(problem, type=error.type, detail=error.detail, hint=error.hint) from error


def _are_many(given: Mapping[str, Any]) -> bool:
    """Return whether the conversion of parameters takes more than a millisecond or two."""
    left = _CONVERTED_AT_ONCE
    waiting: list[Any] = [given]
    while waiting:
        value = waiting.pop()
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(inner, Collection) and not isinstance(inner, str | bytes | bytearray):
            left -= len(inner)
            if left < 0:
                return True
            waiting += inner
    return False


class _Undone(Exception):
    """Internal signal: roll the transaction back."""


class _Idle(_Undone):
    """Internal signal: roll the transaction back, since it was idle for too long."""


class _Transaction:
    """A transaction that its own task keeps open; queries and answers are passed to and from that task."""

    def __init__(self, cypher: GraphCypher, graph: str, mode: Mode, scope: str | None) -> None:
        self.graph, self.mode, self.scope = graph, mode, scope
        self._cypher = cypher
        self._inbox: asyncio.Queue[tuple[CypherQuery, asyncio.Future[CypherAnswer]] | bool] = asyncio.Queue()
        self._served = self._ended = self._busy = False
        self._task: asyncio.Task[None] | None = None

    async def run(self, query: CypherQuery) -> CypherAnswer:
        """Run one more query. After an error the transaction has ended and is rolled back."""
        if self._ended:
            raise _over()
        if self._task is None:
            self._task = asyncio.create_task(self._cypher.hold(self), name="kgmem cypher transaction")
        answer: asyncio.Future[CypherAnswer] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((query, answer))
        waited: set[asyncio.Future[Any]] = {answer, self._task}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._finish()
            raise _over()
        return await answer

    async def commit(self) -> None:
        """Commit."""
        if self._ended:
            raise _over()
        self._inbox.put_nowait(True)
        await self._finish()

    async def undo(self) -> None:
        """Roll back, unless it was committed."""
        self._inbox.put_nowait(False)
        if self._task is not None:
            if self._busy:  # Nobody waits for the query any more.
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._ended = True

    async def _finish(self) -> None:
        """Wait for the end; raises the error that rolled it back."""
        self._ended = True
        try:
            if self._task is not None:
                await self._task
        except _Idle as error:
            raise _idle(self._cypher.idle) from error
        except _Undone as error:
            raise _over() from error

    async def _next(self) -> "tuple[CypherQuery, asyncio.Future[CypherAnswer]] | bool":
        try:
            async with asyncio.timeout(self._cypher.idle):
                return await self._inbox.get()
        except TimeoutError as error:
            raise _Idle from error

    async def serve(self, transaction: GraphTransaction) -> None:
        """Run the queries of the transaction until it ends."""
        if self._served:
            # Writers met on the same rows. A single statement would be run again; these may depend on each other.
            hint = "Start the transaction again."
            raise Conflict("Conflict: another transaction has changed the same data.", hint=hint)
        self._served = True
        while not isinstance(asked := await self._next(), bool):
            query, answer = asked
            self._busy = True
            try:
                found = await self._cypher.within(self, query, transaction)
            except KgmemError as error:
                if not answer.cancelled():
                    answer.set_exception(error)
                raise _Undone from error
            finally:
                self._busy = False
            if not answer.cancelled():
                answer.set_result(found)
        if not asked:
            raise _Undone


def _idle(seconds: float) -> TimedOut:
    return TimedOut(
        f"This transaction was idle for {seconds:g} seconds and was rolled back.",
        hint="Start a new one and commit it without long pauses; KGMEM_TRANSACTION_IDLE sets the limit.",
    )


def _over() -> Conflict:
    return Conflict("The transaction has ended: it was rolled back.", hint="Start a new one.")


def _answer(result: Result) -> CypherAnswer:
    # Not asdict, which copies each number: a twentieth of the time of a short query.
    counters = {each.name: getattr(result.counters, each.name) for each in fields(result.counters)}
    return CypherAnswer(result.columns, result.rows, counters, result.writes, result.plan, result.graphs)
