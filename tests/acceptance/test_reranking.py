"""Reranking over REST and the command line."""

import httpx
import pytest

from kgmem.embedding.reranker import RerankerChoice, make_reranker
from kgmem.settings import Settings
from kgmem_api.app import close, create_app
from tests.cli import Command
from tests.embedding_server import Request, Scripted, embedding_server
from tests.memories import with_ports
from tests.rest import GRAPH, Door, done, refused

QUESTION = {"what": {"text": "river"}, "k": 2, "rerank": True}
TEXTS = {"a": "The river Rhine is a river.", "b": "A river in Asia with many towns beside it.", "c": "A river."}


def asia_first(request: Request) -> Scripted:
    """One score a text, as TEI answers."""
    texts = request.body["texts"]
    return Scripted(body=[{"index": n, "score": 0.9 if "Asia" in text else 0.1} for n, text in enumerate(texts)])


async def test_rest_shows_hits_in_the_order_of_the_reranker(door: Door, settings: Settings) -> None:
    entities = [{"key": key, "label": "Place", "text": text} for key, text in TEXTS.items()]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": entities}))
    async with embedding_server() as server:
        server.rule = asia_first
        reranker = make_reranker("tei", RerankerChoice(server.url, budget_ms=5000))
        app = create_app(with_ports(door.memory, reranker=reranker), settings=settings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            client.headers["Authorization"] = door.client.headers["Authorization"]
            answer = done(await client.post(f"{GRAPH}/recall", json=QUESTION))
            assert (answer["hits"][0]["key"], answer["hits"][0]["score"]) == ("b", 0.9)
            server.rule = lambda _: Scripted(500)
            kept = done(await client.post(f"{GRAPH}/recall", json=QUESTION))
            plain = done(await client.post(f"{GRAPH}/recall", json=QUESTION | {"rerank": False}))
            assert kept["hits"] == plain["hits"]
            assert kept["suppressed"]["rerank_off_endpoint_failed"] == 1
            await close(app)
        assert reranker is not None
        await reranker.aclose()


async def test_rest_without_a_reranker_names_the_setting(door: Door) -> None:
    refused(await door.client.post(f"{GRAPH}/recall", json=QUESTION), 422, "KGMEM_RERANKER")


@pytest.mark.long
def test_the_command_line_takes_the_reranker_from_the_settings(kgmem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kgmem("remember", "The river Rhine is long.").code == 0
    none = kgmem("recall", "river", "--rerank")
    assert none.code != 0
    assert "KGMEM_RERANKER" in none.err
    monkeypatch.setenv("KGMEM_RERANKER", "tei")
    monkeypatch.setenv("KGMEM_RERANKER_URL", "http://127.0.0.1:9")  # Nothing listens on the port `discard`.
    monkeypatch.setenv("KGMEM_RERANKER_KEY", "sk-very-secret")
    kept = kgmem("recall", "river", "--rerank", "--json")
    assert kept.code == 0, kept.err
    assert kept.json["suppressed"]["rerank_off_endpoint_failed"] == 1
    assert kept.json["hits"]
    assert "sk-very-secret" not in kept.out + kept.err
