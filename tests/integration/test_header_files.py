"""neo4j-admin's header files: one file names the columns, others hold the rows."""

import gzip
from pathlib import Path

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.imports import assert_same_contents
from tests.memories import new_graph

FILES = {
    "persons-header.csv": ":ID,name,age:int,:LABEL\n",
    "persons-1.csv": "a,Ann,30,Person\nb,Bo,x,Person\n",
    "persons_2.csv.gz": "c,Cy,40,Person\n",
    "persons-old-header.csv": "name;:ID;:LABEL",
    "persons-old-1.csv": "Di;d;Person\n",
    "knows_header.csv": ":START_ID,:END_ID,:TYPE\n",
    "knows.csv": "a,c,KNOWS\nc,d,KNOWS\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("format_", [None, "neo4j-csv"])
async def test_rows_get_their_columns_from_the_header_beside_them(
    memory: Memory, graph: str, folder: Path, format_: str | None
) -> None:
    result = await memory.imports.run(graph, [folder], ImportOptions(format=format_))
    assert (result.read, result.created, result.rejected) == (6, 5, 1)
    rejection = result.rejections[0]
    assert (rejection.file, rejection.line) == ("persons-1.csv", 2)
    other = await new_graph(memory, f"{graph}_2")
    people = [("a", "Ann", {"age": 30}), ("c", "Cy", {"age": 40}), ("d", "Di", {})]
    await memory.entities.put(other, [Entity(key, "Person", name, own) for key, name, own in people])
    held = [item async for item in memory.exports.items(graph) if isinstance(item, Relationship)]
    assert sorted((edge.start, edge.kind, edge.end) for edge in held) == [("a", "KNOWS", "c"), ("c", "KNOWS", "d")]
    await memory.relationships.delete(graph, [edge.id for edge in held if edge.id])
    await assert_same_contents(memory, graph, other)
    again = await memory.imports.run(graph, [folder / name for name in FILES], ImportOptions(format=format_))
    assert (again.unchanged, again.rejected) == (3, 1)


async def test_a_file_of_such_a_name_with_rows_is_a_file_like_any_other(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    (tmp_path / "mail-header.csv").write_text("key,label\none,Mail\n")
    (tmp_path / "mail-1.csv").write_text("key,label\ntwo,Mail\n")
    (tmp_path / "lonely-header.csv").write_text("key,label\n")
    result = await memory.imports.run(graph, [tmp_path])
    assert (result.created, result.rejected) == (2, 0)
