"""Vectors of questions that processes share in Redis."""

from collections.abc import AsyncIterator, Sequence

import pytest

from kgmem.domain.graph.embedding import EmbeddingSpace, Role, Vector
from kgmem.embedding.cached import CachedEmbedder
from kgmem.embedding.hashing import HashEmbedder
from kgmem.redis.connection import RedisConnection
from kgmem.redis.vectors import RedisVectors
from tests.redis_servers import RedisServer, redis_server


class Counted:
    """An embedder that counts the texts that it embeds."""

    def __init__(self) -> None:
        self.inner = HashEmbedder()
        self.texts = 0

    @property
    def space(self) -> EmbeddingSpace:
        return self.inner.space

    async def embed(self, texts: Sequence[str], role: Role = "document") -> list[Vector]:
        self.texts += len(texts)
        return await self.inner.embed(texts, role)

    async def aclose(self) -> None:
        """Nothing is open."""


class Process:
    """What one process has: an embedder, its memory, and a connection."""

    def __init__(self, url: str, namespace: str = "kgmem:test") -> None:
        self.connection = RedisConnection(url, namespace=namespace, timeout=1)
        self.counted = Counted()
        self.embedder = CachedEmbedder(self.counted)
        self.embedder.share(RedisVectors(self.connection))


@pytest.fixture
async def processes() -> AsyncIterator[tuple[RedisServer, Process, Process, Process]]:
    """A server, two processes of one database, and one of another."""
    with redis_server() as server:
        all_three = Process(server.url), Process(server.url), Process(server.url, "kgmem:other")
        yield server, *all_three
        for each in all_three:
            await each.connection.aclose()


Processes = tuple[RedisServer, Process, Process, Process]


async def test_a_question_that_another_process_embedded_is_not_embedded_again(processes: Processes) -> None:
    _, one, two, other = processes
    [vector] = await one.embedder.embed(["why?"], "query")
    same, new = await two.embedder.embed(["why?", "when?"], "query")
    assert list(same) == list(vector)
    assert list(new) == list((await one.embedder.embed(["when?"], "query"))[0])
    assert (one.counted.texts, two.counted.texts) == (1, 1)
    await other.embedder.embed(["why?"], "query")
    assert other.counted.texts == 1


async def test_what_is_shared_is_no_text_of_a_document_and_ends_by_itself(processes: Processes) -> None:
    _, one, two, _ = processes
    await one.embedder.embed(["secret words"], "document")
    await one.embedder.embed(["secret question"], "query")
    await two.embedder.embed(["secret words"], "document")
    assert two.counted.texts == 1
    [key] = await one.connection.call(lambda client: client.keys("*"))
    assert key.startswith(b"kgmem:test:question-vector:")
    assert b"secret" not in key + await one.connection.call(lambda client: client.get(key))
    assert 0 < await one.connection.call(lambda client: client.ttl(key)) <= 3600


async def test_a_damaged_vector_is_made_again(processes: Processes) -> None:
    _, one, two, _ = processes
    [vector] = await one.embedder.embed(["why?"], "query")
    [key] = await one.connection.call(lambda client: client.keys("*"))
    await one.connection.call(lambda client: client.set(key, b"12345"))
    assert list((await two.embedder.embed(["why?"], "query"))[0]) == list(vector)


@pytest.mark.long
async def test_losing_redis_costs_speed_alone(processes: Processes) -> None:
    server, one, two, _ = processes
    [vector] = await one.embedder.embed(["why?"], "query")
    server.freeze()
    assert list((await two.embedder.embed(["why?"], "query"))[0]) == list(vector)
    server.kill()
    for number in range(20):
        assert len(await two.embedder.embed([f"question {number}"], "query")) == 1
    assert two.counted.texts == 21
