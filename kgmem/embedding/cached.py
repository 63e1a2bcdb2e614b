"""Remembers vectors: a text that was embedded lately costs nothing, one that is being embedded is not done twice."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from kgmem.domain.graph.embedding import Embedder, EmbeddingSpace, Role, Vector
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
        """Stop what is under way, and close the wrapped embedder."""
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
        answer = await self._inner.embed(list(missing.values()), role)
        vectors = dict(zip(missing, unit_rows(answer, len(missing), self.space), strict=True))
        known = self._known[role]
        known |= vectors
        while len(known) > self._capacity:
            known.popitem(last=False)
        return vectors
