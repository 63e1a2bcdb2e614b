"""A Bolt server over a memory of the test's own database, and a key to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.server import serve
from tests.clients.environments import WANTED
from tests.memories import opened_memory


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    async with opened_memory(database_url) as memory:
        yield memory


@dataclass(frozen=True)
class Server:
    """Where the server is, and how to get in."""

    address: str
    key: str

    @property
    def told(self) -> dict[str, Any]:
        """What scripts are told."""
        return asdict(self)

    @property
    def json(self) -> str:
        return json.dumps(self.told)


@pytest.fixture
async def server(memory: Memory) -> AsyncIterator[Server]:
    if not WANTED:
        pytest.skip("KGMEM_TEST_CLIENTS=0")
    await memory.graphs.create("neo4j", space=None)
    _, key = await memory.keys.create("clients", "admin")
    async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address:
        yield Server(address, key)


@pytest.fixture
async def address(memory: Memory) -> AsyncIterator[str]:
    """The address of a REST server over the memory, which has one graph, `main`."""
    await memory.graphs.create("main")
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = Settings(port=0, database_url="postgresql://not.used", log_level="error")  # type: ignore[arg-type]
    serving = asyncio.create_task(serve(settings, memory, ready=ready.set_result))
    yield await ready
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
