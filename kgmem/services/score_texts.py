"""How relevant the texts of changed items are to the question of a subscription, as recall rates its hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgmem.domain.graph.embedding import Embedder, Vector
from kgmem.domain.recall.selection import is_calibrated, relevance, weighted_content
from kgmem.domain.subscriptions.subscription import TextScorer
from kgmem.services.ports import Ports
from kgmem.services.upkeep.embed import embedder_in


@dataclass(frozen=True, slots=True)
class RelevanceScorer:
    """Rates texts by the words of a question, and by its vector where the embedder's cosines have a fitted scale."""

    words: Mapping[str, float]
    vector: Vector | None
    embedder: Embedder | None

    async def score(self, texts: Sequence[tuple[str, float | None]]) -> Sequence[float]:
        """Return the relevance, 0 to 1, of each text with the cosine that is known; others are embedded here.

        Raises EmbedderUnavailable.
        """
        cosines = [cosine if self.vector is not None else None for _, cosine in texts]
        lacking = [place for place, cosine in enumerate(cosines) if cosine is None]
        if self.vector is not None and self.embedder is not None and lacking:
            vectors = await self.embedder.embed([texts[place][0] for place in lacking])
            for place, vector in zip(lacking, vectors, strict=True):
                cosines[place] = sum(one * other for one, other in zip(self.vector, vector, strict=True))
        return [relevance(self.words, text, cosine) for (text, _), cosine in zip(texts, cosines, strict=True)]


async def scorer_of(ports: Ports, graph: str, question: str) -> TextScorer:
    """Return what rates texts for a question on a graph. Raises EmbedderUnavailable."""
    space = (await ports.graphs.get(graph)).space
    embedder = embedder_in(ports, space)
    words = weighted_content(question, ports.word_rarity)
    if space is None or embedder is None or not is_calibrated(space.model):
        return RelevanceScorer(words, None, None)
    (vector,) = await embedder.embed([question], "query")
    return RelevanceScorer(words, vector, embedder)
