"""Agent states in exports and imports: a round trip loses nothing, and damage is refused as a whole."""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.agents.records import PART_BYTES
from kgmem.domain.agents.state import BYTES, MSGPACK, RetentionRule, StateAddress, VersionChoice
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

PLAN = StateAddress("planner", "plan")
NOTES = StateAddress("scout", "notes", "user/1")


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory) -> None:
    """Write states of every kind: versions, a restored one, a branch, checkpoints, rules, one that was deleted."""
    for step in range(70):
        await memory.states.put(Graphs.old, PLAN, {"steps": list(range(step * 50)), "ünï": "😀"})
    await memory.states.restore(Graphs.old, PLAN, VersionChoice(3))
    await memory.states.set_checkpoint(Graphs.old, PLAN, "before", version=7)
    await memory.states.set_checkpoint(Graphs.old, PLAN, "now")
    await memory.states.branch(Graphs.old, PLAN, StateAddress("planner", "other"), VersionChoice(7))
    await memory.states.put(Graphs.old, NOTES, b"\x00\xff" * 10)
    await memory.states.put(Graphs.old, NOTES, {"bytes": b"\x00", 3: 4}, media_type=MSGPACK)
    await memory.states.put(Graphs.old, NOTES, b"")
    gone = StateAddress("planner", "gone")
    for value in range(3):
        await memory.states.put(Graphs.old, gone, value)
    await memory.states.delete(Graphs.old, gone)
    await memory.states.set_retention(Graphs.old, "planner", [RetentionRule(3600), RetentionRule(86_400, 3600)])


async def held(memory: Memory, graph: str) -> Any:
    """All that a graph holds of states, byte for byte."""
    found: dict[Any, Any] = {}
    for scope in ("", "user/1"):
        for state in (await memory.states.list(graph, scope=scope, limit=1000)).items:
            address = StateAddress(state.agent, state.name, scope)
            versions = (await memory.states.versions(graph, address, limit=1000)).items
            assert state.versions == len(versions)
            for each in versions:
                content = (await memory.states.read(graph, address, VersionChoice(each.version))).content
                assert hashlib.sha256(content).hexdigest() == each.sha256
                told = (each.at, each.media_type, each.size, each.sha256, each.author, each.restored_from)
                found[address, each.version] = (content, *told, each.branched_from, tuple(each.checkpoints))
            found[address] = await memory.states.checkpoints(graph, address)
        found[scope] = [await memory.states.retention(graph, agent, scope=scope) for agent in ("planner", "scout")]
    return found


async def exported(memory: Memory, folder: Path, **options: Any) -> Path:
    target = folder / "states.jsonl"
    await memory.exports.write(Graphs.old, target, ExportOptions(**options))
    return target


def rewritten(path: Path, change: Any) -> Path:
    """Write a file with its records changed; `change` returns the records that take the place of one."""
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    target = path.with_name("changed.jsonl")
    target.write_bytes(b"".join(orjson.dumps(new) + b"\n" for line in lines for new in change(line)))
    return target


@pytest.mark.long
@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "nquads"])
async def test_a_round_trip_loses_nothing(memory: Memory, tmp_path: Path, format_: str) -> None:
    await fill(memory)
    target = tmp_path / {"jsonl": "all.jsonl.gz", "nquads": "all.nq"}.get(format_, "all.zip")
    written = await memory.exports.write(Graphs.old, target, ExportOptions(format=format_))
    assert not written.lost
    done = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert not done.rejections
    assert done.read == done.created
    assert await held(memory, Graphs.new) == await held(memory, Graphs.old)
    assert (await memory.states.put(Graphs.new, StateAddress("planner", "gone"), "again")).version == 4
    assert (await memory.states.put(Graphs.new, PLAN, "next", if_version=71)).version == 72

    again = await memory.imports.run(Graphs.new, [target], ImportOptions())
    assert (again.created, again.updated, again.unchanged, len(again.rejections)) == (0, 0, again.read, 0)


@pytest.mark.long
async def test_versions_that_retention_left_come_back(memory: Memory, tmp_path: Path) -> None:
    for step in range(200):
        await memory.states.put(Graphs.old, PLAN, {"step": step})
    await memory.states.set_retention(Graphs.old, "planner", [RetentionRule(1, 1)])
    await memory.states.prune(Graphs.old, "planner")
    left = [each.version for each in (await memory.states.versions(Graphs.old, PLAN, limit=1000)).items]
    assert 1 <= len(left) < 200
    await memory.imports.run(Graphs.new, [await exported(memory, tmp_path)])
    assert await held(memory, Graphs.new) == await held(memory, Graphs.old)
    assert (await memory.states.put(Graphs.new, PLAN, "next", if_version=200)).version == 201


@pytest.mark.long
async def test_a_version_larger_than_a_line_goes_in_parts(memory: Memory, tmp_path: Path) -> None:
    large = os.urandom(15_000_000)
    await memory.states.put(Graphs.old, PLAN, large)
    await memory.states.put(Graphs.old, PLAN, large + b"more", media_type=BYTES)
    target = await exported(memory, tmp_path)
    lines = target.read_bytes().splitlines()
    assert max(map(len, lines)) < 2 * PART_BYTES
    done = await memory.imports.run(Graphs.new, [target])
    assert (done.created, len(done.rejections)) == (len(lines), 0)
    assert (await memory.states.read(Graphs.new, PLAN, VersionChoice(1))).content == large
    assert (await memory.states.read(Graphs.new, PLAN)).content == large + b"more"

    some = rewritten(target, lambda line: [] if line.get("part") == 2 else [line])
    await memory.states.delete(Graphs.new, PLAN)
    refused = await memory.imports.run(Graphs.new, [some])
    assert refused.created == 0
    assert "has 7 of its 8 parts" in refused.rejections[0].reason
    with pytest.raises(NotFound):
        await memory.states.read(Graphs.new, PLAN)


@pytest.mark.parametrize("what", ["sha256", "data", "size", "missing", "garbage", "json"])
async def test_damage_is_refused_and_changes_nothing(memory: Memory, tmp_path: Path, what: str) -> None:
    for step in range(5):
        await memory.states.put(Graphs.old, PLAN, {"steps": list(range(step * 100))})
    await memory.states.put(Graphs.old, NOTES, "fine")
    target = await exported(memory, tmp_path)

    def damage(line: dict[str, Any]) -> list[dict[str, Any]]:
        if line["type"] != "agent_state_version" or line["name"] != "plan" or line["version"] != 3:
            return [line]
        if what == "sha256":
            return [line | {"sha256": "0" * 64}]
        if what == "size":
            return [line | {"size": line["size"] + 1}]
        if what == "missing":
            return []
        packed = bytearray(base64.b64decode(line["data"]))
        if what == "garbage":
            packed = bytearray(b"not zstd at all")
        elif what == "json":
            line |= {"data": "KLUv/SAFKQAAe3t7e3s=", "size": 5, "sha256": hashlib.sha256(b"{{{{{").hexdigest()}
            return [{name: value for name, value in line.items() if name != "base"}]
        else:
            packed[-1] ^= 255
            packed[len(packed) // 2] ^= 255
        return [line | {"data": base64.b64encode(packed).decode()}]

    before = await held(memory, Graphs.new)
    broken = rewritten(target, damage)
    done = await memory.imports.run(Graphs.new, [broken])
    reasons = {each.reason for each in done.rejections}
    assert len(reasons) == 1
    reason = reasons.pop()
    assert "'planner/plan' was not imported" in reason
    wanted = {
        "missing": "has 4 of its 5 versions",
        "json": "no JSON",
        "sha256": "Version 3 is damaged: its checksum",
    }
    assert wanted.get(what, "Version 3 is damaged") in reason
    assert len(done.rejections) == (5 if what == "missing" else 6)
    assert done.created == 2  # The other state, which is whole.
    found = await held(memory, Graphs.new)
    assert {each for each in found if isinstance(each, StateAddress)} == {NOTES}
    assert before["user/1"] == found["user/1"]
    with pytest.raises(InvalidInput, match="was not imported"):
        await memory.imports.run(Graphs.new, [broken], ImportOptions(on_error="stop"))


async def test_what_the_graph_has_stays_and_what_it_lacks_is_added(memory: Memory, tmp_path: Path) -> None:
    for step in range(3):
        await memory.states.put(Graphs.old, PLAN, {"step": step})
    target = await exported(memory, tmp_path)
    await memory.imports.run(Graphs.new, [target])
    await memory.states.put(Graphs.old, PLAN, {"step": 3})
    await memory.states.set_checkpoint(Graphs.old, PLAN, "latest")
    done = await memory.imports.run(Graphs.new, [await exported(memory, tmp_path)])
    assert (done.created, done.updated, done.unchanged) == (1, 1, 3)
    assert await held(memory, Graphs.new) == await held(memory, Graphs.old)

    await memory.states.put(Graphs.new, PLAN, "mine")
    await memory.states.put(Graphs.old, PLAN, "theirs")
    before = await held(memory, Graphs.new)
    refused = await memory.imports.run(Graphs.new, [await exported(memory, tmp_path)])
    assert refused.created == 0
    assert "version 5 with other content" in refused.rejections[0].reason
    assert await held(memory, Graphs.new) == before


async def test_a_deleted_state_comes_back_from_a_backup(memory: Memory, tmp_path: Path) -> None:
    for step in range(3):
        await memory.states.put(Graphs.old, PLAN, step)
    target = await exported(memory, tmp_path)
    before = await held(memory, Graphs.old)
    await memory.states.put(Graphs.old, PLAN, "later")
    await memory.states.delete(Graphs.old, PLAN)
    assert not (await memory.imports.run(Graphs.old, [target])).rejections
    assert await held(memory, Graphs.old) == before
    assert (await memory.states.put(Graphs.old, PLAN, "on", if_version=3)).version == 4


async def test_a_dry_run_counts_states_and_stores_none(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    target = await exported(memory, tmp_path)
    done = await memory.imports.run(Graphs.new, [target], ImportOptions(dry_run=True))
    assert done.kinds == {"agent_state": 4, "agent_state_version": 75, "agent_retention": 1}
    assert done.checked == done.read
    assert (await memory.states.list(Graphs.new)).items == []

    def bad(line: dict[str, Any]) -> list[dict[str, Any]]:
        return [line | {"media_type": "text/plain"} if line.get("version") == 2 else line]

    found = await memory.imports.run(Graphs.new, [rewritten(target, bad)], ImportOptions(dry_run=True))
    assert {each.reason.partition(".")[0] for each in found.rejections} == {
        "media_type is not one of application/json, application/msgpack, application/octet-stream"
    }


async def test_an_export_of_a_scope_has_its_states_only(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.imports.run(Graphs.new, [await exported(memory, tmp_path, scope="user/1")])
    assert [each.name for each in (await memory.states.list(Graphs.new, scope="user/1")).items] == ["notes"]
    assert (await memory.states.list(Graphs.new)).items == []
