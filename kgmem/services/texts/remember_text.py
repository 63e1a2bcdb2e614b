"""Remember a text to the end: store it, extract what it states, and embed it before anything is returned."""

from collections.abc import Sequence
from dataclasses import dataclass

from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.document import Document, Remembered
from kgmem.domain.text.queue import ReadSoFar
from kgmem.services.ports import Ports
from kgmem.services.texts.documents import put_document
from kgmem.services.texts.extract import read_waiting
from kgmem.services.texts.remember import put_episodes
from kgmem.services.upkeep.embed import embed_waiting


@dataclass(frozen=True, slots=True)
class RememberResult:
    """What was stored, counted in episodes, and what was extracted by then, also of texts that waited before."""

    stored: Remembered
    extracted: ReadSoFar


async def remember(
    ports: Ports, graph: str, texts: Sequence[Episode | Document], *, extract: bool = True
) -> RememberResult:
    """Store texts, extract what they state where there is an extractor, and embed what waits for a vector."""
    stored = Remembered()
    episodes = [each for each in texts if isinstance(each, Episode)]
    if episodes:
        written = await put_episodes(ports, graph, episodes)
        stored += Remembered(written.created, written.updated, written.unchanged)
    for each in texts:
        if isinstance(each, Document):
            stored += await put_document(ports, graph, each, extract=extract)
    extracted = await read_waiting(ports, graph) if extract and ports.extractor else ReadSoFar()
    await embed_waiting(ports, graph)
    return RememberResult(stored, extracted)
