"""Neo4j's own driver over HTTP, and the documented shapes of the Query API by hand."""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import neo4j
import pytest
import uvicorn
from neo4j import AsyncDriver, AsyncGraphDatabase
from neo4j.exceptions import ClientError, CypherSyntaxError
from neo4j.spatial import WGS84Point
from neo4j.time import DateTime, Duration

from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.app import close, create_app
from tests.rest import Door, done, refused

RUN = "/db/main/query/v2"
# It is the driver's version 6.4 that speaks HTTP first, and only beside these two packages.
SPEAKS_HTTP = tuple(map(int, neo4j.__version__.split(".")[:2])) >= (6, 4) and all(
    importlib.util.find_spec(name) for name in ("aiohttp", "urllib3")
)


@asynccontextmanager
async def served(memory: Memory, settings: Settings) -> AsyncIterator[str]:
    """A server on a free port; gives its address."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    app = create_app(memory, settings=settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        await close(app)


@pytest.fixture
async def driver(door: Door, settings: Settings) -> AsyncIterator[AsyncDriver]:
    """The driver, let in with a key as its password."""
    if not SPEAKS_HTTP:
        pytest.skip("The driver speaks HTTP from version 6.4, beside aiohttp and urllib3.")
    secret = door.client.headers["authorization"].partition(" ")[2]
    async with (
        served(door.memory, settings) as address,
        AsyncGraphDatabase.driver(address, auth=("neo4j", secret)) as found,
    ):
        yield found


pytestmark = pytest.mark.filterwarnings("ignore::neo4j.warnings.PreviewWarning")


async def test_the_driver_gets_values_of_all_types(driver: AsyncDriver) -> None:
    text = """
    CREATE p = (a:Person:Pilot {name: 'Ann', born: date('1930-08-05')})-[r:KNOWS {since: 1969}]->(b)
    RETURN a, r, p, 1 AS i, 1.5 AS f, true AS t, null AS n, [1, 'a'] AS l, {x: 1} AS m, date('1969-07-20') AS d,
           datetime('2015-07-21T21:40:32.142[Europe/London]') AS z, localtime('12:00') AS lt, time('12:00+01:00') AS ti,
           localdatetime('2020-01-01T00:00') AS ldt, duration('P1Y2M3DT4.5S') AS du,
           point({longitude: 1, latitude: 2}) AS pt,
           0.0 / 0.0 AS nan
    """
    records, summary, keys = await driver.execute_query(text, database_="main")
    (record,) = records
    assert keys[:4] == ["a", "r", "p", "i"]
    assert record["a"].labels == {"Person", "Pilot"}
    assert record["a"]["born"].to_native() == date(1930, 8, 5)
    assert (record["r"].type, record["r"]["since"], record["r"].start_node) == ("KNOWS", 1969, record["a"])
    assert record["p"].nodes[0] == record["a"]
    assert [record[key] for key in ("i", "f", "t", "n", "l", "m")] == [1, 1.5, True, None, [1, "a"], {"x": 1}]
    assert isinstance(record["z"], DateTime)
    assert record["du"] == Duration(years=1, months=2, days=3, seconds=4, nanoseconds=500_000_000)
    assert record["pt"] == WGS84Point((1, 2))
    assert record["nan"] != record["nan"]
    assert summary.counters.nodes_created == 2
    assert summary.counters.contains_updates


async def test_the_driver_sends_values_of_all_types(driver: AsyncDriver) -> None:
    sent: dict[str, Any] = {
        "i": 2**62,
        "f": 1.5e300,
        "l": [1, None, "x"],
        "m": {"a": {"b": 1}},
        "d": date(1969, 7, 20),
        "z": DateTime(2020, 1, 2, 3, 4, 5, 6),
        "du": Duration(months=1, days=2, seconds=3),
        "pt": WGS84Point((1.5, 2.5)),
    }
    records, _, _ = await driver.execute_query("RETURN $all AS all", {"all": sent}, database_="main")
    found = records[0]["all"]
    assert {**found, "d": found["d"].to_native()} == sent


@pytest.mark.long
async def test_the_driver_keeps_and_undoes_transactions(driver: AsyncDriver) -> None:
    async def count(transaction: Any) -> int:
        result = await transaction.run("MATCH (n) RETURN count(n) AS n")
        return int((await result.single())["n"])

    async with driver.session(database="main") as session:
        transaction = await session.begin_transaction()
        await (await transaction.run("CREATE (:Person)")).consume()
        assert await count(transaction) == 1
        await transaction.rollback()
        assert await session.execute_read(count) == 0
        transaction = await session.begin_transaction()
        await (await transaction.run("CREATE (:Person {name: 'Ann'})")).consume()
        await (await transaction.run("MATCH (p:Person {name: 'Ann'}) CREATE (p)-[:KNOWS]->(:Person)")).consume()
        await transaction.commit()
        assert await session.execute_read(count) == 2
        assert await session.execute_write(count) == 2


async def test_the_driver_knows_errors_by_their_codes(driver: AsyncDriver) -> None:
    with pytest.raises(CypherSyntaxError, match="RETURN"):
        await driver.execute_query("RETRUN 1", database_="main")
    with pytest.raises(ClientError) as found:
        await driver.execute_query("RETURN 1", database_="nowhere")
    assert found.value.code == "Neo.ClientError.Database.DatabaseNotFound"
    async with driver.session(database="main", default_access_mode=neo4j.READ_ACCESS) as session:
        with pytest.raises(ClientError) as found:
            await session.run("CREATE (n)")
        assert found.value.code == "Neo.ClientError.Statement.AccessMode"


async def test_after_an_error_a_transaction_is_over(driver: AsyncDriver) -> None:
    async with driver.session(database="main") as session:
        transaction = await session.begin_transaction()
        await (await transaction.run("CREATE (:Person)")).consume()
        with pytest.raises(ClientError):
            await (await transaction.run("RETURN 1 / 0")).consume()
        await transaction.close()
        result = await session.run("MATCH (n) RETURN count(n) AS n")
        assert (await result.single())["n"] == 0


async def test_plain_json_is_given_where_typed_json_is_not_asked_for(door: Door) -> None:
    asked = {"statement": "RETURN 1 AS one, 'a' AS a", "includeCounters": True}
    told = done(await door.client.post(RUN, json=asked), 202)
    assert told["data"] == {"fields": ["one", "a"], "values": [[1, "a"]]}
    assert told["counters"]["nodesCreated"] == 0
    assert told["bookmarks"]


async def test_a_transaction_belongs_to_its_key(door: Door) -> None:
    begun = done(await door.client.post(f"{RUN}/tx", json={"statement": "CREATE (n:Person)"}), 202)
    id_ = begun["transaction"]["id"]
    other = await door.key("writer")
    refused(await door.client.post(f"{RUN}/tx/{id_}/commit", headers=other), 404, "Not found: the transaction")
    done(await door.client.post(f"{RUN}/tx/{id_}/commit", json={"statement": "CREATE (n:Person)"}), 202)
    refused(await door.client.post(f"{RUN}/tx/{id_}", json={"statement": "RETURN 1"}), 404)
    told = done(await door.client.post(RUN, json={"statement": "MATCH (n) RETURN count(n)"}), 202)
    assert told["data"]["values"] == [[2]]


async def test_a_key_that_only_reads_is_let_read(door: Door) -> None:
    reader = await door.key("reader")
    done(await door.client.post(RUN, json={"statement": "RETURN 1"}, headers=reader), 202)
    problem = refused(await door.client.post(RUN, json={"statement": "CREATE (n)"}, headers=reader), 422)
    assert problem["errors"][0]["code"] == "Neo.ClientError.Statement.AccessMode"
