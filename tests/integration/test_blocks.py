"""Memory blocks in the database: versions, conditions, edits, concurrent writers, and their place in contexts."""

import asyncio

import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent, BlockEdit
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge, VersionConflict
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "blocks"
HUMAN = BlockAddress("human", "user/42")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def text_of(memory: Memory, address: BlockAddress = HUMAN, version: int | None = None) -> str:
    return (await memory.blocks.get(GRAPH, address, version=version)).text


async def test_each_change_is_a_version_that_stays(memory: Memory) -> None:
    first = await memory.blocks.put(GRAPH, HUMAN, BlockContent("Clara", "Who she is", 100, ("planner",)))
    assert (first.version, first.created, first.agents, first.limit) == (1, True, ("planner",), 100)
    assert not (await memory.blocks.put(GRAPH, HUMAN, first.content())).created
    await memory.blocks.append(GRAPH, HUMAN, "lives in Hamburg")
    await memory.blocks.edit(GRAPH, HUMAN, [BlockEdit("Hamburg", "Oslo"), BlockEdit("Clara", "Clara B.")])
    assert await text_of(memory) == "Clara B.\nlives in Oslo"
    assert [await text_of(memory, version=n) for n in (1, 2)] == ["Clara", "Clara\nlives in Hamburg"]
    versions = (await memory.blocks.versions(GRAPH, HUMAN)).items
    assert [(each.version, each.description, each.agents) for each in versions] == [
        (n, "Who she is", ("planner",)) for n in (3, 2, 1)
    ]
    with pytest.raises(NotFound, match="version 9"):
        await memory.blocks.get(GRAPH, HUMAN, version=9)


async def test_a_lost_update_is_refused(memory: Memory) -> None:
    await memory.blocks.put(GRAPH, HUMAN, BlockContent("a"), if_version=0)
    with pytest.raises(VersionConflict):
        await memory.blocks.put(GRAPH, HUMAN, BlockContent("b"), if_version=0)
    await memory.blocks.append(GRAPH, HUMAN, "b", if_version=1)
    for change in (
        memory.blocks.append(GRAPH, HUMAN, "c", if_version=1),
        memory.blocks.edit(GRAPH, HUMAN, [BlockEdit("a", "c")], if_version=1),
        memory.blocks.put(GRAPH, HUMAN, BlockContent("c"), if_version=1),
    ):
        with pytest.raises(VersionConflict, match="version 2"):
            await change
    with pytest.raises(VersionConflict):
        await memory.blocks.delete(GRAPH, HUMAN, if_version=1)
    assert await text_of(memory) == "a\nb"


async def test_concurrent_appends_of_the_same_text_lose_none(memory: Memory) -> None:
    await memory.blocks.put(GRAPH, HUMAN, BlockContent("begin"))
    await asyncio.gather(*(memory.blocks.append(GRAPH, HUMAN, "same") for _ in range(12)))
    assert (await text_of(memory)).split("\n") == ["begin", *["same"] * 12]
    assert (await memory.blocks.get(GRAPH, HUMAN)).version == 13


async def test_bad_changes_are_refused_and_change_nothing(memory: Memory) -> None:
    await memory.blocks.put(GRAPH, HUMAN, BlockContent("one two one", limit=20))
    with pytest.raises(Conflict, match="2 times"):
        await memory.blocks.edit(GRAPH, HUMAN, [BlockEdit("one", "x")])
    with pytest.raises(Conflict, match=r"edits\[1\].old is 0 times"):
        await memory.blocks.edit(GRAPH, HUMAN, [BlockEdit("two", "x"), BlockEdit("two", "y")])
    with pytest.raises(InvalidInput, match="empty"):
        await memory.blocks.edit(GRAPH, HUMAN, [BlockEdit("", "x")])
    with pytest.raises(TooLarge, match="limit"):
        await memory.blocks.append(GRAPH, HUMAN, "x" * 20)
    with pytest.raises(TooLarge):
        await memory.blocks.put(GRAPH, HUMAN, BlockContent("x" * 21, limit=20))
    with pytest.raises(InvalidInput, match="limit"):
        await memory.blocks.put(GRAPH, HUMAN, BlockContent("x", limit=0))
    with pytest.raises(InvalidInput, match="name"):
        await memory.blocks.put(GRAPH, BlockAddress("a b"), BlockContent("x"))
    assert (await memory.blocks.get(GRAPH, HUMAN)).version == 1
    for other in (BlockAddress("human"), BlockAddress("human", "user/43"), BlockAddress("none", "user/42")):
        with pytest.raises(NotFound):
            await memory.blocks.append(GRAPH, other, "x")


async def test_a_deleted_block_is_gone_and_its_numbers_go_on(memory: Memory) -> None:
    await memory.blocks.put(GRAPH, HUMAN, BlockContent("a"))
    await memory.blocks.append(GRAPH, HUMAN, "b")
    assert await memory.blocks.delete(GRAPH, HUMAN) == 2
    with pytest.raises(NotFound):
        await memory.blocks.get(GRAPH, HUMAN)
    assert (await memory.blocks.list(GRAPH, scope=HUMAN.scope)).items == []
    assert (await memory.blocks.put(GRAPH, HUMAN, BlockContent("c"), if_version=0)).version == 3


async def test_blocks_come_first_in_the_contexts_of_their_agents(memory: Memory) -> None:
    for address, content in (
        (BlockAddress("persona"), BlockContent("You are kind.\n## Current facts", agents=("planner", "writer"))),
        (BlockAddress("human"), BlockContent("Somebody.")),
        (HUMAN, BlockContent("Clara.")),
        (BlockAddress("task", "user/42"), BlockContent("Other.", agents=("writer",))),
        (BlockAddress("scratch", "user/43"), BlockContent("Secret.")),
    ):
        await memory.blocks.put(GRAPH, address, content)
    chat = SessionAddress("chat", "user/42")
    await memory.sessions.open(GRAPH, chat, SessionDetails("planner"))
    await memory.sessions.append(GRAPH, chat, [Message("user", "hello")])
    found = await memory.sessions.context(GRAPH, chat)
    assert [entry.sources for entry in found.sections["blocks"]] == [("block:human",), ("block:persona",)]
    assert found.text.split("\n")[1:6] == [
        "## Memory blocks", "[block:human]", "| Clara.", "[block:persona]", "| You are kind.",
    ]  # fmt: skip
    assert found.text.count("\n## Current facts") == 0
    assert (await memory.sessions.context(GRAPH, chat, budget=60)).tokens <= 60
    listed = await memory.blocks.list(GRAPH, agent="planner")
    assert [each.name for each in listed.items] == ["human", "persona"]
