"""What Redis has of graphs, beside the database: what an erasure takes of it, and the search for texts in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kgmem.domain.erasure.sought import Redactor, Sought
from kgmem.domain.graph.scope_contents import Trace

REDIS: Final = "redis"


@dataclass(frozen=True, slots=True)
class RedisErasure:
    """What leaves Redis of a graph: what has one of the texts, what is of one of the scopes, and all that is cached.

    `whole`: everything but streams, as where the graph is gone. `files`: what is on the server's disk is rewritten.
    """

    texts: Sequence[Sought] = ()
    scopes: Sequence[str] = ()
    whole: bool = False
    files: bool = True


@dataclass(frozen=True, slots=True)
class PostponedErasure:
    """An erasure that waits until Redis is back: its graph, and what is to go, encrypted."""

    id: int
    graph: int
    name: str
    sealed: bytes = field(repr=False)


class RedisContents(Protocol):
    """What Redis has of graphs."""

    async def erase(self, graph: int, redactor: Redactor, erasure: RedisErasure) -> Mapping[str, int]:
        """Remove what is to go; returns how many of each kind. Raises RedisUnavailable."""

    async def rewrite_files(self) -> str | None:
        """Have the server rewrite its files, without what was removed; returns why they still have it, or None.

        Raises RedisUnavailable.
        """

    async def search(self, graph: int, texts: Sequence[Sought], *, server: bool) -> tuple[int, Sequence[Trace]]:
        """Return how many keys were searched, and where texts are; with `server` in those of all graphs.

        Raises RedisUnavailable.
        """
