"""Entity resolution: matches, merge candidates, and merges."""

from collections.abc import Callable, Sequence

from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.text.resolution import Candidate, Described, Merge, NewMerge, Resolved
from kgmem.services.ports import Ports
from kgmem.services.texts import merge as merging
from kgmem.services.texts import resolve as resolving


class Resolution:
    """Entity resolution: matches, merge candidates, and merges."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def resolve(self, graph: str, described: Sequence[Described], *, scope: str = SHARED) -> list[Resolved]:
        """Return for each description whether it is an entity that a scope sees: the same, candidates, or none.

        Entities of other types are never candidates. Nothing is written. Raises NotFound, InvalidInput.
        """
        return await resolving.resolve(self._ports, graph, described, check_scope(scope))

    async def find_duplicates(
        self, graph: str, *, scope: str = SHARED, progress: Callable[[int, int], None] | None = None
    ) -> tuple[int, int]:
        """Store pairs of entities of one scope that may be duplicates as merge candidates; nothing is merged.

        Returns how many entities were compared, and how many pairs wait for a decision.
        """
        return await resolving.find_duplicates(self._ports, graph, check_scope(scope), progress=progress)

    async def merge(self, graph: str, asked: NewMerge) -> Merge:
        """Merge an entity into another one in this scope only, in one transaction; a dry run writes nothing.

        Relationships, claims and names move to the remaining entity; values that differ are kept as claims. Raises
        NotFound, and InvalidInput for entities whose types cannot be the same.
        """
        check_scope(asked.scope)
        return await merging.merge(self._ports, graph, asked)

    async def undo_merge(self, graph: str, merge: int, *, by: str, reason: str, scope: str = SHARED) -> Merge:
        """Undo a merge: both entities exist again, each with what it had. Raises NotFound, Conflict."""
        return await merging.undo(self._ports, graph, merge, (by, reason), check_scope(scope))

    async def merges(
        self, graph: str, *, scope: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Merge]:
        """Return the merges that a scope sees, undone ones too, the newest first."""
        return await self._ports.merges.merges(graph, check_scope(scope), before, limit)

    async def propose(self, graph: str, candidates: Sequence[Candidate], *, scope: str = SHARED) -> int:
        """Store pairs of entities as merge candidates; returns how many of them wait for a decision."""
        return await merging.propose(self._ports, graph, list(candidates), check_scope(scope))

    async def candidates(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Candidate]:
        """Return a page of the merge candidates that wait for a decision, the most likely first."""
        return await self._ports.merges.candidates(graph, check_scope(scope), cursor, limit)

    async def reject(self, graph: str, candidate: int, *, by: str, reason: str, scope: str = SHARED) -> Candidate:
        """Mark a merge candidate as distinct entities; it is not proposed again. Raises NotFound."""
        return await merging.tell_apart(self._ports, graph, candidate, (by, reason), check_scope(scope))
