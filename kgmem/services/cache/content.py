"""The cache of what a graph's contents say: an entry counts only while nothing that it saw has changed.

The epoch of what a reader sees is read before a value is computed and after; the value is kept only where the two are
equal, so it is of that epoch, whichever statements it took. A hit reads the epoch again. Nobody waits for anybody.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

import orjson

from kgmem.domain.cache.policy import CacheKind
from kgmem.domain.cache.ports import CachePlace, CacheStats, CacheStore, Epoch, EpochReader, Seen
from kgmem.domain.errors import KgmemError
from kgmem.domain.flows.trace import count
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.scope import visible_from
from kgmem.log import EventLog
from kgmem.tasks import for_nobody

log = EventLog(__name__)

T = TypeVar("T")
_Sees = tuple[int, tuple[str, ...], tuple[str, ...]]  # The number of a graph, scopes, and parts of its contents.
_MOST_KEEPING: Final = 64  # Values that are on their way into the cache; further ones are not kept.
_MOST_RECENT: Final = 5_000  # Places of which it is known that they were read.
_HEAD: Final = 4  # Bytes of the length of what comes before a value.


def _no_ids(_: Any) -> Sequence[int]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedRead(Generic[T]):
    """A read that may be answered from the cache.

    `pack` returns None for a value that must not be kept. `ids` are the items in a value that must still exist: other
    AGE clients delete without a trace.
    """

    kind: CacheKind
    seen: Seen
    key: bytes  # With kind and graph, everything that the value depends on beside the contents.
    compute: Callable[[], Awaitable[T]]
    pack: Callable[[T], bytes | None]
    unpack: Callable[[bytes], T]
    ids: Callable[[T], Sequence[int]] = field(default=_no_ids)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A value with the epoch that it is of."""

    epoch: Epoch
    ids: Sequence[int]
    value: bytes

    def to_bytes(self) -> bytes:
        epoch = self.epoch
        head = orjson.dumps([epoch.token, epoch.register, epoch.at, epoch.until, list(self.ids)])
        return b"".join((len(head).to_bytes(_HEAD, "big"), head, self.value))

    @classmethod
    def of(cls, data: bytes | None) -> "_Entry | None":
        """Return the entry of some bytes; None where they are none."""
        if data is None:
            return None
        try:
            end = _HEAD + int.from_bytes(data[:_HEAD], "big")
            token, register, at, until, ids = orjson.loads(data[_HEAD:end])
            return cls(Epoch(token, register, at, until), ids, data[end:])
        except (ValueError, TypeError):
            return None

    def is_current(self, present: Epoch) -> bool:
        """Return whether it is still so: nothing changed, and no time came at which answers change."""
        until = self.epoch.until
        return self.epoch.is_like(present) and self.epoch.at <= present.at and (until is None or present.at < until)


class ContentCache:
    """Reads through a cache whose entries are never out of date."""

    def __init__(self, store: CacheStore, epochs: EpochReader, version: str) -> None:
        """Take places for values, what reads epochs, and kgmem's version: another one may answer otherwise."""
        self._store = store
        self._epochs = epochs
        self._version = version.encode()
        self._keeping: set[asyncio.Task[None]] = set()
        self._recent: OrderedDict[CachePlace, None] = OrderedDict()
        self._known: OrderedDict[_Sees, Epoch] = OrderedDict()  # The epochs that were read last.

    def keeps(self, kind: CacheKind) -> bool:
        """Return whether values of a kind are cached."""
        return self._store.policy(kind) is not None

    async def read(self, graph: Graph, asked: CachedRead[T]) -> T:
        """Return a value from the cache, or as it is computed. Raises what computing it raises."""
        return (await self.read_told(graph, asked))[0]

    async def read_told(self, graph: Graph, asked: CachedRead[T]) -> tuple[T, bool]:
        """Return a value, and whether it is from the cache. Raises what computing it raises."""
        if not self.keeps(asked.kind) or graph.id is None:
            return await asked.compute(), False
        place = self._place(graph, asked)
        entry = _Entry.of(await self._store.get(place))
        repeated = self._is_repeated(place)
        # What is read for the first time waits for no epoch: it is kept if nothing has changed since the last one.
        epoch = None if repeated or entry is not None else self._known.get(self._sees(graph, asked))
        if epoch is None:
            epoch = await self._read(graph, asked, entry.ids if entry else (), repeated=repeated)
        if entry is not None and epoch is not None and entry.is_current(epoch):
            try:
                value = asked.unpack(entry.value)
            except (ValueError, TypeError, KeyError, LookupError) as error:
                log.warning("cache_entry_unreadable", kind=asked.kind, error=type(error).__name__)
            else:
                self._store.note(asked.kind, hit=True)
                count(cached=1)
                return value, True
        self._store.note(asked.kind, hit=False)
        if entry is not None and epoch is None:  # One of its items may be gone; what is left may be cached.
            epoch = await self._read(graph, asked)
        value = await asked.compute()
        if epoch is not None and len(self._keeping) < _MOST_KEEPING:
            self._start(partial(self._keep, graph, asked, value, epoch))
        return value, False

    async def write_through(self, graph: Graph, asked: CachedRead[T]) -> None:
        """Read a value that was just written, where its kind is written through, so that its next reader finds it."""
        policy = self._store.policy(asked.kind)
        if policy is not None and policy.write_through and len(self._keeping) < _MOST_KEEPING:
            self._start(partial(self._refresh, graph, asked))

    async def note_use(self, graph: str, ids: Sequence[int]) -> None:
        """Count a use of each of these items, as reading them does."""
        await self._epochs.note_use(graph, ids)

    async def clear(self, graph: int, name: str | None = None) -> int:
        """Drop the values of a graph by its number, here and in Redis; return how many, at least.

        With the name of the graph no process serves what it still keeps. Raises NotFound.
        """
        if name is not None:
            await self._epochs.move(name)
        await self.settle()
        return await self._store.clear(graph)

    def stats(self) -> CacheStats:
        """Return what the cache of this process did and keeps."""
        return self._store.stats()

    async def settle(self) -> None:
        """Return when all values that were computed are kept."""
        while self._keeping:
            await asyncio.gather(*self._keeping, return_exceptions=True)

    async def aclose(self) -> None:
        """End what is on its way."""
        for task in self._keeping:
            task.cancel()
        await self.settle()

    def _is_repeated(self, place: CachePlace) -> bool:
        """Return whether the same was read lately: a graph of which nothing is read twice needs no epoch."""
        repeated = place in self._recent
        self._recent[place] = None
        self._recent.move_to_end(place)
        if len(self._recent) > _MOST_RECENT:
            self._recent.popitem(last=False)
        return repeated

    def _place(self, graph: Graph, asked: CachedRead[Any]) -> CachePlace:
        digest = blake2b(self._version, digest_size=20)
        # All that the scope sees, since two callers in one scope may have different grants.
        sees = repr((str(asked.seen.scope), visible_from(asked.seen.scope)))
        for part in (repr(graph), sees, repr(asked.seen.parts)):
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(asked.key)
        return CachePlace(asked.kind, graph.id or 0, digest.hexdigest())

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._logged(work), name="kgmem cache", context=for_nobody())
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _logged(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except KgmemError as error:
            log.info("cache_entry_not_kept", error=error)
        except Exception as error:
            log.crash("cache_entry_not_kept", error)

    async def _keep(self, graph: Graph, asked: CachedRead[T], value: T, epoch: Epoch) -> None:
        """Keep a value where nothing has changed since the epoch, which was read before the value was computed."""
        packed = asked.pack(value)
        if packed is None:
            return
        ids = asked.ids(value)
        after = await self._read(graph, asked, ids)
        entry = _Entry(epoch, ids, packed)
        if after is not None and entry.is_current(after):
            await self._store.put(self._place(graph, asked), entry.to_bytes())

    async def _refresh(self, graph: Graph, asked: CachedRead[T]) -> None:
        epoch = await self._read(graph, asked)
        if epoch is not None:
            await self._keep(graph, asked, await asked.compute(), epoch)

    async def _read(
        self, graph: Graph, asked: CachedRead[Any], ids: Sequence[int] = (), *, repeated: bool = True
    ) -> Epoch | None:
        """Read the epoch, and remember it: a value that is computed later is of it, if it is still the same then."""
        epoch = await self._epochs.read(asked.seen, ids, repeated=repeated)
        if epoch is not None:
            sees = self._sees(graph, asked)
            self._known[sees] = epoch
            self._known.move_to_end(sees)
            if len(self._known) > _MOST_RECENT:
                self._known.popitem(last=False)
        return epoch

    def _sees(self, graph: Graph, asked: CachedRead[Any]) -> "_Sees":
        return graph.id or 0, visible_from(asked.seen.scope), asked.seen.parts
