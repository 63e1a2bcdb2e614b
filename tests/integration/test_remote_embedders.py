"""Remote embedders against a server on loopback that misbehaves in every way that real ones do."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from kgmem.domain.errors import EmbedderUnavailable, EmbeddingMismatch
from kgmem.embedding.endpoint import Backoff
from kgmem.embedding.ollama import ollama_embedder
from kgmem.embedding.openai_compatible import openai_embedder
from kgmem.embedding.registry import make_embedder
from kgmem.embedding.remote import RemoteEmbedder
from tests.embedding_server import EmbeddingServer, Request, Scripted, embedding_server

KEY = "sk-very-secret-0123456789"
QUICK = Backoff(tries=4, first=0.001, rest=0)


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        yield running


@pytest.fixture
async def ollama(server: EmbeddingServer) -> AsyncIterator[RemoteEmbedder]:
    embedder = ollama_embedder("nomic-embed-text", url=server.url, backoff=QUICK, timeout=5)
    yield embedder
    await embedder.aclose()


@pytest.fixture
async def openai(server: EmbeddingServer) -> AsyncIterator[RemoteEmbedder]:
    embedder = openai_embedder("my-model", url=f"{server.url}/v1", key=KEY, dimension=768, backoff=QUICK, timeout=5)
    yield embedder
    await embedder.aclose()


async def test_ollama_is_asked_with_the_prefix_of_the_role(server: EmbeddingServer, ollama: RemoteEmbedder) -> None:
    await ollama.embed(["the river rose"], "document")
    await ollama.embed(["what rose?"], "query")
    assert server.inputs == [["search_document: the river rose"], ["search_query: what rose?"]]
    assert [request.path for request in server.requests] == ["/api/embed"] * 2
    assert server.requests[0].body["model"] == "nomic-embed-text"


async def test_a_model_without_prefixes_gets_the_plain_text(server: EmbeddingServer, openai: RemoteEmbedder) -> None:
    await openai.embed(["the river rose"])
    assert server.inputs == [["the river rose"]]


async def test_ollama_gets_eight_texts_at_a_time_and_answers_keep_their_order(
    server: EmbeddingServer, ollama: RemoteEmbedder
) -> None:
    texts = [f"text {n}" for n in range(20)]
    together = await ollama.embed(texts)
    assert sorted(map(len, server.inputs)) == [4, 8, 8]
    single = [(await ollama.embed([text]))[0] for text in texts]
    assert together == single


async def test_openai_answers_are_sorted_by_their_index(openai: RemoteEmbedder) -> None:
    # The server answers in reverse.
    together = await openai.embed(["first", "second", "third"])
    assert together == [(await openai.embed([text]))[0] for text in ("first", "second", "third")]


async def test_openai_is_asked_for_plain_numbers_with_the_key(server: EmbeddingServer, openai: RemoteEmbedder) -> None:
    await openai.embed(["x"])
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["encoding_format"] == "float"


async def test_a_dimension_is_asked_for_only_when_set(server: EmbeddingServer) -> None:
    for given, expected in ((None, None), (1536, None), (768, 768)):
        embedder = openai_embedder("text-embedding-3-small", url=f"{server.url}/v1", dimension=given, backoff=QUICK)
        server.script.append(Scripted(body={"data": [{"index": 0, "embedding": [1.0] * (given or 1536)}]}))
        await embedder.embed(["x"])
        await embedder.aclose()
        assert server.requests[-1].body.get("dimensions") == expected


async def test_a_server_that_refuses_to_be_asked_for_a_dimension_is_asked_without(
    server: EmbeddingServer, openai: RemoteEmbedder
) -> None:
    def refuse(request: Request) -> Scripted | None:
        problem = {"object": "error", "message": "Model my-model does not support matryoshka representation"}
        return Scripted(400, problem) if "dimensions" in request.body else None

    server.rule = refuse
    # Several batches are under way when the first refusal comes.
    assert len(await openai.embed([f"text {n}" for n in range(300)])) == 300
    asked = len(server.requests)
    await openai.embed(["again"])
    assert len(server.requests) == asked + 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_passing_fault_is_tried_again(server: EmbeddingServer, ollama: RemoteEmbedder, status: int) -> None:
    server.script.extend([Scripted(status, {"error": "busy"}), Scripted(status, b"<html>busy</html>")])
    assert len(await ollama.embed(["x"])) == 1
    assert len(server.requests) == 3


async def test_a_fault_that_stays_ends_in_unavailable(server: EmbeddingServer, ollama: RemoteEmbedder) -> None:
    server.rule = lambda _: Scripted(503, {"error": "the model is loading"})
    with pytest.raises(EmbedderUnavailable, match="503: the model is loading") as error:
        await ollama.embed(["x"])
    assert len(server.requests) == QUICK.tries
    assert error.value.hint


@pytest.mark.long
async def test_retry_after_is_waited_for(server: EmbeddingServer) -> None:
    # Without the header the second try would come only after the test has timed out.
    patient = Backoff(tries=2, first=60, longest=60)
    embedder = ollama_embedder("nomic-embed-text", url=server.url, backoff=patient, timeout=20)
    server.script.append(Scripted(429, {"error": "slow down"}, {"Retry-After": "1"}))
    clock = asyncio.get_running_loop().time
    before = clock()
    await embedder.embed(["x"])
    assert 1.0 <= clock() - before < 10
    await embedder.aclose()


async def test_retry_after_may_be_a_date(server: EmbeddingServer) -> None:
    embedder = ollama_embedder("nomic-embed-text", url=server.url, backoff=Backoff(first=60, longest=60), timeout=20)
    past = format_datetime(datetime.now(UTC) - timedelta(minutes=1), usegmt=True)
    server.script.append(Scripted(429, {"error": "slow down"}, {"Retry-After": past}))
    assert len(await embedder.embed(["x"])) == 1
    await embedder.aclose()


async def test_a_retry_after_beyond_the_timeout_is_handed_on(server: EmbeddingServer, ollama: RemoteEmbedder) -> None:
    server.script.append(Scripted(429, {"error": "quota"}, {"Retry-After": "120"}))
    with pytest.raises(EmbedderUnavailable) as error:
        await ollama.embed(["x"])
    assert error.value.retry_after == 120
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_a_text_that_is_too_long_is_shortened_and_the_others_are_not(
    server: EmbeddingServer, ollama: RemoteEmbedder, status: int
) -> None:
    def refuse(request: Request) -> Scripted | None:
        too_long = any(len(text) > 1000 for text in request.body["input"])
        return Scripted(status, {"error": "the input length exceeds the context length"}) if too_long else None

    server.rule = refuse
    texts = ["short one", "long " * 2000, "short two"]
    vectors = await ollama.embed(texts)
    assert vectors[0] == (await ollama.embed(["short one"]))[0]
    assert vectors[2] == (await ollama.embed(["short two"]))[0]
    sent = [text for batch in server.inputs for text in batch if "long" in text and len(text) <= 1000]
    assert sent[0].startswith("search_document: long long")
    assert len(sent[0]) > 600


async def test_a_server_that_finds_every_text_too_long_is_not_asked_for_ever(
    server: EmbeddingServer, ollama: RemoteEmbedder
) -> None:
    server.rule = lambda _: Scripted(400, {"error": "the input length exceeds the context length"})
    with pytest.raises(EmbedderUnavailable, match="context length"):
        await ollama.embed(["long " * 2000])
    assert len(server.requests) < 20


async def test_what_lies_far_beyond_the_models_longest_text_is_not_sent(
    server: EmbeddingServer, ollama: RemoteEmbedder
) -> None:
    await ollama.embed(["x" * 1_000_000])
    assert len(server.inputs[0][0]) < 20_000


@pytest.mark.parametrize(
    "body",
    [
        {"embeddings": []},
        {"embeddings": [[]]},
        {"embeddings": [[0.0] * 768]},
        {"embeddings": None},
        {},
        [],
        b"not json",
        b'{"embeddings": [[NaN]]}',
    ],
    ids=ascii,
)
async def test_an_answer_without_a_usable_vector_is_refused(
    server: EmbeddingServer, ollama: RemoteEmbedder, body: Any
) -> None:
    server.rule = lambda _: Scripted(body=body)
    with pytest.raises(EmbedderUnavailable):
        await ollama.embed(["x"])


@pytest.mark.parametrize("body", [{}, [], {"data": None}, {"data": [{}]}, {"data": [{"index": 0}]}], ids=ascii)
async def test_an_openai_answer_of_another_shape_is_refused(
    server: EmbeddingServer, openai: RemoteEmbedder, body: Any
) -> None:
    server.rule = lambda _: Scripted(body=body)
    with pytest.raises(EmbedderUnavailable):
        await openai.embed(["x"])


async def test_a_wrong_dimension_names_both(server: EmbeddingServer, ollama: RemoteEmbedder) -> None:
    server.rule = lambda _: Scripted(body={"embeddings": [[1.0] * 1024]})
    with pytest.raises(EmbeddingMismatch, match=r"1024.*768"):
        await ollama.embed(["x"])


async def test_a_missing_model_is_not_fetched_but_named_with_its_command(
    server: EmbeddingServer, ollama: RemoteEmbedder
) -> None:
    server.rule = lambda _: Scripted(404, {"error": 'model "nomic-embed-text" not found, try pulling it first'})
    with pytest.raises(EmbedderUnavailable, match="not found") as error:
        await ollama.embed(["x"])
    assert error.value.hint == "Run: ollama pull nomic-embed-text"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_the_key_is_in_no_log_and_no_error_even_when_the_server_sends_it_back(
    server: EmbeddingServer, openai: RemoteEmbedder, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.rule = lambda _: Scripted(status, {"error": {"message": f"Incorrect API key provided: {KEY}."}})
    with pytest.raises(EmbedderUnavailable) as error:
        await openai.embed(["x"])
    assert "Incorrect API key" in str(error.value)
    told = [caplog.text, str(error.value), repr(error.value), repr(error.value.facts), repr(vars(error.value))]
    assert not any(KEY in text for text in told)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    embedder = ollama_embedder("nomic-embed-text", url=url, backoff=QUICK)
    with pytest.raises(EmbedderUnavailable, match="could not be reached"):
        await embedder.embed(["x"])
    await embedder.aclose()


async def test_a_server_that_does_not_answer_is_given_up_within_the_timeout(server: EmbeddingServer) -> None:
    server.gate.clear()
    embedder = ollama_embedder("nomic-embed-text", url=server.url, timeout=0.3)
    async with asyncio.timeout(5):
        with pytest.raises(EmbedderUnavailable, match="in time"):
            await embedder.embed(["x"] * 30)
    await embedder.aclose()


async def test_a_provider_that_was_away_is_left_alone_for_a_while_and_then_asked_again(server: EmbeddingServer) -> None:
    backoff = Backoff(tries=2, first=0.001, rest=0.5)
    embedder = ollama_embedder("nomic-embed-text", url=server.url, backoff=backoff)
    server.script.extend([Scripted(503, {"error": "starting"})] * 2)
    for _ in range(20):
        with pytest.raises(EmbedderUnavailable, match="starting"):
            await embedder.embed(["x"])
    assert len(server.requests) == 2
    async with asyncio.timeout(10):
        while len(server.requests) == 2:
            await asyncio.sleep(0.05)
            with contextlib.suppress(EmbedderUnavailable):
                await embedder.embed(["x"])
    await embedder.aclose()


async def test_a_text_that_breaks_the_server_does_not_keep_others_from_it(server: EmbeddingServer) -> None:
    embedder = ollama_embedder("nomic-embed-text", url=server.url, backoff=Backoff(tries=2, first=0.001))
    server.rule = lambda request: Scripted(500, {"error": "NaN"}) if "bad" in request.body["input"][0] else None
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed(["bad"])
    assert len(await embedder.embed(["good"])) == 1
    await embedder.aclose()


async def test_one_failed_request_stops_the_others_of_its_call(server: EmbeddingServer, ollama: RemoteEmbedder) -> None:
    server.rule = lambda _: Scripted(404, {"error": "no such model"})
    with pytest.raises(EmbedderUnavailable):
        await ollama.embed([f"text {n}" for n in range(800)])
    assert len(server.requests) < 10


async def test_odd_texts_reach_the_server_as_valid_json(server: EmbeddingServer, openai: RemoteEmbedder) -> None:
    await openai.embed(["", "  \n", "lone \ud800", "nul \x00", "😀"])
    assert server.inputs == [[".", ".", "lone ?", "nul \x00", "😀"]]


async def test_the_registry_joins_questions_that_come_together_and_remembers_them(server: EmbeddingServer) -> None:
    embedder = make_embedder("ollama:nomic-embed-text", url=server.url)
    assert embedder is not None
    questions = [f"question {n % 16}" for n in range(64)]
    answers = await asyncio.gather(*(embedder.embed([question], "query") for question in questions))
    assert len(server.requests) == 2
    again = await embedder.embed(questions, "query")
    assert len(server.requests) == 2
    assert np.array_equal(np.asarray(again), np.asarray([answer[0] for answer in answers]))
    await embedder.aclose()
