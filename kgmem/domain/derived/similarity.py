"""Similarity links: weighted relationships between similar entities of one scope.

A job derives them from vectors and deletes them when a vector changes. They state that two entities are related (as
synonyms are), never that they are the same, and they are not facts.
"""

from dataclasses import dataclass
from typing import Final, Protocol

SIMILAR_TO: Final = "SIMILAR_TO"
# The cosine from which two entities are joined. Of 0.8, 0.85, 0.9 and 0.95 the walk over a graph read out of MuSiQue
# found the most by 0.85 and 0.9 (bench/own_graph.py).
ALIKE: Final = 0.85


@dataclass(frozen=True, slots=True)
class LinkChanges:
    """The result of one update: entities compared, relationships created or changed, and relationships deleted."""

    compared: int = 0
    joined: int = 0
    parted: int = 0

    def __add__(self, other: "LinkChanges") -> "LinkChanges":
        """Return the sum of both."""
        return LinkChanges(self.compared + other.compared, self.joined + other.joined, self.parted + other.parted)


class SimilarityStore(Protocol):
    """Maintains similarity links; every step is one transaction, so that the work can stop anywhere."""

    async def ask(self, graph: str, min_similarity: float) -> None:
        """Enable the similarity links of a graph, from this cosine similarity on."""

    async def stop(self, graph: str) -> int:
        """Disable the similarity links of a graph and delete them; returns how many."""

    async def asked(self, graph: str) -> float | None:
        """Return the minimum similarity of the links of a graph; None where they are disabled."""

    async def is_behind(self, graph: str) -> bool:
        """Return whether entities were written since the last update."""

    async def begin(self, graph: str) -> tuple[str, bool]:
        """Return a mark of the current state of the graph, for `finish`."""

    async def part(self, graph: str) -> LinkChanges:
        """Delete links of entities whose vector has changed or is gone; all zero when none is left."""

    async def join(self, graph: str, after: int) -> tuple[LinkChanges, int | None]:
        """Compare the next entities with those before them; returns the changes and where to continue."""

    async def finish(self, graph: str, mark: tuple[str, bool]) -> None:
        """Store that everything written before the mark is compared."""
