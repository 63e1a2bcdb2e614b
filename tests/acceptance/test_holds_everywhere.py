"""A legal hold is the same over REST, Bolt, Cypher, MCP and imports: nothing goes, and an overwrite keeps what was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import neo4j
import orjson
import pytest
from mcp import Client
from neo4j.exceptions import ClientError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import OnHold
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.time.interval import iso, now
from kgmem.mcp.caller import LOCAL, Caller, ConnectionOptions
from kgmem.mcp.protocol import ToolServer
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.mcp_clients import connected
from tests.memories import index_schema, query
from tests.rest import GRAPH, Door, done, refused

# Queries that would take something of Ann away: a node, a relationship, a label, a property.
DELETIONS = (
    "MATCH (n:Person {key: 'ann'}) DETACH DELETE n",
    "MATCH (:Person)-[r:AT]->() DELETE r",
    "MATCH (f:Firm) DETACH DELETE f",  # It ends a relationship of Ann.
    "MATCH (n:Person) FOREACH (x IN [n] | DETACH DELETE x)",
    "MATCH (n:Person) CALL { WITH n DETACH DELETE n }",
    "MATCH (n:Person) REMOVE n.name",
    "MATCH (n:Person) SET n.name = null",
    "MATCH (n:Person) SET n += {name: null}",
    "MATCH (n:Person) SET n = {key: 'ann'}",
    "MERGE (n:Person {key: 'ann'}) ON MATCH SET n.name = null",
)


@pytest.fixture
async def ann(door: Door) -> Memory:
    """A graph in which all that is about Ann is on hold."""
    memory = door.memory
    await memory.entities.put(
        "main", [Entity("ann", "Person", "Ann", scope="", properties={"x": 1}), Entity("acme", "Firm")]
    )
    await memory.relationships.put("main", [Relationship("AT", "ann", "acme")])
    await memory.claims.put("main", [ClaimStatement("crm", "ann", "age", value=7)])
    await memory.episodes.put("main", [Episode("Ann sails to Turku.", "t")])
    await memory.holds.put("main", HoldRequest("items", "Case 7.", "law", keys=["ann", "t"]))
    return memory


async def contents(memory: Memory) -> Any:
    index = await index_schema(memory, "main")
    tables = ("item", "edge", "claim", "passage", "history", "past_item", "past_edge")
    return [await query(memory, f"SELECT * FROM {index}.{each} ORDER BY 1, 2") for each in tables]


async def test_bolt_and_cypher_delete_nothing_on_hold(door: Door, ann: Memory) -> None:
    before = await contents(ann)
    _, secret = await ann.keys.create("bolt", "admin")
    async with (
        serving(MemoryBackend(ann), ServerOptions("127.0.0.1", 0)) as address,
        neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as driver,
    ):
        for each in DELETIONS:
            with pytest.raises(ClientError, match="Case 7") as over_bolt:
                await driver.execute_query(each, database_="main")
            assert "released" in str(over_bolt.value), each
            answer = await door.client.post(f"{GRAPH}/cypher", json={"query": each, "mode": "write"})
            refused(answer, 409, "Case 7.")
            assert await contents(ann) == before, each
        async with driver.session(database="main") as session:
            transaction = await session.begin_transaction()
            await (await transaction.run("CREATE (:Other {key: 'o'})")).consume()
            with pytest.raises(ClientError, match="Case 7"):
                await (await transaction.run(DELETIONS[0])).consume()
            await transaction.close()
    assert await contents(ann) == before


async def test_rest_deletes_nothing_on_hold(door: Door, ann: Memory) -> None:
    before, client = await contents(ann), door.client
    (edge,) = [each.id for each in (await ann.relationships.list("main")).items]
    for answer in (
        await client.delete(f"{GRAPH}/entities/ann"),
        await client.delete(f"{GRAPH}/relationships", params={"id": edge}),
        await client.delete(f"{GRAPH}/episodes/t"),
        await client.post(f"{GRAPH}/forget", json={"keys": ["t"], "erase": True}),
        await client.post(f"{GRAPH}/erasures", json={"texts": ["Ann"]}),
        await client.delete(GRAPH),
    ):
        problem = refused(answer, 409, "Case 7.")
        assert problem["type"] == "urn:kgmem:error:on-hold"
        assert await contents(ann) == before


@pytest.fixture
async def tools(ann: Memory) -> AsyncIterator[Client]:
    async def opened() -> Memory:
        return ann

    caller = Caller(LOCAL, ConnectionOptions(tools="all"), opened, local=True)
    async with connected(Client(ToolServer(lambda _: caller).sdk)) as client:
        yield client


async def test_mcp_deletes_nothing_on_hold(ann: Memory, tools: Client) -> None:
    before = await contents(ann)
    (edge,) = [each.id for each in (await ann.relationships.list("main")).items]
    names = {each.name for each in (await tools.list_tools()).tools}
    for tool, arguments in (
        ("forget", {"ref": "episode:t"}),
        ("forget", {"ref": f"fact:{edge}"}),
        ("forget", {"ref": "entity:ann"}),
        ("run_cypher", {"query": DELETIONS[0]}),
        ("delete_entities", {"entityNames": ["ann"]}),
        ("delete_relations", {"relations": [{"from": "ann", "to": "acme", "relationType": "AT"}]}),
    ):
        if tool not in names:
            continue
        result = await tools.call_tool(tool, arguments)
        first: Any = result.content[0]
        assert result.is_error, (tool, first.text)
        assert await contents(ann) == before, (tool, first.text)


async def test_an_overwrite_of_what_is_on_hold_keeps_the_former_version(
    door: Door, ann: Memory, tmp_path: Path
) -> None:
    before = iso(now())
    await asyncio.sleep(0.01)
    file = tmp_path / "over.jsonl"
    records = [{"type": "entity", "key": "ann", "label": "Person", "properties": {"x": 4}},
               {"type": "episode", "key": "t", "text": "By an import."}]  # fmt: skip
    file.write_bytes(b"\n".join(orjson.dumps(each) for each in records))
    done(await door.client.put(f"{GRAPH}/entities/ann", json={"label": "Person", "properties": {"x": 2}}))
    done(await door.client.post(f"{GRAPH}/cypher", json={"query": "MATCH (n:Person) SET n.x = 3", "mode": "write"}))
    await ann.imports.run("main", [file], ImportOptions())
    await ann.episodes.put("main", [Episode("By a caller.", "t")])
    assert (await ann.entities.get("main", "ann")).properties["x"] == 4
    index = await index_schema(ann, "main")
    rows = await query(ann, f"SELECT record FROM {index}.history ORDER BY version")
    kept = [orjson.loads(row["record"]) for row in rows]
    assert {each["properties"]["x"] for each in kept if "x" in each.get("properties", {})} >= {1, 2, 3}
    assert {"Ann sails to Turku.", "By an import."} <= {each["properties"].get("text") for each in kept}
    answer = await ann.recall("main", Question(What("sails to Turku"), when=When(known_at=before)))
    assert "t" in [hit.key for hit in answer.hits]
    with pytest.raises(OnHold):
        await ann.episodes.forget("main", ["t"], erase=True)
    with pytest.raises(OnHold):
        await ann.imports.undo("main", (await ann.imports.list("main"))[0].id)
