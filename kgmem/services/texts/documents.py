"""Remember documents: store their parts as episodes, and forget the parts that a document has no more."""

from collections.abc import Sequence
from typing import Final

from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.document import Document, Remembered, episodes_of
from kgmem.services.ports import Ports
from kgmem.services.texts import forget as forgetting
from kgmem.services.texts import remember as remembering

_BATCH: Final = 500  # Episodes of one transaction.
_PAGE: Final = 1000


async def put_document(ports: Ports, graph: str, document: Document, *, extract: bool) -> Remembered:
    """Store a document. Sent again, only what changed is written, and what it has no more is forgotten."""
    return (await store_document(ports, graph, document, extract=extract))[0]


async def store_document(
    ports: Ports, graph: str, document: Document, *, extract: bool
) -> tuple[Remembered, Sequence[int]]:
    """Store a document as `put_document` does; returns the ids of its episodes too."""
    done = Remembered()
    ids: list[int] = []
    kept: set[str] = set()
    batch: list[Episode] = []
    for episode in episodes_of(document, extract=extract):
        kept.add(episode.key or "")
        batch.append(episode)
        if len(batch) == _BATCH:
            done += await _put(ports, graph, batch, ids)
            batch = []
    done += await _put(ports, graph, batch, ids)
    gone = [key for key in await _parts_of(ports, graph, document) if key not in kept]
    if gone:
        report = await forgetting.forget(ports, graph, gone, document.scope)
        done += Remembered(forgotten=report.episodes)
    return done, ids


async def _put(ports: Ports, graph: str, batch: Sequence[Episode], ids: list[int]) -> Remembered:
    if not batch:
        return Remembered()
    written = await remembering.put_episodes(ports, graph, batch)
    ids += written.ids
    return Remembered(written.created, written.updated, written.unchanged)


async def _parts_of(ports: Ports, graph: str, document: Document) -> list[str]:
    """Return the keys of the episodes that a document's scope holds of it."""
    keys: list[str] = []
    cursor: str | None = None
    while True:
        page = await ports.store.list_episodes(
            graph, scope=document.scope, session=document.key, cursor=cursor, limit=_PAGE
        )
        prefix = f"{document.key}#"
        keys += [
            each.key for each in page.items if each.key and each.key.startswith(prefix) and each.scope == document.scope
        ]
        if page.cursor is None:
            return keys
        cursor = page.cursor
