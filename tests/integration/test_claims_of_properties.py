"""Whatever writes an entity with a source records what that source states of weighed properties."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.memories import change_feed, cypher, new_graph, other_client

SCHEMA = {"predicates": {"population": {"values": "number"}}}
SAID = [("a", 5), ("d", 7), ("b", 5), ("c", 5)]


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which populations are weighed."""
    return await new_graph(memory, f"stated_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)


async def by_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, value in SAID:
        await memory.entities.put(
            graph, [Entity("berne", label="City", properties={"population": value}, source=source)]
        )


async def by_one_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    stated = [Entity("berne", label="City", properties={"population": value}, source=source) for source, value in SAID]
    await memory.entities.put(graph, stated)


async def by_import(memory: Memory, graph: str, url: str, folder: Path) -> None:
    path = folder / "said.jsonl"
    told = [{"key": "berne", "label": "City", "source": s, "properties": {"population": n}} for s, n in SAID]
    path.write_bytes(b"\n".join(map(orjson.dumps, told)))
    await memory.imports.run(graph, [path])


async def by_csv(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, value in SAID:
        path = folder / f"{source}.csv"
        path.write_text(f"key,label,population:integer,source\nberne,City,{value},{source}\n")
        await memory.imports.run(graph, [path])


async def by_cypher(memory: Memory, graph: str, url: str, folder: Path) -> None:
    text = "MERGE (n:City {key: 'berne'}) SET n.population = $value, n.source = $source"
    for source, value in SAID:
        await memory.cypher(graph, text, {"source": source, "value": value}, mode="write")


async def by_another_client(memory: Memory, graph: str, url: str, folder: Path) -> None:
    await memory.entities.put(graph, [Entity("berne", label="City")])
    async with other_client(url) as client:
        for source, value in SAID:
            text = f"MATCH (n:City {{key: 'berne'}}) SET n.population = {value}, n.source = '{source}'"
            await cypher(client, graph, text)
            await memory.index.sync(graph)


WAYS: Sequence[Callable[..., Awaitable[None]]] = (
    by_put, by_one_put, by_import, by_csv, by_cypher, by_another_client,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_an_entity_shows_what_most_sources_state_however_they_state_it(
    memory: Memory, graph: str, shared_database_url: str, tmp_path: Path, way: Callable[..., Awaitable[None]]
) -> None:
    await way(memory, graph, shared_database_url, tmp_path)

    (fact,) = (await memory.facts.list(graph, FactFilter())).items
    claims = (await memory.claims.list(graph, ClaimFilter())).items
    assert sorted((claim.source, claim.value) for claim in claims) == sorted(SAID)
    assert (fact.value, fact.state, fact.supporting, fact.opposing) == (5, "verified", 3, 1)
    held = await memory.entities.get(graph, "berne")
    assert held.properties["population"] == 5
    assert held.properties["consensus"]["population"]["state"] == "verified"
    if way in {by_put, by_one_put, by_import, by_csv}:
        before = await change_feed(memory, graph)
        await way(memory, graph, shared_database_url, tmp_path)
        assert await change_feed(memory, graph) == before
        assert (await memory.entities.get(graph, "berne")).version == held.version


async def test_a_source_that_states_another_value_replaces_its_own(memory: Memory, graph: str) -> None:
    said: list[Any] = [("a", 5), ("b", 5), ("b", 9)]
    for source, value in said:
        written = await memory.entities.put(graph, [Entity("berne", properties={"population": value}, source=source)])

    claims = (await memory.claims.list(graph, ClaimFilter())).items
    assert {(claim.source, claim.value) for claim in claims} == {("a", 5), ("b", 9)}
    assert list(written.versions) == [(await memory.entities.get(graph, "berne")).version]
    await memory.claims.withdraw(graph, source="a")
    assert (await memory.entities.get(graph, "berne")).properties["population"] == 9


async def test_what_entities_state_goes_out_and_comes_back(memory: Memory, graph: str, tmp_path: Path) -> None:
    await by_put(memory, graph, "", tmp_path)
    other = await new_graph(memory, f"{graph}_2", schema=SCHEMA)
    await memory.exports.write(graph, tmp_path / "all.jsonl", ExportOptions())

    await memory.imports.run(other, [tmp_path / "all.jsonl"])

    claims = [(await memory.claims.list(name, ClaimFilter(withdrawn=True))).items for name in (graph, other)]
    told, again = ([(claim.source, claim.value, claim.known_from) for claim in each] for each in claims)
    assert told == again
    await memory.entities.put(other, [Entity("berne", properties={"population": 6}, source="d")])
    assert len((await memory.claims.list(other, ClaimFilter())).items) == 4
