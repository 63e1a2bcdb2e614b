"""Clients that leave: what they asked for ends with them, and others have the connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.acceptance.conftest import FAKES
from tests.memories import query, until
from tests.rest import GRAPH, Door, done

pytestmark = pytest.mark.skipif(FAKES, reason="Dictionaries take no time.")
# Postgres alone works on it, for minutes.
HEAVY = "MATCH (a:N), (b:N), (c:N), (d:N), (e:N) RETURN count(*)"


@pytest.fixture
async def memory(database_url: str, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory with a small pool."""
    few: Any = {"pool_size": 4, "pool_share": 2}
    settings = Settings(database_url=database_url, embedder="hash", home=tmp_path / "home", **few)
    async with open_memory(settings) as opened:
        yield opened


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    """The door on a port, which a client can hang up on."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(door.app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def running(memory: Memory) -> int:
    """How many heavy queries Postgres works on."""
    rows = await query(
        memory,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND pid <> pg_backend_pid() AND now() - query_start > interval '0.2 s'",
    )
    return len(rows)


async def numbers(memory: Memory) -> None:
    """Nodes of whose combinations there are many."""
    await memory.cypher("main", "UNWIND range(1, 120) AS n CREATE (:N {n: n})", mode="write")


@pytest.mark.long
@pytest.mark.parametrize("address", [f"{GRAPH}/cypher", "/db/main/query/v2"])
async def test_a_query_ends_when_its_client_leaves(door: Door, memory: Memory, address: str) -> None:
    await numbers(memory)
    body = {"query": HEAVY} if address.endswith("cypher") else {"statement": HEAVY}
    headers = dict(door.client.headers)

    async def nobody() -> bool:
        return await running(memory) == 0

    async def somebody() -> bool:
        return await running(memory) > 0

    async with served(door) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            asked = [asyncio.create_task(client.post(address, json=body)) for _ in range(6)]
            await until(somebody)
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        await until(nobody, seconds=5)
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=5) as client:
            done(await client.post(f"{GRAPH}/cypher", json={"query": "RETURN 1"}))
