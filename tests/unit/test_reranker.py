"""A reranker's endpoint is asked in its own form, within the budget, and nothing that it answers is trusted."""

import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.reranking import Reranker
from kgmem.embedding.reranker import RerankerChoice, make_reranker
from tests.embedding_server import EmbeddingServer, Scripted, embedding_server

KEY = "sk-very-secret-0123456789"
TEXTS = ["the river", "the treaty", "the harbour"]


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        yield running


def made(server: EmbeddingServer, name: str = "openai:my-model", budget_ms: int = 5000) -> Reranker:
    reranker = make_reranker(name, RerankerChoice(f"{server.url}/v1/", KEY, budget_ms))
    assert reranker is not None
    return reranker


async def scored(server: EmbeddingServer, answer: Scripted, **options: Any) -> Any:
    """What the reranker makes of an answer."""
    server.script.append(answer)
    reranker = made(server, **options)
    try:
        return await reranker.scores("which river?", TEXTS)
    finally:
        await reranker.aclose()


def results(*pairs: tuple[Any, Any], name: str = "relevance_score") -> dict[str, Any]:
    return {"results": [{"index": index, name: score} for index, score in pairs]}


GOOD = results((2, 0.25), (0, 0.75), (1, 0.5))


async def test_scores_come_back_in_the_order_of_the_texts(server: EmbeddingServer) -> None:
    assert await scored(server, Scripted(body=GOOD)) == [0.75, 0.5, 0.25]
    (request,) = server.requests
    assert request.path == "/v1/rerank"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {"model": "my-model", "query": "which river?", "documents": TEXTS, "top_n": 3}


async def test_tei_is_asked_and_answers_in_its_own_form(server: EmbeddingServer) -> None:
    answer = results((1, 0.9), (0, 0.1), (2, 0.2), name="score")["results"]
    assert await scored(server, Scripted(body=answer), name="tei") == [0.1, 0.9, 0.2]
    assert server.requests[0].body["texts"] == TEXTS
    assert "model" not in server.requests[0].body


@pytest.mark.parametrize("name", ["cohere:rerank-v3.5", "jina:jina-reranker-v2"])
async def test_cohere_and_jina_are_asked_with_documents(server: EmbeddingServer, name: str) -> None:
    assert await scored(server, Scripted(body=GOOD), name=name) == [0.75, 0.5, 0.25]
    assert server.requests[0].body["documents"] == TEXTS


async def test_raw_logits_become_fractions_of_the_same_order(server: EmbeddingServer) -> None:
    scores = await scored(server, Scripted(body=results((0, -1e300), (1, 2.0), (2, 0))))
    assert scores == pytest.approx([0.0, 0.880797, 0.5])


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(body=results((0, 0.5), (1, 0.5), (3, 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5), (-1, 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5), (1, 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5), (2, 0.5), (2, 0.6))),
        Scripted(body=results((0, 0.5), (1, 0.5), (True, 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5), ("2", 0.5))),
        Scripted(body=results((0, 0.5), (1, 0.5), (2, None))),
        Scripted(body=results((0, 0.5), (1, 0.5), (2, "0.5"))),
        Scripted(body=results((0, 0.5), (1, 0.5), (2, False))),
        Scripted(body=b'{"results": [{"index": 0, "score": NaN}, {"index": 1, "score": 1}, {"index": 2, "score": 1}]}'),
        Scripted(body=b'[{"index": 0, "score": 1e999}, {"index": 1, "score": 1}, {"index": 2, "score": 1}]'),
        Scripted(body=b"[" * 100_000),
        Scripted(body=b" " * 3_000_000 + b"[]"),
        Scripted(body=b"<html>"),
        Scripted(body=b""),
        Scripted(body={"results": 7}),
        Scripted(body=[1, 2, 3]),
        Scripted(body=None),
        Scripted(204, GOOD),
        Scripted(429, GOOD),
        Scripted(500, {"error": KEY}),
        Scripted(307, GOOD, {"Location": "/v1/rerank"}),
        Scripted(body=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_an_answer_of_no_use_is_a_failure_that_shows_no_key(
    server: EmbeddingServer, answer: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await scored(server, answer) == "endpoint_failed"
    assert len(server.requests) == 1
    assert "rerank_failed" in caplog.text
    assert KEY not in caplog.text


async def test_a_slow_endpoint_costs_no_more_than_the_budget(server: EmbeddingServer) -> None:
    server.gate.clear()
    started = time.perf_counter()
    assert await scored(server, Scripted(body=GOOD), budget_ms=60) == "time_over"
    assert time.perf_counter() - started < 2
    server.gate.set()


async def test_an_endpoint_that_is_not_there_is_a_failure() -> None:
    async with embedding_server() as server:
        gone = made(server)
    assert await gone.scores("which river?", TEXTS) == "endpoint_failed"
    await gone.aclose()


async def test_long_texts_are_cut_and_lone_surrogates_replaced(server: EmbeddingServer) -> None:
    server.script.append(Scripted(body=results((0, 0.5), (1, 0.5))))
    reranker = made(server)
    assert await reranker.scores("\ud800?", ["x" * 10_000, ""]) == [0.5, 0.5]
    assert await reranker.scores("nothing", []) == []
    await reranker.aclose()
    (request,) = server.requests
    assert request.body["query"] == "??"
    assert [len(text) for text in request.body["documents"]] == [4000, 1]


@pytest.mark.parametrize("name", ["", "tei:model", "openai", "cohere:", "none:x", "bert", "openai:model"])
def test_a_name_that_is_none_is_refused_with_what_to_set(name: str) -> None:
    with pytest.raises(InvalidInput) as error:
        make_reranker(name, RerankerChoice())
    assert "KGMEM_RERANKER" in error.value.hint


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://127.0.0.1", "http://u:secret@h", "http://h/?key=secret"])
def test_a_url_that_is_none_or_holds_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidInput) as error:
        make_reranker("tei", RerankerChoice(url))
    assert "secret" not in str(error.value)
    assert "KGMEM_RERANKER_URL" in error.value.hint


def test_none_is_no_reranker_and_a_choice_shows_no_key() -> None:
    assert make_reranker("none", RerankerChoice()) is None
    assert KEY not in repr(RerankerChoice(key=KEY))
