"""Whatever writes a relationship with a source records a claim of that source; the relationship shows the consensus."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claim import ClaimFilter, FactFilter, HeldFact
from kgmem.domain.entity import Entity
from kgmem.domain.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import change_feed, cypher, new_graph, other_client

SCHEMA = {
    "kinds": {"LED_BY": {"functional": True}},
    "predicates": {"HAS_FIGURE": {"value": ["value", "unit"], "functional": True}},
}
SAID = [("a", "alice"), ("b", "alice"), ("c", "alice"), ("d", "bob")]


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which a company is led by one person at a time."""
    name = await new_graph(memory, f"said_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.put_entities(name, [Entity(key) for key in ("acme", "alice", "bob")])
    return name


def led(source: str, who: str, **more: Any) -> Relationship:
    return Relationship("LED_BY", "acme", who, source=source, **more)


async def the_fact(memory: Memory, graph: str) -> HeldFact:
    (fact,) = (await memory.facts(graph, FactFilter(predicate="LED_BY"))).items
    return fact


async def claimed(memory: Memory, graph: str) -> list[tuple[str, str | None]]:
    claims = (await memory.list_claims(graph, ClaimFilter(limit=1000))).items
    return sorted((claim.source, claim.object) for claim in claims)


async def by_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, who in SAID:
        await memory.put_relationships(graph, [led(source, who)])


async def by_one_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    await memory.put_relationships(graph, [led(source, who) for source, who in SAID])


async def by_jsonl(memory: Memory, graph: str, url: str, folder: Path) -> None:
    records = [{"kind": "LED_BY", "from": "acme", "to": who, "source": source} for source, who in SAID]
    path = folder / "said.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, records)))
    await memory.import_files(graph, [path])


async def by_csv(memory: Memory, graph: str, url: str, folder: Path) -> None:
    path = folder / "said.csv"
    path.write_text("from,to,kind,source\n" + "".join(f"acme,{who},LED_BY,{source}\n" for source, who in SAID))
    await memory.import_files(graph, [path])


async def by_imports_apart(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, who in SAID:
        path = folder / f"{source}.csv"
        path.write_text(f"from,to,kind,source\nacme,{who},LED_BY,{source}\n")
        await memory.import_files(graph, [path])


async def by_merging_cypher(memory: Memory, graph: str, url: str, folder: Path) -> None:
    text = "MATCH (a {key: 'acme'}), (b {key: $who}) MERGE (a)-[r:LED_BY]->(b) SET r.source = $source"
    for source, who in SAID:
        await memory.cypher(graph, text, {"source": source, "who": who}, mode="write")


async def by_creating_cypher(memory: Memory, graph: str, url: str, folder: Path) -> None:
    text = "MATCH (a {key: 'acme'}), (b {key: $who}) MERGE (a)-[:LED_BY {source: $source}]->(b)"
    for source, who in SAID:
        await memory.cypher(graph, text, {"source": source, "who": who}, mode="write")


async def by_another_client(memory: Memory, graph: str, url: str, folder: Path) -> None:
    async with other_client(url) as client:
        for source, who in SAID:
            known = await cypher(
                client, graph, f"MATCH ({{key: 'acme'}})-[r:LED_BY {{source: '{source}'}}]->() RETURN r"
            )
            if not known:
                await cypher(
                    client,
                    graph,
                    f"MATCH (a {{key: 'acme'}}), (b {{key: '{who}'}}) CREATE (a)-[:LED_BY {{source: '{source}'}}]->(b)",
                    columns=1,
                )
    await memory.absorb_foreign_writes()


WAYS: Sequence[Callable[..., Awaitable[None]]] = (
    by_put, by_one_put, by_jsonl, by_csv, by_imports_apart, by_merging_cypher, by_creating_cypher, by_another_client,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_three_sources_against_one_weigh_three_to_one_however_they_come(
    memory: Memory, graph: str, shared_database_url: str, tmp_path: Path, way: Callable[..., Awaitable[None]]
) -> None:
    await way(memory, graph, shared_database_url, tmp_path)

    fact = await the_fact(memory, graph)
    assert await claimed(memory, graph) == SAID
    assert (fact.value, fact.state, fact.supporting, fact.opposing) == ("alice", "verified", 3, 1)
    edges = (await memory.list_relationships(graph, kind="LED_BY")).items
    assert {(edge.end, edge.properties["state"]) for edge in edges} == {("alice", "verified"), ("bob", "invalidated")}
    assert {edge.properties["consensus"] for edge in edges if edge.end == "alice"} == {fact.probability}

    before, claims = await change_feed(memory, graph), await claimed(memory, graph)
    if way is not by_merging_cypher:  # It sets who is named last, each time.
        await way(memory, graph, shared_database_url, tmp_path)
        assert await change_feed(memory, graph) == before
    assert (await claimed(memory, graph), await the_fact(memory, graph)) == (claims, fact)
