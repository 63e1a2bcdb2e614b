"""Remember a text to the end: store it, extract what it states, and embed it before anything is returned."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.document import Document, Remembered
from kgmem.domain.text.queue import ReadSoFar
from kgmem.services.ports import Ports
from kgmem.services.texts.documents import store_document
from kgmem.services.texts.extract import read_waiting
from kgmem.services.texts.remember import put_episodes
from kgmem.services.upkeep.embed import embed_waiting

_PAUSES: Final = (0.02, 0.5)  # Seconds between looks at what a worker has in progress, the first and the longest.


@dataclass(frozen=True, slots=True)
class RememberResult:
    """What was stored, counted in episodes, and what this call extracted; a worker may have extracted the rest."""

    stored: Remembered
    extracted: ReadSoFar


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
    extracted = await _extracted(ports, graph, ids) if extract and ports.extractor else ReadSoFar()
    await embed_waiting(ports, graph)
    return RememberResult(stored, extracted)


async def _extracted(ports: Ports, graph: str, ids: Sequence[int]) -> ReadSoFar:
    """Extract from these episodes; returns when none of them waits or is in progress anywhere."""
    done = await read_waiting(ports, graph, only=ids)
    pause, longest = _PAUSES
    while await ports.extractions.pending(graph, ids):
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)
        done += await read_waiting(ports, graph, only=ids)  # What a worker that failed or died has given back.
    return done
