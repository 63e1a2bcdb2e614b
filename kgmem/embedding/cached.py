"""Caches vectors of recent texts, and joins small requests of one moment into one, around any embedder.

A text that is being embedded is not embedded twice. A remote provider answers eight texts as fast as one.
"""

import asyncio
from array import array
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from kgmem.domain.errors import LimitReached
from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, Role, SharedVectors, Vector
from kgmem.domain.ledger.model_calls import Payers, current_payers, paid_by
from kgmem.embedding.check import unit_rows

_Key = tuple[str, Role, bytes]


@dataclass(slots=True, eq=False)
class _Flight:
    """Some texts that are being embedded, and how many callers wait for them."""

    keys: list[_Key]
    task: asyncio.Task[dict[_Key, Vector]]
    callers: int = 0


class CachedEmbedder:
    """Wraps an embedder with a bounded memory of its vectors, the least recently used out first."""

    def __init__(self, inner: Embedder, *, capacity: int = 2048) -> None:
        """Take the embedder, and how many vectors of each role are remembered (2,048 of 384 numbers take 4 MB)."""
        self._inner = inner
        self._capacity = capacity
        # Each role has a memory of its own, so that an import does not push out what is asked again and again.
        self._known: dict[Role, OrderedDict[_Key, Vector]] = {"document": OrderedDict(), "query": OrderedDict()}
        self._flights: dict[_Key, _Flight] = {}
        self._shared: SharedVectors | None = None

    def share(self, shared: SharedVectors) -> None:
        """Share the vectors of questions with other processes from now on."""
        self._shared = shared

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the wrapped embedder."""
        return self._inner.space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        """Return what the wrapped embedder gives, or gave. The vectors are shared: do not change them."""
        space = self.space.id
        keys: list[_Key] = [(space, role, sha256(text.encode("utf-8", "surrogatepass")).digest()) for text in texts]
        known = self._known[role]
        found: dict[_Key, Vector] = {}
        missing: dict[_Key, str] = {}
        flights: set[_Flight] = set()
        for key, text in zip(keys, texts, strict=True):
            if key in known:
                known.move_to_end(key)
                found[key] = known[key]
            elif key in self._flights:
                flights.add(self._flights[key])
            else:
                missing[key] = text
        if missing:
            flights.add(self._departed(missing, role))
        for vectors in await self._arrived(flights):
            found |= vectors
        return [found[key] for key in keys]

    async def aclose(self) -> None:
        """Stop what is in progress, and close the wrapped embedder."""
        tasks = {flight.task for flight in self._flights.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._inner.aclose()

    def _departed(self, missing: dict[_Key, str], role: Role) -> _Flight:
        flight = _Flight(list(missing), asyncio.create_task(self._computed(missing, role)))
        self._flights |= dict.fromkeys(missing, flight)
        flight.task.add_done_callback(lambda _: self._landed(flight))
        return flight

    def _landed(self, flight: _Flight) -> None:
        for key in flight.keys:
            if self._flights.get(key) is flight:
                del self._flights[key]

    async def _arrived(self, flights: set[_Flight]) -> list[dict[_Key, Vector]]:
        """Wait for the flights; one that nobody waits for any more is stopped."""
        for flight in flights:
            flight.callers += 1
        try:
            return await asyncio.gather(*(asyncio.shield(flight.task) for flight in flights))
        finally:
            for flight in flights:
                flight.callers -= 1
                if flight.callers == 0 and not flight.task.done():
                    flight.task.cancel()
                    # A newcomer must not join what is being stopped.
                    self._landed(flight)

    async def _computed(self, missing: dict[_Key, str], role: Role) -> dict[_Key, Vector]:
        vectors = await self._from_others(list(missing)) if role == "query" else {}
        new = {key: text for key, text in missing.items() if key not in vectors}
        if new:
            answer = await self._inner.embed(list(new.values()), role)
            made = dict(zip(new, unit_rows(answer, len(new), self.space), strict=True))
            vectors |= made
            if role == "query" and self._shared is not None:
                await self._shared.put(self.space.id, {key[2]: bytes(array("f", made[key])) for key in made})
        known = self._known[role]
        known |= vectors
        while len(known) > self._capacity:
            known.popitem(last=False)
        return vectors

    async def _from_others(self, keys: Sequence[_Key]) -> dict[_Key, Vector]:
        """Return the vectors that other processes share; one of another size is none."""
        if self._shared is None:
            return {}
        shared = await self._shared.get(self.space.id, [key[2] for key in keys])
        size = self.space.dimension * array("f").itemsize
        return {key: array("f", raw) for key, raw in zip(keys, shared, strict=True) if raw and len(raw) == size}


_IN_PROGRESS: Final = 2


@dataclass(slots=True, eq=False)
class _Call:
    """One caller's texts, who pays for them, and where the caller waits for their vectors."""

    texts: list[str]
    answer: asyncio.Future[list[Vector]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    payers: Payers = field(default_factory=current_payers)


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
        # While enough requests are in progress, calls gather until one of them is done.
        if self._sending < _IN_PROGRESS:
            self._sending += 1
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        return await call.answer

    async def aclose(self) -> None:
        """Stop the requests in progress, and close the wrapped embedder."""
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
        paying = {text: call.payers.of(text) for call in calls for text in call.texts}
        try:
            with paid_by(None, paying):
                vectors = iter(await self._inner.embed([text for call in calls for text in call.texts], role))
        except asyncio.CancelledError:
            for call in calls:
                call.answer.cancel()
            raise
        except LimitReached as exc:
            # The limit of one caller must not stop the others.
            if len(calls) > 1:
                for call in calls:
                    await self._answer([call], role)
            elif not calls[0].answer.done():
                calls[0].answer.set_exception(exc)
            return
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
