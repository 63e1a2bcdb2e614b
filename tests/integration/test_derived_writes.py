"""What an entity or a relationship is derived from: it states what it states, and adds no support of its own."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.memories import new_graph

pytestmark = pytest.mark.server
SCHEMA = {"predicates": {"population": {"values": "number"}}}
PEOPLE = [Entity("ada", label="Person", name="Ada"), Entity("berlin", label="City", name="Berlin")]
LIVES = ("LIVES_IN", "ada", "berlin")


@pytest.fixture
async def graph(memory: Memory, request: pytest.FixtureRequest) -> str:
    """A graph in which populations are weighed, and somebody says where Ada lives and how many live there."""
    name = await new_graph(memory, f"derived_{abs(hash(request.node.name)):x}"[:40], schema=SCHEMA)
    await memory.entities.put(name, [*PEOPLE, Entity("berlin", properties={"population": 5}, source="alice")])
    await memory.relationships.put(name, [Relationship(*LIVES, source="alice")])
    return name


async def support(memory: Memory, graph: str, predicate: str = "LIVES_IN") -> tuple[float, float]:
    """Return how many support the one fact of a predicate, and its probability."""
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate=predicate))).items
    return fact.supporting, fact.probability


async def origins(memory: Memory, graph: str) -> dict[tuple[str, str], tuple[str, ...]]:
    found = (await memory.claims.list(graph, ClaimFilter())).items
    return {(each.predicate, each.source): tuple(each.derived_from) for each in found}


async def by_put(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    for each in said:
        put = memory.entities.put if isinstance(each, Entity) else memory.relationships.put
        await put(graph, [each])


async def by_one_put(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    await memory.entities.put(graph, [each for each in said if isinstance(each, Entity)])
    await memory.relationships.put(graph, [each for each in said if isinstance(each, Relationship)])


def lines(said: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": "entity", "key": each.key, "properties": dict(each.properties), "source": each.source,
            "derived_from": each.derived_from,
        }
        if isinstance(each, Entity)
        else {
            "type": "relationship", "kind": each.kind, "from": each.start, "to": each.end, "source": each.source,
            "valid_from": each.valid_from, "derived_from": each.derived_from,
        }
        for each in said
    ]  # fmt: skip


async def by_import(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    (folder / "said.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines(said))))
    result = await memory.imports.run(graph, [folder / "said.jsonl"])
    assert not result.rejected, result.rejections[0].reason


async def by_csv(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    nodes, links = ["key,population:integer,source,derived_from"], ["kind,from,to,source,valid_from,derived_from"]
    for each in said:
        told = f'"[""{each.derived_from[0]}""]"'
        if isinstance(each, Entity):
            nodes.append(f"{each.key},{each.properties['population']},{each.source},{told}")
        else:
            links.append(f"{each.kind},{each.start},{each.end},{each.source},{each.valid_from or ''},{told}")
    (folder / "nodes.csv").write_text("\n".join(nodes))
    (folder / "links.csv").write_text("\n".join(links))
    await memory.imports.run(graph, [folder / "nodes.csv", folder / "links.csv"])


async def by_cypher(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    for each in said:
        told: dict[str, Any] = {"source": each.source, "derived_from": list(each.derived_from)}
        if isinstance(each, Entity):
            values = {"key": each.key, "told": {**each.properties, **told}}
            await memory.cypher(graph, "MATCH (n {key: $key}) SET n += $told", values, mode="write")
        else:
            text = f"MATCH (a {{key: $a}}), (b {{key: $b}}) MERGE (a)-[r:{each.kind}]->(b) SET r += $told"
            told |= {"valid_from": each.valid_from} if each.valid_from else {}
            await memory.cypher(graph, text, {"a": each.start, "b": each.end, "told": told}, mode="write")


async def by_cypher_create(memory: Memory, graph: str, folder: Path, said: Sequence[Any]) -> None:
    await by_cypher(memory, graph, folder, [each for each in said if isinstance(each, Entity)])
    for each in said:
        if isinstance(each, Relationship):
            told = "source: $source, derived_from: $origins, valid_from: $from"
            text = f"MATCH (a {{key: $a}}), (b {{key: $b}}) CREATE (a)-[:{each.kind} {{{told}}}]->(b)"
            values = {"a": each.start, "b": each.end, "source": each.source, "from": each.valid_from}
            await memory.cypher(graph, text, {**values, "origins": list(each.derived_from)}, mode="write")


WAYS: Sequence[Callable[..., Awaitable[None]]] = (by_put, by_one_put, by_import, by_csv, by_cypher, by_cypher_create)


@pytest.mark.parametrize("write", WAYS)
async def test_what_is_written_back_as_derived_adds_no_support(
    memory: Memory, graph: str, tmp_path: Path, write: Callable[..., Awaitable[None]]
) -> None:
    before = await support(memory, graph), await support(memory, graph, "population")
    assert before[0][0] == before[1][0] == 1
    said = [
        each
        for n in range(4)
        for each in (
            Relationship(*LIVES, source=f"bot {n}", derived_from=["source:alice"]),
            Entity("berlin", properties={"population": 5}, source=f"bot {n}", derived_from=["source:alice"]),
        )
    ]
    await write(memory, graph, tmp_path, said)
    await memory.claims.compute_consensus(graph)
    after = await support(memory, graph), await support(memory, graph, "population")
    assert [each[0] for each in after] == [1, 1]
    assert [each[1] for each in after] == pytest.approx([each[1] for each in before], abs=0.05)
    found = await origins(memory, graph)
    assert {found[name, f"bot {n}"] for name in ("LIVES_IN", "population") for n in range(4)} == {("source:alice",)}
    assert found["LIVES_IN", "alice"] == ()

    await write(memory, graph, tmp_path, [])  # What is empty changes nothing.
    await memory.relationships.put(graph, [Relationship(*LIVES, source="registry")])
    assert (await support(memory, graph))[0] > 1


@pytest.mark.parametrize("write", WAYS)
async def test_a_new_relationship_may_be_derived_from_a_text(
    memory: Memory, graph: str, tmp_path: Path, write: Callable[..., Awaitable[None]]
) -> None:
    await memory.entities.put(graph, [Entity("paris", label="City")])
    said = [Relationship("VISITS", "ada", "paris", source=f"bot {n}", derived_from=["source:diary"]) for n in range(3)]
    said.append(Relationship("VISITS", "ada", "berlin", valid_from="2020", source="bot 0", derived_from=["source:x"]))
    await write(memory, graph, tmp_path, said)
    claims = (await memory.claims.list(graph, ClaimFilter(predicate="VISITS"))).items
    assert {(each.source, each.object, *each.derived_from) for each in claims} == {
        *((f"bot {n}", "paris", "source:diary") for n in range(3)),
        ("bot 0", "berlin", "source:x"),
    }


async def test_what_was_derived_stays_derived_when_its_source_changes_a_detail(memory: Memory, graph: str) -> None:
    await memory.relationships.put(graph, [Relationship(*LIVES, source="bot", derived_from=["source:alice"])])
    await memory.relationships.put(graph, [Relationship(*LIVES, source="bot", confidence=0.7)])
    assert (await origins(memory, graph))["LIVES_IN", "bot"] == ("source:alice",)
    assert (await support(memory, graph))[0] == 1
    # A source that said so by itself does not take that back by deriving it once more.
    await memory.relationships.put(graph, [Relationship(*LIVES, source="alice", derived_from=["source:bot"])])
    assert (await origins(memory, graph))["LIVES_IN", "alice"] == ()


async def test_origins_are_kept_as_the_texts_and_sources_that_state_them(memory: Memory, graph: str) -> None:
    claims = await memory.claims.put(graph, [ClaimStatement("carl", "ada", "LIVES_IN", "berlin")])
    named = [f"claim:{claims.ids[0]}", "source:alice"]
    await memory.relationships.put(graph, [Relationship(*LIVES, source="bot", derived_from=named)])
    assert (await origins(memory, graph))["LIVES_IN", "bot"] == ("source:carl", "source:alice")


@pytest.mark.parametrize("origin", ["gossip", "claim:", "claim:x", "claim:99999", "hit:99999", "episode:lost"])
async def test_an_origin_that_is_none_is_refused_and_changes_nothing(memory: Memory, graph: str, origin: str) -> None:
    before = await origins(memory, graph)
    with pytest.raises(InvalidInput, match=origin.removeprefix("episode:")):
        await memory.relationships.put(graph, [Relationship(*LIVES, source="bot", derived_from=[origin])])
    with pytest.raises(InvalidInput, match=origin.removeprefix("episode:")):
        await memory.entities.put(
            graph, [Entity("berlin", properties={"population": 6}, source="bot", derived_from=[origin])]
        )
    assert await origins(memory, graph) == before


async def test_a_relationship_that_waits_for_its_end_keeps_its_origin(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    said = Relationship("LIVES_IN", "bea", "berlin", source="bot", derived_from=["source:alice"])
    bad = {**lines([said])[0], "to": "ada", "derived_from": ["gossip"]}
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, [*lines([said]), bad])))
    (tmp_path / "b.jsonl").write_text('{"key": "bea", "label": "Person"}\n')
    result = await memory.imports.run(graph, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert (result.created, result.rejected) == (2, 1)
    (claim,) = (await memory.claims.list(graph, ClaimFilter(subject="bea"))).items
    assert tuple(claim.derived_from) == ("source:alice",)


async def test_what_only_a_derived_relationship_states_is_derived_in_a_copy_too(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    await memory.relationships.put(
        graph, [Relationship("VISITS", "ada", "berlin", source="bot", derived_from=["source:alice"])]
    )
    await memory.entities.put(
        graph, [Entity("ada", properties={"population": 1}, source="bot", derived_from=["source:alice"])]
    )
    file = tmp_path / "all.jsonl"
    await memory.exports.write(graph, file, ExportOptions())
    copy = await new_graph(memory, f"{graph}_copy", schema=SCHEMA)
    await memory.imports.run(copy, [file])
    assert await origins(memory, copy) == await origins(memory, graph)


@pytest.mark.parametrize("origin", ["gossip", "claim:x", "claim:99999", "episode:lost"])
async def test_cypher_refuses_an_origin_that_is_none_and_changes_nothing(
    memory: Memory, graph: str, origin: str
) -> None:
    before = await origins(memory, graph)
    text = (
        "MATCH (a {key: 'ada'}), (b {key: 'berlin'}) CREATE (a)-[:VISITS {source: 'bot', derived_from: [$origin]}]->(b)"
    )
    with pytest.raises(InvalidInput, match=origin.removeprefix("episode:")):
        await memory.cypher(graph, text, {"origin": origin}, mode="write")
    assert await origins(memory, graph) == before


async def test_cypher_stores_derived_from_only_as_a_property_of_the_callers_own(memory: Memory, graph: str) -> None:
    """Beside a source it is taken for the claim; without one, or as another type, it is a property like others."""
    await memory.cypher(graph, "CREATE (:Note {key: 'n', derived_from: ['a', 'b']})", mode="write")
    await memory.cypher(graph, "CREATE (:Note {key: 'm', source: 's', derived_from: 'a'})", mode="write")
    await memory.cypher(graph, "CREATE (:Note {key: 'o', source: 's', derived_from: ['source:x']})", mode="write")
    await memory.cypher(graph, "MATCH (n:Note {key: 'n'}) SET n.source = 's'", mode="write")
    rows = (await memory.cypher(graph, "MATCH (n:Note) RETURN n.key, n.derived_from ORDER BY n.key")).rows
    assert [list(row) for row in rows] == [["m", "a"], ["n", ["a", "b"]], ["o", None]]
