"""What no interface stores: names with control characters, numbers that are none, open rings; and USE with commands."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import neo4j
import pytest
from neo4j.exceptions import ClientError

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from tests.rest import GRAPH, Door, done, refused

CYPHER = f"{GRAPH}/cypher"
QUERY_API = "/db/main/query/v2"
NAMES = {"m": {"a\x01": 1}, "k": "k\x02", "l": "L\x03"}
BAD_NAMES = [
    "CREATE (:`A\x01B`)",
    "CREATE (:P:`A\nB`)",
    "MERGE (n:`A\x1fB`)",
    "CREATE (n:Kept) SET n:`X\x07`",
    "CREATE (n:$($l))",
    "MATCH (n:Kept) SET n:$($l)",
    "CREATE (n {`p\x01`: 1})",
    "MATCH (n:Kept) SET n.`a\tb` = 1",
    "MATCH (n:Kept) SET n += $m",
    "MATCH (n:Kept) SET n = $m",
    "MATCH (n:Kept) SET n[$k] = 1",
    "MERGE (n:Kept) ON MATCH SET n.`a\x7f` = 1",
    "MERGE (n:Kept {`a\x80`: 1})",
    "CREATE (n $m)",
    "CREATE (n {a: {`x\x01`: 1}})",
    "CREATE ()-[:`T\x01`]->()",
    "CREATE ()-[:T {`q\x01`: 1}]->()",
    "MATCH (n:Kept) MERGE (n)-[:`T\n`]->(n)",
    "CALL (*) { CREATE (:`A\x01`) }",
]
NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "[1, -1e400]", '{"a": NaN}']
RING = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


@pytest.fixture
async def kept(door: Door) -> AsyncIterator[Door]:
    """A graph with one node, of which nothing may change."""
    await door.memory.cypher("main", "CREATE (:Kept {x: 1})", mode="write")
    yield door
    answer = await door.memory.cypher("main", "MATCH (n) RETURN labels(n), properties(n)")
    assert [tuple(row) for row in answer.rows] == [(["Kept"], {"x": 1})]


@pytest.fixture
async def driver(door: Door) -> AsyncIterator[neo4j.AsyncDriver]:
    _, secret = await door.memory.keys.create("bolt", "admin")
    async with (
        serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as bound,
        neo4j.AsyncGraphDatabase.driver(f"bolt://{bound}", auth=("kgmem", secret)) as opened,
    ):
        yield opened


@pytest.mark.parametrize("query", BAD_NAMES)
async def test_cypher_gives_no_name_with_a_control_character(kept: Door, query: str) -> None:
    body = {"query": query, "mode": "write", "parameters": NAMES}
    refused(await kept.client.post(CYPHER, json=body), 422, "control character")


async def test_what_has_a_control_character_already_can_be_removed(door: Door) -> None:
    await door.memory.cypher("main", "CREATE (:P {a: 1})", mode="write")
    body = {"query": "MATCH (n:P) REMOVE n.`a\x01`, n:`X\x01` SET n.b = 2 RETURN n.b", "mode": "write"}
    assert done(await door.client.post(CYPHER, json=body))["rows"] == [[2]]


async def test_bolt_gives_no_name_with_a_control_character(kept: Door, driver: neo4j.AsyncDriver) -> None:
    for query in ("CREATE (n $m)", "CREATE (n:$($l))", "MATCH (n) SET n[$k] = 1"):
        with pytest.raises(ClientError, match="control character"):
            await driver.execute_query(query, NAMES, database_="main")


@pytest.mark.parametrize(
    "items",
    [
        {"entities": [{"key": "a", "properties": {"p\x01": 1}}]},
        {"entities": [{"key": "a", "label": "P\x01"}]},
        {"relationships": [{"from": "a", "to": "a", "kind": "K\x01"}]},
        {"relationships": [{"from": "a", "to": "a", "kind": "K", "properties": {"p\n": 1}}]},
        {"entities": [{"key": "a", "place": RING}]},
    ],
)
async def test_rest_stores_no_name_with_a_control_character_and_no_open_ring(kept: Door, items: Any) -> None:
    (kind,) = items
    refused(await kept.client.put(f"{GRAPH}/{kind}", json=items), 422)


@pytest.mark.parametrize("number", NO_NUMBERS)
async def test_a_number_that_is_none_is_refused_as_a_parameter(kept: Door, number: str) -> None:
    json_body = {"content-type": "application/json"}
    write = f'{{"query": "CREATE (n {{a: $a}})", "mode": "write", "parameters": {{"a": {number}}}}}'
    refused(await kept.client.post(CYPHER, content=write, headers=json_body), 422, "Invalid parameter $a")
    statement = f'{{"statement": "CREATE (n {{a: $a}})", "parameters": {{"a": {number}}}}}'
    for media in ("application/json", "application/vnd.neo4j.query"):
        answer = await kept.client.post(QUERY_API, content=statement, headers={"content-type": media})
        refused(answer, 422, "Invalid parameter $a")
    entity = f'{{"entities": [{{"key": "a", "properties": {{"x": {number}}}}}]}}'
    refused(await kept.client.put(f"{GRAPH}/entities", content=entity, headers=json_body), 422)


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity"])
async def test_a_typed_number_that_is_none_is_refused(kept: Door, number: str) -> None:
    typed = {"statement": "CREATE (n {a: $a})", "parameters": {"a": {"$type": "Float", "_value": number}}}
    headers = {"content-type": "application/vnd.neo4j.query"}
    refused(await kept.client.post(QUERY_API, content=json.dumps(typed), headers=headers), 422, "too large")
    named = {"query": "RETURN $a", "parameters": {"a": [{"$type": "float", "value": number}]}}
    refused(await kept.client.post(CYPHER, json=named), 422)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_bolt_refuses_a_parameter_that_is_no_number_by_its_name(
    kept: Door, driver: neo4j.AsyncDriver, number: float
) -> None:
    for value in (number, [1.0, number], {"b": [{"c": number}]}):
        with pytest.raises(ClientError, match=r"Invalid parameter \$a.*NaN, infinite or too large"):
            await driver.execute_query("RETURN $a", {"ok": 1.5, "a": value}, database_="main")
        async with driver.session(database="main") as session:
            with pytest.raises(ClientError, match=r"Invalid parameter \$a"):
                await session.execute_write(lambda work, value=value: work.run("RETURN $a", {"a": value}))
    assert (await driver.execute_query("RETURN 1e308", database_="main")).records[0].values() == [1e308]


@pytest.mark.parametrize(
    "write",
    [
        "CREATE (n:P {x: %s})",
        "CREATE (n:P {l: [1.0, %s]})",
        "MERGE (n:P {x: %s})",
        "MATCH (n:Kept) SET n.x = %s",
        "MATCH (n:Kept) SET n += {x: %s}",
        "MATCH (n:Kept) SET n = {x: %s}",
        "MATCH (n:Kept) SET n[%s + 'x'] = %s",
        "MATCH (n:Kept) CREATE (n)-[:K {x: %s}]->(n)",
        "CALL apoc.create.node(['X'], {x: %s}) YIELD node RETURN node",
    ],
)
async def test_no_property_stores_what_is_no_number(kept: Door, write: str) -> None:
    for number in ("0.0 / 0.0", "1.0 / 0.0", "-1.0 / 0.0"):
        told = write.replace("%s + 'x'", "'x'").replace("%s", number)
        refused(await kept.client.post(CYPHER, json={"query": told, "mode": "write"}), 422, "cannot store NaN")
        returned = done(await kept.client.post(CYPHER, json={"query": f"RETURN {number}"}))
        assert returned["rows"][0][0]["$type"] == "float"


@pytest.mark.parametrize(
    "command",
    ["SHOW INDEXES", "CREATE INDEX named FOR (n:P) ON (n.x)", "DROP INDEX named", "SHOW CONSTRAINTS"],
)
async def test_use_before_a_command_is_refused_by_name_on_every_door(
    kept: Door, driver: neo4j.AsyncDriver, command: str
) -> None:
    await kept.memory.graphs.create("other")
    query, word = f"USE other {command}", command.split(maxsplit=1)[0]
    before = (await kept.memory.cypher("other", "SHOW INDEXES YIELD name RETURN name")).rows
    refused(await kept.client.post(CYPHER, json={"query": query, "mode": "write"}), 422, "USE", word)
    with pytest.raises(ClientError, match=word):
        await driver.execute_query(query, database_="main")
    assert (await kept.memory.cypher("other", "SHOW INDEXES YIELD name RETURN name")).rows == before
