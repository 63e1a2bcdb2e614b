"""Transactions that are open beside other work: they take no connection from it, and end when they are left idle."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import ClientError, TransientError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.query_sessions import Sessions
from tests.acceptance.conftest import FAKES
from tests.rest import GRAPH, Door, done, refused

pytestmark = pytest.mark.skipif(FAKES, reason="Dictionaries have no connections.")
IDLE, PER_KEY = 1.0, 2
TRANSACTIONS = "/db/main/query/v2/tx"


@pytest.fixture
async def memory(database_url: str, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory with few connections."""
    few: Any = {"pool_size": 2, "transaction_pool_size": 4, "transactions_per_key": PER_KEY}
    settings = Settings(database_url=database_url, embedder="hash", home=tmp_path / "home", **few)
    async with open_memory(settings) as opened:
        yield opened


@pytest.fixture
async def hasty(database_url: str, tmp_path: Path, memory: Memory) -> AsyncIterator[Memory]:
    """A memory over the same database whose transactions are idle for a second at the most."""
    settings = Settings(database_url=database_url, embedder="hash", home=tmp_path / "home", transaction_idle=IDLE)
    async with open_memory(settings) as opened:
        yield opened


def driver(address: str, secret: str, most: int = 100) -> neo4j.AsyncDriver:
    """A driver that is let in with a key."""
    return neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret), max_connection_pool_size=most)


@asynccontextmanager
async def opened(found: neo4j.AsyncDriver, query: str = "MATCH (n) RETURN count(n)") -> AsyncIterator[Any]:
    """A transaction that has answered a query and stays open."""
    async with found.session(database="main") as session:
        transaction = await session.begin_transaction()
        try:
            await (await transaction.run(query)).consume()
            yield transaction
        finally:
            await transaction.close()


class Idlers:
    """Transactions that each run a query and then do nothing, until they are told to end."""

    def __init__(self, found: neo4j.AsyncDriver, many: int) -> None:
        self.open = 0
        self._end = asyncio.Event()
        self._tasks = [asyncio.create_task(self._idle(found)) for _ in range(many)]

    async def _idle(self, found: neo4j.AsyncDriver) -> None:
        async with opened(found):
            self.open += 1
            await self._end.wait()

    async def until(self, many: int) -> None:
        """Wait until so many have run their query."""
        async with asyncio.timeout(20):
            while self.open < many:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Let all end, those also that still waited for a connection."""
        self._end.set()
        await asyncio.gather(*self._tasks)


async def short(found: neo4j.AsyncDriver) -> None:
    """A session with one short transaction."""
    async with found.session(database="main") as session:
        transaction = await session.begin_transaction()
        await transaction.run("CREATE (:Short)")
        await transaction.commit()


async def requests_work(door: Door, key: dict[str, str], *, writes: bool = True) -> None:
    """Each kind of request is answered at once."""
    began = time.monotonic()
    entities = {"entities": [{"key": "bern", "label": "City", "name": "Bern"}]}
    if writes:
        done(await door.client.put(f"{GRAPH}/entities", json=entities, headers=key))
    done(await door.client.post(f"{GRAPH}/recall", json={"what": {"text": "Bern"}}, headers=key))
    done(await door.client.post(f"{GRAPH}/cypher", json={"query": "MATCH (n) RETURN n.name"}, headers=key))
    assert time.monotonic() - began < 5, "nothing waited for a connection"


async def test_requests_go_on_beside_idle_transactions_of_a_read_only_key(door: Door, memory: Memory) -> None:
    _, idle = await memory.keys.create("idle", "reader")
    async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address, driver(address, idle) as found:
        idlers = Idlers(found, 12)
        await idlers.until(PER_KEY)
        await requests_work(door, await door.key("writer"))
        await requests_work(door, {"Authorization": f"Bearer {idle}"}, writes=False)
        assert idlers.open == PER_KEY, "the others of this key wait for these"
        await idlers.end()
        assert idlers.open == 12, "each had its turn"


async def test_another_key_has_its_transactions_beside_those_of_one_that_has_all_it_may(
    door: Door, memory: Memory
) -> None:
    _, first = await memory.keys.create("first", "reader")
    _, second = await memory.keys.create("second", "reader")
    async with (
        serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address,
        driver(address, first) as hog,
        driver(address, second) as found,
    ):
        idlers = Idlers(hog, PER_KEY + 1)
        await idlers.until(PER_KEY)
        async with asyncio.timeout(5), opened(found):
            assert idlers.open == PER_KEY
        await idlers.end()


async def test_sessions_with_a_short_transaction_each_all_succeed(door: Door, memory: Memory) -> None:
    _, secret = await memory.keys.create("many", "writer")
    async with (
        serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address,
        driver(address, secret) as found,
    ):
        await asyncio.gather(*(short(found) for _ in range(30)))
        records, _, _ = await found.execute_query("MATCH (n:Short) RETURN count(n)", database_="main")
    assert records[0][0] == 30


@pytest.mark.slow
async def test_two_hundred_sessions_and_five_hundred_open_transactions_at_once(door: Door, memory: Memory) -> None:
    _, idle = await memory.keys.create("idle", "reader")
    _, busy = await memory.keys.create("busy", "writer")
    async with (
        serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0, connections=800)) as address,
        driver(address, idle, 500) as idling,
        driver(address, busy, 200) as found,
    ):
        idlers = Idlers(idling, 500)
        await idlers.until(PER_KEY)
        key = await door.key("writer")
        await asyncio.gather(requests_work(door, key), *(short(found) for _ in range(200)))
        records, _, _ = await found.execute_query("MATCH (n:Short) RETURN count(n)", database_="main")
        await idlers.end()
    assert records[0][0] == 200


async def test_a_key_that_has_all_its_connections_keeps_no_other_key_out(memory: Memory, door: Door) -> None:
    _, greedy = await memory.keys.create("greedy", "reader")
    _, modest = await memory.keys.create("modest", "reader")
    listening = ServerOptions("127.0.0.1", 0, connections=5, connections_per_caller=2)
    async with serving(MemoryBackend(memory), listening) as address:
        taken = [driver(address, greedy) for _ in range(2)]
        for each in taken:
            await each.verify_connectivity()
        async with driver(address, greedy) as further, driver(address, modest) as other:
            with pytest.raises(TransientError, match="2 open connections"):
                await further.verify_connectivity()
            await other.verify_connectivity()
            await taken[0].close()
            await further.execute_query("RETURN 1", database_="main")
        await taken[1].close()


@pytest.mark.long
async def test_an_idle_transaction_is_rolled_back_and_bolt_says_so(door: Door, hasty: Memory, memory: Memory) -> None:
    _, secret = await memory.keys.create("idle", "writer")
    async with (
        serving(MemoryBackend(hasty), ServerOptions("127.0.0.1", 0)) as address,
        driver(address, secret) as found,
    ):
        async with opened(found, "CREATE (:Forgotten)") as transaction, opened(found) as other:
            await asyncio.sleep(IDLE * 1.5)
            with pytest.raises(ClientError, match="was idle for 1 seconds and was rolled back") as raised:
                await (await transaction.run("RETURN 1")).consume()
            assert raised.value.code == "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"
            with pytest.raises(ClientError, match="was idle"):
                await other.commit()
        records, _, _ = await found.execute_query("MATCH (n:Forgotten) RETURN count(n)", database_="main")
    assert records[0][0] == 0


@pytest.mark.long
async def test_an_idle_transaction_of_the_query_api_is_rolled_back_and_told(door: Door) -> None:
    door.app.state.sessions = Sessions(IDLE)
    begun = done(await door.client.post(TRANSACTIONS, json={"statement": "CREATE (:Forgotten)"}), 202)
    await asyncio.sleep(IDLE * 2.5)
    address = f"{TRANSACTIONS}/{begun['transaction']['id']}"
    refused(await door.client.post(f"{address}/commit", json={}), 404, "was idle for 1 seconds and was rolled back")
    found = done(await door.client.post("/db/main/query/v2", json={"statement": "MATCH (n:Forgotten) RETURN n"}), 202)
    assert found["data"]["values"] == []


async def test_a_key_may_have_so_many_transactions_of_the_query_api(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgmem_api.query_sessions.MOST_PER_KEY", 3)
    ids = [done(await door.client.post(TRANSACTIONS, json={}), 202)["transaction"]["id"] for _ in range(3)]
    refused(await door.client.post(TRANSACTIONS, json={}), 503, "open transactions")
    other = await door.key("reader")
    done(await door.client.post(TRANSACTIONS, json={}, headers=other), 202)
    done(await door.client.delete(f"{TRANSACTIONS}/{ids[0]}"))
    done(await door.client.post(TRANSACTIONS, json={}), 202)
