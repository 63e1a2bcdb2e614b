"""Connecting: entities of one scope that are called or described alike, joined by weighted relationships.

These are derived: a job makes them out of vectors and takes them back when a vector changes. They say that two things
may have to do with each other (as synonyms have), never that they are one, and are no facts.
"""

from dataclasses import dataclass
from typing import Final, Protocol

SIMILAR_TO: Final = "SIMILAR_TO"
# The cosine from which two entities are joined. Of 0.8, 0.85, 0.9 and 0.95 the walk over a graph read out of MuSiQue
# found the most by 0.85 and 0.9 (bench/own_graph.py).
ALIKE: Final = 0.85


@dataclass(frozen=True, slots=True)
class Connected:
    """What one round of joining did: entities that were compared, relationships that are new, that changed or went."""

    compared: int = 0
    joined: int = 0
    parted: int = 0

    def __add__(self, other: "Connected") -> "Connected":
        """Return both together."""
        return Connected(self.compared + other.compared, self.joined + other.joined, self.parted + other.parted)


class Connections(Protocol):
    """Joins entities that are alike; every step is one transaction, so that it can be stopped anywhere."""

    async def ask(self, graph: str, min_similarity: float) -> None:
        """Let the entities of a graph be joined from now on where they are at least so alike."""

    async def stop(self, graph: str) -> int:
        """Join no more, and part what was joined; returns how many relationships went."""

    async def asked(self, graph: str) -> float | None:
        """Return from which similarity on a graph's entities are joined; None where nobody asked for it."""

    async def is_behind(self, graph: str) -> bool:
        """Return whether something was written since all was compared."""

    async def begin(self, graph: str) -> tuple[str, bool]:
        """Return a mark of what is written by now, for `finish`."""

    async def part(self, graph: str) -> Connected:
        """Take back what joins entities of which the vector changed or went; nothing is left when that is nothing."""

    async def join(self, graph: str, after: int) -> tuple[Connected, int | None]:
        """Compare the next entities with those before them; returns what that did and where to go on."""

    async def finish(self, graph: str, mark: tuple[str, bool]) -> None:
        """Note that all that was written before the mark is compared."""
