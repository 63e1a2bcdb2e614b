"""What publications stored in the other scope beside claims: texts, and the entities that these or claims are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kgmem.domain.agents.publication import DuePublication, Publication
from kgmem.domain.graph.entity import Entity, WriteResult
from kgmem.domain.graph.episode import Episode


@dataclass(frozen=True, slots=True)
class LeavingItem:
    """A text or an entity (by id) that a publication stored in a scope and does not need any more.

    `key` is None where it is gone already. `erase` takes it out of the history, too.
    """

    publication: int
    item: int
    is_text: bool
    scope: str
    key: str | None
    erase: bool = False


class PublishedItemStore(Protocol):
    """Stores what publications need in the other scope, and removes what is still as they stored it."""

    async def put_text(self, graph: str, due: DuePublication, copy: Episode) -> WriteResult:
        """Store a published text, note it, and settle the publication, in one transaction.

        Raises Conflict where the other scope has words of its own under the key.
        """

    async def put_entities(self, graph: str, due: DuePublication, entities: Sequence[Entity]) -> WriteResult:
        """Store entities that a publication needs and the other scope does not see, and note them at once."""

    async def unchanged_text(self, graph: str, publication: Publication) -> int | None:
        """Return the version of a published text that is as the publication stored it, or None."""

    async def version_of(self, graph: str, item: LeavingItem) -> int | None:
        """Return the version of a text that is as its publication stored it, or None."""

    async def leaving(self, graph: str, after: LeavingItem | None = None) -> Sequence[LeavingItem]:
        """Return what publications do not need any more, a page after an item of it."""

    async def remove_entity(self, graph: str, item: LeavingItem) -> bool:
        """Delete an entity that nothing else uses and that is as it was stored; else it is the scope's own from now on.

        Returns False where a legal hold covers it: then it stays as it is.
        """

    async def settle(self, graph: str, item: LeavingItem) -> None:
        """Note that a text is removed, or is the scope's own."""

    async def erase_texts(self, graph: str, scope: str, keys: Sequence[str]) -> int:
        """Take the words of texts of a scope out of the history of the scopes that they were published to.

        What these scopes say now stays, and so do versions with other words. Returns the number of versions.
        """
