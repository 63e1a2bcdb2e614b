"""Whatever writes a relationship with a source records a claim of that source; the relationship shows the consensus."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, FactFilter, StoredFact
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.memories import change_feed, cypher, index_schema, new_graph, other_client, query

SCHEMA = {
    "kinds": {"LED_BY": {"functional": True}},
    "predicates": {"HAS_FIGURE": {"value": ["value", "unit"], "functional": True}},
}
SAID = [("a", "alice"), ("b", "alice"), ("c", "alice"), ("d", "bob")]


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which a company is led by one person at a time."""
    name = await new_graph(memory, f"said_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.entities.put(name, [Entity(key) for key in ("acme", "alice", "bob")])
    return name


def led(source: str, who: str, **more: Any) -> Relationship:
    return Relationship("LED_BY", "acme", who, source=source, **more)


async def the_fact(memory: Memory, graph: str) -> StoredFact:
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="LED_BY"))).items
    return fact


async def claimed(memory: Memory, graph: str) -> list[tuple[str, str | None]]:
    claims = (await memory.claims.list(graph, ClaimFilter(limit=1000))).items
    return sorted((claim.source, claim.object) for claim in claims)


async def by_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, who in SAID:
        await memory.relationships.put(graph, [led(source, who)])


async def by_one_put(memory: Memory, graph: str, url: str, folder: Path) -> None:
    await memory.relationships.put(graph, [led(source, who) for source, who in SAID])


async def by_jsonl(memory: Memory, graph: str, url: str, folder: Path) -> None:
    records = [{"kind": "LED_BY", "from": "acme", "to": who, "source": source} for source, who in SAID]
    path = folder / "said.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, records)))
    await memory.imports.run(graph, [path])


async def by_csv(memory: Memory, graph: str, url: str, folder: Path) -> None:
    path = folder / "said.csv"
    path.write_text("from,to,kind,source\n" + "".join(f"acme,{who},LED_BY,{source}\n" for source, who in SAID))
    await memory.imports.run(graph, [path])


async def by_imports_apart(memory: Memory, graph: str, url: str, folder: Path) -> None:
    for source, who in SAID:
        path = folder / f"{source}.csv"
        path.write_text(f"from,to,kind,source\nacme,{who},LED_BY,{source}\n")
        await memory.imports.run(graph, [path])


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
    await memory.index.sync()


WAYS: Sequence[Callable[..., Awaitable[None]]] = (
    by_put, by_one_put, by_jsonl, by_csv, by_imports_apart, by_merging_cypher, by_creating_cypher, by_another_client,
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_three_sources_against_one_weigh_three_to_one_however_they_come(
    memory: Memory, graph: str, shared_database_url: str, tmp_path: Path, way: Callable[..., Awaitable[None]]
) -> None:
    await way(memory, graph, shared_database_url, tmp_path)

    fact = await the_fact(memory, graph)
    assert await claimed(memory, graph) == SAID
    assert (fact.value, fact.state, fact.supporting, fact.opposing) == ("alice", "verified", 3, 1)
    edges = (await memory.relationships.list(graph, kind="LED_BY")).items
    assert {(edge.end, edge.properties["state"]) for edge in edges} == {("alice", "verified"), ("bob", "invalidated")}
    assert {edge.properties["consensus"] for edge in edges if edge.end == "alice"} == {fact.probability}

    before, claims = await change_feed(memory, graph), await claimed(memory, graph)
    if way is not by_merging_cypher:  # It sets who is named last, each time.
        await way(memory, graph, shared_database_url, tmp_path)
        assert await change_feed(memory, graph) == before
    assert (await claimed(memory, graph), await the_fact(memory, graph)) == (claims, fact)


async def test_a_kind_that_is_not_weighed_keeps_all_its_sources(memory: Memory, graph: str) -> None:
    for source in ("a", "b", "a"):
        await memory.relationships.put(graph, [Relationship("KNOWS", "alice", "bob", source=source)])

    (edge,) = (await memory.relationships.list(graph, kind="KNOWS")).items
    assert (edge.source, edge.version, edge.properties) == ("a", 1, {})
    assert await claimed(memory, graph) == [("a", "bob"), ("b", "bob")]
    assert not (await memory.facts.list(graph, FactFilter(predicate="KNOWS"))).items


async def test_a_source_replaces_its_own_statement_alone(memory: Memory, graph: str) -> None:
    await memory.relationships.put(graph, [led("a", "alice", confidence=0.9), led("b", "alice", confidence=0.8)])
    written = await memory.relationships.put(graph, [led("b", "alice", confidence=0.5)])

    assert written.updated == 1
    claims = (await memory.claims.list(graph, ClaimFilter())).items
    assert {(claim.source, claim.confidence) for claim in claims} == {("a", 0.9), ("b", 0.5)}
    partial = await memory.relationships.put(graph, [led("b", "alice")])
    assert partial.unchanged == 1
    assert (await memory.claims.list(graph, ClaimFilter())).items == claims


async def test_what_a_source_takes_back_stays_while_others_state_it(memory: Memory, graph: str) -> None:
    await memory.relationships.put(graph, [led(source, who) for source, who in SAID])
    before = (await the_fact(memory, graph)).relationships

    dry = await memory.claims.withdraw(graph, source="a", dry_run=True)
    done = await memory.claims.withdraw(graph, source="a")
    other = await memory.claims.withdraw(graph, source="d")

    assert (dry.withdrawn, done.withdrawn, done.relationships, len(other.relationships)) == (1, 1, [], 1)
    fact = await the_fact(memory, graph)
    assert (fact.value, fact.supporting, fact.opposing) == ("alice", 2, 0)
    (edge,) = (await memory.relationships.list(graph, kind="LED_BY")).items
    assert (edge.end, edge.source, edge.id in before) == ("alice", "b", True)
    await memory.claims.withdraw(graph, source="b")
    await memory.claims.withdraw(graph, source="c")
    assert not (await memory.relationships.list(graph, kind="LED_BY")).items
    assert not (await memory.facts.list(graph, FactFilter())).items


async def test_what_was_written_without_a_source_stays_when_its_source_goes(memory: Memory, graph: str) -> None:
    await memory.relationships.put(graph, [Relationship("LED_BY", "acme", "alice")])
    await memory.relationships.put(graph, [led("a", "alice")])

    done = await memory.claims.withdraw(graph, source="a")

    (edge,) = (await memory.relationships.list(graph, kind="LED_BY")).items
    assert (done.withdrawn, list(done.relationships), edge.source) == (1, [], None)


async def test_one_of_id_source_and_episode_is_asked_for(memory: Memory, graph: str) -> None:
    for wrong in ({}, {"source": "a", "episode": "e"}, {"ids": [1], "source": "a"}):
        with pytest.raises(InvalidInput, match="not clear"):
            await memory.claims.withdraw(graph, **wrong)


def lines(folder: Path, source: str, *who: str) -> Path:
    path = folder / f"{source}.csv"
    path.write_text("from,to,kind,source\n" + "".join(f"acme,{each},LED_BY,{source}\n" for each in who))
    return path


async def test_an_import_that_is_undone_takes_its_claims_along(memory: Memory, graph: str, tmp_path: Path) -> None:
    first = await memory.imports.run(graph, [lines(tmp_path, "a", "alice")])
    second = await memory.imports.run(graph, [lines(tmp_path, "b", "alice", "bob")])
    third = await memory.imports.run(graph, [lines(tmp_path, "b", "alice", "bob")])
    assert (second.created, second.updated, third.unchanged) == (1, 1, 2)

    await memory.imports.undo(graph, second.id)

    assert await claimed(memory, graph) == [("a", "alice")]
    (edge,) = (await memory.relationships.list(graph, kind="LED_BY")).items
    assert (edge.end, edge.source) == ("alice", "a")
    await memory.relationships.put(graph, [led("c", "alice")])
    await memory.imports.undo(graph, first.id)
    assert await claimed(memory, graph) == [("c", "alice")]
    (edge,) = (await memory.relationships.list(graph, kind="LED_BY")).items
    assert (edge.end, edge.source) == ("alice", "c")
    fact = await the_fact(memory, graph)
    assert (fact.value, fact.supporting, fact.relationships) == ("alice", 1, [edge.id])


async def test_what_an_import_replaced_is_claimed_again_when_it_is_undone(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    await memory.relationships.put(graph, [led("a", "alice", confidence=0.5)])
    path = tmp_path / "sure.csv"
    path.write_text("from,to,kind,source,confidence\nacme,alice,LED_BY,a,0.9\n")
    done = await memory.imports.run(graph, [path])

    await memory.imports.undo(graph, done.id)

    (claim,) = (await memory.claims.list(graph, ClaimFilter())).items
    assert (claim.source, claim.confidence) == ("a", 0.5)


@pytest.mark.parametrize("imported", [False, True])
async def test_values_of_a_relationship_stand_side_by_side(
    memory: Memory, graph: str, tmp_path: Path, imported: bool
) -> None:
    said = [("a", 5), ("b", 7), ("c", 7), ("b", 7)]
    for at, (source, value) in enumerate(said):
        stated = Relationship("HAS_FIGURE", "acme", "alice", source=source, properties={"value": value, "unit": "km"})
        if imported:
            path = tmp_path / f"{at}.csv"
            path.write_text(f"from,to,kind,source,value:integer,unit\nacme,alice,HAS_FIGURE,{source},{value},km\n")
            await memory.imports.run(graph, [path])
        else:
            await memory.relationships.put(graph, [stated])

    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="HAS_FIGURE"))).items
    assert {option.value: set(option.sources) for option in fact.options} == {"7 km": {"b", "c"}, "5 km": {"a"}}
    edges = (await memory.relationships.list(graph, kind="HAS_FIGURE")).items
    assert sorted(edge.properties["value"] for edge in edges) == [5, 7]
    before = await change_feed(memory, graph)
    await memory.relationships.put(graph, [stated])
    assert await change_feed(memory, graph) == before


async def test_a_relationship_of_before_keeps_the_claim_of_the_source_that_it_names(memory: Memory, graph: str) -> None:
    await memory.relationships.put(graph, [led("a", "alice")])
    schema = await index_schema(memory, graph)
    for table in ("claim", "topic", "fact", "relationship_state"):
        await query(memory, f"DELETE FROM {schema}.{table}")

    await memory.relationships.put(graph, [led("b", "alice")])

    assert await claimed(memory, graph) == [("a", "alice"), ("b", "alice")]
    assert (await the_fact(memory, graph)).supporting == 2
