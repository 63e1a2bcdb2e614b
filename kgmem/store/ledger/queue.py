"""Requests to one ledger that meet share a transaction: one commit and one lock of the head for all of them."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kgmem.domain.errors import KgmemError
from kgmem.domain.ledger.ledger import Request
from kgmem.domain.ledger.ports import Outcome
from kgmem.tasks import for_nobody

MOST: Final = 256  # Requests in one transaction.
Results = Sequence[Outcome | KgmemError]


@dataclass(slots=True)
class _Waiting:
    requests: deque[tuple[Request, "asyncio.Future[Outcome]"]] = field(default_factory=deque)
    running: bool = False


class RequestQueue:
    """Runs one batch at a time for each graph, of all requests that gathered while the last one ran.

    No answer comes before the commit. A request that is refused does not concern the others; where the database fails,
    all of a batch fail, and none of them is stored unless the commit was in progress.
    """

    def __init__(self, run: Callable[[str, Sequence[Request]], Awaitable[Results]]) -> None:
        """Take what runs a batch on a graph in one transaction and returns a result or an error for each request."""
        self._run = run
        self._graphs: dict[str, _Waiting] = defaultdict(_Waiting)
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, graph: str, request: Request) -> Outcome:
        """Run a request with those that wait; returns once it is committed. Raises what refused it."""
        waiting = self._graphs[graph]
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        waiting.requests.append((request, future))
        if not waiting.running:
            waiting.running = True
            task = asyncio.create_task(self._drain(graph, waiting), context=for_nobody())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _drain(self, graph: str, waiting: _Waiting) -> None:
        try:
            while waiting.requests:
                batch = [waiting.requests.popleft() for _ in range(min(MOST, len(waiting.requests)))]
                await self._settle(graph, batch)
        finally:
            waiting.running = False
            if not waiting.requests:
                self._graphs.pop(graph, None)

    async def _settle(self, graph: str, batch: Sequence[tuple[Request, "asyncio.Future[Outcome]"]]) -> None:
        try:
            results = await self._run(graph, [request for request, _ in batch])
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():  # Its caller has gone; it is stored all the same.
                continue
            if isinstance(result, Outcome):
                future.set_result(result)
            else:
                future.set_exception(result)
