"""Import and export against a real Postgres."""

import dataclasses
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import DatabaseUnavailable, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions, ImportProgress, ImportResult
from tests.memories import new_graph

SOURCES = [Source("nasa", "NASA", trust=0.9)]
ENTITIES = [
    Entity("apollo-11", "Mission", "Apollo 11", {"crew": 3}, valid_from="1969-07-16", valid_to="1969-07-24"),
    Entity("armstrong", "Person", "Neil Armstrong", text="Commander of Apollo 11.", source="nasa"),
    Entity("wapakoneta", "City", "Wapakoneta", place=parse_place([-84.19, 40.57]), scope="user/42"),
]
RELATIONSHIPS = [
    Relationship("FLEW", "armstrong", "apollo-11", properties={"seat": "left"}, confidence=0.99, valid_from="1969"),
    Relationship("BORN_IN", "armstrong", "wapakoneta", scope="user/42", key="birth"),
]
EPISODES = [Episode("The Eagle has landed.", key="eagle", speaker="Armstrong", mentions=["armstrong"])]


def lines(*records: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(record).encode() + b"\n" for record in records))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def adds_up(result: ImportResult) -> bool:
    stored = result.created + result.updated + result.unchanged
    return result.read == stored + result.checked + result.rejected


def statement(record: Any) -> Any:
    """A held record without what only the store knows."""
    held = {"id": None, "version": None, "known_from": None, "extract": False}
    known = {field.name for field in dataclasses.fields(record)}
    return dataclasses.replace(record, **{name: value for name, value in held.items() if name in known})


async def everything(memory: Memory, graph: str) -> set[str]:
    return {repr(statement(record)) async for record in memory.exports.items(graph)}


async def fill(memory: Memory, graph: str) -> None:
    await memory.sources.put(graph, SOURCES)
    await memory.entities.put(graph, ENTITIES)
    await memory.relationships.put(graph, RELATIONSHIPS)
    await memory.episodes.put(graph, EPISODES)


@pytest.mark.long
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".ndjson.xz"])
async def test_what_was_exported_makes_the_same_graph(memory: Memory, graph: str, tmp_path: Path, suffix: str) -> None:
    await fill(memory, graph)
    path = tmp_path / f"all{suffix}"
    written = await memory.exports.write(graph, path)
    assert written.records == {"source": 1, "entity": 3, "relationship": 2, "episode": 1}
    copy = await new_graph(memory, f"{graph}-copy")
    result = await memory.imports.run(copy, [path])
    assert (result.created, result.read, adds_up(result)) == (7, 7, True)
    assert result.kinds == written.records
    assert await everything(memory, copy) == await everything(memory, graph)


async def test_an_import_that_is_repeated_changes_nothing(memory: Memory, graph: str, tmp_path: Path) -> None:
    await fill(memory, graph)
    await memory.exports.write(graph, tmp_path / "all.jsonl")
    result = await memory.imports.run(graph, [tmp_path / "all.jsonl"])
    assert (result.created, result.updated, result.unchanged) == (0, 0, 7)


async def test_csv_tables_make_the_same_graph(memory: Memory, graph: str, tmp_path: Path) -> None:
    await fill(memory, graph)
    kinds: Sequence[Any] = ("episode", "relationship", "entity", "source")
    paths = [tmp_path / f"{kind}.csv" for kind in kinds]
    for kind, path in zip(kinds, paths, strict=True):
        await memory.exports.write(graph, path, ExportOptions(kind=kind))
    copy = await new_graph(memory, f"{graph}-copy")
    result = await memory.imports.run(copy, paths)
    assert (result.created, result.rejected) == (7, 0)
    assert await everything(memory, copy) == await everything(memory, graph)


async def test_relationships_may_stand_before_their_entities(memory: Memory, graph: str) -> None:
    stream = lines({"kind": "KNOWS", "from": "a", "to": "b"})
    entities = lines({"key": "a"}, {"key": "b"})
    result = await memory.imports.run(graph, [stream, entities])
    assert (result.created, result.rejected) == (3, 0)


async def test_bad_records_are_told_by_line_and_the_others_are_stored(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text(
        '{"type": "entity", "key": "a"}\n'
        '{"type": "relationship", "kind": "K", "from": "a", "to": "nobody"}\n'
        '{"type": "entity", "key": "b", "embedding": [1, 2, 3]}\n'
        "not json\n"
        '{"type": "relationship", "kind": "K", "from": "a", "to": "a"}\n'
        '{"type": "episode", "text": "Hi", "mentions": ["ghost"]}\n'
        '{"type": "entity", "key": "c", "properties": {"n": 1}}\n'
    )
    rejects = tmp_path / "rejected.jsonl"
    result = await memory.imports.run(graph, [path], ImportOptions(rejected_to=rejects))
    assert (result.read, result.created, result.rejected) == (7, 3, 4)
    assert adds_up(result)
    told = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert {(one["file"], one["line"]) for one in told} == {("mixed.jsonl", n) for n in (2, 3, 4, 6)}
    reasons = {one["line"]: one["reason"] for one in told}
    assert "'nobody'" in reasons[2]
    assert "3 dimensions" in reasons[3]
    assert "not JSON" in reasons[4]
    assert "'ghost'" in reasons[6]
    assert [r.line for r in result.rejections] == [one["line"] for one in told]
    assert json.loads(told[-1]["record"])["mentions"] == ["ghost"]


async def test_no_file_of_rejected_records_is_made_when_there_is_none(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    await memory.imports.run(graph, [lines({"key": "a"})], ImportOptions(rejected_to=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


async def test_one_bad_version_among_thousands_costs_only_itself(memory: Memory, graph: str) -> None:
    records: list[dict[str, Any]] = [{"key": f"k{n}"} for n in range(3000)]
    records[1234]["version"] = 7
    result = await memory.imports.run(graph, [lines(*records)])
    assert (result.created, result.rejected) == (2999, 1)
    assert result.rejections[0].line == 1235
    assert "version" in result.rejections[0].reason


async def test_an_import_stops_at_the_first_bad_record_when_asked(memory: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput, match=r"line 2: .*no field 'colour'") as raised:
        await memory.imports.run(
            graph, [lines({"key": "a"}, {"key": "b", "colour": 1})], ImportOptions(on_error="stop")
        )
    assert raised.value.facts["line"] == 2


async def test_a_dry_run_finds_what_is_bad_and_stores_nothing(memory: Memory, graph: str) -> None:
    schema = {"labels": {"Ship": {"properties": {"tons": {"type": "integer", "required": True}}}}}
    ships = await new_graph(memory, f"{graph}-ships", schema=schema)
    stream = lines({"key": "a", "label": "Ship", "properties": {"tons": 5}}, {"key": "b", "label": "Ship"}, {"key": ""})
    result = await memory.imports.run(ships, [stream], ImportOptions(dry_run=True))
    assert (result.read, result.checked, result.rejected, result.created) == (3, 1, 2, 0)
    assert adds_up(result)
    assert "tons" in result.rejections[0].reason
    assert (await memory.graphs.stats(ships)).entities == 0


async def test_a_dry_run_writes_what_it_would_reject_and_no_file_where_there_is_nothing(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    told, none = tmp_path / "told.jsonl.gz", tmp_path / "none.jsonl"
    records: list[dict[str, Any]] = [{"key": "a"}] + [{"key": ""}] * 150
    result = await memory.imports.run(graph, [lines(*records)], ImportOptions(dry_run=True, rejected_to=told))
    written = [json.loads(line) for line in gzip.decompress(told.read_bytes()).splitlines()]
    assert result.rejected == len(written) == 150
    assert (written[0]["line"], "key" in written[0]["reason"]) == (2, True)
    await memory.imports.run(graph, [lines({"key": "a"})], ImportOptions(dry_run=True, rejected_to=none))
    assert not none.exists()


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_is_rejected_never_takes_the_place_of_a_file_to_import(
    memory: Memory, graph: str, tmp_path: Path, dry_run: bool
) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"key": "a"}\n{"key": ""}\n')
    (tmp_path / "link").symlink_to(file)
    for target in (file, tmp_path / "link"):
        with pytest.raises(InvalidInput, match="is a file to import"):
            await memory.imports.run(graph, [str(file)], ImportOptions(rejected_to=target, dry_run=dry_run))
    assert file.read_text() == '{"key": "a"}\n{"key": ""}\n'


async def test_source_and_scope_are_filled_in_where_a_record_names_none(memory: Memory, graph: str) -> None:
    stream = lines({"key": "a"}, {"key": "b", "source": "own", "scope": "team/1"})
    await memory.imports.run(graph, [stream], ImportOptions(source="file", scope="user/42"))
    first = await memory.entities.get(graph, "a", scope="user/42")
    second = await memory.entities.get(graph, "b", scope="team/1")
    assert (first.source, first.scope) == ("file", "user/42")
    assert (second.source, second.scope) == ("own", "team/1")


async def test_repeated_records_in_one_file_add_up(memory: Memory, graph: str) -> None:
    twice = [{"type": "source", "key": "s"}, {"type": "entity", "key": "a"}] * 2
    result = await memory.imports.run(graph, [lines(*twice)])
    assert result.read == 4
    assert adds_up(result)


async def test_progress_is_told_from_the_first_byte_to_the_last(memory: Memory, graph: str, tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.jsonl.gz", tmp_path / "nodes.jsonl"
    told_edges = (b'{"type":"relationship","kind":"K","from":"e%d","to":"e0"}\n' % n for n in range(500))
    edges.write_bytes(gzip.compress(b"".join(told_edges)))
    nodes.write_bytes(b"".join(b'{"type":"entity","key":"e%d"}\n' % n for n in range(500)))
    told: list[ImportProgress] = []
    await memory.imports.run(graph, [edges, nodes], ImportOptions(batch=100), progress=told.append)
    reading = [p for p in told if p.stage == "reading"]
    linking = [p for p in told if p.stage == "linking"]
    assert reading[-1].done == reading[-1].total == edges.stat().st_size + nodes.stat().st_size
    assert [p.done for p in linking] == [100, 200, 300, 400, 500]
    assert told[-1].read == told[-1].created == 1000
    assert told[-1].rate > 0


async def test_missing_files_graphs_and_formats_are_told_before_anything_is_stored(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="no file"):
        await memory.imports.run(graph, [tmp_path / "none.jsonl"])
    with pytest.raises(InvalidInput, match="no extension"):
        await memory.imports.run(graph, [lines({"key": "a"}), tmp_path / "x.doc"])
    with pytest.raises(NotFound):
        await memory.imports.run("nowhere", [lines({"key": "a"})])
    with pytest.raises(NotFound):
        await memory.exports.write("nowhere", tmp_path / "x.jsonl")
    assert (await memory.graphs.stats(graph)).entities == 0
    assert names_in(tmp_path) == []


async def test_an_import_waits_for_a_database_that_is_away_for_a_moment(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports: Any = memory.ports.imports
    store, failures = imports.store, iter([True, True, False])

    async def sometimes(*what: Any) -> Any:
        if next(failures):
            raise DatabaseUnavailable(retry_after=0)
        return await store(*what)

    monkeypatch.setattr(imports, "store", sometimes)
    assert (await memory.imports.run(graph, [lines({"key": "a"})])).created == 1


async def test_an_export_of_one_scope_and_one_kind_holds_just_that(memory: Memory, graph: str) -> None:
    await fill(memory, graph)
    stream = io.BytesIO()
    result = await memory.exports.write(graph, stream, ExportOptions("jsonl", kind="entity", scope="user/42"))
    assert result.records == {"entity": 1}
    assert json.loads(stream.getvalue())["key"] == "wapakoneta"
