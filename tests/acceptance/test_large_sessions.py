"""A session of 10,000 messages is listed, summarised, exported and deleted whole: over REST, in Python, by commands."""

import json
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.errors import NotFound
from kgmem.services.imports.export_records import ExportOptions
from tests.cli import Command
from tests.rest import GRAPH, Door, done, refused

pytestmark = pytest.mark.slow

COUNT = 10_000
BATCH = 1000
COUNTED = ("episodes", "passages", "vectors", "entities", "relationships", "claims", "kept_entities")


def text(n: int) -> str:
    return f"Message {n} says that the ferry of day {n} leaves at {n % 24}."


def batch(start: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text(n), "id": f"m{n}"} for n in range(start, start + BATCH)]


def messages_in(exported: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in exported.splitlines()]
    return [each for each in records if each["type"] == "session_message"]


async def test_over_rest(door: Door) -> None:
    chat, other = f"{GRAPH}/sessions/large", f"{GRAPH}/sessions/small"
    for address in (chat, other):
        done(await door.client.put(address, json={"agent": "planner", "users": ["Clara"]}), 201)
    done(await door.client.post(f"{other}/messages", json={"messages": batch(0)[:2]}))
    for start in range(0, COUNT, BATCH):
        made = await door.client.post(f"{chat}/messages", json={"messages": batch(start), "extract": False})
        assert done(made)["created"] == BATCH
    found, cursor = [], None
    while True:
        page = done(
            await door.client.get(f"{chat}/messages", params={"limit": 1000} | ({"cursor": cursor} if cursor else {}))
        )
        found += page["messages"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert [(each["seq"], each["content"]) for each in found] == [(n + 1, text(n)) for n in range(COUNT)]
    summary = done(await door.client.get(f"{chat}/summary"))
    assert summary["session"]["messages"] == COUNT
    assert summary["sentences"]
    exported = await door.client.get(f"{GRAPH}/export", params={"format": "jsonl", "session": "large"})
    assert len(messages_in(exported.text)) == COUNT
    dry = done(await door.client.delete(chat, params={"dry_run": "true"}))
    gone = done(await door.client.delete(chat))
    assert gone["episodes"] == COUNT
    assert {name: dry[name] for name in COUNTED} == {name: gone[name] for name in COUNTED}
    refused(await door.client.get(chat), 404)
    assert [each["id"] for each in done(await door.client.get(f"{GRAPH}/sessions"))["sessions"]] == ["small"]
    assert len(done(await door.client.get(f"{other}/messages"))["messages"]) == 2


async def test_in_python(door: Door, tmp_path: Path) -> None:
    memory, chat = door.memory, SessionAddress("large", "user/42")
    await memory.sessions.open("main", chat, SessionDetails("planner", ("Clara",)))
    for start in range(0, COUNT, BATCH):
        said = [Message("user", each["content"], each["id"]) for each in batch(start)]
        await memory.sessions.append("main", chat, said, extract=False)
    assert (await memory.sessions.get("main", chat)).messages == COUNT
    summary = await memory.sessions.summary("main", chat)
    assert summary.session.messages == COUNT
    assert summary.sentences
    options = ExportOptions(scope="user/42", session="large")
    await memory.exports.write("main", tmp_path / "out.jsonl", options)
    assert len(messages_in((tmp_path / "out.jsonl").read_text())) == COUNT
    dry = await memory.sessions.delete("main", chat, dry_run=True)
    gone = await memory.sessions.delete("main", chat)
    assert [getattr(dry, name) for name in COUNTED] == [getattr(gone, name) for name in COUNTED]
    assert gone.episodes == COUNT
    with pytest.raises(NotFound):
        await memory.sessions.get("main", chat)


def test_by_commands(kgmem: Command, tmp_path: Path) -> None:
    assert kgmem("graph", "create", "main").code == 0
    assert kgmem("session", "open", "large", "--agent", "planner", "--user", "Clara").code == 0
    for start in range(0, COUNT, BATCH):
        said = tmp_path / "said.json"
        said.write_text(json.dumps(batch(start)))
        assert kgmem("session", "append", "large", "--file", said, "--no-extract").code == 0
    listed = kgmem("session", "list", "--json").json
    assert [each["messages"] for each in listed["sessions"]] == [COUNT]
    assert kgmem("session", "summary", "large", "--json").json["sentences"]
    assert kgmem("export", "--session", "large", "--output", tmp_path / "out.jsonl").code == 0
    assert len(messages_in((tmp_path / "out.jsonl").read_text())) == COUNT
    dry = kgmem("session", "delete", "large", "--dry-run", "--json").json
    gone = kgmem("session", "delete", "large", "--json").json
    assert gone["episodes"] == COUNT
    assert {name: dry[name] for name in COUNTED} == {name: gone[name] for name in COUNTED}
    assert not kgmem("session", "list", "--json").json["sessions"]
