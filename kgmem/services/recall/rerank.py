"""Rerank the best hits of a question by a cross-encoder, or keep their order and report why."""

from collections.abc import Sequence
from dataclasses import replace

from kgmem.domain.errors import InvalidInput, LimitReached
from kgmem.domain.ledger.model_calls import paid_by, payer_here
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.reranking import MOST_RERANKED
from kgmem.services.ports import Ports


def check_reranker(ports: Ports, question: Question) -> None:
    """Raise InvalidInput where a question wants a reranker and there is none."""
    if question.rerank and ports.reranker is None:
        raise InvalidInput(
            "There is no reranker.", hint="Set KGMEM_RERANKER and KGMEM_RERANKER_URL, or leave rerank out."
        )


def pool_size(question: Question, most: int) -> int:
    """Return how many fused candidates are kept where `most` would do without a reranker.

    More than k, so that the reranker can move one up. Diverse hits are chosen out of more anyway.
    """
    return max(most, MOST_RERANKED) if question.rerank and not question.diversity else most


async def rerank(
    ports: Ports, graph: str, question: Question, hits: Sequence[Hit]
) -> tuple[Sequence[Hit], dict[str, int]]:
    """Return the best 100 hits in the reranker's order, with its scores; or all hits unchanged, and why."""
    if not question.rerank or ports.reranker is None or not hits:
        return hits, {}
    best = hits[:MOST_RERANKED]
    try:
        with paid_by(payer_here(graph, question.scope)):
            scores = await ports.reranker.scores(question.what.text or "", [text_of(hit) for hit in best])
    except LimitReached:
        return hits, {"rerank_off_limit_reached": 1}
    if isinstance(scores, str):
        return hits, {f"rerank_off_{scores}": 1}
    scored = [replace(hit, score=score) for hit, score in zip(best, scores, strict=True)]
    # The sort is stable: equal scores keep the fused order.
    return sorted(scored, key=lambda hit: -hit.score), {}


def text_of(hit: Hit) -> str:
    """Return the words of a hit: its name, its text, and the names of a fact's ends."""
    ends = [end.name or end.key for end in (hit.start, hit.end) if end is not None]
    return " ".join((hit.name or hit.key, hit.text or "", *ends))
