"""The cache of a process, and behind it the one that processes share by Redis."""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from kgmem.cache.frame import framed, unframed
from kgmem.cache.local import LocalValues
from kgmem.domain.cache.policy import CACHE_KINDS, CacheKind, CachePolicy
from kgmem.domain.cache.ports import CachePlace, CacheStats, KindStats


class SharedValues(Protocol):
    """Values that processes share. No call fails: what is not available has no values."""

    @property
    def available(self) -> bool:
        """Whether it answers."""

    async def get(self, place: CachePlace) -> bytes | None:
        """Return the bytes at a place, or None."""

    async def put(self, place: CachePlace, frame: bytes, seconds: float) -> None:
        """Keep bytes for so many seconds."""

    async def clear(self, graph: int) -> int:
        """Drop what is of a graph; return how many."""


class LayeredCache:
    """Implements CacheStore."""

    def __init__(
        self, policies: Mapping[CacheKind, CachePolicy | None], most: int, shared: SharedValues | None = None
    ) -> None:
        """Take the policy of each kind, the bytes of all values in this process, and what processes share."""
        self._policies = policies
        self._shared = shared
        self._local = {
            kind: LocalValues(policy, int(most * policy.share)) for kind, policy in policies.items() if policy
        }
        self._hits: Counter[CacheKind] = Counter()
        self._misses: Counter[CacheKind] = Counter()

    def policy(self, kind: CacheKind) -> CachePolicy | None:
        """Return the policy of a kind; None where it is not cached."""
        return self._policies.get(kind)

    async def get(self, place: CachePlace) -> bytes | None:
        """Return the value at a place, of this process or else of Redis; None where there is none."""
        local = self._local[place.kind]
        frame = local.get((place.graph, place.digest))
        if frame is None and self._shared is not None:
            frame = await self._shared.get(place)
            if frame is not None and unframed(place, frame) is not None:
                local.put((place.graph, place.digest), frame)
        return None if frame is None else unframed(place, frame)

    async def put(self, place: CachePlace, value: bytes) -> None:
        """Keep a value for as long as its kind is kept, if there is room."""
        policy = self._policies[place.kind]
        if policy is None:
            return
        frame = framed(place, value, policy.compress)
        self._local[place.kind].put((place.graph, place.digest), frame)
        if self._shared is not None:
            await self._shared.put(place, frame, policy.seconds)

    async def clear(self, graph: int) -> int:
        """Drop the values of a graph, here and in Redis; return how many, at least."""
        here = sum(each.clear(lambda key: key[0] == graph) for each in self._local.values())
        there = await self._shared.clear(graph) if self._shared is not None else 0
        return max(here, there)

    def note(self, kind: CacheKind, *, hit: bool) -> None:
        """Count a hit or a miss."""
        (self._hits if hit else self._misses)[kind] += 1

    def stats(self) -> CacheStats:
        """Return what it did since it began, and what it keeps in this process."""
        kinds = []
        for kind in CACHE_KINDS:
            local = self._local.get(kind)
            kinds.append(
                KindStats(
                    kind=kind, policy=self._policies.get(kind), hits=self._hits[kind], misses=self._misses[kind],
                    evictions=local.evictions if local else 0, entries=len(local) if local else 0,
                    bytes=local.size if local else 0, most_bytes=local.most if local else 0,
                )
            )  # fmt: skip
        return CacheStats(kinds, self._shared is not None, self._shared is None or self._shared.available)

    def close(self) -> None:
        """Drop what this process keeps."""
        for local in self._local.values():
            local.close()
