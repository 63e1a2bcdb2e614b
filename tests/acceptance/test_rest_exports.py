"""Exports over REST: every format that kgmem writes, streamed, compressed, and told what it leaves out."""

import asyncio
import gzip
import io
import lzma
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zstandard

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.registry import FORMATS, format_of
from kgmem.memory import Memory
from kgmem_api.media_types import OCTETS, extension_of, media_type
from tests.imports import contents
from tests.rest import GRAPH, Door, done, refused

EXPORT = f"{GRAPH}/export"
WRITTEN = [name for name in FORMATS if format_of("-", name).writer or format_of("-", name).parts]
EXACT = ["jsonl", "csv", "parquet", "neo4j-csv", "graphml", "nquads", "apoc"]


@pytest.fixture
async def filled(door: Door) -> Door:
    """A door to a graph that has something of everything."""
    memory = door.memory
    await memory.sources.put("main", [Source("nasa", "NASA", trust=0.9)])
    entities = [
        Entity("ann", "Person", "Ann", {"n": 1, "tags": ["a", "b"]}, text="Ann sings.", source="nasa"),
        Entity("bob", "Person", "=1+1", valid_from="1990"),
        Entity("rome", "City", "Rome", scope="user/1"),
    ]
    await memory.entities.put("main", entities)
    await memory.relationships.put("main", [Relationship("KNOWS", "ann", "bob", properties={"since": 1999})])
    await memory.episodes.put("main", [Episode("Ann met Bob.", "met", mentions=["ann"])])
    return door


async def test_every_format_comes_as_a_file_of_its_type(filled: Door) -> None:
    for name in WRITTEN:
        await assert_comes(filled, name)


async def assert_comes(filled: Door, name: str) -> None:
    """An export of the format is a file of its media type and its name's end."""
    answer = await filled.client.get(EXPORT, params={"format": name})
    assert answer.status_code == 200, answer.text
    several = format_of("-", name).parts is not None
    type_ = media_type(name, several=several, compression=None)
    assert answer.headers["content-type"] == type_ != OCTETS
    extension = ".zip" if several else extension_of(name)
    assert answer.headers["content-disposition"] == f'attachment; filename="export{extension}"'
    assert extension
    assert len(answer.content) > 100
    assert zipfile.is_zipfile(io.BytesIO(answer.content)) == several
    address, _, _ = answer.headers["link"].partition(">")
    losses = done(await filled.client.get(address.removeprefix("<")))
    assert losses["format"] == name
    assert losses["records"] == {"source": 1, "entity": 3, "relationship": 1, "episode": 1}


@pytest.mark.parametrize("name", EXACT)
async def test_what_is_exported_is_imported_as_it_was(filled: Door, name: str) -> None:
    memory = filled.memory
    exported = await filled.client.get(EXPORT, params={"format": name})
    lost = done(await filled.client.get(f"{EXPORT}/losses", params={"format": name}))["lost"]
    await memory.graphs.create("copy")
    told = {"format": "zip" if zipfile.is_zipfile(io.BytesIO(exported.content)) else name}
    accepted = done(await filled.client.post("/v1/graphs/copy/imports", params=told, content=exported.content), 202)
    await memory.tasks.run_upload("copy", accepted["id"])
    held = await memory.imports.get("copy", accepted["id"])
    assert (held.state, held.rejected, lost) == ("done", 0, {}), held
    assert await contents(memory, "copy") == await contents(memory, "main")


@pytest.mark.parametrize(
    ("name", "suffix", "type_", "unpack"),
    [
        ("gzip", ".gz", "application/gzip", gzip.decompress),
        ("xz", ".xz", "application/x-xz", lzma.decompress),
        (
            "zstd",
            ".zst",
            "application/zstd",
            lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        ),
    ],
)
async def test_a_file_may_be_compressed(filled: Door, name: str, suffix: str, type_: str, unpack: Any) -> None:
    plain = await filled.client.get(EXPORT)
    answer = await filled.client.get(EXPORT, params={"compression": name})
    assert answer.headers["content-disposition"].endswith(f'export.jsonl{suffix}"')
    assert answer.headers["content-type"] == type_
    assert unpack(answer.content) == plain.content


async def test_one_kind_as_a_table_and_formulas_escaped(filled: Door) -> None:
    told = {"format": "csv", "kind": "entity", "escape_formulas": "true"}
    answer = await filled.client.get(EXPORT, params=told)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert ",'=1+1," in answer.text
    assert len(answer.text.splitlines()) == 4
    whole = zipfile.ZipFile(io.BytesIO((await filled.client.get(EXPORT, params={"format": "csv"})).content))
    assert whole.namelist() == ["sources.csv", "nodes.csv", "relationships.csv", "episodes.csv"]
    only = await filled.client.get(EXPORT, params={"kind": "relationship"})
    assert len(only.text.splitlines()) == 1


async def test_options_of_the_format_are_taken(filled: Door) -> None:
    short = await filled.client.get(EXPORT, params={"format": "turtle"})
    named = await filled.client.get(EXPORT, params={"format": "turtle", "option": "namespace=http://example.org/"})
    assert "http://example.org/" not in short.text
    assert "http://example.org/" in named.text


async def test_what_a_format_cannot_carry_is_told(filled: Door) -> None:
    losses = done(await filled.client.get(f"{EXPORT}/losses", params={"format": "mermaid"}))
    assert losses["lost"]["episodes"] == 1
    assert done(await filled.client.get(f"{EXPORT}/losses"))["lost"] == {}


WRONG: list[tuple[dict[str, str], str]] = [
    ({"format": "xls"}, "no format 'xls'"),
    ({"format": "sparql"}, "not write it"),
    ({"format": "zip"}, "not write it"),
    ({"format": "jsonl", "option": "colour=red"}, "'colour'"),
    ({"format": "turtle", "option": "vocabulary=odd"}, "vocabulary"),
    ({"kind": "thing"}, "kind"),
    ({"compression": "br"}, "compression"),
    ({"colour": "red"}, "'colour' is no parameter"),
    ({"scope": "a b"}, "not a scope"),
]


async def test_what_is_wrong_is_told_before_anything_is_sent(filled: Door) -> None:
    for told, words in WRONG:
        refused(await filled.client.get(EXPORT, params=told), 422, words)
        refused(await filled.client.get(f"{EXPORT}/losses", params=told), 422, words)


async def test_a_key_of_a_scope_gets_that_scope_and_no_sources_in_any_format(filled: Door) -> None:
    key = await filled.key("reader", scope="user/1")
    for name in WRITTEN:
        losses = done(await filled.client.get(f"{EXPORT}/losses", params={"format": name}, headers=key))
        assert losses["records"] == {"entity": 1}, name
    text = (await filled.client.get(EXPORT, params={"format": "turtle"}, headers=key)).text
    assert "Rome" in text
    assert "Ann" not in text
    assert "NASA" not in text


async def test_an_export_that_fails_in_the_middle_breaks_off(filled: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = filled.memory.ports.store
    export = store.export

    async def failing(graph: str) -> AsyncIterator[Any]:
        async for page in export(graph, None):
            yield page * 5000
        raise DatabaseUnavailable

    monkeypatch.setattr(type(store), "export_shapes", lambda self, graph, embeddings: failing(graph))
    with pytest.raises(DatabaseUnavailable):  # A server closes the connection without the last chunk.
        await filled.client.get(EXPORT)
    monkeypatch.undo()
    assert len((await filled.client.get(EXPORT)).text.splitlines()) == 6
    assert filled.app.state.exports == 0


async def test_only_so_many_exports_are_under_way_at_once(filled: Door) -> None:
    state = filled.app.state
    state.exports = state.settings.pool_size // 2
    answer = await filled.client.get(EXPORT)
    refused(answer, 503, "exports")
    assert answer.headers["retry-after"] == "10"
    refused(await filled.client.get(f"{EXPORT}/losses"), 503, "exports")
    state.exports = 0
    assert (await filled.client.get(EXPORT)).status_code == 200


@pytest.mark.long
async def test_a_reader_who_goes_stops_the_export(memory: Memory) -> None:
    await memory.graphs.create("big")
    await memory.entities.put("big", [Entity(f"k{n}", text="x" * 5000) for n in range(2000)])
    chunks = memory.exports.stream("big")
    assert len(await anext(chunks)) > 0
    await chunks.aclose()
    assert not any("coro=<_export(" in repr(task) for task in asyncio.all_tasks())
    whole = b"".join([chunk async for chunk in memory.exports.stream("big")])
    assert len(whole.splitlines()) == 2000
