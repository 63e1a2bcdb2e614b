"""Values of one kind in this process: bounded in bytes and in time."""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any, Final

from cachetools import Cache, LFUCache, LRUCache

from kgmem.domain.cache.policy import CachePolicy

_OVERHEAD: Final = 300  # Bytes of an entry beside its value: its key, and what the cache knows of it.
_SWEEP_EVERY: Final = 30.0  # Seconds between looks for what is over; so long a value may stay after its time.


def _size(entry: tuple[float, bytes]) -> int:
    return len(entry[1]) + _OVERHEAD


class LocalValues:
    """Values by key; what is over is dropped by a timer, also where nobody asks any more."""

    def __init__(self, policy: CachePolicy, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the policy, the most bytes, and a clock of seconds."""
        self.most = most
        self.evictions = 0
        self._policy = policy
        self._clock = clock
        self._values = self._made(policy, most)
        self._sweep: asyncio.TimerHandle | None = None

    def _made(self, policy: CachePolicy, most: int) -> "Cache[Hashable, tuple[float, bytes]]":
        evicted = self._evicted

        class Evicting(LFUCache if policy.eviction == "lfu" else LRUCache):  # type: ignore[misc]
            """Counts what has to go for others."""

            def popitem(self) -> Any:
                evicted()
                return super().popitem()

        made: Cache[Hashable, tuple[float, bytes]] = Evicting(most, getsizeof=_size)
        return made

    def _evicted(self) -> None:
        self.evictions += 1

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._values)

    @property
    def size(self) -> int:
        """The bytes of all values, with what keeping them takes."""
        return int(self._values.currsize)

    def get(self, key: Hashable) -> bytes | None:
        """Return a value whose time is not over."""
        found = self._values.get(key)
        if found is None:
            return None
        if found[0] <= self._clock():
            self.discard(key)
            return None
        return found[1]

    def put(self, key: Hashable, value: bytes) -> None:
        """Keep a value; one that is larger than a quarter of all is not kept."""
        entry = (self._clock() + self._policy.seconds, value)
        self.discard(key)
        if _size(entry) * 4 > self.most:
            return
        self._values[key] = entry
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._drop_old)

    def discard(self, key: Hashable) -> None:
        """Drop a value, if it is there."""
        if key in self._values:
            del self._values[key]

    def clear(self, fits: Callable[[Any], bool]) -> int:
        """Drop the values whose keys fit; return how many."""
        gone = [key for key in self._values if fits(key)]
        for key in gone:
            del self._values[key]
        return len(gone)

    def close(self) -> None:
        """Drop all, and end the timer."""
        self.clear(lambda _: True)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _drop_old(self) -> None:
        self._sweep = None
        present = self._clock()
        for key in [key for key in self._values if self._until(key) <= present]:
            self.discard(key)
        if self._values:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._drop_old)

    def _until(self, key: Hashable) -> float:
        # Cache.__getitem__ alone counts no use.
        return Cache.__getitem__(self._values, key)[0]
