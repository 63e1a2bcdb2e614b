"""Scopes in files: what is private stays so through RDF, one scope is exported alone, and an empty scope is said."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions, ImportResult
from tests.memories import new_graph
from tests.rdf import SYNTAXES

OWN = "user/42"
NAMED = ("key", "kind", "start", "end", "scope", "text", "properties", "mentions")


async def put_some(memory: Memory, graph: str) -> None:
    entities = [Entity("acme", "Firm", "Acme"), Entity("secret-diagnosis", "Illness", "Secret", scope=OWN)]
    await memory.entities.put(graph, [*entities, Entity("me", "Person", "Me", scope=OWN)])
    links = [
        Relationship("HAS", "me", "secret-diagnosis", scope=OWN),
        Relationship("WORKS_AT", "me", "acme", "job", {"role": "cook"}, "I cook.", scope=OWN),
        Relationship("KNOWS", "acme", "acme", text="Acme knows itself."),
    ]
    await memory.relationships.put(graph, links)
    await memory.episodes.put(graph, [Episode("I have it.", "note", mentions=["secret-diagnosis"], scope=OWN)])


async def records(memory: Memory, graph: str, scope: str | None = None) -> set[str]:
    told = set()
    async for item in memory.exports.items(graph, scope=scope):
        named = {name: getattr(item, name, None) for name in NAMED}
        told.add(repr((type(item).__name__, named)))
    return told


@pytest.mark.parametrize("syntax", list(SYNTAXES))
async def test_what_is_of_a_scope_stays_there_through_rdf(
    memory: Memory, graph: str, syntax: str, tmp_path: Path
) -> None:
    await put_some(memory, graph)
    file = tmp_path / "out"
    result = await memory.exports.write(graph, file, ExportOptions(syntax))
    assert dict(result.lost) == {}
    other = await new_graph(memory, f"{graph}_{syntax}")

    again = await memory.imports.run(other, [file], ImportOptions(syntax))

    assert again.rejected == 0
    assert {entity.key for entity in (await memory.entities.list(other, limit=100)).items} == {"acme"}
    assert (await memory.recall(other, Question(What(text="secret diagnosis")))).hits == []
    assert await records(memory, other) == await records(memory, graph)


async def test_rdf_gives_no_link_of_a_scope_to_readers_of_the_whole(memory: Memory, graph: str, tmp_path: Path) -> None:
    await put_some(memory, graph)
    file = tmp_path / "out.nt"
    await memory.exports.write(graph, file, ExportOptions("ntriples"))
    terms = {term for term in file.read_text().split() if term.endswith("/secret-diagnosis>")}
    assert terms
    assert all(term.endswith("scope/user%2F42/secret-diagnosis>") for term in terms)


async def test_rdf_links_at_a_node_of_a_scope_are_of_that_scope(memory: Memory, graph: str, tmp_path: Path) -> None:
    await put_some(memory, graph)
    file = tmp_path / "out.nt"
    await memory.exports.write(graph, file, ExportOptions("ntriples"))
    node = next(term for term in file.read_text().split() if "scope/user%2F42/me" in term)
    other = await new_graph(memory, f"{graph}_hand")
    tea = "<http://example.org/tea>"
    file.write_text(f'{node} <http://example.org/likes> {tea} .\n{tea} <http://schema.org/name> "Tea" .\n')
    result = await memory.imports.run(other, [file], ImportOptions("ntriples"))
    assert [each.reason for each in result.rejections] == []
    (link,) = (await memory.relationships.list(other, scope=OWN, limit=10)).items
    assert (link.start, link.scope) == ("me", OWN)


async def test_an_export_of_one_scope_holds_that_scope_alone(memory: Memory, graph: str) -> None:
    await put_some(memory, graph)
    every, shared, own = [await records(memory, graph, scope) for scope in (None, "", OWN)]
    assert shared
    assert own
    assert shared | own == every
    assert not shared & own
    assert all("'scope': ''" in each for each in shared)
    assert await records(memory, graph, "user/43") == set()


async def test_an_export_of_one_scope_tells_of_no_sources_of_others(memory: Memory, graph: str) -> None:
    await memory.sources.put(graph, [Source(key, key.title(), trust=0.9) for key in ("mine", "yours", "press", "link")])
    await memory.entities.put(
        graph, [Entity("a", source="mine", scope=OWN), Entity("b", source="yours", scope="user/43")]
    )
    await memory.entities.put(graph, [Entity("c", source="press")])
    await memory.relationships.put(graph, [Relationship("SEES", "a", "c", source="link", scope=OWN)])

    async def told(scope: str | None) -> set[str]:
        return {item.key async for item in memory.exports.items(graph, scope=scope) if isinstance(item, Source)}

    assert await told(None) == {"mine", "yours", "press", "link"}
    assert await told(OWN) == {"mine", "link"}
    assert await told("") == {"press"}


async def load(memory: Memory, graph: str, *shapes: Mapping[str, Any], **options: Any) -> ImportResult:
    lines = b"".join(orjson.dumps({"type": "entity", **shape}) + b"\n" for shape in shapes)
    return await memory.imports.run(graph, [io.BytesIO(lines)], ImportOptions("jsonl", **options))


async def test_an_empty_scope_in_a_file_is_shared_and_not_the_imports_own(memory: Memory, graph: str) -> None:
    shapes = ({"key": "none"}, {"key": "shared", "scope": ""}, {"key": "more", "scope": "", "properties": {"a": [1]}})
    assert (await load(memory, graph, *shapes, scope=OWN)).created == 3
    assert {entity.key for entity in (await memory.entities.list(graph, limit=10)).items} == {"shared", "more"}
    own = (await memory.entities.list(graph, scope=OWN, limit=10)).items
    assert {entity.key for entity in own if entity.scope == OWN} == {"none"}


async def test_an_import_that_keeps_to_a_scope_refuses_an_empty_one(memory: Memory, graph: str) -> None:
    for dry_run in (True, False):
        result = await load(
            memory, graph, {"key": "a"}, {"key": "b", "scope": ""}, scope=OWN, within=OWN, dry_run=dry_run
        )
        assert result.rejected == 1
        assert "shared by the whole graph" in result.rejections[0].reason
        assert OWN in result.rejections[0].reason
    assert (await memory.entities.list(graph, limit=10)).items == []


async def test_an_empty_cell_names_no_scope(memory: Memory, graph: str) -> None:
    table = b"key,name,scope\na,A,\nb,B,user/7\n"
    options = ImportOptions("csv", kind="entity", scope=OWN)
    assert (await memory.imports.run(graph, [io.BytesIO(table)], options)).created == 2
    assert (await memory.entities.list(graph, limit=10)).items == []
    assert {each.key for each in (await memory.entities.list(graph, scope=OWN, limit=10)).items} == {"a"}
