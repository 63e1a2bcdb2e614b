"""Episodes: texts as they arrived, and their provenance."""

from collections.abc import Sequence

from kgmem.domain.erasure.redis_contents import RedisErasure
from kgmem.domain.graph.entity import DeleteResult, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.text.document import Document, Remembered
from kgmem.domain.text.queue import Forgotten, Provenance
from kgmem.services.erasure.in_redis import erase_in_redis
from kgmem.services.ports import Ports
from kgmem.services.texts import forget as forgetting
from kgmem.services.texts import remember as remembering
from kgmem.services.texts.remember_text import put_document


class Episodes:
    """Episodes: texts as they arrived, and their provenance."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        """Store episodes in one transaction; recall finds them by keywords at once.

        A job extracts soon after from those with `extract`, or from all where the graph is set so.
        """
        return await remembering.put_episodes(self._ports, graph, episodes)

    async def put_document(self, graph: str, document: Document, *, extract: bool = True) -> Remembered:
        """Store a document in parts, as episodes of the session named by its key, and queue them for extraction.

        Sent again, only changed parts are written and extracted, and parts that the document no longer has are
        forgotten.
        """
        check_scope(document.scope)
        return await put_document(self._ports, graph, document, extract=extract)

    async def get(self, graph: str, key: str, *, scope: str = SHARED) -> Episode:
        """Return the episode that a scope sees under a key. Raises NotFound."""
        return await self._ports.store.get_episode(graph, key, check_scope(scope))

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        session: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Episode]:
        """Return a page of the episodes that a scope sees, by id."""
        return await self._ports.store.list_episodes(
            graph, scope=check_scope(scope), session=session, cursor=cursor, limit=limit
        )

    async def delete(self, graph: str, keys: Sequence[str], *, scope: str = SHARED) -> DeleteResult:
        """Delete episodes in this scope only, with their passages and everything extracted only from them."""
        return await forgetting.delete_episodes(self._ports, graph, keys, check_scope(scope))

    async def provenance(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, limit: int = 1000
    ) -> Sequence[Provenance]:
        """Return what was extracted from episodes in this scope only, with the spans in their texts."""
        return await forgetting.provenance(self._ports, graph, keys, check_scope(scope), limit=limit)

    async def forget(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, dry_run: bool = False, erase: bool = False
    ) -> Forgotten:
        """Delete episodes in this scope only with everything extracted only from them; returns a report.

        `erase` removes it from the history as well. A dry run only counts.
        """
        report = await forgetting.forget(self._ports, graph, keys, check_scope(scope), dry_run=dry_run, erase=erase)
        if erase and not dry_run:
            await erase_in_redis(self._ports, graph, RedisErasure(files=False))
        return report
