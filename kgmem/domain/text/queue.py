"""Reading: episodes that wait to be read for what they say, and what is kept of those that were."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.text.change import KnownFact
from kgmem.domain.text.extraction import Span
from kgmem.domain.text.names import Mention, Resolver

ExtractedKind = Literal["entity", "relationship", "claim"]


@dataclass(frozen=True, slots=True)
class QueuedEpisode:
    """An episode that was taken from the queue for extraction; the digest identifies its version."""

    episode: Episode
    id: int
    digest: int
    attempts: int
    keys: frozenset[str] = frozenset()  # The ids of the API keys by which its text came.


@dataclass(frozen=True, slots=True)
class ExtractedClaim:
    """A claim that was extracted from an episode; the text states no end of a lasting one."""

    id: int
    span: Span
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A lasting claim as it is stored, and how far its source is trusted."""

    id: int
    statement: ClaimStatement
    trust: float
    lasting: bool = True  # The text told no end.
    said: Sequence[int] = ()  # When its texts were written, in microseconds since 1970, in order.


@dataclass(frozen=True, slots=True)
class ExtractedEpisode:
    """What was extracted from an episode, before it is stored; its entities and claims are stored already."""

    unread: QueuedEpisode
    extractor: str
    entities: Sequence[tuple[str, Span]]  # By key.
    claims: Sequence[ExtractedClaim]
    relationships: Sequence[tuple[Relationship, Span]]
    together: Sequence[tuple[str, str]] = ()
    tokens: int = 0
    cost: float = 0.0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SettleResult:
    """What a batch of read episodes did, and what they said before and nothing says any more."""

    created: int = 0
    updated: int = 0
    left_claims: Sequence[tuple[str, int]] = ()  # Scope and id.
    left_entities: Sequence[tuple[str, str]] = ()  # Scope and key.


@dataclass(frozen=True, slots=True)
class Waits:
    """How many episodes wait to be read, how many of them nobody reads just now, and how many cannot be read."""

    waiting: int
    free: int
    refused: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """One item that was extracted from an episode, and its place in the text. Shared: others state it too."""

    episode: str
    kind: ExtractedKind
    key: str  # Of an entity; of the others the id as text.
    span: tuple[int, int]
    shared: bool


@dataclass(frozen=True, slots=True)
class ExtractionReport:
    """The result of an extraction: counts, and what a model cost."""

    episodes: int = 0
    entities: int = 0
    claims: int = 0
    relationships: int = 0
    refused: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: "ExtractionReport") -> "ExtractionReport":
        """Return the counts of both."""
        return ExtractionReport(
            self.episodes + other.episodes, self.entities + other.entities, self.claims + other.claims,
            self.relationships + other.relationships, self.refused + other.refused, self.tokens + other.tokens,
            self.cost + other.cost,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EpisodePreview:
    """What extraction would store from an episode: the result of a dry run."""

    episode: str
    entities: Sequence[Mapping[str, object]]
    claims: Sequence[Mapping[str, object]]
    relationships: Sequence[Mapping[str, object]]
    extractor: str = ""


@dataclass(frozen=True, slots=True)
class WouldGo:
    """What would go with episodes: entities that nothing else is joined to, by key; passages and vectors, counted."""

    lonely: Sequence[str] = ()
    passages: int = 0
    vectors: int = 0


MOST_NAMES: Final = 1000  # That a report spells out, of each kind.
_WENT: Final = (
    "episodes", "passages", "vectors", "entities", "relationships", "claims", "similarity_links", "communities",
    "summaries", "kept_in_history", "erased_from_history",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went with episodes, counted, and what stays since something else says it too."""

    episodes: int = 0
    passages: int = 0
    vectors: int = 0
    entities: int = 0
    relationships: int = 0
    claims: int = 0
    similarity_links: int = 0  # That were derived of the vectors of entities which went.
    communities: int = 0  # That lost a member.
    summaries: int = 0  # That were made of what went; earlier ones too.
    kept_entities: int = 0
    kept_relationships: int = 0
    kept_in_history: int = 0  # Versions that known_at still shows; none after an erasure.
    erased_from_history: int = 0
    missing: Sequence[str] = ()
    dry_run: bool = False
    removed: Mapping[str, Sequence[str]] = field(default_factory=dict)  # By kind: names of what went.

    def with_part(self, part: "Forgotten") -> "Forgotten":
        """Return it with what went in another step; what stays is as it was."""
        counted = {name: getattr(self, name) + getattr(part, name) for name in _WENT}
        kinds = dict.fromkeys([*self.removed, *part.removed])
        removed = {kind: [*self.removed.get(kind, ()), *part.removed.get(kind, ())][:MOST_NAMES] for kind in kinds}
        return replace(self, **counted, missing=[*self.missing, *part.missing], removed=removed)


class ExtractionStore(Resolver, Protocol):
    """The queue of episodes for extraction, and what was extracted from those that are done."""

    async def take(self, graph: str, most: int, only: Sequence[int] | None = None) -> Sequence[QueuedEpisode]:
        """Take the next episodes for a while, or of some, by their ids; those of a reader that died are given again."""

    async def pending(self, graph: str, ids: Sequence[int]) -> bool:
        """Whether one of these episodes waits for extraction, or is in progress."""

    @property
    def lease(self) -> float:
        """Seconds after which a reader that gave no sign counts as dead."""

    async def renew(self, graph: str, ids: Sequence[int]) -> None:
        """Extend the lease on episodes that were taken."""

    async def give_back(self, graph: str, ids: Sequence[int]) -> None:
        """Release episodes that were taken, for other workers."""

    async def refuse(self, graph: str, problems: Mapping[int, tuple[int, str]]) -> None:
        """Remove episodes from the queue that cannot be read (id to digest and reason)."""

    async def held(self, graph: str, scope: str, mentions: Sequence[Mention]) -> Mapping[str, str]:
        """Return the labels of the entities that a scope sees under the possible keys of these mentions."""

    async def expect(self, graph: str, entities: Sequence[tuple[int, str]]) -> None:
        """Note that episodes (ids) are about to bring new entities (keys), for who reads them if this reader dies."""

    async def expect_no_more(self, graph: str, keys: Sequence[str], scope: str) -> None:
        """Delete the provenance of episodes, in this scope only, that is marked as withdrawn."""

    async def settle(self, graph: str, read: Sequence[ExtractedEpisode]) -> SettleResult:
        """Store the relationships of episodes, and the provenance of what was extracted, in one transaction."""

    async def done(self, graph: str, read: Sequence[QueuedEpisode]) -> None:
        """Remove episodes from the queue, unless they changed during their extraction."""

    async def open_claims(self, graph: str, topics: Sequence[tuple[str, str, str]]) -> Sequence[StoredClaim]:
        """Return the lasting claims of these scopes, subjects and predicates that were extracted, as stored."""

    async def known_facts(
        self, graph: str, scope: str, keys: Sequence[str], before: int, session: str | None
    ) -> Sequence[KnownFact]:
        """Return the facts of a scope that hold and were extracted: those of entities (keys), and of the last episodes.

        `before` is the id of an episode: the last ones before it count, of its session where it has one.
        """

    async def turns_before(self, graph: str, ids: Sequence[int]) -> Mapping[int, Sequence[Episode]]:
        """Return the four turns before each of these episodes in its session, the nearest last."""

    async def topics(self, graph: str, claims: Sequence[int]) -> Collection[tuple[str, str]]:
        """Return the subjects and predicates that claims are about."""

    async def waits(self, graph: str) -> Waits:
        """Count what waits."""

    async def ask_again(self, graph: str, keys: Sequence[str], scope: str) -> int:
        """Queue episodes in this scope only for extraction again; return how many."""

    async def told(self, graph: str, keys: Sequence[str], scope: str, limit: int) -> Sequence[Provenance]:
        """Return what was extracted from episodes in this scope only; a span of -1 marks what has to be withdrawn."""

    async def drop(self, graph: str, keys: Sequence[str], scope: str) -> SettleResult:
        """Delete the provenance of episodes in this scope only; return what no text states any more.

        Their provenance is returned until the caller has withdrawn it and calls `expect_no_more`.
        """

    async def lonely(self, graph: str, scope: str, keys: Sequence[str]) -> Sequence[str]:
        """Return those of these entities that nothing is joined to."""

    async def would_go(self, graph: str, own: Sequence[Provenance], keys: Sequence[str], scope: str) -> "WouldGo":
        """Return what else would go with episodes in this scope only and `own`, what was extracted from them alone."""

    async def there(self, graph: str, keys: Sequence[str], scope: str) -> Collection[str]:
        """Return those of these keys of which there is an episode in this scope only."""

    async def ids(self, graph: str, told: Sequence[Provenance], keys: Sequence[str], scope: str) -> Sequence[int]:
        """Return the ids of episodes and of what was extracted from them, as the history knows them."""

    async def erase(self, graph: str, ids: Sequence[int]) -> int:
        """Take what is gone out of the history, so that no earlier time shows it; returns how many versions."""

    async def erase_claims(self, graph: str, keys: Sequence[str], scope: str) -> int:
        """Take withdrawn claims that cite texts which are gone out of the history, with what was believed by them.

        Gives how many claims and former versions of facts these were.
        """
