"""Items that expire: files, the job, foreign changes, and what is deleted with them."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.memories import index_schema, let_go, new_graph, query

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


@pytest.mark.long
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


@pytest.mark.long
async def test_the_job_finds_the_graph_and_deletes(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("a", ttl=0.3), Entity("b")])
    assert await memory.tasks.expire_items(GRAPH) == 0
    await asyncio.sleep(0.4)
    assert await memory.tasks.queue_expiry() >= 1
    assert await memory.tasks.expire_items(GRAPH) == 1
    assert await memory.tasks.expire_items(GRAPH) == 0


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


async def values(memory: Memory, known_at: str | None = None) -> list[object]:
    page = await memory.facts.list(GRAPH, FactFilter(subject="ferry", known_at=known_at))
    return [fact.value for fact in page.items]


def docked(port: str, **more: Any) -> ClaimStatement:
    return ClaimStatement("radio", "ferry", "port", value=port, **more)


@pytest.mark.long
async def test_a_claim_expires_and_its_fact_goes(memory: Memory) -> None:
    await memory.claims.put(GRAPH, [docked("Kiel", ttl=SHORT)])
    assert await values(memory) == ["Kiel"]
    (held,) = (await memory.claims.list(GRAPH, ClaimFilter())).items
    assert held.expires_at is not None
    await asyncio.sleep(SHORT + 0.1)

    assert await values(memory) == []

    (gone,) = (await memory.claims.list(GRAPH, ClaimFilter(withdrawn=True))).items
    assert gone.known_to == held.expires_at
    assert (await query(memory, f"SELECT count(*) FROM {await index_schema(memory, GRAPH)}.expiry"))[0][0] == 0


@pytest.mark.long
async def test_a_claim_that_expires_leaves_what_others_state(memory: Memory) -> None:
    other = replace(docked("Oslo"), source="web")
    await memory.claims.put(GRAPH, [docked("Kiel", expires_at=soon()), other])
    await memory.claims.put(GRAPH, [docked("Turku", expires_at="2990"), docked("Rostock")])
    await asyncio.sleep(SHORT + 0.1)

    page = await memory.claims.list(GRAPH, ClaimFilter())
    assert sorted((each.value, each.expires_at) for each in page.items) == [
        ("Oslo", None),
        ("Rostock", None),
        ("Turku", "2990-01-01T00:00:00Z"),
    ]


@pytest.mark.long
async def test_a_later_statement_sets_the_time_of_a_claim_anew(memory: Memory) -> None:
    await memory.claims.put(GRAPH, [docked("Kiel", ttl=SHORT)])
    again = await memory.claims.put(GRAPH, [docked("Kiel", ttl="30d")])
    assert (again.created, again.unchanged) == (0, 1)
    await memory.claims.put(GRAPH, [docked("Kiel")])
    await asyncio.sleep(SHORT + 0.1)
    assert await values(memory) == ["Kiel"]

    await memory.claims.put(GRAPH, [docked("Kiel", expires_at="never")])

    (held,) = (await memory.claims.list(GRAPH, ClaimFilter())).items
    assert held.expires_at is None


@pytest.mark.parametrize(
    "wrong", [{"expires_at": "2001"}, {"ttl": -1}, {"ttl": "soon"}, {"ttl": 5, "expires_at": "2990"}, {"ttl": 0}]
)
async def test_a_wrong_time_of_a_claim_is_refused(memory: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"ttl|expires_at"):
        await memory.claims.put(GRAPH, [docked("Kiel"), docked("Oslo", **wrong)])
    assert await values(memory) == []


@pytest.mark.long
@pytest.mark.parametrize("suffix", ["jsonl", "zip", "nq"])
async def test_a_round_trip_keeps_when_claims_expire(memory: Memory, tmp_path: Path, suffix: str) -> None:
    await memory.claims.put(GRAPH, [docked("Kiel", expires_at="2990-05-01"), docked("Oslo")])
    link = ClaimStatement("radio", "ferry", "CALLS_AT", "kiel", expires_at="2991")
    await memory.claims.put(GRAPH, [link])
    await memory.exports.write(
        GRAPH, tmp_path / f"all.{suffix}", ExportOptions(format="csv" if suffix == "zip" else None)
    )
    other = await new_graph(memory, "expiry_again")

    done = await memory.imports.run(other, [tmp_path / f"all.{suffix}"])

    assert not done.rejections
    told = [
        sorted((str(each.value), each.object, each.expires_at) for each in page.items)
        for page in [await memory.claims.list(graph, ClaimFilter()) for graph in (GRAPH, other)]
    ]
    assert told[0] == told[1]
    assert ("Kiel", None, "2990-05-01T00:00:00Z") in told[1]
    await let_go(memory, other)


@pytest.mark.long
async def test_an_imported_claim_expires_and_one_that_is_over_is_rejected(memory: Memory, tmp_path: Path) -> None:
    line = {"type": "claim", "source": "radio", "subject": "ferry", "predicate": "port", "value": "Kiel"}
    lines = [line | {"expires_at": soon()}, line | {"value": "Oslo", "expires_at": "2001"}]
    (tmp_path / "claims.jsonl").write_text("\n".join(map(json.dumps, lines)))

    done = await memory.imports.run(GRAPH, [tmp_path / "claims.jsonl"])

    (why,) = done.rejections
    assert "over" in why.reason
    assert await values(memory) == ["Kiel"]
    await asyncio.sleep(SHORT + 0.1)
    assert await values(memory) == []
