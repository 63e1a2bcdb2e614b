"""Queries by the key of an entity that was merged away, over REST and Bolt."""

import neo4j

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.domain.graph.entity import Entity
from kgmem.domain.text.resolution import NewMerge
from tests.rest import Door

READ = "UNWIND $keys AS key MATCH (n:Person {key: key}) RETURN n.key AS key"
AFTER_WITH = "MATCH (n:Person) WITH n WHERE n['key'] = $key OR n.key IN $keys RETURN n.key AS key"
WRITE = "MERGE (n:Person {key: $key}) SET n.rank = $rank RETURN n.key AS key"


async def test_rest_and_bolt_find_and_write_the_kept_one(door: Door) -> None:
    people = [Entity("neil", "Person", name="Neil Armstrong"), Entity("n-a", "Person", name="N. Armstrong")]
    await door.memory.entities.put("main", people)
    await door.memory.resolution.merge("main", NewMerge("neil", "n-a", by="ada", reason="One person."))

    asked = {"query": READ, "parameters": {"keys": ["n-a"]}}
    answer = await door.client.post("/v1/graphs/main/cypher", json=asked)
    assert answer.json()["rows"] == [["neil"]]

    asked = {"query": AFTER_WITH, "parameters": {"key": "n-a", "keys": []}}
    assert (await door.client.post("/v1/graphs/main/cypher", json=asked)).json()["rows"] == [["neil"]]

    _, secret = await door.memory.keys.create("bolt", "writer")
    async with (
        serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as bound,
        neo4j.AsyncGraphDatabase.driver(f"bolt://{bound}", auth=("kgmem", secret)) as driver,
    ):
        rows, _, _ = await driver.execute_query(READ, keys=["n-a"], database_="main")
        assert [row["key"] for row in rows] == ["neil"]
        rows, _, _ = await driver.execute_query(AFTER_WITH, key="", keys=["n-a"], database_="main")
        assert [row["key"] for row in rows] == ["neil"]
        async with driver.session(database="main") as session, await session.begin_transaction() as transaction:
            written = await (await transaction.run(WRITE, key="n-a", rank="commander")).single()
            assert written is not None
            assert written["key"] == "neil"
            await transaction.commit()
    assert (await door.memory.entities.get("main", "neil")).properties["rank"] == "commander"
