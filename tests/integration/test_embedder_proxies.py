"""Proxies that the environment names: used to reach other machines, and never to reach this one."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from kgmem.domain.errors import EmbedderUnavailable
from kgmem.embedding.registry import make_embedder
from tests.embedding_server import EmbeddingServer, Scripted, embedding_server

MODEL = "openai:my-model"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddingServer]:
    """A server that stands for the proxy, or for the provider; the environment names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with embedding_server() as running:
        yield running


async def _ask(url: str) -> None:
    embedder = make_embedder(MODEL, url=url, dimension=768, timeout=2.0)
    assert embedder is not None
    try:
        await embedder.embed(["the river rose"])
    finally:
        await embedder.aclose()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_another_machine_is_reached_by_the_proxy(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, server.url)
    server.rule = lambda _: Scripted(body={"data": [{"index": 0, "embedding": [1.0] * 768}]})
    await _ask("http://embeddings.invalid/v1")  # No name server knows it: only a proxy can.
    (request,) = server.requests
    assert request.path == "http://embeddings.invalid/v1/embeddings"
    assert request.headers["host"] == "embeddings.invalid"


@pytest.mark.long
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST"])
async def test_this_machine_is_reached_without_the_proxy(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    async with embedding_server() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        # The server listens on 127.0.0.1 alone; also who cannot reach it does not ask the proxy.
        with contextlib.suppress(EmbedderUnavailable):
            await _ask(f"{server.url.replace('127.0.0.1', host)}/v1")
        assert proxy.requests == []
    if host in {"127.0.0.1", "localhost"}:
        assert [request.path for request in server.requests] == ["/v1/embeddings"]
