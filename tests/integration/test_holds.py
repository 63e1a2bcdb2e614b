"""What a legal hold covers is not deleted, whichever way, and nothing else changes either."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, OnHold
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.memories import cypher, new_graph, other_client, query

SCOPE = "user/1"
Way = Callable[[Memory, str, Any], Awaitable[Any]]


@pytest.fixture
async def graph(memory: Memory) -> str:
    return await new_graph(memory, f"holds_{secrets.token_hex(6)}")


async def filled(memory: Memory, graph: str) -> dict[str, Any]:
    """Write some of everything into a scope; returns ids."""
    ids = (await memory.entities.put(graph, [Entity("ann", "Person", "Ann", scope=SCOPE, source="crm"),
                                             Entity("acme", "Firm", scope=SCOPE),
                                             Entity("bea", "Person", scope=SCOPE)])).ids  # fmt: skip
    edges = (await memory.relationships.put(graph, [Relationship("AT", "ann", "acme", scope=SCOPE)])).ids
    claims = (await memory.claims.put(graph, [ClaimStatement("crm", "ann", "age", value=7, scope=SCOPE)])).ids
    await memory.episodes.put(graph, [Episode("Ann sails.", "t", scope=SCOPE, source="crm")])
    await memory.sessions.open(graph, SessionAddress("s", SCOPE))
    await memory.sessions.append(graph, SessionAddress("s", SCOPE), [Message("user", "Hello Ann.", id="m")])
    await memory.blocks.put(graph, BlockAddress("b", SCOPE), BlockContent("Likes tea."))
    await memory.states.put(graph, StateAddress("planner", "p", SCOPE), {"x": 1})
    return {"ann": ids[0], "edge": edges[0], "claim": claims[0]}


async def import_undone(memory: Memory, graph: str) -> int:
    """Import an entity into the scope; returns the import."""
    path = Path("/tmp") / f"{secrets.token_hex(6)}.jsonl"
    await asyncio.to_thread(
        path.write_bytes, orjson.dumps({"type": "entity", "key": "imported", "scope": SCOPE}) + b"\n"
    )
    try:
        await memory.imports.run(graph, [path], ImportOptions())
    finally:
        await asyncio.to_thread(path.unlink)
    return (await memory.imports.list(graph))[0].id


WAYS: Mapping[str, Way] = {
    "entities": lambda m, g, _: m.entities.delete(g, ["ann"], scope=SCOPE),
    "relationships": lambda m, g, ids: m.relationships.delete(g, [ids["edge"]], scope=SCOPE),
    "end of a relationship": lambda m, g, _: m.entities.delete(g, ["acme"], scope=SCOPE),
    "claims": lambda m, g, ids: m.claims.withdraw(g, [ids["claim"]], scope=SCOPE),
    "a source's claims": lambda m, g, _: m.claims.withdraw(g, source="crm", scope=SCOPE),
    "texts": lambda m, g, _: m.episodes.forget(g, ["t"], scope=SCOPE, erase=True),
    "messages": lambda m, g, _: m.episodes.forget(g, ["s/m"], scope=SCOPE),
    "sessions": lambda m, g, _: m.sessions.delete(g, SessionAddress("s", SCOPE)),
    "blocks": lambda m, g, _: m.blocks.delete(g, BlockAddress("b", SCOPE)),
    "states": lambda m, g, _: m.states.delete(g, StateAddress("planner", "p", SCOPE)),
    "cypher DETACH DELETE": lambda m, g, _: m.cypher(g, "MATCH (n:Person) DETACH DELETE n", mode="write"),
    "cypher DELETE": lambda m, g, _: m.cypher(g, "MATCH ()-[r:AT]->() DELETE r", mode="write"),
    "cypher REMOVE": lambda m, g, _: m.cypher(g, "MATCH (n:Person) REMOVE n.name", mode="write"),
    "cypher SET to null": lambda m, g, _: m.cypher(g, "MATCH (n:Person) SET n.name = null", mode="write"),
    "cypher SET to a map": lambda m, g, _: m.cypher(g, "MATCH (n:Person) SET n = {key: 'ann'}", mode="write"),
    "merge": lambda m, g, _: m.resolution.merge(g, NewMerge("bea", "ann", "x", "One.", scope=SCOPE)),
    "scope": lambda m, g, _: m.scopes.delete(g, SCOPE, erase=True),
    "scope above": lambda m, g, _: m.scopes.delete(g, "user"),
    "graph": lambda m, g, _: m.graphs.delete(g),
    "erasure of a scope": lambda m, g, _: m.erasures.erase(g, ErasureRequest(scope=SCOPE)),
    "erasure of a person": lambda m, g, _: m.erasures.erase(g, ErasureRequest(texts=["Ann"], whole_words=True)),
}  # fmt: skip


async def contents(memory: Memory, graph: str) -> Any:
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    tables = ("item", "edge", "claim", "history", "past_item", "session_message", "memory_block_version",
              "agent_state_version", "passage")  # fmt: skip
    return [await query(memory, f"SELECT * FROM {layout.index_name}.{each} ORDER BY 1, 2") for each in tables]


@pytest.mark.long
async def test_nothing_of_a_held_scope_is_deleted_by_any_way_until_its_release(memory: Memory, graph: str) -> None:
    ids = await filled(memory, graph)
    undone = await import_undone(memory, graph)
    hold = await memory.holds.put(graph, HoldRequest("scope", "Case 7.", "ann", SCOPE))
    before = await contents(memory, graph)
    ways = {**WAYS, "import": lambda m, g, _: m.imports.undo(g, undone)}
    for name, way in ways.items():
        try:
            await way(memory, graph, ids)
        except OnHold as refused:
            assert (refused.facts["hold"], "Case 7." in str(refused)) == (hold.id, True), name
        else:
            pytest.fail(f"{name} was not refused")
        assert await contents(memory, graph) == before, name
    await memory.holds.release(graph, hold.id, by="bob", reason="Closed.")
    await memory.scopes.delete(graph, SCOPE, erase=True)
    listed = (await memory.holds.list(graph)).items
    assert [(each.by, each.released_by, each.release_reason) for each in listed] == [("ann", "bob", "Closed.")]
    assert not (await memory.holds.list(graph, active=True)).items


@pytest.mark.parametrize(
    ("request_", "covers"),
    [
        (HoldRequest("graph", "r", "a"), True),
        (HoldRequest("label", "r", "a", "Person"), True),
        (HoldRequest("label", "r", "a", "Firm"), False),
        (HoldRequest("source", "r", "a", "crm"), True),
        (HoldRequest("source", "r", "a", "web"), False),
        (HoldRequest("scope", "r", "a", "user"), True),
        (HoldRequest("scope", "r", "a", "user/11"), False),
        (HoldRequest("scope", "r", "a", ""), False),
        (HoldRequest("items", "r", "a", keys=["ann"], keys_in=SCOPE), True),
        (HoldRequest("items", "r", "a", keys=["acme"], keys_in=SCOPE), False),
    ],
    ids=str,
)
async def test_a_hold_covers_what_it_names_alone(
    memory: Memory, graph: str, request_: HoldRequest, *, covers: bool
) -> None:
    people = [Entity("ann", "Person", scope=SCOPE, source="crm"), Entity("acme", "Firm", scope=SCOPE)]
    await memory.entities.put(graph, people)
    await memory.holds.put(graph, request_)
    if covers:
        with pytest.raises(OnHold):
            await memory.entities.delete(graph, ["ann"], scope=SCOPE)
    else:
        assert (await memory.entities.delete(graph, ["ann"], scope=SCOPE)).entities == 1


async def test_what_is_held_does_not_expire_before_the_release(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", "OnHold", ttl=0.2), Entity("b", "Free", ttl=0.2)])
    hold = await memory.holds.put(graph, HoldRequest("label", "r", "a", "OnHold"))
    await asyncio.sleep(0.4)
    assert [each.key for each in (await memory.entities.list(graph)).items] == ["a"]
    await memory.holds.release(graph, hold.id, by="a", reason="Over.")
    assert not (await memory.entities.list(graph)).items


async def test_what_is_held_can_be_added_to_and_changed(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", properties={"x": 1})])
    await memory.holds.put(graph, HoldRequest("graph", "r", "a"))
    await memory.entities.put(graph, [Entity("a", properties={"x": 2}), Entity("b")])
    await memory.blocks.put(graph, BlockAddress("b"), BlockContent("Later made tables are held, too."))
    with pytest.raises(OnHold):
        await memory.blocks.delete(graph, BlockAddress("b"))


@pytest.mark.server
async def test_another_client_may_delete_and_the_history_keeps_it(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    await memory.entities.put(graph, [Entity("a", "Person")])
    await memory.holds.put(graph, HoldRequest("graph", "r", "a"))
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (n:Person) DETACH DELETE n")
    index: Any = memory.ports.index
    catalog: Any = memory.ports.graphs
    assert await index.remove_orphans(await catalog.layout(graph)) == 1
    assert [
        row["key"]
        for row in await query(memory, f"SELECT key FROM {(await catalog.layout(graph)).index_name}.past_item")
    ] == ["a"]


async def test_wrong_holds_are_refused(memory: Memory, graph: str) -> None:
    for wrong in (
        HoldRequest("graph", " ", "a"), HoldRequest("scope", "r", "a"), HoldRequest("graph", "r", "a", "x"),
        HoldRequest("items", "r", "a"), HoldRequest("label", "r", "a", ""), HoldRequest("what", "r", "a"),  # type: ignore[arg-type]
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            await memory.holds.put(graph, wrong)
    with pytest.raises(NotFound):
        await memory.holds.put(graph, HoldRequest("items", "r", "a", keys=["nobody"]))
    with pytest.raises(NotFound):
        await memory.holds.release(graph, 2**40, by="a", reason="r")
    hold = await memory.holds.put(graph, HoldRequest("graph", "r", "a"))
    await memory.holds.release(graph, hold.id, by="a", reason="r")
    with pytest.raises(Conflict):
        await memory.holds.release(graph, hold.id, by="a", reason="r")
