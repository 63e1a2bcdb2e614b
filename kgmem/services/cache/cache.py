"""The cache as its operators see it: what it did, and dropping what it keeps."""

from dataclasses import dataclass

from kgmem.domain.cache.policy import CACHE_KINDS
from kgmem.domain.cache.ports import CacheStats, KindStats
from kgmem.domain.errors import NotFound
from kgmem.services.ports import Ports


@dataclass(frozen=True, slots=True)
class CacheClearing:
    """How many values were dropped, in this process or in Redis, whichever are more."""

    dropped: int


class Cache:
    """The cache of answers, entities, contexts and states. Nothing in it is ever out of date."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def stats(self) -> CacheStats:
        """Return what the cache of this process did since it began, and keeps, by kind of values."""
        if self._ports.cache is not None:
            return self._ports.cache.stats()
        off = [
            KindStats(kind=kind, policy=None, hits=0, misses=0, evictions=0, entries=0, bytes=0, most_bytes=0)
            for kind in CACHE_KINDS
        ]
        return CacheStats(off, shared=False, available=True)

    async def clear(self, graph: str | None = None) -> CacheClearing:
        """Drop all values, or those of one graph, in this process and in Redis.

        Other processes serve none of theirs any more, and drop them when their time is over. Raises NotFound.
        """
        names = [graph] if graph is not None else [each.name for each in await self._ports.graphs.list()]
        dropped = 0
        for name in names:
            try:
                dropped += await drop_cached(self._ports, name)
            except NotFound:
                if graph is not None:
                    raise
        return CacheClearing(dropped)


async def drop_cached(ports: Ports, graph: str) -> int:
    """Drop what is cached of a graph, and let no process serve what it still keeps. Raises NotFound."""
    id_ = (await ports.graphs.get(graph)).id
    return 0 if ports.cache is None or id_ is None else await ports.cache.clear(id_, graph)
