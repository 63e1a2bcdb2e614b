"""The part of the façade that is about texts: episodes, what is read out of them, and forgetting."""

from collections.abc import Callable, Sequence

from kgmem.domain.graph.entity import DeleteResult, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.text.document import Document, Remembered
from kgmem.domain.text.queue import Forgotten, Provenance, ReadSoFar, Waits, WouldBring
from kgmem.services.ports import Ports
from kgmem.services.texts import documents
from kgmem.services.texts import extract as reading
from kgmem.services.texts import forget as forgetting
from kgmem.services.texts import remember as remembering


class Texts:
    """Episodes, and what they bring into the graph."""

    parts: Ports

    async def put_episodes(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        """Store episodes, in one transaction; they are found by their words at once.

        Those that ask for it (`extract`), or all where the graph says so, are read soon after by a job.
        """
        return await remembering.put_episodes(self.parts, graph, episodes)

    async def put_document(self, graph: str, document: Document, *, extract: bool = True) -> Remembered:
        """Store a document in parts, as episodes of the session that its key names, and let them be read.

        Sent again, only what changed is written and read, and what the document has no more is forgotten.
        """
        check_scope(document.scope)
        return await documents.put_document(self.parts, graph, document, extract=extract)

    async def get_episode(self, graph: str, key: str, *, scope: str = SHARED) -> Episode:
        """Give the episode that a scope sees under a key. Raises NotFound."""
        return await self.parts.store.get_episode(graph, key, check_scope(scope))

    async def list_episodes(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        session: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Episode]:
        """Give a page of the episodes that a scope sees."""
        return await self.parts.store.list_episodes(
            graph, scope=check_scope(scope), session=session, cursor=cursor, limit=limit
        )

    async def delete_episodes(self, graph: str, keys: Sequence[str], *, scope: str = SHARED) -> DeleteResult:
        """Delete episodes of exactly this scope, with their passages and all that only they brought."""
        return await forgetting.delete_episodes(self.parts, graph, keys, check_scope(scope))

    async def read_waiting(self, graph: str, *, progress: Callable[[ReadSoFar], None] | None = None) -> ReadSoFar:
        """Read the episodes that wait for it, now: entities, claims, relationships, causes. Raises Unavailable."""
        return await reading.read_waiting(self.parts, graph, progress=progress)

    async def would_bring(self, graph: str, episodes: Sequence[Episode]) -> Sequence[WouldBring]:
        """Say what reading episodes would bring, with nothing stored."""
        for scope in {episode.scope for episode in episodes}:
            check_scope(scope)
        return await reading.would_bring(self.parts, graph, episodes)

    async def waiting_to_be_read(self, graph: str) -> Waits:
        """Count the episodes that wait to be read, and those that cannot be."""
        await self.parts.graphs.get(graph)
        return await self.parts.readings.waits(graph)

    async def read_again(self, graph: str, keys: Sequence[str], *, scope: str = SHARED) -> int:
        """Let episodes that were read be read again, say by another extractor; gives how many."""
        asked = await self.parts.readings.ask_again(graph, keys, check_scope(scope))
        if asked:
            await self.parts.jobs.defer("read", graph=graph)
        return asked

    async def provenance(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, limit: int = 1000
    ) -> Sequence[Provenance]:
        """Give what episodes of exactly this scope brought into the graph, and where in their texts that stands."""
        return await forgetting.provenance(self.parts, graph, keys, check_scope(scope), limit=limit)

    async def forget(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, dry_run: bool = False, erase: bool = False
    ) -> Forgotten:
        """Delete episodes of exactly this scope with all that only they brought; gives the report of it.

        `erase` takes what went out of the history as well. A dry run only counts.
        """
        return await forgetting.forget(self.parts, graph, keys, check_scope(scope), dry_run=dry_run, erase=erase)

    async def defer_unread(self) -> int:
        """Ask for reading in every graph where episodes wait; gives in how many. A sweep against lost wake-ups."""
        return await reading.defer_missing(self.parts)
