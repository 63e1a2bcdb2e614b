"""Claims: what each source states."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.domain.claims.claim import ClaimFilter, ClaimResult, ClaimStatement, Verification, Withdrawn
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope, common_scope
from kgmem.services import merged_keys
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import verify as judging
from kgmem.services.ports import Ports


class Claims:
    """Claims: what each source states."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, claims: Sequence[ClaimStatement]) -> ClaimResult:
        """Store what sources claim, each claim once, and weigh the facts that they speak of, in one transaction."""
        with self._ports.flows.run("remember", graph, scope=common_scope({each.scope for each in claims})):
            return await claiming.put_claims(self._ports, graph, claims)

    async def withdraw(
        self,
        graph: str,
        ids: Sequence[int] = (),
        *,
        source: str | None = None,
        episode: str | None = None,
        scope: str = SHARED,
        dry_run: bool = False,
    ) -> Withdrawn:
        """Withdraw claims in this scope only: some by id, or all of a source or of a text (the key of an episode).

        Relationships that only they state go too; if dry, only say what that would do. Raises InvalidInput unless
        exactly one of the three is given.
        """
        check_scope(scope)
        if sum((bool(ids), source is not None, episode is not None)) != 1:
            raise InvalidInput("It is not clear which claims to withdraw.", hint="Give one of id, source and episode.")
        if ids:
            return await claiming.withdraw(self._ports, graph, ids, scope, dry_run=dry_run)
        return await claiming.withdraw_all(self._ports, graph, scope, source=source, episode=episode, dry_run=dry_run)

    async def list(self, graph: str, asked: ClaimFilter) -> Page[ClaimStatement]:
        """Return a page of the claims that a scope sees; withdrawn ones too, or as they were known at a time."""
        check_scope(asked.scope)
        return await self._ports.claims.claims(graph, await merged_keys.of_claim_filter(self._ports, graph, asked))

    async def verify(
        self, graph: str, claim: ClaimStatement | None = None, *, text: str | None = None, scope: str = SHARED
    ) -> Verification:
        """Return whether a graph supports a claim (or what a text says), contradicts it, or knows nothing of it.

        Raises InvalidInput unless either a claim or a text is given.
        """
        return await judging.verify(self._ports, graph, claim, text, check_scope(scope))

    async def compute_consensus(self, graph: str) -> Mapping[str, Any]:
        """Weigh all claims of a graph together, now; gives counts."""
        return await claiming.weigh(self._ports, graph)
