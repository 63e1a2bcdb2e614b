"""Puts small requests that are made at the same time into one: a remote provider answers eight texts as fast as one."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, Role, Vector

_UNDER_WAY: Final = 2


@dataclass(slots=True, eq=False)
class _Call:
    """One caller's texts, and where the caller waits for their vectors."""

    texts: list[str]
    answer: asyncio.Future[list[Vector]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class CoalescingEmbedder:
    """Wraps an embedder so that calls of a few texts share requests; nobody waits for others to come."""

    def __init__(self, inner: Embedder, *, batch: int = 8) -> None:
        """Take the embedder, and the most texts in one request; calls of as many or more go through as they are."""
        self._inner = inner
        self._batch = batch
        self._waiting: dict[Role, deque[_Call]] = {"document": deque(), "query": deque()}
        self._senders: set[asyncio.Task[None]] = set()
        # Counted apart from the tasks: a task that found nothing more to send is done one turn before it is discarded.
        self._sending = 0

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the wrapped embedder."""
        return self._inner.space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return what the wrapped embedder gives."""
        if not texts or len(texts) >= self._batch:
            return await self._inner.embed(texts, role)
        call = _Call(list(texts))
        self._waiting[role].append(call)
        # While enough requests are under way, calls gather until one of them is done.
        if self._sending < _UNDER_WAY:
            self._sending += 1
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await call.answer

    async def aclose(self) -> None:
        """Stop the requests under way, and close the wrapped embedder."""
        for sender in list(self._senders):
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        for call in (call for waiting in self._waiting.values() for call in waiting):
            call.answer.cancel()
        await self._inner.aclose()

    async def _send(self) -> None:
        """Send what waits, questions first, until nothing waits."""
        # A task starts after the calls that were made in the same turn of the event loop: they are waiting by now.
        try:
            while any(self._waiting.values()):
                role: Role = "query" if self._waiting["query"] else "document"
                if calls := self._taken(self._waiting[role]):
                    await self._answer(calls, role)
        finally:
            self._sending -= 1

    def _taken(self, waiting: deque[_Call]) -> list[_Call]:
        """Take the calls of the next request; those whose callers have gone are dropped."""
        calls: list[_Call] = []
        room = self._batch
        while waiting and len(waiting[0].texts) <= room:
            call = waiting.popleft()
            if not call.answer.done():
                calls.append(call)
                room -= len(call.texts)
        return calls

    async def _answer(self, calls: list[_Call], role: Role) -> None:
        try:
            vectors = iter(await self._inner.embed([text for call in calls for text in call.texts], role))
        except asyncio.CancelledError:
            for call in calls:
                call.answer.cancel()
            raise
        except Exception as exc:
            # Whatever it is belongs to the callers, who wait for it.
            for call in calls:
                if not call.answer.done():
                    call.answer.set_exception(exc)
            return
        for call in calls:
            share = [next(vectors) for _ in call.texts]
            if not call.answer.done():
                call.answer.set_result(share)
