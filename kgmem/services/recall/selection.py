"""Choosing: which candidates become hits, in which order, and how far each may be relied upon."""

from collections.abc import Sequence
from dataclasses import replace

from kgmem.domain.graph.graph import Graph
from kgmem.domain.ports import Candidates
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.cursor import given_before, next_cursor
from kgmem.domain.recall.fusion import Ranked, fuse
from kgmem.domain.recall.question import MOST_HITS, Question
from kgmem.domain.recall.relevance import NOTHING_RELEVANT, content, cosine_of, relevance
from kgmem.domain.recall.selection import confidence, diverse, within_budget, word_similarity
from kgmem.services.ports import Ports

_POOL, _LARGEST_POOL = 4, 200  # Diverse hits are chosen out of so many times as many as are asked for.


def widened(graph: str, question: Question) -> Question:
    """Return the question with the k that its candidates have to suffice for: what was given before comes again."""
    wanted = question.k + len(given_before(graph, question))
    if question.diversity:
        wanted = max(wanted, min(_POOL * wanted, _LARGEST_POOL))
    return replace(question, k=wanted)


async def choose(parts: Ports, graph: Graph, question: Question, found: Candidates) -> Answer:
    """Return the answer that the candidates make."""
    given = given_before(graph.name, question)
    most = widened(graph.name, question).k + 1  # One more tells whether there is a next page.
    method = question.fusion or graph.fusion
    passed = set(given)
    # Words tell one number from another by themselves.
    last = {"meaning": found.siblings}
    fused = fuse(found.retrievers, method=method, weights=question.weights, most=most, last=last)
    ranked = [each for each in fused if each.id not in passed]
    fetched = await _hits(parts, graph, question, ranked, found)
    fetched = [_rated(hit, graph, question, found) for hit in fetched]
    hits = [hit for hit in fetched if question.min_score is None or (hit.relevance or 0.0) >= question.min_score]
    suppressed, out = dict(found.suppressed), 0
    if len(hits) < len(fetched):
        suppressed |= {"below_min_score": len(fetched) - len(hits)}
    passed_over = [hit.id for hit in fetched if hit not in hits]
    if question.budget is not None:
        hits, out = within_budget(hits, question.budget)
        suppressed |= {"over_budget": out} if out else {}
    more = bool(fetched) and (out > 0 or len(ranked) > question.k) and len(given) + len(hits) < MOST_HITS
    shown = [*given, *passed_over, *(hit.id for hit in hits)]
    following = next_cursor(graph.name, question, shown) if more else None
    nothing = None
    if question.what.text is not None:
        nothing = not any((hit.relevance or 0.0) >= NOTHING_RELEVANT for hit in fetched)
    weighed = [_weighed(hit, list(found.retrievers)) for hit in hits]
    return Answer(weighed, suppressed, nothing_relevant=nothing, cursor=following)


def _rated(hit: Hit, graph: Graph, question: Question, found: Candidates) -> Hit:
    """Return the hit with its relevance to the question's text."""
    if question.what.text is None:
        return hit
    cosine = cosine_of(hit.retrievers, found.retrievers, graph.space.model if graph.space else None)
    ends = [end.name or end.key for end in (hit.start, hit.end) if end is not None]
    told = " ".join((hit.name or hit.key, hit.text or "", *ends))
    return replace(hit, relevance=relevance(content(question.what.text), told, cosine))


async def _hits(
    parts: Ports, graph: Graph, question: Question, ranked: Sequence[Ranked[int]], found: Candidates
) -> Sequence[Hit]:
    if not ranked:
        return []
    then = question.when.known_at
    if not question.diversity:
        return await parts.index.fetch(graph.name, ranked[: question.k], found.paths, question=question)
    hits = await parts.index.fetch(graph.name, ranked, found.paths, question=question)
    near = await parts.index.similarity(graph.name, [hit.id for hit in hits], known_at=then)

    def alike(one: Hit, other: Hit) -> float:
        measured = near.get((min(one.id, other.id), max(one.id, other.id)))
        return measured if measured is not None else word_similarity(one.text or one.key, other.text or other.key)

    return diverse(hits, [hit.score for hit in hits], alike, question.diversity, question.k)


def _weighed(hit: Hit, asked: Sequence[str]) -> Hit:
    """Return the hit with its confidence: until now it has the trust in what it says."""
    return replace(hit, confidence=confidence(hit.confidence, None, hit.retrievers, asked))
