"""The nine tools of the official memory server: the calls of its own documentation, and what it answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client

from kgmem.memory import Memory
from tests.acceptance.mcp.test_tools import _server, call, refused, text_of
from tests.graph_pool import GraphPool
from tests.mcp_clients import connected
from tests.memories import with_ports

JOHN = {"name": "John_Smith", "entityType": "person", "observations": ["Speaks fluent Spanish"]}
ANTHROPIC = {"name": "Anthropic", "entityType": "organization", "observations": []}
WORKS = {"from": "John_Smith", "to": "Anthropic", "relationType": "works_at"}


@pytest.fixture
async def client(memory: Memory, pool_in_use: GraphPool | None) -> AsyncIterator[Client]:
    """A client of the profile, over an empty graph."""
    await (pool_in_use.take("main") if pool_in_use else memory.graphs.create("main"))
    async with connected(Client(_server(with_ports(memory, extractor=None), tools="compat").sdk)) as open_client:
        yield open_client


@pytest.mark.long
async def test_a_graph_is_built_read_changed_and_deleted(client: Client) -> None:
    made = await call(client, "create_entities", entities=[JOHN, ANTHROPIC])
    assert json.loads(text_of(made)) == [JOHN, ANTHROPIC]
    assert made.structured_content == {"entities": [JOHN, ANTHROPIC]}
    again = await call(client, "create_entities", entities=[{**JOHN, "observations": ["Other"]}])
    assert json.loads(text_of(again)) == []
    related = await call(client, "create_relations", relations=[WORKS])
    assert json.loads(text_of(related)) == [WORKS]
    assert json.loads(text_of(await call(client, "create_relations", relations=[WORKS]))) == []
    new = ["Speaks fluent Spanish", "Graduated in 2019", "Prefers morning meetings"]
    added = await call(client, "add_observations", observations=[{"entityName": "John_Smith", "contents": new}])
    assert json.loads(text_of(added)) == [{"entityName": "John_Smith", "addedObservations": new[1:]}]
    whole = await call(client, "read_graph")
    graph = json.loads(text_of(whole))
    assert graph == whole.structured_content
    assert graph["relations"] == [WORKS]
    assert {each["name"]: each["observations"] for each in graph["entities"]} == {"John_Smith": new, "Anthropic": []}
    gone = [{"entityName": "John_Smith", "observations": ["Graduated in 2019", "Never said"]}]
    assert "success" in text_of(await call(client, "delete_observations", deletions=gone))
    opened = await call(client, "open_nodes", names=["John_Smith", "Nobody"])
    assert opened.structured_content["entities"][0]["observations"] == [new[0], new[2]]
    assert opened.structured_content["relations"] == [WORKS]
    await call(client, "delete_relations", relations=[WORKS, {**WORKS, "relationType": "left"}])
    await call(client, "delete_entities", entityNames=["John_Smith", "Nobody"])
    assert (await call(client, "read_graph")).structured_content == {"entities": [ANTHROPIC], "relations": []}


async def test_nodes_are_found_by_parts_of_names_types_and_observations(client: Client) -> None:
    await call(client, "create_entities", entities=[JOHN, ANTHROPIC])
    for query, names in (("smith", ["John_Smith"]), ("SPANISH", ["John_Smith"]), ("organ", ["Anthropic"])):
        found = await call(client, "search_nodes", query=query)
        assert [each["name"] for each in found.structured_content["entities"]] == names
    words = await call(client, "search_nodes", query="who speaks fluent spanish")
    assert [each["name"] for each in words.structured_content["entities"]] == ["John_Smith"]


async def test_what_the_official_server_refuses_is_refused(client: Client) -> None:
    wanted: list[dict[str, Any]] = [{"entityName": "Nobody", "contents": ["x"]}]
    assert "Entity with name Nobody not found" in await refused(client, "add_observations", observations=wanted)
    assert "Nobody" in await refused(client, "create_relations", relations=[{**WORKS, "from": "Nobody"}])
    assert "entityType" in await refused(client, "create_entities", entities=[{"name": "x", "observations": []}])


async def test_observations_of_many_callers_at_once_are_all_kept(client: Client) -> None:
    await call(client, "create_entities", entities=[ANTHROPIC])
    told = [f"Observation {n}" for n in range(8)]
    await asyncio.gather(
        *(
            call(client, "add_observations", observations=[{"entityName": "Anthropic", "contents": [each]}])
            for each in told
        )
    )
    opened = await call(client, "open_nodes", names=["Anthropic"])
    assert sorted(opened.structured_content["entities"][0]["observations"]) == told


async def test_a_graph_that_is_too_large_is_read_in_part_and_says_so(client: Client) -> None:
    many = [{**JOHN, "name": f"n{n}", "observations": ["x " * 50]} for n in range(20)]
    await call(client, "create_entities", entities=many)
    read = await call(client, "read_graph", max_tokens=500)
    assert 0 < len(read.structured_content["entities"]) < 20
    assert "a part" in read.content[-1].text  # type: ignore[union-attr]
