"""Facts: the consensus of claims, with its reasons."""

from kgmem.domain.claims.claim import ClaimStatement, Correction, FactFilter, FactTarget, StoredFact
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services import merged_keys
from kgmem.services.claims import correct as correcting
from kgmem.services.claims import why as explaining
from kgmem.services.ports import Ports


class Facts:
    """Facts: the consensus of claims, with its reasons."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def get(self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None) -> StoredFact:
        """Return a fact by its id, or by that of a relationship (as recall gives it). Raises NotFound."""
        return await self._ports.claims.fact(graph, id_, check_scope(scope), known_at=known_at)

    async def list(self, graph: str, asked: FactFilter) -> Page[StoredFact]:
        """Return a page of the facts that a scope sees, by subject, predicate and state."""
        check_scope(asked.scope)
        return await self._ports.claims.facts(graph, await merged_keys.of_fact_filter(self._ports, graph, asked))

    async def explain(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> explaining.Explanation:
        """Why a fact is believed: the claims for and against it, their sources, copies, the numbers, decisions."""
        return await explaining.why(self._ports, graph, id_, check_scope(scope), known_at)

    async def correct(
        self, graph: str, target: FactTarget | int, right: ClaimStatement, *, by: str, reason: str, scope: str = SHARED
    ) -> Correction:
        """Put another value in the place of a fact in this scope only, in the answers at once.

        `target` is an id or what the fact says; of `right` the object or value counts, and its times where it has
        any. The old value stays in the history with the reason. Raises NotFound, InvalidInput, Conflict.
        """
        return await correcting.correct(
            self._ports, graph, _target(target), (by, reason), check_scope(scope), right=right
        )

    async def retract(
        self, graph: str, target: FactTarget | int, *, by: str, reason: str, scope: str = SHARED
    ) -> Correction:
        """Take a fact in this scope only out of the answers: it never was so.

        Raises NotFound, InvalidInput, Conflict.
        """
        return await correcting.retract(self._ports, graph, _target(target), (by, reason), check_scope(scope))

    async def expire(
        self,
        graph: str,
        target: FactTarget | int,
        *,
        by: str,
        reason: str,
        valid_to: str | None = None,
        scope: str = SHARED,
    ) -> Correction:
        """End a fact in this scope only at a time (ISO 8601), or now: it was true until then.

        Raises NotFound, InvalidInput for an end before its begin, and Conflict for what was retracted.
        """
        return await correcting.expire(
            self._ports, graph, _target(target), (by, reason), check_scope(scope), valid_to=valid_to
        )

    async def conflicts(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[StoredFact]:
        """Return a page of the facts that sources disagree on and nothing decides."""
        asked = FactFilter(check_scope(scope), states=("contested",), cursor=cursor, limit=limit)
        return await self._ports.claims.facts(graph, asked)


def _target(target: FactTarget | int) -> FactTarget:
    return FactTarget(fact=target) if isinstance(target, int) else target
