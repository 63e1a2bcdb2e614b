"""The port of claims: storage, consensus, adjudications."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kgmem.domain.claims.claim import (
    Adjudication,
    ClaimFilter,
    ClaimProvenance,
    ClaimResult,
    ClaimStatement,
    Correlated,
    Decision,
    FactFilter,
    NewAdjudication,
    SourceStanding,
    StoredFact,
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
    """Stores claims and the facts computed from them; each write is one transaction."""

    async def put(
        self, graph: str, claims: Sequence[ClaimStatement], *, provenance: Sequence[ClaimProvenance] | None = None
    ) -> ClaimResult:
        """Store claims and compute the state of their facts; `provenance` names the episode of each claim."""

    async def replace(self, graph: str, claims: Sequence[ClaimStatement], former: Sequence[int]) -> ClaimResult:
        """Replace claims by others of the same scopes, subjects and predicates, in one transaction.

        The new claims have the provenance of the old ones. The state of all their facts is computed.
        """

    async def withdraw(self, graph: str, ids: Sequence[int], scope: str, *, dry_run: bool = False) -> Withdrawn:
        """Withdraw claims in this scope only; with `dry_run` only return the counts."""

    async def claims_by(
        self, graph: str, scope: str, *, source: str | None, episode: str | None, after: int, limit: int
    ) -> Sequence[int]:
        """Return the next current claims (ids above `after`) of a source or an episode, in this scope only."""

    async def uncite(
        self, graph: str, keys: Sequence[str], scope: str, *, spared: Sequence[int] = (), dry_run: bool = False
    ) -> int:
        """Make claims cite other texts that state the same, in this scope only; withdraw those without one.

        Returns how many are withdrawn; `spared` (ids) are not changed.
        """

    async def recite(self, graph: str, moved: Sequence[tuple[int, str, int, int]]) -> Mapping[int, int]:
        """Make claims cite other texts (id, key, and where in it); return the claims that took their places."""

    async def weigh_edges(self, graph: str, relationships: Sequence[int]) -> int:
        """Compute the state of facts that newly written relationships state; returns how many."""

    async def weigh_relationship(self, graph: str, id_: int) -> bool:
        """Compute the state of the fact of a relationship of any kind; returns whether it has claims."""

    async def weigh_subjects(
        self, graph: str, subjects: Sequence[tuple[str, str]], ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Compute the state of facts about entities (scope, key); returns the new versions by id."""

    async def weigh_stale(self, graph: str, most: int | None = None) -> int:
        """Compute the state of at most so many facts whose claims have changed; returns how many."""

    async def weigh_changed(self, graph: str, topics: Sequence[int]) -> int:
        """Compute the state of facts (by topic) of which a value began or ended by time alone; returns how many."""

    async def weigh_all(self, graph: str) -> Mapping[str, Any]:
        """Compute the consensus of all claims of a graph; returns counts."""

    async def due(self, graph: str) -> bool:
        """Return whether enough claims are new since the last run over all claims to start another."""

    async def few(self, graph: str, most: int) -> bool:
        """Return whether a graph has at most so many claims."""

    async def any(self, graph: str) -> bool:
        """Return whether the graph has claims."""

    async def fact(self, graph: str, id_: int, scope: str, *, known_at: str | None = None) -> StoredFact:
        """Return a fact by its id or that of a relationship. Raises NotFound."""

    async def facts_by_id(
        self, graph: str, ids: Sequence[int], scope: str, *, known_at: str | None = None
    ) -> Mapping[int, StoredFact]:
        """Return facts by their ids or those of relationships; unknown ids are missing in the result."""

    async def facts(
        self, graph: str, asked: FactFilter, *, predicates: Sequence[str] | None = None
    ) -> Page[StoredFact]:
        """Return a page of the facts that a scope sees."""

    async def facts_of(self, graph: str, scope: str, subject: str, predicate: str | None) -> Sequence[StoredFact]:
        """Return the facts of one subject that a scope sees."""

    async def claims(self, graph: str, asked: ClaimFilter) -> Page[ClaimStatement]:
        """Return a page of the claims that a scope sees."""

    async def claims_by_id(self, graph: str, ids: Sequence[int]) -> Sequence[ClaimStatement]:
        """Return claims by id, withdrawn ones too."""

    async def copies(self, graph: str, scope: str, among: Sequence[str] | None) -> Sequence[Mapping[str, Any]]:
        """Return the pairs of sources of which one seems to copy the other."""

    async def standings(self, graph: str, keys: Sequence[str] | None) -> Sequence[SourceStanding]:
        """Return the reliability of sources."""

    async def standing_history(self, graph: str, key: str) -> Sequence[Mapping[str, Any]]:
        """Return the earlier reliability of a source."""

    async def rule(self, graph: str, ruling: NewAdjudication, scope: str) -> Sequence[Adjudication]:
        """Apply a decision to facts in this scope only; a dry run only returns its effect."""

    async def correct(
        self, graph: str, claim: ClaimStatement, wrong: Sequence[int], told: tuple[str, str]
    ) -> tuple[Adjudication | None, Adjudication]:
        """Store a claim, reject the value that other claims state, and accept the claim's, in one transaction.

        Returns both decisions; of a value that nobody states any more there is none. Raises NotFound.
        """

    async def correct_unclaimed(
        self,
        graph: str,
        relationship: int,
        scope: str,
        by_reason: tuple[str, str],
        *,
        valid_to: str | None = None,
        right: ClaimStatement | None = None,
    ) -> Sequence[int]:
        """Delete a relationship (id) that no claim states, or end it, with an entry of the audit trail.

        `by_reason` names who does it, and why; `right` is claimed in its place. All of it is one transaction.
        Returns the facts of that claim. Raises NotFound, and Conflict where a source states the relationship by now.
        """

    async def undo(self, graph: str, decision: int, by: str, reason: str, scope: str) -> Sequence[Adjudication]:
        """Undo a decision. Raises NotFound, and Conflict for one that is no longer in force."""

    async def decisions(
        self,
        graph: str,
        scope: str,
        *,
        before: int | None,
        limit: int,
        subject: str | None = None,
        predicate: str | None = None,
    ) -> Sequence[Decision]:
        """Return the audit trail, the newest first; only what is about a subject and a predicate."""

    async def correlate(self, graph: str, correlated: Correlated) -> int:
        """Store that facts of one scope are correlated; returns the id of the correlation."""

    async def correlations(self, graph: str, scope: str) -> Sequence[Correlated]:
        """Return the correlations that a scope sees."""

    async def end_correlation(self, graph: str, id_: int, scope: str, by: str, reason: str) -> None:
        """End a correlation. Raises NotFound."""

    async def log(self, graph: str, action: str, by: str, reason: str, detail: Mapping[str, Any]) -> None:
        """Add an entry to the audit trail."""
