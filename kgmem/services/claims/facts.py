"""Facts: the consensus of claims, with its reasons."""

from kgmem.domain.claims.claim import FactFilter, HeldFact
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.claims import why as explaining
from kgmem.services.ports import Ports


class Facts:
    """Facts: the consensus of claims, with its reasons."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def get(self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None) -> HeldFact:
        """Give a fact by its id, or by that of a relationship (as recall gives it). Raises NotFound."""
        return await self._ports.claims.fact(graph, id_, check_scope(scope), known_at=known_at)

    async def list(self, graph: str, asked: FactFilter) -> Page[HeldFact]:
        """Give a page of the facts that a scope sees, by subject, predicate and state."""
        check_scope(asked.scope)
        return await self._ports.claims.facts(graph, asked)

    async def explain(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> explaining.Explanation:
        """Give why a fact is believed: the claims for and against it, their sources, copies, the numbers, decisions."""
        return await explaining.why(self._ports, graph, id_, check_scope(scope), known_at)

    async def conflicts(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[HeldFact]:
        """Give a page of the facts that sources disagree on and nothing decides."""
        asked = FactFilter(check_scope(scope), states=("contested",), cursor=cursor, limit=limit)
        return await self._ports.claims.facts(graph, asked)
