"""Combining: small writes that meet are committed together, so that many callers share one commit."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from kgmem.domain.errors import Unavailable
from kgmem.domain.graph.entity import WriteResult
from kgmem.tasks import for_nobody, keys_by_source, keys_in, writing_for


class Stated(Protocol):
    """What a source may state."""

    @property
    def source(self) -> str | None:
        """Its key, or None."""


Item = TypeVar("Item", bound=Stated)
Outcomes = list[tuple[int, int, str]]  # Per item: id, version, and what became of it.
SMALL, LARGEST = 20, 500


@dataclass(slots=True)
class _Request(Generic[Item]):
    items: Sequence[Item]
    keys: Mapping[str | None, frozenset[str]]  # By which the claims of its sources come.
    future: "asyncio.Future[Outcomes]"


@dataclass(slots=True)
class _Queue(Generic[Item]):
    waiting: deque[_Request[Item]] = field(default_factory=deque)
    running: bool = False


class GroupCommit(Generic[Item]):
    """Runs `write` for one request at a time per graph, or for all that gathered while the last one ran.

    Everything a caller sees is as if its request had run alone: an error concerns only the request that caused it,
    and no answer comes before its commit.
    """

    def __init__(
        self,
        write: Callable[[str, Sequence[Item]], Awaitable[Outcomes]],
        source_of: Callable[[Item], str | None] = lambda item: item.source,
    ) -> None:
        """Take what writes a batch in one transaction, and what returns the source of the claims of an item.

        Of items with one identity the later merges into the earlier.
        """
        self._write = write
        self._source_of = source_of
        self._queues: dict[str, _Queue[Item]] = defaultdict(_Queue)
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, graph: str, items: Sequence[Item], *, alone: bool) -> WriteResult:
        """Write items; large requests, and those that must run alone, go their own way."""
        if alone or len(items) > SMALL:
            return tally(await self._write(graph, items))
        queue = self._queues[graph]
        future: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        queue.waiting.append(_Request(items, keys_by_source(), future))
        if not queue.running:
            queue.running = True
            task = asyncio.create_task(self._drain(graph, queue), context=for_nobody())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return tally(await future)

    async def _drain(self, graph: str, queue: _Queue[Item]) -> None:
        try:
            while queue.waiting:
                await self._run(graph, self._gather(queue))
        finally:
            queue.running = False
            if not queue.waiting:
                self._queues.pop(graph, None)

    def _gather(self, queue: _Queue[Item]) -> list[_Request[Item]]:
        """Take waiting requests, the oldest first, up to the largest batch."""
        taken: list[_Request[Item]] = []
        size = 0
        while queue.waiting and (not taken or size + len(queue.waiting[0].items) <= LARGEST):
            taken.append(queue.waiting.popleft())
            size += len(taken[-1].items)
        return taken

    async def _run(self, graph: str, requests: list[_Request[Item]]) -> None:
        try:
            by_source = (
                (source, keys_in(request.keys, source))
                for request in requests
                for source in map(self._source_of, request.items)
            )
            with writing_for(by_source):
                outcomes = await self._write(graph, [item for request in requests for item in request.items])
        except BaseException as error:
            apart = len(requests) > 1 and isinstance(error, Exception) and not isinstance(error, Unavailable)
            if not apart:
                for request in requests:
                    if not request.future.done():
                        request.future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                return
            for request in requests:
                await self._run(graph, [request])
            return
        at = 0
        for request in requests:
            if not request.future.done():
                request.future.set_result(outcomes[at : at + len(request.items)])
            at += len(request.items)


def tally(outcomes: Outcomes) -> WriteResult:
    """Count what became of the items of one request."""
    became = [what for _, _, what in outcomes]
    return WriteResult(
        created=became.count("created"),
        updated=became.count("updated"),
        unchanged=became.count("unchanged"),
        ids=[id_ for id_, _, _ in outcomes],
        versions=[version for _, version, _ in outcomes],
    )
