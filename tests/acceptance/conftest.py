"""Fixtures of the acceptance tests: a memory over a fresh database, and the doors to it."""

import os
from collections.abc import AsyncIterator

import httpx
import pytest

from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.wiring import open_memory
from kgmem_api.app import create_app
from tests.fakes import fake_memory
from tests.rest import Door

# Set it to try the doors alone, in a second and without a Postgres.
FAKES = os.environ.get("KGMEM_TEST_FAKES") == "1"


@pytest.fixture
def settings() -> Settings:
    """Settings that no variable of the environment changes."""
    return Settings.model_construct(**{name: field.get_default() for name, field in Settings.model_fields.items()})


if FAKES:

    @pytest.fixture
    async def memory() -> Memory:
        """A memory over dictionaries."""
        return fake_memory()

else:

    @pytest.fixture
    async def memory(database_url: str) -> AsyncIterator[Memory]:
        """A memory over a fresh database, whose embedder needs no model."""
        async with open_memory(Settings(database_url=database_url, embedder="hash", pool_size=2)) as opened:
            yield opened


@pytest.fixture
async def door(memory: Memory, settings: Settings) -> AsyncIterator[Door]:
    """The REST door to a memory with one graph, `main`, and an admin's key."""
    await memory.create_graph("main")
    _, secret = await memory.create_key("tests", "admin")
    app = create_app(memory, settings=settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kgmem") as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        yield Door(client, memory, app)
