"""What was opened with a key is closed within a second after the key was revoked, in any process, or has expired."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import neo4j
import pytest
import uvicorn
from neo4j.exceptions import AuthError, DriverError, Neo4jError
from pydantic import SecretStr

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.acceptance.conftest import FAKES
from tests.graph_pool import GraphPool
from tests.rest import GRAPH, Door, done, refused

pytestmark = pytest.mark.skipif(FAKES, reason="Dictionaries are not seen by another process.")
LONG = "RETURN size([a IN range(1, 30000) WHERE all(b IN range(1, 30000) WHERE b > 0)])"
WITHIN = 1.5  # Seconds: one, and what a busy machine takes besides.


@pytest.fixture
async def elsewhere(pool: GraphPool, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory of another process over the same database."""
    settings = Settings(database_url=SecretStr(pool.url), embedder="none", home=tmp_path / "other")
    async with open_memory(settings) as opened:
        yield opened


@asynccontextmanager
async def bolt(memory: Memory, secret: str) -> AsyncIterator[neo4j.AsyncDriver]:
    """A driver over a Bolt server of its own."""
    async with (
        serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address,
        neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver,
    ):
        yield driver


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    """The door on a port, since answers have to come piece by piece."""
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


async def notes(memory: Memory) -> int:
    """How many nodes a test has written."""
    return int((await memory.cypher("main", "MATCH (n:Note) RETURN count(n)")).rows[0][0])


async def test_a_revoked_key_writes_no_more_over_an_open_connection(
    door: Door, memory: Memory, elsewhere: Memory
) -> None:
    key, secret = await memory.keys.create("agent", "writer")
    async with bolt(memory, secret) as driver, driver.session(database="main") as session:
        await session.run("CREATE (:Note)")
        await elsewhere.keys.revoke(key.id)
        revoked = time.monotonic()
        written: list[int] = [1]

        async def go_on() -> None:
            while time.monotonic() < revoked + 10:
                await (await session.run("CREATE (:Note)")).consume()
                written.append(1)

        with pytest.raises((Neo4jError, DriverError)):
            await go_on()
        assert time.monotonic() - revoked < WITHIN
        with pytest.raises(AuthError):
            await driver.execute_query("RETURN 1")
        # One may have been about to be committed when it was stopped.
        assert await notes(memory) in (len(written), len(written) + 1)


@pytest.mark.long
async def test_what_a_transaction_wrote_is_rolled_back_with_its_key(
    door: Door, memory: Memory, elsewhere: Memory
) -> None:
    key, secret = await memory.keys.create("agent", "writer")
    async with bolt(memory, secret) as driver, driver.session(database="main") as session:
        transaction = await session.begin_transaction()
        await (await transaction.run("CREATE (:Note)")).consume()
        begun = done(
            await door.client.post(
                "/db/main/query/v2/tx",
                json={"statement": "CREATE (:Note)"},
                headers={"Authorization": f"Bearer {secret}"},
            ),
            202,
        )
        await elsewhere.keys.revoke(key.id)
        await asyncio.sleep(WITHIN)
        assert begun["transaction"]["id"] not in door.app.state.sessions._open
        with pytest.raises((Neo4jError, DriverError)):
            await transaction.commit()
        await transaction.close()
    assert await notes(memory) == 0


@pytest.mark.long
async def test_a_query_of_a_revoked_key_is_stopped_and_says_why(door: Door, memory: Memory, elsewhere: Memory) -> None:
    key, secret = await memory.keys.create("agent", "reader")
    async with bolt(memory, secret) as driver:

        async def ask() -> None:
            await driver.execute_query(LONG, database_="main")

        asked = asyncio.create_task(ask())
        over_rest = asyncio.create_task(
            door.client.post(
                f"{GRAPH}/cypher", json={"query": LONG}, headers={"Authorization": f"Bearer {secret}"}, timeout=20
            )
        )
        await asyncio.sleep(0.5)
        await elsewhere.keys.revoke(key.id)
        revoked = time.monotonic()
        with pytest.raises(AuthError, match="no longer valid"):
            await asked
        refused(await over_rest, 401, "no longer valid")
        assert time.monotonic() - revoked < 2 * WITHIN


async def test_an_event_stream_ends_with_its_key(door: Door, memory: Memory, elsewhere: Memory) -> None:
    key, secret = await memory.keys.create("listener", "reader")
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
    async with (
        served(door) as address,
        httpx.AsyncClient(base_url=address, timeout=20, headers=headers) as client,
        client.stream("GET", f"{GRAPH}/changes") as response,
    ):
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        await elsewhere.keys.revoke(key.id)
        revoked = time.monotonic()
        assert [line async for line in lines if line.startswith("id:")] == []
        assert time.monotonic() - revoked < WITHIN
        refused(await client.get(f"{GRAPH}/changes"), 401)


@pytest.mark.long
async def test_an_expired_key_is_as_good_as_a_revoked_one(door: Door, memory: Memory) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1)
    _, secret = await memory.keys.create("brief", "writer", expires_at=expires.isoformat())
    async with bolt(memory, secret) as driver, driver.session(database="main") as session:
        transaction = await session.begin_transaction()
        await (await transaction.run("CREATE (:Note)")).consume()
        await asyncio.sleep(1 + WITHIN)
        with pytest.raises((Neo4jError, DriverError)):
            await transaction.commit()
        await transaction.close()
    assert await notes(memory) == 0
