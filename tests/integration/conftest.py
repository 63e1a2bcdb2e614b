"""Fixtures of the tests that need a database."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from kgmem.memory import Memory
from tests import postgres
from tests.memories import SwitchableEmbedder, hashing, new_graph, opened_memory


@pytest.fixture(scope="session")
def shared_database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database for all tests that keep to graphs of their own; making one for each would take most of the time."""
    name = f"kgmem_test_{secrets.token_hex(6)}"
    asyncio.run(postgres.run_on(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    yield postgres.with_database(postgres_url, name)
    if postgres.EXTERNAL_URL:  # It has the files of thousands of tables; the folder of an embedded one goes anyway.
        asyncio.run(postgres.run_on(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def embedder() -> SwitchableEmbedder:
    """The embedder of `memory`: feature hashing, which a test may switch off."""
    return hashing()


@pytest.fixture
async def memory(shared_database_url: str, embedder: SwitchableEmbedder) -> AsyncIterator[Memory]:
    """A memory over the database that tests share; each keeps to its `graph`."""
    async with opened_memory(shared_database_url, embedder=embedder) as memory:
        yield memory


@pytest.fixture
async def graph(memory: Memory) -> str:
    """The name of an empty graph in the embedder's space, of this test alone."""
    return await new_graph(memory, f"facts_{secrets.token_hex(6)}")
