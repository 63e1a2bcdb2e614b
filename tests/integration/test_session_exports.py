"""One session, and one scope with those below it, exported by themselves: a round trip loses nothing of them."""

import io
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.decision import DecisionStatement, Evidence
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter, FactTarget
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.feedback import Feedback
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import hashing, opened_memory

CHAT = SessionAddress("chat", "user/1")
OTHER = SessionAddress("other", "user/1")
CALL = {"id": "c1", "type": "function", "function": {"name": "trains", "arguments": '{"to": "Ülm"}'}}


class Graphs:
    """The graphs of the running test."""

    old = new = ""


@pytest.fixture
async def memory(shared_database_url: str) -> AsyncIterator[Memory]:
    """A memory that extracts, with two graphs of its own."""
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as opened:
        Graphs.old, Graphs.new = (f"{name}_{secrets.token_hex(6)}" for name in ("old", "new"))
        for graph in (Graphs.old, Graphs.new):
            await opened.graphs.create(graph)
        try:
            yield opened
        finally:
            for graph in (Graphs.old, Graphs.new):
                await opened.graphs.delete(graph)


async def fill(memory: Memory) -> None:
    """Write two sessions of one scope with all that belongs to sessions, and other things of that scope."""
    graph = Graphs.old
    await memory.sessions.open(graph, CHAT, SessionDetails("planner", ("Clara",), {"channel": "web"}))
    said = [
        Message("user", "I moved to Hamburg in May 2024.", "m1", metadata={"n": 1}),
        Message("assistant", None, "m2", tool_calls=(CALL,), tokens=7),
        Message("tool", "09:14", "m3", tool_call_id="c1", name="trains"),
        Message("user", "Bob Miller works at Acme Corporation.", "m4"),
    ]
    await memory.sessions.append(graph, CHAT, said)
    await memory.sessions.open(graph, OTHER, SessionDetails("judge", ("Clara",)))
    await memory.sessions.append(graph, OTHER, [Message("user", "Dora Stone lives in Lisbon.", "o1")])
    await memory.extraction.run(graph)
    first, *_, last = (await memory.sessions.messages(graph, CHAT)).items
    scope = CHAT.scope
    claims = [
        ClaimStatement("Clara", "bike", "colour", value="red", episode=first.episode, scope=scope),
        ClaimStatement("Clara", "bike", "price", value=120, episode=last.episode, scope=scope),
        ClaimStatement("shop", "bike", "price", value=90, scope=scope),
    ]
    await memory.claims.put(graph, claims)
    decided = DecisionStatement(
        "Take the train.", "planner", "d1", session="chat", probability=0.8, scope=scope,
        evidence=[Evidence("episode", key=first.episode), Evidence("entity", key="station")],
    )  # fmt: skip
    await memory.entities.put(graph, [Entity("station", scope=scope), Entity("elsewhere", scope=scope)])
    await memory.decisions.record(graph, decided)
    await memory.decisions.record(graph, DecisionStatement("Wait.", "judge", "d2", session="other", scope=scope))
    (colour,) = (await memory.facts.list(graph, FactFilter(scope=scope, subject="bike", predicate="colour"))).items
    await memory.facts.retract(graph, FactTarget(colour.id), by="ada", reason="It was never red.", scope=scope)
    note = await memory.episodes.get(graph, first.episode, scope=scope)
    assert note.id is not None
    await memory.feedback.give(graph, Feedback(note.id, "useful", scope=scope))


async def exported(memory: Memory, graph: str, options: ExportOptions) -> list[dict[str, Any]]:
    """Return the records of an export, in an order of their own, without vectors."""
    stream = io.BytesIO()
    await memory.exports.write(graph, stream, options)
    return sorted(map(orjson.loads, stream.getvalue().splitlines()), key=orjson.dumps)


async def brought(memory: Memory, options: ExportOptions, tmp: Any) -> list[dict[str, Any]]:
    """Export, import into the other graph, and return what the same export of that one has."""
    target = tmp / "part.jsonl"
    written = await memory.exports.write(Graphs.old, target, options)
    assert not written.lost
    done = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert not done.rejections
    again = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert (again.created, again.updated, len(again.rejections)) == (0, 0, 0)
    return await exported(memory, Graphs.new, options)


@pytest.mark.long
async def test_one_session_is_exported_with_all_that_belongs_to_it(memory: Memory, tmp_path: Any) -> None:
    await fill(memory)
    options = ExportOptions(format="jsonl", scope="user/1", session="chat")
    records = await exported(memory, Graphs.old, options)
    kinds = Counter(record.get("type", "entity") for record in records)
    assert (kinds["session"], kinds["session_message"], kinds["episode"], kinds["feedback"]) == (1, 4, 4, 1)
    text = orjson.dumps(records).decode()
    assert all(word in text for word in ("Hamburg", "Bob Miller", "It was never red.", "Take the train.", "station"))
    assert not any(word in text for word in ("Lisbon", "Dora", "Wait.", "elsewhere", '"shop"'))
    after = await brought(memory, options, tmp_path)
    # Of the price, the shop's claim is not the session's; without it another fact results.
    assert [each for each in after if (each["type"], each.get("predicate")) != ("fact", "price")] == records

    page = await memory.sessions.messages(Graphs.new, CHAT)
    assert [each.id for each in page.items] == ["m1", "m2", "m3", "m4"]
    assert page.items[1].tool_calls == [CALL]
    assert [each.episode for each in page.items] == [
        each.episode for each in (await memory.sessions.messages(Graphs.old, CHAT)).items
    ]
    claims = (await memory.claims.list(Graphs.new, ClaimFilter(scope="user/1", subject="bike"))).items
    assert sorted((each.predicate, each.value) for each in claims) == [("colour", "red"), ("price", 120)]
    decision = await memory.decisions.get(Graphs.new, "d1", scope="user/1")
    assert [each.state for each in decision.statement.evidence] == ["current", "current"]
    facts = (await memory.facts.list(Graphs.new, FactFilter(scope="user/1", subject="bike"))).items
    assert {each.predicate: each.state for each in facts}["colour"] == "invalidated"


@pytest.mark.long
async def test_a_session_that_is_not_there_is_refused_by_name(memory: Memory) -> None:
    await fill(memory)
    for scope in (None, "user/2"):
        with pytest.raises(NotFound, match="no session 'chat' in this scope"):
            await exported(memory, Graphs.old, ExportOptions(format="jsonl", scope=scope, session="chat"))
    refused = [
        (ExportOptions(format="jsonl", session="a b"), "session"),
        (ExportOptions(format="jsonl", below=True), "below"),
        (ExportOptions(format="jsonl", scope="user/1", session="chat", below=True), "below"),
    ]
    for options, field in refused:
        with pytest.raises(InvalidInput) as error:
            await exported(memory, Graphs.old, options)
        assert error.value.facts["field"] == field


@pytest.mark.long
async def test_a_scope_is_exported_with_those_below_it(memory: Memory, tmp_path: Any) -> None:
    await fill(memory)
    graph, below = Graphs.old, "user/1/work"
    await memory.episodes.put(graph, [Episode("Below.", "b", scope=below), Episode("Next.", "n", scope="user/10")])
    await memory.blocks.put(graph, BlockAddress("human", below), BlockContent("Likes tea."))
    await memory.blocks.append(graph, BlockAddress("human", below), "And trains.")
    state = StateAddress("planner", "plan", "user/1")
    for step in range(3):
        await memory.states.put(graph, state, {"step": step})
    await memory.states.set_checkpoint(graph, state, "begun", version=1)
    options = ExportOptions(format="jsonl", scope="user/1", below=True)
    records = await exported(memory, graph, options)
    assert {record.get("scope") for record in records if record["type"] != "source"} == {"user/1", below}
    assert await brought(memory, options, tmp_path) == records
    assert len((await memory.states.versions(Graphs.new, state)).items) == 3
