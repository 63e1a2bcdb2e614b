"""Remember texts: store a document in parts, and a text to the end, extracted and embedded before it returns."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import common_scope
from kgmem.domain.text.document import Document, Remembered, episodes_of
from kgmem.domain.text.queue import ExtractionReport
from kgmem.services.ports import Ports
from kgmem.services.texts.extract import read_waiting
from kgmem.services.texts.forget import forget
from kgmem.services.texts.remember import put_episodes
from kgmem.services.tracing import traced
from kgmem.services.upkeep.embed import embed_waiting

_PAUSES: Final = (0.02, 0.5)  # Seconds between looks at what a worker has in progress, the first and the longest.


@dataclass(frozen=True, slots=True)
class RememberResult:
    """What was stored, counted in episodes, and what this call extracted; a worker may have extracted the rest."""

    stored: Remembered
    extracted: ExtractionReport


def _scope_of(texts: Sequence[Episode | Document], **_: object) -> str:
    return common_scope({each.scope for each in texts})


@traced("remember", _scope_of)
async def remember(
    ports: Ports, graph: str, texts: Sequence[Episode | Document], *, extract: bool = True
) -> RememberResult:
    """Store texts, extract what they state where there is an extractor, and embed what waits for a vector.

    Of what waits for extraction only these texts are extracted; a worker that has begun one of them is waited for.
    """
    stored, ids = Remembered(), list[int]()
    episodes = [replace(each, extract=extract) for each in texts if isinstance(each, Episode)]
    if episodes:
        written = await put_episodes(ports, graph, episodes)
        stored += Remembered(written.created, written.updated, written.unchanged)
        ids += written.ids
    for each in texts:
        if isinstance(each, Document):
            counts, parts = await store_document(ports, graph, each, extract=extract)
            stored += counts
            ids += parts
    extracted = ExtractionReport()
    if extract and ports.extractor:
        extracted = await _extracted(ports, graph, ids)
    await embed_waiting(ports, graph)
    return RememberResult(stored, extracted)


async def _extracted(ports: Ports, graph: str, ids: Sequence[int]) -> ExtractionReport:
    """Extract from these episodes; returns when none of them waits or is in progress anywhere."""
    done = await read_waiting(ports, graph, only=ids)
    pause, longest = _PAUSES
    while await ports.extractions.pending(graph, ids):
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)
        done += await read_waiting(ports, graph, only=ids)  # What a worker that failed or died has given back.
    return done


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
        report = await forget(ports, graph, gone, document.scope)
        done += Remembered(forgotten=report.episodes)
    return done, ids


async def _put(ports: Ports, graph: str, batch: Sequence[Episode], ids: list[int]) -> Remembered:
    if not batch:
        return Remembered()
    written = await put_episodes(ports, graph, batch)
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
