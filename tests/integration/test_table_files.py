"""Graphs as tables: in from other databases' files, out as files that make the same graph."""

import io
import zipfile
from pathlib import Path

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.tables.mapping import load_mapping
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.data import data, members
from tests.memories import new_graph

FORMATS = ["neo4j-csv", "parquet"]


async def fill(memory: Memory, graph: str) -> None:
    await memory.sources.put(graph, [Source("nasa", "NASA", trust=0.9)])
    await memory.entities.put(
        graph,
        [
            Entity("a", "Mission", "Apollo 11", {"crew": 3, "name": "own"}, labels=["Flight"], valid_from="1969-07-16"),
            Entity("b", "Person", "Neil", {"tags": ["x", "y"], "deep": {"a": [1, None]}, "mixed": 1}, source="nasa"),
            Entity("c", "City", place=parse_place([-84.19, 40.57]), properties={"mixed": "one", "n": 2.0}),
            Entity("c", "City", "Mine", place=parse_place([7, 46]), scope="user/42"),
        ],
    )
    await memory.relationships.put(
        graph,
        [
            Relationship("FLEW", "b", "a", properties={"seat": "left"}, confidence=0.99, valid_from="1969"),
            Relationship("BORN_IN", "b", "c", scope="user/42", key="birth"),
        ],
    )
    await memory.episodes.put(graph, [Episode("The Eagle has landed.", key="eagle", mentions=["b"])])


async def lines(memory: Memory, graph: str) -> list[bytes]:
    stream = io.BytesIO()
    await memory.exports.write(graph, stream, ExportOptions("jsonl"))
    return sorted(stream.getvalue().splitlines())


@pytest.mark.parametrize("format_", FORMATS)
async def test_what_was_exported_makes_the_same_graph(memory: Memory, graph: str, tmp_path: Path, format_: str) -> None:
    await fill(memory, graph)
    result = await memory.exports.write(graph, f"{tmp_path}/out/", ExportOptions(format_))
    assert (result.records, result.lost) == ({"source": 1, "entity": 4, "relationship": 2, "episode": 1}, {})
    copy = await new_graph(memory, f"{graph}-copy")
    taken = await memory.imports.run(copy, sorted((tmp_path / "out").iterdir()))
    assert (taken.created, taken.rejected) == (8, 0)
    assert await lines(memory, copy) == await lines(memory, graph)


@pytest.mark.parametrize("format_", FORMATS)
async def test_a_file_gets_all_the_files_of_an_export_packed(
    memory: Memory, graph: str, tmp_path: Path, format_: str
) -> None:
    await fill(memory, graph)
    await memory.exports.write(graph, tmp_path / "out.zip", ExportOptions(format_, kind="entity"))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert [Path(name).stem for name in archive.namelist()] == ["nodes"]
    copy = await new_graph(memory, f"{graph}-copy")
    assert (await memory.imports.run(copy, [tmp_path / "out.zip"])).kinds == {"entity": 4}
    with pytest.raises(InvalidInput, match="is a folder"):
        await memory.exports.write(graph, tmp_path, ExportOptions("jsonl"))


async def test_one_kind_may_go_to_one_file_by_its_extension(memory: Memory, graph: str, tmp_path: Path) -> None:
    await fill(memory, graph)
    await memory.exports.write(graph, tmp_path / "people.parquet", ExportOptions(kind="entity"))
    copy = await new_graph(memory, f"{graph}-copy")
    assert (await memory.imports.run(copy, [tmp_path / "people.parquet"])).created == 4
    with pytest.raises(InvalidInput, match="can contain only one kind"):
        await memory.exports.write(graph, tmp_path / "all.parquet")
    with pytest.raises(InvalidInput, match="Give the format of the files in it"):
        await memory.exports.write(graph, tmp_path / "all.zip")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mapping", "archive", "files", "counts"),
    [
        ("northwind", "neo4j_dumps/northwind_import_csv.tar.xz", "import/*.csv", (1035, 3139)),
        ("ldbc_snb", "ldbc_snb_tiny/ldbc_snb_tiny_csv.tar.xz", "vanilla/*/*.csv", (34_735, 70_842)),
    ],
)
async def test_tables_of_any_shape_go_in_whole_by_their_mapping(
    memory: Memory, graph: str, tmp_path: Path, mapping: str, archive: str, files: str, counts: tuple[int, int]
) -> None:
    told = load_mapping(Path(__file__).parents[1] / "mappings" / f"{mapping}.toml")
    wanted = {table["files"] for table in told["table"]}
    paths = [path for path in sorted(members(archive, tmp_path).glob(files)) if path.name in wanted]
    result = await memory.imports.run(graph, paths, ImportOptions(mapping=told))
    assert (result.kinds, result.rejected) == (dict(zip(("entity", "relationship"), counts, strict=True)), 0)
    again = await memory.imports.run(graph, paths, ImportOptions(mapping=told))
    assert (again.created, again.updated, again.unchanged) == (0, 0, sum(counts))


@pytest.mark.slow
async def test_the_air_routes_are_the_same_graph_after_each_format(memory: Memory, graph: str, tmp_path: Path) -> None:
    files = [data(f"spatial_airroutes/air-routes-latest-{part}.csv.xz") for part in ("nodes", "edges")]
    taken = await memory.imports.run(graph, files, ImportOptions())
    assert (taken.kinds, taken.rejected) == ({"entity": 3749, "relationship": 57_645}, 0)
    original = await lines(memory, graph)
    for format_ in FORMATS:
        await memory.exports.write(graph, f"{tmp_path}/{format_}/", ExportOptions(format_))
        copy = await new_graph(memory, f"{graph}-{format_}")
        await memory.imports.run(copy, sorted((tmp_path / format_).iterdir()))
        assert await lines(memory, copy) == original
