"""Cypher by every interface: USE, batches in transactions, names of databases, and bookmarks."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import ClientError, Neo4jError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from tests.cli import Command
from tests.heartbeat import steadily
from tests.rest import GRAPH, Door, done, refused

USE = "USE other MATCH (n:N) RETURN sum(n.n) AS s"
WRITE = "USE other CREATE (:N {n: 5})"
BATCHED = "UNWIND [1, 0, 2] AS i CALL (i) { CREATE (:B {n: 1 / i}) } IN TRANSACTIONS OF 1 ROW ON ERROR CONTINUE"


@pytest.fixture
async def two(door: Door) -> Door:
    """Two graphs, main and other, with a node each."""
    await door.memory.graphs.create("other")
    await door.memory.cypher("main", "CREATE (:N {n: 1})", mode="write")
    await door.memory.cypher("other", "CREATE (:N {n: 10})", mode="write")
    return door


@pytest.fixture
async def address(two: Door) -> AsyncIterator[str]:
    """Where Bolt is spoken."""
    async with serving(MemoryBackend(two.memory), ServerOptions("127.0.0.1", 0)) as bound:
        yield bound


async def numbers(door: Door) -> list[Any]:
    found = []
    for graph in ("main", "other"):
        answer = await door.memory.cypher(graph, "MATCH (n:N) RETURN n.n ORDER BY n.n")
        found.append([row[0] for row in answer.rows])
    return found


async def test_rest_runs_use_where_the_key_may(two: Door) -> None:
    url = "/v1/graphs/main/cypher"
    told = done(await two.client.post(url, json={"query": USE}))
    assert told["rows"] == [[10]]
    done(await two.client.post(url, json={"query": WRITE, "mode": "write"}))
    assert await numbers(two) == [[1], [5, 10]]
    bound = await two.key("writer", graph="main")
    for query in (USE, WRITE, "CALL { USE other MATCH (n) DELETE n }", "USE missing RETURN 1"):
        refused(
            await two.client.post(url, json={"query": query, "mode": "write"}, headers=bound), 404, "There is no graph"
        )
    reader = await two.key("reader")
    refused(await two.client.post(url, json={"query": WRITE, "mode": "write"}, headers=reader), 403)
    assert await numbers(two) == [[1], [5, 10]]


async def test_the_query_api_runs_use_and_knows_names_and_bookmarks(two: Door) -> None:
    run = "/db/MAIN/query/v2"
    told = done(await two.client.post(run, json={"statement": USE}), 202)
    assert told["data"]["values"] == [[10]]
    assert told["bookmarks"][0].startswith("kgmem:")
    begun = done(await two.client.post(f"{run}/tx", json={"statement": WRITE}), 202)
    id_ = begun["transaction"]["id"]
    kept = done(await two.client.post(f"/db/main/query/v2/tx/{id_}/commit", json={}), 202)
    assert await numbers(two) == [[1], [5, 10]]
    asked = {"statement": USE, "bookmarks": kept["bookmarks"]}
    assert done(await two.client.post(run, json=asked), 202)["data"]["values"] == [[15]]
    refused(
        await two.client.post(run, json={"statement": "RETURN 1", "bookmarks": ["nonsense"]}), 422, "not a bookmark"
    )
    bound = await two.key("writer", graph="main")
    refused(await two.client.post(run, json={"statement": WRITE}, headers=bound), 404, "There is no graph")
    refused(await two.client.post("/db/OTHER/query/v2", json={"statement": "RETURN 1"}, headers=bound), 404, "OTHER")
    begun = done(await two.client.post(f"{run}/tx", json={}), 202)
    id_ = begun["transaction"]["id"]
    refused(await two.client.post(f"{run}/tx/{id_}", json={"statement": BATCHED}), 422, "implicit transaction")
    assert await numbers(two) == [[1], [5, 10]]


async def test_bolt_runs_use_and_batches_and_gives_bookmarks_after_reading(two: Door, address: str) -> None:
    _, secret = await two.memory.keys.create("bolt", "writer")
    async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver:
        async with driver.session(database="Main") as session:
            assert await (await session.run(USE)).value() == [10]
            read = (await session.last_bookmarks()).raw_values
            assert [each.startswith("kgmem:") for each in read] == [True]
            await (await session.run(WRITE)).consume()
            await (await session.run(BATCHED)).consume()
            with pytest.raises(Neo4jError, match="can only be executed in an implicit transaction") as caught:
                await session.execute_write(lambda work: work.run(BATCHED))
            assert caught.value.code == "Neo.DatabaseError.Transaction.TransactionStartFailed"
        assert await numbers(two) == [[1], [5, 10]]
        answer = await two.memory.cypher("main", "MATCH (b:B) RETURN count(b)")
        assert list(answer.rows) == [(2,)]
    _, secret = await two.memory.keys.create("bolt", "writer", graph="main")
    async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver:
        for text in (USE, WRITE, "CALL { USE other CREATE (:N {n: 7}) }"):
            with pytest.raises(ClientError, match="There is no graph"):
                await driver.execute_query(text, database_="main")
        assert (await driver.execute_query("RETURN 1", database_="MAIN")).records[0].values() == [1]
        with pytest.raises(ClientError, match="There is no graph"):
            await driver.execute_query("RETURN 1", database_="OTHER")
    assert await numbers(two) == [[1], [5, 10]]


def test_the_command_line_runs_use(kgmem: Command) -> None:
    for name in ("main", "other"):
        assert kgmem("graph", "create", name).code == 0
    assert kgmem("cypher", WRITE, "--write").code == 0
    assert kgmem("cypher", USE, "--json").json["rows"] == [[5]]
    assert kgmem("cypher", "MATCH (n) RETURN count(n)", "--json").json["rows"] == [[0]]
    missing = kgmem("cypher", "USE missing MATCH (n) RETURN n")
    assert missing.code != 0
    assert "There is no graph 'missing'" in missing.err


async def test_one_large_value_is_sent_without_holding_up_others(two: Door) -> None:
    query = "RETURN [x IN range(1, 100000) | {a: x}] AS list"
    for path, body in ((f"{GRAPH}/cypher", {"query": query}), ("/db/main/query/v2", {"statement": query})):
        answer = await steadily(partial(two.client.post, path, json=body))
        assert answer.status_code < 300, answer.text[:300]
        assert len(answer.content) > 1_000_000
