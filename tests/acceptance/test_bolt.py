"""Bolt as drivers use it: graphs, keys, scopes, transactions, and what happens when something goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import AuthError, ClientError, Neo4jError, TransientError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.domain.access import Role
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory


@pytest.fixture
async def address(memory: Memory) -> AsyncIterator[str]:
    await memory.graphs.create("main")
    async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as bound:
        yield bound


class Opened:
    """Opens drivers, each with a new key."""

    def __init__(self, memory: Memory, address: str) -> None:
        self.memory, self.address = memory, address

    @asynccontextmanager
    async def driver(
        self, role: Role = "writer", *, scheme: str = "bolt", graph: str | None = None, scope: str = ""
    ) -> AsyncIterator[neo4j.AsyncDriver]:
        _, secret = await self.memory.keys.create("bolt", role, graph=graph, scope=scope)
        async with neo4j.AsyncGraphDatabase.driver(f"{scheme}://{self.address}", auth=("kgmem", secret)) as driver:
            yield driver


@pytest.fixture
def bolt(memory: Memory, address: str) -> Opened:
    return Opened(memory, address)


async def rows(driver: neo4j.AsyncDriver, query: str, **parameters: Any) -> list[list[Any]]:
    found, _, _ = await driver.execute_query(query, parameters)
    return [list(record.values()) for record in found]


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
async def test_what_a_driver_writes_is_what_it_and_kgmem_read(bolt: Opened, memory: Memory, scheme: str) -> None:
    async with bolt.driver(scheme=scheme) as driver:
        when = neo4j.time.DateTime(1969, 7, 20, 20, 17, 40)
        place = neo4j.spatial.WGS84Point((23.47, 0.67))
        _, summary, _ = await driver.execute_query(
            "CREATE (a:Person {key: 'neil', name: 'Neil', at: $when, place: $place})-[r:FLEW {seat: 1}]->(c:Craft)",
            when=when,
            place=place,
        )
        assert (summary.counters.nodes_created, summary.counters.relationships_created) == (2, 1)
        records, summary, _ = await driver.execute_query(
            "MATCH p = (a:Person)-[r:FLEW]->(c) RETURN a, r, c, p, a.at, id(a)"
        )
        person, flew, craft, path, at, number = records[0].values()
        assert (set(person.labels), person["name"], person["place"]) == ({"Person"}, "Neil", place)
        assert (flew.type, flew["seat"], flew.start_node, flew.end_node) == ("FLEW", 1, person, craft)
        assert (path.start_node, path.end_node, at, summary.query_type) == (person, craft, when, "r")
        with pytest.deprecated_call():
            assert person.id == number < 2**53
        assert (await rows(driver, "MATCH (n) WHERE elementId(n) = $id RETURN n.name", id=person.element_id)) == [
            ["Neil"]
        ]
        assert (await rows(driver, "MATCH (n) WHERE id(n) = $id RETURN n.name", id=number)) == [["Neil"]]
    assert (await memory.entities.get("main", "neil")).name == "Neil"


async def test_a_transaction_keeps_all_or_nothing(bolt: Opened) -> None:
    async with bolt.driver() as driver, driver.session() as session:
        undone = await session.begin_transaction()
        await undone.run("CREATE (:A)")
        assert (await (await undone.run("MATCH (a:A) RETURN count(a)")).single()).value() == 1  # type: ignore[union-attr]
        await undone.rollback()
        assert await rows(driver, "MATCH (a:A) RETURN count(a)") == [[0]]
        await session.execute_write(lambda transaction: transaction.run("CREATE (:A)"))
        assert await rows(driver, "MATCH (a:A) RETURN count(a)") == [[1]]
        failed = await session.begin_transaction()
        await failed.run("CREATE (:A)")
        with pytest.raises(ClientError):
            await (await failed.run("RETURN 1/0")).consume()
        await failed.close()
        assert await rows(driver, "MATCH (a:A) RETURN count(a)") == [[1]]


async def test_bookmarks_are_of_the_databases_log(bolt: Opened) -> None:
    async with bolt.driver() as driver:
        async with driver.session() as session:
            await (await session.run("CREATE (:A)")).consume()
            kept = await session.last_bookmarks()
        assert [each.startswith("kgmem:") for each in kept.raw_values] == [True]
        async with driver.session(bookmarks=kept) as session:
            await (await session.run("MATCH (a) RETURN a")).consume()
        with pytest.raises(ClientError) as caught:
            async with driver.session(bookmarks=neo4j.Bookmarks.from_raw_values(["nonsense"])) as session:
                await session.run("RETURN 1")
        assert caught.value.code == "Neo.ClientError.Transaction.InvalidBookmark"
        with pytest.raises(TransientError, match="not visible on this server yet"):
            async with driver.session(bookmarks=neo4j.Bookmarks.from_raw_values(["kgmem:FFFFFFF/0"])) as session:
                await session.run("RETURN 1")


async def test_a_read_session_and_a_key_that_may_only_read_write_nothing(bolt: Opened) -> None:
    async with bolt.driver() as driver:
        with pytest.raises(ClientError) as caught:
            await driver.execute_query("CREATE (:A)", routing_=neo4j.RoutingControl.READ)
        assert caught.value.code == "Neo.ClientError.Statement.AccessMode"
    async with bolt.driver("reader") as driver:
        assert await rows(driver, "MATCH (n) RETURN count(n)") == [[0]]
        with pytest.raises(ClientError, match="the request needs writer") as caught:
            await driver.execute_query("CREATE (:A)")
        assert caught.value.code == "Neo.ClientError.Security.Forbidden"


async def test_graphs_are_databases_and_a_key_of_one_sees_no_other(bolt: Opened, memory: Memory) -> None:
    await memory.graphs.create("other")
    await memory.entities.put("other", [Entity(key="x")])
    async with bolt.driver() as driver:
        found, summary, _ = await driver.execute_query("MATCH (n) RETURN count(n) AS n", database_="other")
        assert (found[0]["n"], summary.database) == (1, "other")
        assert (await driver.execute_query("RETURN 1", database_="neo4j")).summary.database == "main"
        with pytest.raises(ClientError) as caught:
            await driver.execute_query("RETURN 1", database_="nowhere")
        assert caught.value.code == "Neo.ClientError.Database.DatabaseNotFound"
    async with bolt.driver(graph="other") as driver:
        assert (await driver.execute_query("RETURN 1")).summary.database == "other"
        with pytest.raises(ClientError) as caught:
            await driver.execute_query("RETURN 1", database_="main")
        assert caught.value.code == "Neo.ClientError.Database.DatabaseNotFound"


async def test_who_names_no_graph_has_the_one_that_the_server_was_given(memory: Memory) -> None:
    _, secret = await memory.keys.create("bolt", "reader")
    for name in ("one", "two"):
        await memory.graphs.create(name)
    for home, found in (("two", "two"), (None, None), (None, "neo4j")):
        if found == "neo4j":
            await memory.graphs.create(found)
        async with (
            serving(MemoryBackend(memory, home=home), ServerOptions("127.0.0.1", 0)) as bound,
            neo4j.AsyncGraphDatabase.driver(f"bolt://{bound}", auth=("kgmem", secret)) as driver,
        ):
            if found:
                assert (await driver.execute_query("RETURN 1")).summary.database == found
                continue
            with pytest.raises(ClientError, match="KGMEM_BOLT_GRAPH"):
                await driver.execute_query("RETURN 1")


async def test_a_key_of_a_scope_sees_and_writes_only_there(bolt: Opened, memory: Memory) -> None:
    await memory.entities.put("main", [Entity(key="theirs", scope="team/b"), Entity(key="shared")])
    async with bolt.driver(scope="team/a") as driver:
        await driver.execute_query("CREATE (:Own {key: 'own'})")
        assert sorted(await rows(driver, "MATCH (n) RETURN n.key")) == [["own"], ["shared"]]
    assert (await memory.entities.get("main", "own", scope="team/a")).scope == "team/a"


async def test_keys_that_are_unknown_or_revoked_let_nobody_in(bolt: Opened, memory: Memory, address: str) -> None:
    key, secret = await memory.keys.create("gone", "reader")
    await memory.keys.revoke(key.id)
    for wrong in ("nonsense", secret, ""):
        with pytest.raises((AuthError, Neo4jError)):
            async with neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", wrong)) as driver:
                await driver.verify_connectivity()


async def test_a_query_that_takes_too_long_is_stopped(bolt: Opened) -> None:
    slow = "RETURN size([a IN range(1, 30000) WHERE all(b IN range(1, 30000) WHERE b > 0)])"
    async with bolt.driver() as driver, driver.session() as session:
        with pytest.raises(Neo4jError) as caught:
            await (await session.run(neo4j.Query(slow, timeout=0.5))).consume()
        assert caught.value.code == "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"
        assert (await (await session.run("RETURN 1")).single()).value() == 1  # type: ignore[union-attr]


@pytest.mark.long
async def test_writers_that_meet_are_told_to_try_again(bolt: Opened) -> None:
    async with bolt.driver() as driver:
        await driver.execute_query("CREATE (:Counter {key: 'c', n: 0})")

        async def add(transaction: neo4j.AsyncManagedTransaction) -> None:
            result = await transaction.run("MATCH (c:Counter) RETURN c.n AS n")
            count = (await result.single())["n"]  # type: ignore[index]
            await (await transaction.run("MATCH (c:Counter) SET c.n = $n", n=count + 1)).consume()

        async def several() -> None:
            async with driver.session() as session:
                for _ in range(5):
                    await session.execute_write(add)

        await asyncio.gather(*(several() for _ in range(4)))
        found = await rows(driver, "MATCH (c:Counter) RETURN c.n")
        assert 5 <= found[0][0] <= 20


async def test_errors_of_queries_have_the_codes_that_drivers_know(bolt: Opened) -> None:
    async with bolt.driver() as driver:
        for query, code in {
            "RETURN": "Statement.SyntaxError",
            "RETURN x": "Statement.SyntaxError",
            "RETURN $missing": "Statement.ParameterMissing",
            "CALL no.such()": "Procedure.ProcedureNotFound",
            "RETURN 1/0": "Statement.ArithmeticError",
        }.items():
            with pytest.raises(ClientError) as caught:
                await driver.execute_query(query)
            assert caught.value.code == f"Neo.ClientError.{code}", query
