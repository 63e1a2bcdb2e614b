"""Decisions of reviewers on facts."""

from collections.abc import Sequence

from kgmem.domain.claims.claim import Adjudication, Decision, HeldFact, Ruling
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.claims import review as reviewing
from kgmem.services.ports import Ports


class Adjudications:
    """Decisions of reviewers on facts."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def queue(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[HeldFact]:
        """Return a page of the contested facts of critical predicates, which wait for a person."""
        return await reviewing.queue(self._ports, graph, check_scope(scope), cursor, limit)

    async def create(self, graph: str, ruling: Ruling, *, scope: str = SHARED) -> Sequence[Adjudication]:
        """Take a decision on facts of exactly this scope; of a dry run nothing is written.

        Raises NotFound, InvalidInput, and Conflict where a rule leaves a distribution open.
        """
        return await reviewing.decide(self._ports, graph, ruling, check_scope(scope))

    async def undo(
        self, graph: str, decision: int, *, by: str, reason: str, scope: str = SHARED
    ) -> Sequence[Adjudication]:
        """Take a decision back. Raises NotFound, and Conflict for one that does not hold any more."""
        return await reviewing.undo(self._ports, graph, decision, by=by, reason=reason, scope=check_scope(scope))

    async def list(
        self, graph: str, *, scope: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Decision]:
        """Return the audit trail, the newest first."""
        return await self._ports.claims.decisions(graph, check_scope(scope), before=before, limit=limit)
