"""Facts that reviewers declared to depend on each other."""

from collections.abc import Sequence

from kgmem.domain.claims.claim import Correlated
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.claims import review as reviewing
from kgmem.services.ports import Ports


class Correlations:
    """Facts that reviewers declared to depend on each other."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(self, graph: str, correlated: Correlated) -> int:
        """Declare that facts hang together; gives the correlation's id."""
        check_scope(correlated.scope)
        return await reviewing.correlate(self._ports, graph, correlated)

    async def list(self, graph: str, *, scope: str = SHARED) -> Sequence[Correlated]:
        """Return the facts that were declared or found to hang together, with kind, strength and reason."""
        return await self._ports.claims.correlations(graph, check_scope(scope))

    async def end(self, graph: str, id_: int, *, by: str, reason: str, scope: str = SHARED) -> None:
        """Let facts hang together no more. Raises NotFound."""
        await self._ports.claims.end_correlation(graph, id_, check_scope(scope), by, reason)
