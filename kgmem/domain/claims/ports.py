"""The port of claims: what the services need of whoever stores them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kgmem.domain.claims.claim import (
    Adjudication,
    BroughtBy,
    ClaimFilter,
    ClaimResult,
    ClaimStatement,
    Correlated,
    Decision,
    FactFilter,
    HeldFact,
    Ruling,
    SourceStanding,
    Withdrawn,
)
from kgmem.domain.graph.entity import Page
from kgmem.domain.recall.answer import Hit


class Answers(Protocol):
    """What was answered lately, by which claims that only return it are recognised. No caller waits for a note."""

    def note(self, graph: str, hits: Sequence[Hit], askers: Sequence[tuple[str, str]]) -> None:
        """Note what was answered to whom: askers are a kind, such as `key`, and a name."""

    def note_writer(self, graph: str, episodes: Sequence[int], writer: tuple[str, str]) -> None:
        """Note who wrote episodes (ids) that name nobody who says so."""

    async def close(self) -> None:
        """Write what waits."""


class ClaimStore(Protocol):
    """Claims, and what is made of them; each write is one transaction."""

    async def put(
        self, graph: str, claims: Sequence[ClaimStatement], *, brought: Sequence[BroughtBy] | None = None
    ) -> ClaimResult:
        """Store claims, and weigh the facts that they speak of; `brought` notes of each which episode brought it."""

    async def replace(self, graph: str, claims: Sequence[ClaimStatement], former: Sequence[int]) -> ClaimResult:
        """Let claims take the place of others of their scopes, subjects and predicates, in one transaction.

        The episodes that brought these brought them. The facts of all are weighed.
        """

    async def withdraw(self, graph: str, ids: Sequence[int], scope: str, *, dry_run: bool = False) -> Withdrawn:
        """Take back claims in this scope only; if dry, only say what that would do."""

    async def claims_by(
        self, graph: str, scope: str, *, source: str | None, episode: str | None, after: int, limit: int
    ) -> Sequence[int]:
        """Return the next current claims (ids above `after`) that a source, or a text, states in this scope only."""

    async def uncite(
        self, graph: str, keys: Sequence[str], scope: str, *, spared: Sequence[int] = (), dry_run: bool = False
    ) -> int:
        """Let no claim cite texts in this scope only: each cites another that states the same, or is withdrawn.

        Gives how many are withdrawn; `spared` (ids) stay as they are.
        """

    async def weigh_edges(self, graph: str, relationships: Sequence[int]) -> int:
        """Weigh the facts of which relationships that were just written state something new; returns how many."""

    async def weigh_relationship(self, graph: str, id_: int) -> bool:
        """Weigh what a relationship states, whatever its kind; says whether anybody claims it."""

    async def weigh_subjects(
        self, graph: str, subjects: Sequence[tuple[str, str]], ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Weigh what was just stated of entities (scope, key); returns the versions that these ids have now."""

    async def weigh_stale(self, graph: str, most: int | None = None) -> int:
        """Compute the state of at most so many facts whose claims have changed; returns how many."""

    async def weigh_all(self, graph: str) -> Mapping[str, Any]:
        """Weigh all claims of a graph together; returns counts."""

    async def due(self, graph: str) -> bool:
        """Return whether so much was claimed since the last full run that another is worth it."""

    async def few(self, graph: str, most: int) -> bool:
        """Return whether a graph has at most so many claims."""

    async def any(self, graph: str) -> bool:
        """Return whether anything was claimed."""

    async def fact(self, graph: str, id_: int, scope: str, *, known_at: str | None = None) -> HeldFact:
        """Return a fact by its id or a relationship's. Raises NotFound."""

    async def facts_by_id(
        self, graph: str, ids: Sequence[int], scope: str, *, known_at: str | None = None
    ) -> Mapping[int, HeldFact]:
        """Return facts by their ids or those of relationships; what there is none of is missing."""

    async def facts(self, graph: str, asked: FactFilter, *, predicates: Sequence[str] | None = None) -> Page[HeldFact]:
        """Return a page of the facts that a scope sees."""

    async def facts_of(self, graph: str, scope: str, subject: str, predicate: str | None) -> Sequence[HeldFact]:
        """Return what a scope sees of one subject."""

    async def claims(self, graph: str, asked: ClaimFilter) -> Page[ClaimStatement]:
        """Return a page of the claims that a scope sees."""

    async def claims_by_id(self, graph: str, ids: Sequence[int]) -> Sequence[ClaimStatement]:
        """Return claims by id, withdrawn ones too."""

    async def copies(self, graph: str, scope: str, among: Sequence[str] | None) -> Sequence[Mapping[str, Any]]:
        """Return the pairs of sources that were found to depend on each other."""

    async def standings(self, graph: str, keys: Sequence[str] | None) -> Sequence[SourceStanding]:
        """Return what was learned of sources."""

    async def standing_history(self, graph: str, key: str) -> Sequence[Mapping[str, Any]]:
        """Return what was held of a source before."""

    async def rule(self, graph: str, ruling: Ruling, scope: str) -> Sequence[Adjudication]:
        """Take a decision on facts in this scope only, or, dry, only say what it would do."""

    async def undo(self, graph: str, decision: int, by: str, reason: str, scope: str) -> Sequence[Adjudication]:
        """Take a decision back. Raises NotFound, Conflict for one that does not hold any more."""

    async def decisions(self, graph: str, scope: str, *, before: int | None, limit: int) -> Sequence[Decision]:
        """Return the audit trail, the newest first."""

    async def correlate(self, graph: str, correlated: Correlated) -> int:
        """Declare that facts of one scope are correlated; returns the correlation's id."""

    async def correlations(self, graph: str, scope: str) -> Sequence[Correlated]:
        """Return the correlations that a scope sees."""

    async def end_correlation(self, graph: str, id_: int, scope: str, by: str, reason: str) -> None:
        """Let facts are correlated no more. Raises NotFound."""

    async def log(self, graph: str, action: str, by: str, reason: str, detail: Mapping[str, Any]) -> None:
        """Note in the audit trail what was done to the whole graph."""
