"""Several files at once: folders, and options that belong to the format of some of them."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.imports import assert_same_contents
from tests.memories import new_graph

TURTLE = '@prefix ex: <http://example.org/> .\nex:bern ex:label "Bern" .\n'


@pytest.mark.parametrize("format_", ["neo4j-csv", "parquet"])
async def test_an_exported_folder_is_imported_as_it_was(
    memory: Memory, graph: str, tmp_path: Path, format_: str
) -> None:
    await memory.entities.put(graph, [Entity("a", "A", "Ann", {"n": 1}), Entity("b", "B", scope="user/1")])
    await memory.relationships.put(graph, [Relationship("R", "a", "a", key="r", properties={"since": 1999})])
    await memory.episodes.put(graph, [Episode("Ann sang.", "e1", mentions=["a"])])
    folder = tmp_path / "out"
    await memory.exports.write(graph, f"{folder}/", ExportOptions(format=format_))
    (folder / "README.txt").write_text("What this is.")
    other = await new_graph(memory, f"{graph}_2")
    result = await memory.imports.run(other, [folder])
    assert (result.created, result.rejected) == (4, 0)
    assert [(each.path.name, each.reason) for each in result.skipped] == [("README.txt", "no format ends so")]
    await assert_same_contents(memory, graph, other)
    assert (await memory.imports.run(other, [folder])).unchanged == 4


async def test_an_import_of_a_folder_goes_on_where_it_was_broken_off(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.jsonl").write_text("".join(f'{{"key": "{name}{n}"}}\n' for n in range(50)))
    options = ImportOptions(batch=10, on_error="stop")
    (folder / "c.jsonl").write_text('{"key": ""}\n')
    with pytest.raises(InvalidInput, match=r"c\.jsonl, line 1"):
        await memory.imports.run(graph, [folder], options)
    (failed,) = await memory.imports.list(graph)
    assert [file["name"] for file in failed.files] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    again = await memory.imports.run(graph, [folder], ImportOptions(batch=10, resume=True))
    assert (again.id, again.created, again.rejected) == (failed.id, 100, 1)


async def test_an_option_goes_to_the_files_whose_format_has_it(memory: Memory, graph: str, tmp_path: Path) -> None:
    table, triples, packed = tmp_path / "a.csv", tmp_path / "b.ttl", tmp_path / "c.zip"
    table.write_text("key|name\na|Ann\n")
    triples.write_text(TURTLE)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("d.jsonl", '{"key": "d"}\n')
    options = ImportOptions(format_options={"delimiter": "|", "keys": "local"})
    result = await memory.imports.run(graph, [table, triples, packed], options)
    assert (result.created, result.rejected) == (3, 0)
    assert {each.key for each in (await memory.entities.list(graph)).items} == {"a", "bern", "d"}


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("delimitre", "There is no option 'delimitre' of csv or turtle.", "Did you mean 'delimiter'?"),
        ("xyz", "There is no option 'xyz' of csv or turtle.", "csv has delimiter, "),
    ],
)
async def test_an_option_that_none_of_the_formats_has_is_refused_by_name(
    memory: Memory, graph: str, tmp_path: Path, option: str, message: str, hint: str
) -> None:
    table, triples = tmp_path / "a.csv", tmp_path / "b.ttl"
    table.write_text("key|name\na|Ann\n")
    triples.write_text(TURTLE)
    with pytest.raises(InvalidInput) as refused:
        await memory.imports.run(graph, [table, triples], ImportOptions(format_options={option: "x"}))
    told: Any = refused.value
    assert told.message == message
    assert told.hint.startswith(hint)
    assert not await memory.imports.list(graph)
    packed = tmp_path / "c.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(table, "a.csv")
    with pytest.raises(InvalidInput, match=f"has an option '{option}'"):
        await memory.imports.run(graph, [triples, packed], ImportOptions(format_options={option: "x"}))
    shutil.rmtree(tmp_path)
