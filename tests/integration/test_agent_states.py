"""Agent states in the database: conditions, concurrent writers, versions, damage, and retention."""

import asyncio
import os
from datetime import datetime

import jsonpatch
import pytest

from kgmem.domain.agents.state import (
    BYTES,
    MSGPACK,
    RetentionRule,
    StateAddress,
    StateVersion,
    VersionChoice,
)
from kgmem.domain.errors import ChecksumMismatch, Conflict, InvalidInput, NotFound, TooLarge, VersionConflict
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

GRAPH = "agents"
PLAN = StateAddress("planner", "plan")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def run(memory: Memory, sql: str, *arguments: object) -> None:
    await query(memory, sql.format(index=await index_schema(memory, GRAPH)), *arguments)


async def held(memory: Memory, address: StateAddress = PLAN, choice: VersionChoice | None = None) -> object:
    return (await memory.states.get(GRAPH, address, choice or VersionChoice())).value


async def test_each_write_is_a_version_that_stays_as_it_was(memory: Memory) -> None:
    values: list[object] = [
        {"step": 1},
        {"step": 2, "ünï": "😀"},
        [1, 2.5, None, 10**30],
        "text",
        b"\x00\xff",
        {"deep": [[[[]]]]},
    ]
    for number, value in enumerate(values, start=1):
        assert (await memory.states.put(GRAPH, PLAN, value)).version == number
    packed = await memory.states.put(GRAPH, PLAN, {"bytes": b"\x00\x01", 3: 4}, media_type=MSGPACK)
    assert packed.media_type == MSGPACK

    for number, value in enumerate(values, start=1):
        assert await held(memory, choice=VersionChoice(number)) == value
    assert await held(memory) == {"bytes": b"\x00\x01", 3: 4}
    raw = await memory.states.read(GRAPH, PLAN, VersionChoice(1))
    assert raw.content == b'{"step":1}'
    assert raw.version.size == 10


async def test_the_same_content_again_is_no_new_version(memory: Memory) -> None:
    first = await memory.states.put(GRAPH, PLAN, {"a": 1})
    again = await memory.states.put(GRAPH, PLAN, {"a": 1})
    assert (first.created, again.created, again.version) == (True, False, 1)
    # As other bytes it is another content, and so it is as another type.
    assert (await memory.states.put(GRAPH, PLAN, b'{"a": 1}', media_type="application/json")).version == 2
    assert (await memory.states.put(GRAPH, PLAN, b'{"a": 1}')).version == 3


async def test_a_lost_update_is_refused_and_a_repeated_one_is_not(memory: Memory) -> None:
    await memory.states.put(GRAPH, PLAN, {"n": 1}, if_version=0)
    with pytest.raises(VersionConflict, match="at version 1"):
        await memory.states.put(GRAPH, PLAN, {"n": 9}, if_version=0)
    await memory.states.put(GRAPH, PLAN, {"n": 2}, if_version=1)
    with pytest.raises(VersionConflict, match="at version 2"):
        await memory.states.put(GRAPH, PLAN, {"n": 9}, if_version=1)
    # The answer to the second write was lost, and its writer sends it again.
    repeated = await memory.states.put(GRAPH, PLAN, {"n": 2}, if_version=1)
    assert (repeated.version, repeated.created) == (2, False)
    assert await held(memory) == {"n": 2}
    with pytest.raises(VersionConflict):
        await memory.states.delete(GRAPH, PLAN, if_version=1)


@pytest.mark.long
async def test_concurrent_writers_with_retries_lose_nothing(memory: Memory) -> None:
    writers, each = 20, 5
    await memory.states.put(GRAPH, PLAN, {"done": []})

    async def write(writer: int) -> None:
        for number in range(each):
            while True:
                now = await memory.states.get(GRAPH, PLAN)
                value = {"done": [*now.value["done"], [writer, number]]}
                try:
                    await memory.states.put(GRAPH, PLAN, value, if_version=now.version.version)
                    break
                except VersionConflict:
                    await asyncio.sleep(0)

    await asyncio.gather(*map(write, range(writers)))
    done = (await held(memory))["done"]  # type: ignore[index]
    assert sorted(done) == [[writer, number] for writer in range(writers) for number in range(each)]
    page = await memory.states.versions(GRAPH, PLAN, limit=1000)
    assert [version.version for version in page.items] == list(range(writers * each + 1, 0, -1))
    times = [datetime.fromisoformat(version.at) for version in page.items]
    assert times == sorted(times, reverse=True)


async def test_writers_without_a_condition_all_get_a_version(memory: Memory) -> None:
    written = await asyncio.gather(*(memory.states.put(GRAPH, PLAN, {"n": n, "pad": "x" * 5000}) for n in range(30)))
    assert sorted(version.version for version in written) == list(range(1, 31))
    values = [await held(memory, choice=VersionChoice(version.version)) for version in written]
    assert [value["n"] for value in values] == list(range(30))  # type: ignore[index]


async def test_a_growing_state_takes_little_room(memory: Memory) -> None:
    messages: list[str] = []
    versions: list[StateVersion] = []
    for _ in range(200):
        messages.append(os.urandom(40).hex())
        versions.append(await memory.states.put(GRAPH, PLAN, {"messages": messages}))
    assert sum(each.stored for each in versions) < 0.15 * sum(each.size for each in versions)
    for number in (1, 63, 64, 65, 127, 128, 200):
        assert (await held(memory, choice=VersionChoice(number)))["messages"] == messages[:number]  # type: ignore[index]


async def test_versions_by_time_and_by_checkpoint(memory: Memory) -> None:
    first = await memory.states.put(GRAPH, PLAN, 1)
    await memory.states.set_checkpoint(GRAPH, PLAN, "start")
    await memory.states.put(GRAPH, PLAN, 2)
    await memory.states.set_checkpoint(GRAPH, PLAN, "moved", version=1)
    await memory.states.set_checkpoint(GRAPH, PLAN, "moved")

    assert await held(memory, choice=VersionChoice(at=first.at)) == 1
    assert await held(memory, choice=VersionChoice(at="2100-01-01")) == 2
    assert await held(memory, choice=VersionChoice(checkpoint="start")) == 1
    assert [(each.name, each.version) for each in await memory.states.checkpoints(GRAPH, PLAN)] == [
        ("start", 1),
        ("moved", 2),
    ]
    restored = await memory.states.restore(GRAPH, PLAN, VersionChoice(checkpoint="start"))
    assert (restored.version, restored.restored_from) == (3, 1)
    assert await held(memory) == 1
    copy = StateAddress("helper", "plan-b")
    branched = await memory.states.branch(GRAPH, PLAN, copy, VersionChoice(2))
    assert branched.branched_from == "planner/plan@2"
    await memory.states.put(GRAPH, copy, 99)
    assert (await held(memory), await held(memory, copy)) == (1, 99)
    with pytest.raises(Conflict):
        await memory.states.branch(GRAPH, PLAN, copy)
    await memory.states.delete_checkpoint(GRAPH, PLAN, "start")
    for choice in (VersionChoice(checkpoint="start"), VersionChoice(9), VersionChoice(at="1999")):
        with pytest.raises(NotFound):
            await memory.states.get(GRAPH, PLAN, choice)


async def test_the_difference_between_two_versions_is_a_json_patch(memory: Memory) -> None:
    one = {"steps": ["a", "b"], "cost": 1, "gone": True}
    two = {"steps": ["a", "c", "b"], "cost": 1.5, "new": {"x": None}}
    await memory.states.put(GRAPH, PLAN, one)
    await memory.states.put(GRAPH, PLAN, two, media_type=MSGPACK)
    await memory.states.put(GRAPH, PLAN, b"bytes")
    assert jsonpatch.apply_patch(one, list(await memory.states.diff(GRAPH, PLAN, 1, 2))) == two
    assert jsonpatch.apply_patch(two, list(await memory.states.diff(GRAPH, PLAN, 2, 1))) == one
    with pytest.raises(InvalidInput, match="Bytes"):
        await memory.states.diff(GRAPH, PLAN, 1, 3)


async def test_states_of_another_scope_are_not_found(memory: Memory) -> None:
    mine = StateAddress("planner", "plan", "user/1")
    await memory.states.put(GRAPH, mine, "mine")
    await memory.states.put(GRAPH, PLAN, "shared")
    assert (await held(memory), await held(memory, mine)) == ("shared", "mine")
    with pytest.raises(NotFound):
        await memory.states.get(GRAPH, StateAddress("planner", "plan", "user/2"))
    assert [each.scope for each in (await memory.states.list(GRAPH, scope="user/1")).items] == ["user/1"]
    assert (await memory.states.list(GRAPH, scope="user/2")).items == []


async def test_a_deleted_state_is_gone_and_its_numbers_do_not_come_again(memory: Memory) -> None:
    for n in range(3):
        await memory.states.put(GRAPH, PLAN, n)
    await memory.states.set_checkpoint(GRAPH, PLAN, "start")
    assert await memory.states.delete(GRAPH, PLAN) == 3
    for _ in range(2):
        with pytest.raises(NotFound):
            await memory.states.get(GRAPH, PLAN)
    with pytest.raises(NotFound):
        await memory.states.delete(GRAPH, PLAN)
    with pytest.raises(VersionConflict):
        await memory.states.put(GRAPH, PLAN, "late", if_version=3)
    assert (await memory.states.put(GRAPH, PLAN, "new", if_version=0)).version == 4
    assert await memory.states.checkpoints(GRAPH, PLAN) == []


async def test_lists_come_in_pages(memory: Memory) -> None:
    names = [StateAddress(agent, name) for agent in ("a", "b") for name in ("x", "y", "z")]
    for address in names:
        await memory.states.put(GRAPH, address, 1)
    found, cursor = [], None
    while True:
        page = await memory.states.list(GRAPH, cursor=cursor, limit=2)
        found += [StateAddress(each.agent, each.name) for each in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == names
    assert [each.name for each in (await memory.states.list(GRAPH, agent="b")).items] == ["x", "y", "z"]
    for n in range(5):
        await memory.states.put(GRAPH, names[0], [n])
    first = await memory.states.versions(GRAPH, names[0], limit=4)
    rest = await memory.states.versions(GRAPH, names[0], cursor=first.cursor, limit=4)
    assert [each.version for each in (*first.items, *rest.items)] == [6, 5, 4, 3, 2, 1]


async def test_damage_is_told_and_never_returned(memory: Memory) -> None:
    await memory.states.put(GRAPH, PLAN, {"n": 1})
    await memory.states.put(GRAPH, PLAN, {"n": 2})
    await run(memory, "UPDATE {index}.agent_state_version SET checksum = '\\x00' WHERE version = 2")
    with pytest.raises(ChecksumMismatch, match="Version 2"):
        await memory.states.get(GRAPH, PLAN)
    assert await held(memory, choice=VersionChoice(1)) == {"n": 1}


async def test_retention_keeps_versions_readable_whatever_they_were_packed_from(memory: Memory) -> None:
    rules = [RetentionRule(3600), RetentionRule(86_400, 3600)]
    count = 150
    for n in range(count):
        await memory.states.put(GRAPH, PLAN, {"items": list(range(n + 1))})
    await memory.states.set_checkpoint(GRAPH, PLAN, "early", version=3)
    # As if one had been written every ten minutes: the first 25 hours ago.
    await run(
        memory,
        "UPDATE {index}.agent_state_version SET at = now() - make_interval(mins => 10 * ($1::int - version))",
        count,
    )
    assert (await memory.states.prune(GRAPH, PLAN.agent)) == []  # There are no rules yet.
    assert list(await memory.states.set_retention(GRAPH, PLAN.agent, rules[::-1])) == rules
    planned = await memory.states.prune(GRAPH, PLAN.agent, dry_run=True)
    assert len((await memory.states.versions(GRAPH, PLAN, limit=1000)).items) == count

    assert await memory.tasks.queue_pruning() == 1
    done = await memory.states.prune(GRAPH, PLAN.agent)
    assert [(each.kept, list(each.deleted)) for each in done] == [(each.kept, list(each.deleted)) for each in planned]
    left = [each.version for each in (await memory.states.versions(GRAPH, PLAN, limit=1000)).items]
    assert done[0].kept == len(left) < 40
    assert {3, count, count - 1, count - 5} <= set(left)
    for number in left:
        assert await held(memory, choice=VersionChoice(number)) == {"items": list(range(number))}
    # Writing goes on after versions have gone.
    for n in range(3):
        await memory.states.put(GRAPH, PLAN, {"after": n})
        assert await held(memory) == {"after": n}
    await memory.states.delete_retention(GRAPH, PLAN.agent)
    assert await memory.states.retention(GRAPH, PLAN.agent) == []


@pytest.mark.parametrize(
    ("value", "media_type", "words"),
    [
        (b"{", "application/json", "no JSON"),
        (b'{"a": NaN}', "application/json", "no JSON"),
        (b"\xc1", MSGPACK, "no msgpack"),
        (b"\x01\x02", MSGPACK, "no msgpack"),
        (b"x", "text/plain", "text/plain"),
        (float("nan"), None, "JSON"),
        ({"a": object()}, None, "JSON"),
        ({"a": 1}, BYTES, "octet-stream"),
    ],
)
async def test_what_is_no_state_is_refused_and_changes_nothing(
    memory: Memory, value: object, media_type: str | None, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        await memory.states.put(GRAPH, PLAN, value, media_type=media_type)
    assert (await memory.states.list(GRAPH)).items == []


async def test_names_and_sizes_have_limits(memory: Memory) -> None:
    with pytest.raises(TooLarge, match="16,777,217"):
        await memory.states.put(GRAPH, PLAN, bytes(16 * 1024 * 1024 + 1))
    largest = os.urandom(16 * 1024 * 1024)
    assert (await memory.states.put(GRAPH, PLAN, largest)).size == len(largest)
    assert (await memory.states.read(GRAPH, PLAN)).content == largest
    for address in (
        StateAddress("a b", "x"),
        StateAddress("a", ""),
        StateAddress("a", "x/y"),
        StateAddress("a", "x" * 201),
    ):
        with pytest.raises(InvalidInput, match="1 to 200 characters"):
            await memory.states.put(GRAPH, address, 1)
    with pytest.raises(InvalidInput, match="exclude"):
        await memory.states.get(GRAPH, PLAN, VersionChoice(1, "start"))
    with pytest.raises(NotFound):
        await memory.states.put("nowhere", PLAN, 1)


async def test_a_graph_without_states_has_none(memory: Memory) -> None:
    assert (await memory.states.list(GRAPH)).items == []
    assert await memory.states.prune(GRAPH, "planner") == []
    assert await memory.tasks.queue_pruning() == 0
    with pytest.raises(NotFound):
        await memory.states.get(GRAPH, PLAN)
