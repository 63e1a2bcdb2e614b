"""Vectors go out with exports and come back: those that callers gave, all of them, or none."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import EmbeddingMismatch
from kgmem.domain.graph.embedding import EmbeddingSpace, Vector, WhichVectors
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import DIMENSION, new_graph, stable_vector
from tests.sizes import examples, sized

SPACE = EmbeddingSpace("test", "small", 3)
FILES = ["all.jsonl", "parquet/", "all.graphml", "all.gexf", "entities.csv", "neo4j/", "apoc.json"]
FORMATS = {"neo4j": "neo4j-csv", "apoc.json": "apoc", "parquet": "parquet"}
# Halves have 11 significant bits and end at 6e-8, which these go beyond on all sides.
numbers = st.one_of(st.floats(-1, 1, width=16), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1.0, 1e-7, 6e-8]))
vectors = st.lists(numbers, min_size=3, max_size=3).filter(lambda vector: max(map(abs, vector)) > 1e-6)


async def embeddings(memory: Memory, graph: str, **options: Any) -> dict[str, Vector | None]:
    found = [item async for item in memory.exports.items(graph, **options) if isinstance(item, Entity)]
    return {item.key: item.embedding for item in found}


async def there_and_back(memory: Memory, pair: tuple[str, str], file: str) -> None:
    """Export a graph into a file, and import that into another."""
    told = ExportOptions(format=FORMATS.get(Path(file).name), kind="entity" if file.endswith(".csv") else None)
    assert (await memory.exports.write(pair[0], file, told)).lost == {}
    result = await memory.imports.run(pair[1], [file.rstrip("/")], ImportOptions(format=told.format))
    assert result.rejections == ()


@pytest.fixture
async def pair(memory: Memory, graph: str) -> tuple[str, str]:
    """Two empty graphs of one space of three dimensions."""
    return await new_graph(memory, f"{graph}-one", space=SPACE), await new_graph(memory, f"{graph}-two", space=SPACE)


@pytest.mark.parametrize("name", FILES)
async def test_given_vectors_come_back_in_every_format_that_carries_them(
    memory: Memory, pair: tuple[str, str], tmp_path: Path, name: str
) -> None:
    given_ = [Entity(f"k{n}", "A", embedding=[n + 0.5, -1.0, n / 7]) for n in range(5)]
    await memory.entities.put(pair[0], [*given_, Entity("without", "A", text="a text")])
    before = await embeddings(memory, pair[0])
    assert [key for key, vector in before.items() if vector is None] == ["without"]
    await there_and_back(memory, pair, f"{tmp_path}/{name}")
    assert await embeddings(memory, pair[1]) == before


@sized
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=st.lists(vectors, min_size=1, max_size=5))
async def test_export_then_import_is_the_identity_for_given_vectors(
    memory: Memory, pair: tuple[str, str], tmp_path: Path, given_: list[list[float]]
) -> None:
    await memory.entities.put(pair[0], [Entity(f"k{n}", "A", embedding=each) for n, each in enumerate(given_)])
    await there_and_back(memory, pair, f"{tmp_path}/all.jsonl")
    assert await embeddings(memory, pair[1]) == await embeddings(memory, pair[0])
    await there_and_back(memory, (pair[0], pair[0]), f"{tmp_path}/all.jsonl")
    assert await embeddings(memory, pair[1]) == await embeddings(memory, pair[0])


async def test_vectors_that_kgmem_made_go_out_on_request_alone(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("given", embedding=stable_vector("a")), Entity("made", text="a text")])
    await memory.embeddings.run(graph)

    async def written(which: WhichVectors) -> list[str]:
        found = await embeddings(memory, graph, embeddings=which)
        stream = io.BytesIO()
        await memory.exports.write(graph, stream, ExportOptions(format="jsonl", embeddings=which))
        shapes = map(orjson.loads, stream.getvalue().splitlines())
        assert {shape["key"]: shape.get("embedding") for shape in shapes} == found
        return sorted(key for key, vector in found.items() if vector and len(vector) == DIMENSION)

    assert await written("none") == []
    assert await written("given") == ["given"]
    assert await written("all") == ["given", "made"]


async def test_a_format_without_a_place_for_vectors_says_how_many_it_left_out(
    memory: Memory, pair: tuple[str, str]
) -> None:
    await memory.entities.put(pair[0], [Entity("a", embedding=[1.0, 2.0, 3.0])])
    for format_ in ("turtle", "dot", "gephi"):
        told = await memory.exports.losses(pair[0], ExportOptions(format=format_))
        assert told.lost["embeddings"] == 1
        told = await memory.exports.losses(pair[0], ExportOptions(format=format_, embeddings="none"))
        assert "embeddings" not in told.lost


@pytest.mark.long
async def test_vectors_of_another_model_are_refused_by_name(
    memory: Memory, pair: tuple[str, str], tmp_path: Path
) -> None:
    await memory.entities.put(pair[0], [Entity("a", embedding=[1.0, 2.0, 3.0])])
    other = await new_graph(memory, f"{pair[0]}-else", space=replace(SPACE, model="large"))
    await memory.exports.write(pair[0], f"{tmp_path}/out/", ExportOptions(format="parquet"))
    with pytest.raises(EmbeddingMismatch, match=r"are of small \(3 dimensions\), and the graph's of large \(3\)"):
        await memory.imports.run(other, [tmp_path / "out" / "nodes.parquet"])
    await memory.exports.write(pair[0], f"{tmp_path}/a.jsonl")
    wider = await new_graph(memory, f"{pair[0]}-wide", space=replace(SPACE, dimension=4))
    result = await memory.imports.run(wider, [tmp_path / "a.jsonl"])
    assert "3 dimensions, but the graph accepts 4" in result.rejections[0].reason
