"""Recall with a reranker behind an endpoint on loopback: its order when it answers, the order as it was when not."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.embedding.reranker import RerankerChoice, make_reranker
from kgmem.memory import Memory
from tests.embedding_server import EmbeddingServer, Request, Scripted, embedding_server
from tests.memories import with_ports

TEXTS = [f"The eagle number {n} flies over the moon {'again ' * (n % 7)}" for n in range(60)]
QUESTION = Question(What(text="eagle moon", labels=["Bird"]), k=5)
RERANKED = replace(QUESTION, rerank=True)


def by_number(request: Request) -> Scripted:
    """The text with the highest number first."""
    numbers = [int(text.split("number ")[1].split()[0]) for text in request.body["documents"]]
    return Scripted(body={"results": [{"index": n, "relevance_score": each / 100} for n, each in enumerate(numbers)]})


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        running.rule = by_number
        yield running


@pytest.fixture
async def reranking(memory: Memory, graph: str, server: EmbeddingServer) -> AsyncIterator[Memory]:
    await memory.entities.put(graph, [Entity(f"e{n:03}", "Bird", text=text) for n, text in enumerate(TEXTS)])
    await memory.embeddings.run(graph)
    reranker = make_reranker("openai:my-model", RerankerChoice(server.url, budget_ms=5000))
    assert reranker is not None
    yield with_ports(memory, reranker=reranker)
    await reranker.aclose()


async def test_the_best_hits_come_in_the_order_of_the_reranker(
    reranking: Memory, graph: str, server: EmbeddingServer
) -> None:
    answer = await reranking.recall(graph, RERANKED)
    (request,) = server.requests
    offered = sorted((int(text.split("number ")[1].split()[0]) for text in request.body["documents"]), reverse=True)
    assert len(offered) > 5
    assert [hit.key for hit in answer.hits] == [f"e{n:03}" for n in offered[:5]]
    assert [hit.score for hit in answer.hits] == [n / 100 for n in offered[:5]]
    assert request.body["query"] == "eagle moon"
    assert not any(reason.startswith("rerank") for reason in answer.suppressed)


async def test_an_endpoint_is_not_asked_unless_the_question_wants_it(
    reranking: Memory, graph: str, server: EmbeddingServer
) -> None:
    await reranking.recall(graph, QUESTION)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer", [Scripted(500), Scripted(body={"results": []}), Scripted(302, {}, {"Location": "/"})]
)
async def test_where_the_endpoint_fails_the_ranking_stays_and_the_answer_reports_it(
    reranking: Memory, graph: str, server: EmbeddingServer, answer: Scripted
) -> None:
    plain = await reranking.recall(graph, QUESTION)
    server.rule = lambda _: answer
    kept = await reranking.recall(graph, RERANKED)
    assert [(hit.key, hit.score) for hit in kept.hits] == [(hit.key, hit.score) for hit in plain.hits]
    assert kept.suppressed == {**plain.suppressed, "rerank_off_endpoint_failed": 1}
    diverse = await reranking.recall(graph, replace(RERANKED, diversity=0.5))
    assert diverse.hits == (await reranking.recall(graph, replace(QUESTION, diversity=0.5))).hits


async def test_where_the_budget_is_over_the_ranking_stays_and_the_answer_reports_it(
    reranking: Memory, graph: str, server: EmbeddingServer
) -> None:
    plain = await reranking.recall(graph, QUESTION)
    server.gate.clear()
    slow = make_reranker("openai:my-model", RerankerChoice(server.url, budget_ms=30))
    assert slow is not None
    kept = await with_ports(reranking, reranker=slow).recall(graph, RERANKED)
    await slow.aclose()
    assert kept.hits == plain.hits
    assert kept.suppressed["rerank_off_time_over"] == 1


async def test_pages_of_reranked_hits_give_every_hit_once(reranking: Memory, graph: str) -> None:
    seen: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        answer = await reranking.recall(graph, replace(RERANKED, k=9, cursor=cursor))
        seen += [hit.key for hit in answer.hits]
        cursor, pages = answer.cursor, pages + 1
    assert len(seen) == len(set(seen)) == 60


async def test_a_question_that_cannot_be_reranked_is_refused(memory: Memory, reranking: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput, match="KGMEM_RERANKER"):
        await with_ports(memory, reranker=None).recall(graph, RERANKED)
    with pytest.raises(InvalidInput, match="100"):
        await reranking.recall(graph, replace(RERANKED, k=101))
    with pytest.raises(InvalidInput, match="text"):
        await reranking.recall(graph, Question(What(labels=["Bird"]), rerank=True))
