"""The part of the façade that is about claims: what sources say, what is made of it, and who decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.domain.claims.claim import (
    Adjudication,
    ClaimFilter,
    ClaimResult,
    ClaimStatement,
    Correlated,
    Decision,
    FactFilter,
    HeldFact,
    Ruling,
    SourceStanding,
    Verification,
    Withdrawn,
)
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import review as reviewing
from kgmem.services.claims import verify as judging
from kgmem.services.claims import why as explaining
from kgmem.services.ports import Ports


class Beliefs:
    """Claims, facts, sources, and decisions on facts."""

    parts: Ports

    async def claim(self, graph: str, claims: Sequence[ClaimStatement]) -> ClaimResult:
        """Store what sources claim, each claim once, and weigh the facts that they speak of, in one transaction."""
        return await claiming.put_claims(self.parts, graph, claims)

    async def withdraw_claims(
        self,
        graph: str,
        ids: Sequence[int] = (),
        *,
        source: str | None = None,
        episode: str | None = None,
        scope: str = SHARED,
        dry_run: bool = False,
    ) -> Withdrawn:
        """Take claims of exactly this scope back: some by id, or all of a source or of a text (the key of an episode).

        Relationships that only they state go too; if dry, only say what that would do. Raises InvalidInput unless
        exactly one of the three is given.
        """
        check_scope(scope)
        if sum((bool(ids), source is not None, episode is not None)) != 1:
            raise InvalidInput("It is not clear which claims to take back.", mend="Give one of id, source and episode.")
        if ids:
            return await claiming.withdraw(self.parts, graph, ids, scope, dry_run=dry_run)
        return await claiming.withdraw_all(self.parts, graph, scope, source=source, episode=episode, dry_run=dry_run)

    async def list_claims(self, graph: str, asked: ClaimFilter) -> Page[ClaimStatement]:
        """Give a page of the claims that a scope sees; withdrawn ones too, or as they were known at a time."""
        check_scope(asked.scope)
        return await self.parts.claims.claims(graph, asked)

    async def fact(self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None) -> HeldFact:
        """Give a fact by its id, or by that of a relationship (as recall gives it). Raises NotFound."""
        return await self.parts.claims.fact(graph, id_, check_scope(scope), known_at=known_at)

    async def why(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> explaining.Explanation:
        """Give why a fact is believed: the claims for and against it, their sources, copies, the numbers, decisions."""
        return await explaining.why(self.parts, graph, id_, check_scope(scope), known_at)

    async def facts(self, graph: str, asked: FactFilter) -> Page[HeldFact]:
        """Give a page of the facts that a scope sees, by subject, predicate and state."""
        check_scope(asked.scope)
        return await self.parts.claims.facts(graph, asked)

    async def conflicts(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[HeldFact]:
        """Give a page of the facts that sources disagree on and nothing decides."""
        asked = FactFilter(check_scope(scope), states=("contested",), cursor=cursor, limit=limit)
        return await self.parts.claims.facts(graph, asked)

    async def verify(
        self, graph: str, claim: ClaimStatement | None = None, *, text: str | None = None, scope: str = SHARED
    ) -> Verification:
        """Say whether a graph supports a claim (or what a text says), contradicts it, or knows nothing of it.

        Raises InvalidInput unless either a claim or a text is given.
        """
        return await judging.verify(self.parts, graph, claim, text, check_scope(scope))

    async def review_queue(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[HeldFact]:
        """Give a page of the contested facts of critical predicates, which wait for a person."""
        return await reviewing.queue(self.parts, graph, check_scope(scope), cursor, limit)

    async def decide(self, graph: str, ruling: Ruling, *, scope: str = SHARED) -> Sequence[Adjudication]:
        """Take a decision on facts of exactly this scope; of a dry run nothing is written.

        Raises NotFound, InvalidInput, and Conflict where a rule leaves a distribution open.
        """
        return await reviewing.decide(self.parts, graph, ruling, check_scope(scope))

    async def undo_decision(
        self, graph: str, decision: int, *, by: str, reason: str, scope: str = SHARED
    ) -> Sequence[Adjudication]:
        """Take a decision back. Raises NotFound, and Conflict for one that does not hold any more."""
        return await self.parts.claims.undo(graph, decision, by, reason, check_scope(scope))

    async def decisions(
        self, graph: str, *, scope: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Decision]:
        """Give the audit trail, the newest first."""
        return await self.parts.claims.decisions(graph, check_scope(scope), before=before, limit=limit)

    async def correlate(self, graph: str, correlated: Correlated) -> int:
        """Declare that facts hang together; gives the correlation's id."""
        check_scope(correlated.scope)
        return await reviewing.correlate(self.parts, graph, correlated)

    async def correlations(self, graph: str, *, scope: str = SHARED) -> Sequence[Correlated]:
        """Give the facts that were declared or found to hang together, with kind, strength and reason."""
        return await self.parts.claims.correlations(graph, check_scope(scope))

    async def end_correlation(self, graph: str, id_: int, *, by: str, reason: str, scope: str = SHARED) -> None:
        """Let facts hang together no more. Raises NotFound."""
        await self.parts.claims.end_correlation(graph, id_, check_scope(scope), by, reason)

    async def trust(self, graph: str, keys: Sequence[str] | None = None) -> Sequence[SourceStanding]:
        """Give how far sources are trusted, and why, from the claims that all scopes share."""
        return await self.parts.claims.standings(graph, keys)

    async def source(self, graph: str, key: str) -> SourceStanding:
        """Give one source's trust with its history and the copies found. Raises NotFound."""
        return await explaining.source(self.parts, graph, key)

    async def weigh(self, graph: str) -> Mapping[str, Any]:
        """Weigh all claims of a graph together, now; gives counts."""
        return await claiming.weigh(self.parts, graph)

    async def run_weigh(self, graph: str, *, all: bool = False) -> Mapping[str, Any]:  # noqa: A002 - a job's argument
        """Do what the job `weigh` asks for: weigh `all` claims, or only if enough is new; gives counts."""
        return await (claiming.weigh if all else claiming.weigh_due)(self.parts, graph)
