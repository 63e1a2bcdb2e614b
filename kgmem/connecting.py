"""The part of the façade that is about what is derived of entities: which are alike."""

from collections.abc import Callable

from kgmem.domain.connecting import ALIKE, Connected
from kgmem.services import connect as joining
from kgmem.services.parts import Parts


class Connecting:
    """What jobs derive of the entities of a graph, and keep up."""

    parts: Parts

    async def connect(
        self, graph: str, *, least: float = ALIKE, progress: Callable[[Connected], None] | None = None
    ) -> Connected:
        """Join entities of one scope whose vectors are at least so alike, now; from then on a job keeps that up.

        The relationships are of the kind SIMILAR_TO, with the likeness as their strength; they are no facts. Raises
        NotFound, InvalidInput.
        """
        return await joining.connect(self.parts, graph, least, progress=progress)

    async def defer_connect(self, graph: str, *, least: float = ALIKE) -> int | None:
        """Let a job do what `connect` does; None when it waits already. Raises NotFound, InvalidInput."""
        return await joining.defer(self.parts, graph, least)

    async def disconnect(self, graph: str) -> int:
        """Part what was joined since it is alike, and join no more; gives how many relationships went."""
        return await joining.disconnect(self.parts, graph)

    async def keep_connected(self, graph: str) -> Connected:
        """Bring the likenesses of a graph in line with its entities, where somebody asked for them once."""
        return await joining.keep(self.parts, graph)

    async def defer_connecting(self) -> int:
        """Ask for the likenesses of every graph that was written to since; gives in how many."""
        return await joining.defer_missing(self.parts)
