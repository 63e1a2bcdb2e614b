"""Items that expire: files, the job, foreign changes, and what is deleted with them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph, query

GRAPH = "expiry"
SHORT = 1.5


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


def soon(seconds: float = SHORT) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def keys(memory: Memory) -> list[str]:
    return [each.key for each in (await memory.entities.list(GRAPH)).items]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
async def test_an_import_keeps_the_time_and_rejects_what_is_over(memory: Memory, tmp_path: Path, suffix: str) -> None:
    at = soon(4.0)
    lines = [("short", at), ("long", "2990-05-01"), ("plain", ""), ("over", "2001-01-01"), ("wrong", "soon")]
    file = tmp_path / f"entities.{suffix}"
    if suffix == "csv":
        file.write_text("key,label,expires_at\n" + "".join(f"{key},Pass,{when}\n" for key, when in lines))
    else:
        told = [{"type": "entity", "key": key, **({"expires_at": when} if when else {})} for key, when in lines]
        told.append({"type": "relationship", "kind": "AT", "from": "long", "to": "plain", "expires_at": at})
        told.append({"type": "episode", "key": "note", "text": "A note that is short.", "expires_at": at})
        file.write_text("".join(json.dumps(each) + "\n" for each in told))
    result = await memory.imports.run(GRAPH, [file])
    assert result.rejected == 2
    assert {"short", "long", "plain"} == set(await keys(memory))
    assert (await memory.entities.get(GRAPH, "long")).expires_at == "2990-05-01T00:00:00Z"
    if suffix == "jsonl":
        assert len((await memory.relationships.list(GRAPH)).items) == 1
    await asyncio.sleep(max(0.0, (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()) + 0.05)
    assert {"long", "plain"} == set(await keys(memory))
    assert (await memory.relationships.list(GRAPH)).items == []
    assert (await memory.episodes.list(GRAPH)).items == []


async def test_the_job_finds_the_graph_and_deletes(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("a", ttl=0.3), Entity("b")])
    assert await memory.tasks.expire_items(GRAPH) == 0
    await asyncio.sleep(0.4)
    assert await memory.tasks.queue_expiry() >= 1
    assert await memory.tasks.expire_items(GRAPH) == 1
    assert await memory.tasks.expire_items(GRAPH) == 0


async def test_a_time_that_cypher_extends_or_removes_holds(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(key, ttl=SHORT) for key in ("later", "never", "gone")])
    await memory.cypher(GRAPH, "MATCH (n {key: 'later'}) SET n.expires_at = '2990-01-01T00:00:00Z'", mode="write")
    await memory.cypher(GRAPH, "MATCH (n {key: 'never'}) REMOVE n.expires_at", mode="write")
    await memory.cypher(GRAPH, "MATCH (n {key: 'gone'}) SET n.expires_at = 'some day'", mode="write")
    await asyncio.sleep(SHORT + 0.1)
    assert set(await keys(memory)) == {"later", "never", "gone"}
    assert await memory.tasks.expire_items(GRAPH) == 0


async def test_a_caller_without_such_items_makes_no_table(memory: Memory) -> None:
    name = f"expiry-{uuid4().hex[:8]}"
    await memory.graphs.create(name)
    await memory.entities.put(name, [Entity("a"), Entity("b", expires_at="never")])
    ((made,),) = await query(memory, "SELECT 'expiry' = ANY (subsystems) FROM kgmem.graph WHERE name = $1", name)
    await memory.graphs.delete(name)
    assert made is False


async def test_many_readers_at_that_moment_all_see_it_gone(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(f"e{n}", ttl=SHORT) for n in range(700)])
    await memory.entities.put(GRAPH, [Entity("hub")])
    await memory.relationships.put(GRAPH, [Relationship("AT", f"e{n}", "hub") for n in range(700)])
    await asyncio.sleep(SHORT)

    async def read(n: int) -> None:
        with pytest.raises(NotFound):
            await memory.entities.get(GRAPH, f"e{n}")

    await asyncio.gather(*(read(n) for n in range(20)))
    assert await keys(memory) == ["hub"]


async def test_who_locks_an_expired_item_stops_no_reader(memory: Memory, shared_database_url: str) -> None:
    await memory.entities.put(GRAPH, [Entity("held", ttl=0.5), Entity("plain")])
    schema = await index_schema(memory, GRAPH)
    locking = await asyncpg.connect(shared_database_url)
    try:
        async with locking.transaction():
            await locking.execute(f"SELECT FROM \"{schema}\".item WHERE key = 'held' FOR UPDATE")
            await asyncio.sleep(0.6)
            async with asyncio.timeout(8):
                assert "plain" in await keys(memory)
            async with asyncio.timeout(2):  # Nobody waits a second time.
                assert "plain" in await keys(memory)
    finally:
        await locking.close()
    await asyncio.sleep(6)  # Until it is tried again, at the latest.
    assert await keys(memory) == ["plain"]
