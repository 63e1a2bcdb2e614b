"""The summary of a session: what was said in it, in the sentences that say most, without a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.agents.digest import PART, Digest, DigestSentence, covering, most_telling, sentences_of
from kgmem.domain.agents.session import Session, SessionAddress
from kgmem.services.ports import Ports

MOST_SENTENCES: Final = 20
_MOST_PARTS: Final = 128  # More than a session of a million messages has.


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session, and the sentences that say most of it, in their order, each with its message."""

    session: Session
    text: str
    sentences: Sequence[DigestSentence]


async def summarise_session(ports: Ports, graph: str, address: SessionAddress, most: int) -> SessionSummary:
    """Return the summary of a session in at most `most` sentences. Raises NotFound."""
    session, latest = await ports.contexts.latest(graph, address.checked(), PART, 1)
    end = latest[0].seq if latest else 0
    begin = (end - 1) // PART * PART  # Of the part that is not complete.
    newest = Digest(begin + 1, end, most_telling(sentences_of(each for each in latest[::-1] if each.seq > begin)))
    parts = await ports.contexts.digests(graph, address, covering(end, _MOST_PARTS) if end > PART else ())
    sentences = _spread(sorted([*parts, newest], key=lambda part: part.first), most)
    text = "\n".join(f"{each.speaker}: {each.text}" for each in sentences)
    return SessionSummary(session, text, sentences)


def _spread(parts: Sequence[Digest], most: int) -> list[DigestSentence]:
    """Return sentences of all parts in their order: the best of each before further ones of any, the newest first."""
    chosen: list[DigestSentence] = []
    deepest = max((len(part.sentences) for part in parts), default=0)
    for place in range(deepest):
        chosen += [part.sentences[place] for part in reversed(parts) if place < len(part.sentences)]
    return sorted(chosen[:most], key=lambda each: each.seq)
