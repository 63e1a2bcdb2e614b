"""What a turn of talk brings to what is known: endings, the facts that they may mean, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.relationship import Relationship

STATES: Final = "STATES"


@dataclass(frozen=True, slots=True)
class Ending:
    """What a text ends, by keys: of a subject, an object, both, or neither (what was said last).

    `kinds` are those that may be meant, none: any that lasts. `words` are those of a predicate without a kind.
    """

    subject: str | None
    object: str | None
    span: tuple[int, int]
    kinds: Sequence[str] = ()
    words: str | None = None
    instead: str | None = None
    heir: str | None = None
    never: bool = False
    at: str | None = None  # When it ended; without one nobody can say.
    named: tuple[str, str] = ("", "")  # What the text calls subject and object.
    becomes: str | None = None  # The kind of what holds between the same two from then on.
    verbs: Sequence[str] = ()  # Of predicates without a kind that may be meant too, where `latest`.
    latest: bool = False  # Only what was stated last of what fits is meant.
    person: bool = False  # What takes a place is a person.
    predicate: str | None = None  # The words of a predicate whose kind is among `kinds`.
    otherwise: bool = False  # Meant only where nothing else in the same words ends anything.


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact that holds as far as is known: a claim, or a relationship in the words of a text."""

    statement: ClaimStatement | Relationship
    episode: str | None
    claim: int | None = None  # Its id, if it is stored.
    recent: bool = True  # It was stated in the last turns of the same conversation.

    @property
    def ends(self) -> tuple[str, str]:
        """The keys of subject and object."""
        if isinstance(self.statement, ClaimStatement):
            return self.statement.subject, self.statement.object or ""
        return self.statement.start, self.statement.end

    @property
    def kind(self) -> str:
        """Its kind of relationship."""
        return self.statement.predicate if isinstance(self.statement, ClaimStatement) else self.statement.kind

    @property
    def words(self) -> str:
        """The words of its predicate, where it has no kind of its own."""
        if isinstance(self.statement, ClaimStatement):
            return ""
        return str(self.statement.properties.get("predicate", ""))

    @property
    def told(self) -> tuple[str, str]:
        """The words of its predicate and the key of its object."""
        return self.words, self.ends[1]


@dataclass(frozen=True, slots=True)
class Turn:
    """A text that is about to be stored: its episode's key, source and scope, what it states and what it ends."""

    episode: str
    source: str
    scope: str
    session: str | None
    claims: Sequence[ClaimStatement]
    relationships: Sequence[Relationship]
    endings: Sequence[Ending]
    spans: Sequence[tuple[int, int]] = ()  # Of the relationships.
    said: str | None = None  # When, in ISO 8601.
    text: str = ""


@dataclass(slots=True)
class Changed:
    """What the endings of one turn come to: claims and relationships beside its own, and claims that are withdrawn."""

    claims: list[ClaimStatement] = field(default_factory=list)
    relationships: list[tuple[Relationship, tuple[int, int]]] = field(default_factory=list)
    ended: list[tuple[int, ClaimStatement]] = field(default_factory=list)  # Stored ones, by id, with their end.
    withdrawn: list[int] = field(default_factory=list)  # Stored ones, by id.
    dropped: list[ClaimStatement] = field(default_factory=list)  # Of this batch.
    deleted: list[int] = field(default_factory=list)  # Stored relationships that were never so, by id.
    unsaid: list[Relationship] = field(default_factory=list)  # Those of this batch.
