"""The ports of caches: epochs of what readers see, and places for values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kgmem.domain.cache.policy import CacheKind, CachePolicy

# What a reader sees: the present; what was known earlier; states of agents; sessions and memory blocks.
SeenPart = Literal["contents", "past", "states", "sessions"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cached value depends on: a scope of a graph, and parts of its contents."""

    graph: str
    scope: str
    parts: tuple[SeenPart, ...] = ("contents",)


@dataclass(frozen=True, slots=True)
class Epoch:
    """The state of what a reader sees, in one snapshot: two equal ones saw the same contents."""

    token: int
    register: int  # The version of the graph's settings.
    at: int  # When it was read, by the clock of the database, in microseconds of Unix time.
    until: int | None  # When answers change next by time alone.

    def is_like(self, other: "Epoch") -> bool:
        """Return whether nothing that the reader sees has changed between the two."""
        return (self.token, self.register) == (other.token, other.register)


class EpochReader(Protocol):
    """Reads the epochs of graphs."""

    async def read(self, seen: Seen, ids: Sequence[int] = (), *, repeated: bool = True) -> Epoch | None:
        """Return the epoch; None where nothing may be cached now, or where one of these items no longer exists.

        A graph gets an epoch when something is `repeated` for the first time. Raises NotFound for an unknown graph.
        """

    async def move(self, graph: str) -> None:
        """Move the epoch of a graph, so that nothing counts that was read until now. Raises NotFound."""

    async def note_use(self, graph: str, ids: Sequence[int]) -> None:
        """Count a use of each of these items, as reading them would."""


@dataclass(frozen=True, slots=True)
class CachePlace:
    """Where a value is: its kind, the number of its graph, and the digest of what it answers."""

    kind: CacheKind
    graph: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStats:
    """What a cache did with one kind of values in this process since it began, and what it keeps."""

    kind: CacheKind
    policy: CachePolicy | None  # None: it is off.
    hits: int
    misses: int
    evictions: int  # Values that had to go for others.
    entries: int
    bytes: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Each kind, and whether processes share the cache by Redis, and whether that answers."""

    kinds: Sequence[KindStats]
    shared: bool
    available: bool  # Whether Redis answers; true where there is none.


class CacheStore(Protocol):
    """Places for values: in the process, and beside it in Redis where there is one. None of its calls fails."""

    def policy(self, kind: CacheKind) -> CachePolicy | None:
        """Return the policy of a kind; None where it is not cached."""

    async def get(self, place: CachePlace) -> bytes | None:
        """Return the value at a place, or None."""

    async def put(self, place: CachePlace, value: bytes) -> None:
        """Keep a value for as long as its kind is kept, if there is room."""

    async def clear(self, graph: int) -> int:
        """Drop the values of a graph, here and in Redis; return how many at least."""

    def note(self, kind: CacheKind, *, hit: bool) -> None:
        """Count a hit or a miss."""

    def stats(self) -> CacheStats:
        """Return what it did and keeps."""
