"""What a scope contains, and what went when it was deleted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

from kgmem.domain.erasure.sought import Sought
from kgmem.domain.graph.entity import Page

MOST_SCOPES = 10_000  # That one deletion takes.


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """How many of each there are. Ledger accounts stay when a scope is deleted: the ledger is append-only."""

    entities: int = 0
    relationships: int = 0
    episodes: int = 0  # Messages of sessions, too.
    sessions: int = 0
    messages: int = 0
    tokens: int = 0  # Of messages.
    claims: int = 0  # That are not withdrawn.
    facts: int = 0
    memory_blocks: int = 0
    agent_states: int = 0
    subscriptions: int = 0
    streams: int = 0
    webhooks: int = 0
    feedback: int = 0
    ledger_accounts: int = 0

    def __add__(self, other: "ScopeCounts") -> "ScopeCounts":
        """Return the sums."""
        return ScopeCounts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def deletable(self) -> int:
        """How much of it a deletion would take."""
        return sum(int(getattr(self, each.name)) for each in fields(self)) - self.ledger_accounts - self.tokens


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """A scope with its counts, and when the oldest and the newest of its items became known (ISO 8601)."""

    scope: str
    counts: ScopeCounts
    oldest: str | None = None
    newest: str | None = None
    scopes: Sequence[str] = ()  # Whose contents are counted, where those below count too.


@dataclass(frozen=True, slots=True)
class ScopeDeletion:
    """What a deletion took, or would take with `dry_run`."""

    scopes: Sequence[str]
    deleted: ScopeCounts
    kept: ScopeCounts  # What is there afterwards: ledger accounts.
    relationships_elsewhere: int = 0  # Relationships of other scopes at its entities, which go with these.
    erased_from_history: int = 0
    kept_in_history: int = 0  # Versions that known_at still shows; none after an erasure.
    dry_run: bool = False
    waits_for_redis: bool = False  # Redis is away: what it has of the scope goes when it is back.


@dataclass(frozen=True, slots=True)
class Trace:
    """A table that has a text, and in how many of its rows."""

    table: str  # With its schema.
    rows: int
    unreadable: int = 0  # Compressed values of it that could not be searched.


@dataclass(frozen=True, slots=True)
class Traces:
    """Where texts are in the database: in none of so many tables, or in some."""

    texts: Sequence[str]
    tables: int  # That were searched.
    found: Sequence[Trace] = ()


@dataclass(frozen=True, slots=True)
class ScopeItems:
    """The next entities, texts, relationships and claims in one scope: ids, and keys of those that have one."""

    ids: Sequence[int] = ()
    keys: Sequence[str] = field(default_factory=list)


class ScopeStore(Protocol):
    """Counts what scopes contain, and empties them."""

    async def list(self, graph: str, within: str, cursor: str | None, limit: int) -> Page[ScopeSummary]:
        """Return a page of the scopes that contain something: this one and those below it, by path."""

    async def below(self, graph: str, scope: str) -> Sequence[str]:
        """Return a scope with those below it, the deepest first, at most `MOST_SCOPES` + 1."""

    async def summary(self, graph: str, scopes: Sequence[str]) -> ScopeSummary:
        """Return the sums over scopes."""

    async def relationships_elsewhere(self, graph: str, scopes: Sequence[str]) -> int:
        """Return how many relationships of other scopes are at entities or texts of these."""

    async def entities(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next entities of a scope."""

    async def episodes(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next episodes of a scope."""

    async def relationships(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next relationships of a scope."""

    async def claims(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next claims of a scope that are not withdrawn."""

    async def clear(self, graph: str, scope: str) -> None:
        """Delete blocks, states, retention rules, subscriptions, streams, webhooks, feedback and what is derived."""

    async def traces(
        self, graph: str, texts: Sequence[Sought], *, server: bool, progress: Callable[[int, int], None] | None = None
    ) -> Traces:
        """Search every table of a graph, with `server` those of the server, too, for texts; return where they are."""

    async def erase(self, graph: str, scope: str) -> int:
        """Take what was known of an empty scope out of the history; returns how many versions and claims."""
