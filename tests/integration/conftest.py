"""Fixtures of the tests that need a database."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from kgmem.memory import Memory
from tests import postgres
from tests.graph_pool import GraphPool
from tests.memories import SwitchableEmbedder, hashing, new_graph, opened_memory


@pytest.fixture(scope="session")
def shared_database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database for all tests that keep to graphs of their own; making one for each would take most of the time."""
    name = f"kgmem_test_{secrets.token_hex(6)}"
    asyncio.run(postgres.run_on(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    yield postgres.with_database(postgres_url, name)
    if postgres.EXTERNAL_URL:  # It has the files of thousands of tables; the folder of an embedded one goes anyway.
        asyncio.run(postgres.drop_database(postgres_url, name))


@pytest.fixture(scope="session")
def session_embedder() -> SwitchableEmbedder:
    """The embedder of all tests' `memory`."""
    return hashing()


@pytest.fixture(scope="session")
async def session_memory(shared_database_url: str, session_embedder: SwitchableEmbedder) -> AsyncIterator[Memory]:
    """The memory of all tests, over the database that they share."""
    async with opened_memory(shared_database_url, embedder=session_embedder) as memory:
        yield memory


@pytest.fixture(scope="session")
async def graph_pool(session_memory: Memory) -> GraphPool:
    """Graphs that tests use one after another, each of them empty."""
    pool = GraphPool(session_memory)
    await pool.prepare()
    return pool


@pytest.fixture
def embedder(session_embedder: SwitchableEmbedder) -> SwitchableEmbedder:
    """The embedder of `memory`: feature hashing, which a test may switch off."""
    session_embedder.reset()
    return session_embedder


@pytest.fixture
async def memory(session_memory: Memory, graph_pool: GraphPool, embedder: SwitchableEmbedder) -> AsyncIterator[Memory]:
    """A memory over the database that tests share; each keeps to graphs of its own (`graph`, `new_graph`)."""
    session_memory.ports.jobs.asked.clear()  # type: ignore[attr-defined]
    yield session_memory
    await graph_pool.give_back_all()


@pytest.fixture
async def graph(memory: Memory) -> str:
    """The name of an empty graph in the embedder's space, of this test alone."""
    return await new_graph(memory, f"facts_{secrets.token_hex(6)}")
