"""Publications: facts and texts of one scope that are stored in another one too, and follow their origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity, Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.graph.statement import check_keys

PublicationKind = Literal["fact", "relationship", "text"]
PublicationState = Literal["published", "withdrawn", "refused"]
STATES: Final[tuple[PublicationState, ...]] = ("published", "withdrawn", "refused")
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class PublicationRequest:
    """What to publish from a scope to another: a fact (its id, or that of a relationship), or a text by its key.

    `by` names who publishes it; it is the source of a relationship that no source states.
    """

    to: str
    by: str
    reason: str
    item: int | None = None
    key: str | None = None
    scope: str = SHARED

    def checked(self) -> "PublicationRequest":
        """Return itself where all of it is valid. Raises InvalidInput."""
        check_scope(self.scope)
        check_scope(self.to)
        if self.to == self.scope:
            raise InvalidInput(
                "It is in this scope already.", hint="Give another scope, such as that of the team.", field="to"
            )
        if not self.scope or self.to.startswith(f"{self.scope}/"):
            raise InvalidInput(
                f"The scope {self.to!r} sees {self.scope or 'what is shared'!r} anyway.",
                hint="Give a scope above it or beside it.",
                field="to",
            )
        if (self.item is None) == (self.key is None):
            raise InvalidInput("It names not exactly one thing.", hint="Give item or key.", field="item")
        if self.item is not None and (type(self.item) is not int or not 0 < self.item < 2**63):
            raise InvalidInput(
                f"item is {self.item!r}.", hint="Give the id of a fact or of a hit of recall.", field="item"
            )
        if self.key is not None:
            check_keys([self.key])
        check_keys([self.by])
        if not self.reason.strip() or len(self.reason) > _LONGEST or "\0" in self.reason:
            raise InvalidInput("reason is no text.", hint=f"Give 1 to {_LONGEST:,} characters.", field="reason")
        return self


@dataclass(frozen=True, slots=True)
class Publication:
    """A fact or text of one scope that is published to another.

    `copies` are ids in the scope `to`: of claims, or of the text. While the origin says nothing that can be published,
    it is `withdrawn`, and `note` says why; `ended` is when it was withdrawn for good.
    """

    id: int
    kind: PublicationKind
    item: int
    key: str | None
    subject: str | None
    predicate: str | None
    scope: str
    to: str
    by: str
    reason: str
    at: str
    state: PublicationState = "published"
    note: str | None = None
    ended: str | None = None
    copies: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class DuePublication:
    """A publication whose origin has changed: after so many changes, of which a later one makes it due again."""

    publication: Publication
    changes: int


class PublicationStore(Protocol):
    """Stores publications, and the claims that they make; each write is one transaction."""

    async def put(self, graph: str, request: PublicationRequest) -> tuple[Publication, bool]:
        """Publish; of a fact its claims are stored with it, a text is due then. Tells whether it is new.

        Raises NotFound, Conflict where it would follow itself or the text would replace another, UnknownEntities.
        """

    async def get(self, graph: str, id_: int, scope: str) -> Publication:
        """Return a publication from or to this scope. Raises NotFound."""

    async def list(
        self, graph: str, scope: str, state: PublicationState | None, cursor: str | None, limit: int
    ) -> Page[Publication]:
        """Return publications from or to this scope only, the newest first."""

    async def move(self, graph: str, origin: int, fact: int) -> None:
        """Lead what follows a fact or a relationship to another fact, which a correction put in its place."""

    async def end(self, graph: str, id_: int, scope: str, *, erase: bool = False) -> Publication:
        """Withdraw a publication of this scope for good, with its claims. Raises NotFound.

        What else it stored is to be removed then; `erase` from the history, too.
        """

    async def due(self, graph: str) -> Sequence[DuePublication]:
        """Return publications whose origin has changed, the first ones first."""

    async def follow(self, graph: str, due: DuePublication) -> None:
        """Bring the claims of a published fact up to date. Raises UnknownEntities."""

    async def missing_entities(self, graph: str, due: DuePublication) -> Sequence[Entity]:
        """Return what the claims of a publication are about and the other scope does not see, to be stored there."""

    async def origin_text(self, graph: str, due: DuePublication) -> tuple[Episode | None, Sequence[Entity]]:
        """Return the text that a publication follows (None: it is gone), and what it mentions that is to be stored."""

    async def settle(self, graph: str, due: DuePublication, state: PublicationState, note: str) -> None:
        """Note why a text is not published, as its origin was at these changes; what is stored is to be removed."""

    async def refuse(self, graph: str, due: DuePublication, note: str) -> None:
        """Note why a publication cannot follow its origin; its claims are withdrawn."""

    async def of_claims(self, graph: str, claims: Sequence[int]) -> Sequence[Publication]:
        """Return the publications that made some of these claims."""

    async def copies_among(self, graph: str, items: Sequence[int], scope: str) -> frozenset[int]:
        """Return which items (ids) only repeat what the scope sees at its origin. Without publications it is free."""

    async def of_texts(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Publication]:
        """Return the publications of texts of this scope only, those that ended too."""

    async def from_scope(self, graph: str, scope: str) -> Sequence[Publication]:
        """Return up to a thousand publications from this scope only that are not ended."""
