"""Checks of the causal structure."""

from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.causality import Ancestry, Lineage, Separated, Separation
from kgmem.services.claims import causality
from kgmem.services.ports import Ports


class Causality:
    """Checks of the causal structure."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def separation(self, graph: str, asked: Separation) -> Separated:
        """Say whether entities are independent of others by the causal structure, given some; and a minimal such set.

        Raises InvalidInput, NotFound, TooLarge, and Conflict where causes go in a circle.
        """
        check_scope(asked.scope)
        return await causality.separation(self._ports, graph, asked)

    async def ancestry(self, graph: str, asked: Ancestry) -> Lineage:
        """Return all causes and all effects of entities, and the circles among them. Raises NotFound, TooLarge."""
        check_scope(asked.scope)
        return await causality.ancestry(self._ports, graph, asked)
