"""Sessions, messages and memory blocks in exports and imports: a round trip loses nothing, damage is refused."""

import secrets
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import Conflict, NotFound
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.integration.test_agent_state_files import rewritten
from tests.memories import new_graph

CHAT = SessionAddress("chat-1")
OWN = SessionAddress("chat-1", "user/1")
PERSONA = BlockAddress("persona")
HUMAN = BlockAddress("human", "user/1")
CALL = {"id": "c1", "type": "function", "function": {"name": "trains", "arguments": '{"to": "Ülm"}'}}


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory) -> None:
    """Write a session of 70 messages of all kinds, one of another scope that is closed, an empty one, and blocks."""
    details = SessionDetails("planner", ["Ada", "Ben"], {"channel": "web", "tags": [1, None]})
    await memory.sessions.open(Graphs.old, CHAT, details)
    said = [Message("user", f"Remark {n} on trains to Ulm.", id=f"u{n}", metadata={"n": n}) for n in range(66)]
    await memory.sessions.append(Graphs.old, CHAT, said, extract=False)
    rest = [
        Message("assistant", None, id="a1", tool_calls=[CALL], tokens=7),
        Message("tool", "09:14, 10:14", id="t1", tool_call_id="c1", name="trains"),
        Message("assistant", [{"type": "text", "text": "At 9:14 😀."}, {"type": "image", "url": "x"}], id="a2"),
        Message("user", "Thanks!", id="u99", name="Ben", occurred_at="2024-05-01T10:00:00Z"),
    ]
    await memory.sessions.append(Graphs.old, CHAT, rest, extract=False)
    await memory.sessions.open(Graphs.old, OWN)
    await memory.sessions.append(Graphs.old, OWN, [Message("user", "Mine alone.", id="u0")], extract=False)
    await memory.sessions.close(Graphs.old, OWN)
    await memory.sessions.open(Graphs.old, SessionAddress("empty"))
    await memory.blocks.put(Graphs.old, PERSONA, BlockContent("You are brief.", "Who you are.", 500, ["planner"]))
    await memory.blocks.append(Graphs.old, PERSONA, "And kind.")
    await memory.blocks.put(Graphs.old, HUMAN, BlockContent("Likes tea."))
    await memory.blocks.put(Graphs.old, BlockAddress("gone"), BlockContent("x"))
    await memory.blocks.delete(Graphs.old, BlockAddress("gone"))


async def held(memory: Memory, graph: str) -> Any:
    """All that the doors tell of sessions, messages, contexts and blocks of a graph."""
    found: dict[Any, Any] = {}
    for scope in ("", "user/1"):
        for session in (await memory.sessions.list(graph, scope=scope)).items:
            address = SessionAddress(session.id, scope)
            pages = [await memory.sessions.messages(graph, address, limit=50)]
            while pages[-1].cursor:
                pages.append(await memory.sessions.messages(graph, address, limit=50, cursor=pages[-1].cursor))
            context = await memory.sessions.context(graph, address, budget=600)
            found[scope, session.id] = (
                session, [each for page in pages for each in page.items], context.sections["messages"],
                context.sections["summaries"],
            )  # fmt: skip
        for block in (await memory.blocks.list(graph, scope=scope)).items:
            address_ = BlockAddress(block.name, scope)
            found[scope, "block", block.name] = (await memory.blocks.versions(graph, address_)).items
    return found


@pytest.mark.long
@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "nquads"])
async def test_a_round_trip_loses_nothing(memory: Memory, tmp_path: Path, format_: str) -> None:
    await fill(memory)
    target = tmp_path / {"jsonl": "all.jsonl.gz", "nquads": "all.nq"}.get(format_, "all.zip")
    written = await memory.exports.write(Graphs.old, target, ExportOptions(format=format_))
    assert not written.lost
    done = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert not done.rejections
    before = await held(memory, Graphs.old)
    assert len(before["", "chat-1"][1]) == 70
    assert before["", "chat-1"][3]
    assert await held(memory, Graphs.new) == before

    again = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert (again.created, again.updated, again.unchanged, len(again.rejections)) == (0, 0, again.read, 0)
    same = await memory.sessions.append(
        Graphs.new, CHAT, [Message("user", "Thanks!", id="u99", name="Ben", occurred_at="2024-05-01T10:00:00Z")]
    )
    assert same.created == 0
    added = await memory.sessions.append(Graphs.new, CHAT, [Message("user", "Again.")], extract=False)
    assert added.messages[0].seq == 71
    assert (await memory.blocks.put(Graphs.new, BlockAddress("gone"), BlockContent("y"))).version == 2


async def test_a_scope_exports_its_own(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    target = tmp_path / "one.jsonl"
    await memory.exports.write(Graphs.old, target, ExportOptions(scope="user/1"))
    await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert set(await held(memory, Graphs.new)) == {("user/1", "chat-1"), ("user/1", "block", "human")}


@pytest.mark.long
async def test_later_messages_are_added_and_other_ones_refused(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    early, late = tmp_path / "early.jsonl", tmp_path / "late.jsonl"
    await memory.exports.write(Graphs.old, early)
    await memory.sessions.append(Graphs.old, CHAT, [Message("user", "One more.", id="more")], extract=False)
    await memory.exports.write(Graphs.old, late)
    for file in (early, late, early):
        assert not (await memory.imports.run(Graphs.new, [file], ImportOptions())).rejections
    assert await held(memory, Graphs.new) == await held(memory, Graphs.old)

    other = await new_graph(memory, f"other_{secrets.token_hex(6)}")
    await memory.sessions.open(other, CHAT)
    await memory.sessions.append(other, CHAT, [Message("user", "Something else.", id="x")], extract=False)
    done = await memory.imports.run(other, [late], ImportOptions())
    assert len(done.rejections) == 72
    assert all("The session 'chat-1' was not imported" in each.reason for each in done.rejections)
    assert [each.id for each in (await memory.sessions.messages(other, CHAT)).items] == ["x"]
    assert (await memory.sessions.get(other, OWN)).messages == 1


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("session_message", {"seq": 0}, "seq"),
        ("session_message", {"digest": "zz"}, "digest"),
        ("session_message", {"tokens": -1}, "tokens"),
        ("session_message", {"episode": "nowhere"}, "no episode 'nowhere'"),
        ("session_message", {"session": "another"}, "not the session itself"),
        ("session_message", {"sent": {"role": "pirate", "content": "x"}}, "sent.role"),
        ("session_message", {"sent": {"role": "user", "content": "x", "shoes": 1}}, "sent"),
        ("session_message", None, "of its 70 messages"),
        ("session", None, "not the session itself"),
        ("session", {"opened": "soon"}, "soon"),
        ("memory_block_version", None, "of its"),
        ("memory_block_version", {"text": "x" * 6000, "limit": 5000}, "6,000 characters"),
        ("memory_block_version", {"limit": True}, "limit"),
    ],
)
async def test_damage_is_refused(
    memory: Memory, tmp_path: Path, kind: str, change: dict[str, Any] | None, reason: str
) -> None:
    await fill(memory)
    target = tmp_path / "all.jsonl"
    await memory.exports.write(Graphs.old, target)
    wanted = [True]

    def changed(line: dict[str, Any]) -> list[dict[str, Any]]:
        if line.get("type") != kind or line.get("scope") or not wanted:
            return [line]
        wanted.clear()
        return [] if change is None else [line | change]

    done = await memory.imports.run(Graphs.new, [rewritten(target, changed)], ImportOptions())
    assert not wanted
    assert done.rejections
    assert any(reason in each.reason for each in done.rejections), {each.reason for each in done.rejections}
    if kind.startswith("session"):
        with pytest.raises(NotFound):
            await memory.sessions.get(Graphs.new, CHAT)
    assert (await memory.sessions.get(Graphs.new, OWN)).messages == 1
    assert orjson.loads(target.read_bytes().splitlines()[0])


async def test_a_closed_session_stays_closed(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    target = tmp_path / "all.jsonl"
    await memory.exports.write(Graphs.old, target)
    await memory.imports.run(Graphs.new, [target], ImportOptions())
    with pytest.raises(Conflict):
        await memory.sessions.append(Graphs.new, OWN, [Message("user", "More.")])
