"""Imports beside readers, writers and other imports: nobody gets an error, and nobody sees half of anything."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions, ImportProgress
from kgmem.store.load import deferred_indexes
from tests.imports import adds_up, assert_changes_tell_all, contents, lines, write_lines
from tests.interrupted import assert_as_uninterrupted, assert_nothing_left
from tests.invariants import assert_index_matches_labels
from tests.memories import new_graph, opened_memory, query, until

pytestmark = pytest.mark.server


def node(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "entity", "key": key, "label": "Person", "name": f"person {key}", **more}


def edge(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"type": "relationship", "kind": "KNOWS", "from": start, "to": end, **more}


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are set aside for batches that are as small as those of these tests."""
    monkeypatch.setattr(deferred_indexes, "LARGE", 25)


@pytest.fixture
async def other(shared_database_url: str) -> AsyncIterator[Memory]:
    """A second memory over the same database, as another process has it."""
    async with opened_memory(shared_database_url) as memory:
        yield memory


@asynccontextmanager
async def beside(*steps: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """Take each step again and again beside the block, once at least; an error of theirs is the block's."""
    over = asyncio.Event()

    async def repeat(step: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await step()
            if over.is_set():
                return
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(repeat(step))
        try:
            yield
        finally:
            over.set()


@pytest.mark.slow
async def test_readers_beside_an_import_see_each_transaction_as_a_whole(
    memory: Memory, graph: str, other: Memory
) -> None:
    size = 40
    # A unique property makes a chunk one transaction.
    schema = {"labels": {"Person": {"properties": {"number": {"unique": True}}}}}
    await memory.graphs.update(graph, schema=schema)
    file = lines(*(node(f"p{n}", properties={"number": n, "chunk": n // size}) for n in range(60 * size)))
    seen: set[int] = set()

    async def export() -> None:
        found = Counter(e.properties["chunk"] for e in await entities(memory, graph))
        assert set(found.values()) <= {size}, found
        seen.add(len(found))

    async def recall() -> None:
        for hit in (await memory.recall(graph, Question(What(text="person p7"), k=30))).hits:
            assert (hit.label, hit.name) == ("Person", f"person {hit.key}")

    async def read() -> None:
        for held in (await memory.entities.list(graph, limit=50)).items:
            assert (await memory.entities.get(graph, held.key)).name == f"person {held.key}"
        await memory.graphs.stats(graph)
        await memory.graphs.changes(graph)

    async with beside(export, recall, read):
        result = await other.imports.run(graph, [file], ImportOptions(batch=size))
    assert result.created == 60 * size
    assert len(seen) > 2, "nobody read while it was imported"


async def entities(memory: Memory, graph: str) -> list[Entity]:
    return [item async for item in memory.exports.items(graph) if isinstance(item, Entity)]


@pytest.mark.slow
async def test_writers_of_other_keys_and_the_same_label_go_on_beside_an_import(
    memory: Memory, graph: str, other: Memory, tmp_path: Path
) -> None:
    nodes = [node(f"p{n}") for n in range(8000)]
    edges = [edge(f"p{n}", f"p{(n * 7) % 8000}") for n in range(8000)]
    path = write_lines(tmp_path / "people.jsonl", [*nodes, *edges])
    written: list[str] = []
    slowest = 0.0

    async def write() -> None:
        nonlocal slowest
        began = time.monotonic()
        keys = [f"w{len(written) + n}" for n in range(2)]
        written.extend(keys)
        await memory.entities.put(graph, [Entity(key, "Person", f"writer {key}") for key in keys])
        await memory.relationships.put(graph, [Relationship("KNOWS", keys[0], keys[1])])
        slowest = max(slowest, time.monotonic() - began)

    began = time.monotonic()
    async with beside(*[write] * 6):
        result = await other.imports.run(graph, [path], ImportOptions(batch=1000))
    taken = time.monotonic() - began
    assert (result.created, result.rejected) == (16000, 0)
    assert len(written) > 20
    assert slowest < max(0.5, taken / 2), f"a writer waited {slowest:.1f} s of {taken:.1f} s"
    assert {e.key for e in await entities(memory, graph)} == {f"p{n}" for n in range(8000)} | set(written)
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)
    await assert_nothing_left(memory, graph)


@pytest.mark.long
async def test_writers_of_the_same_keys_and_an_import_make_one_entity_of_each(
    memory: Memory, graph: str, other: Memory
) -> None:
    keys = [f"p{n}" for n in range(60)]
    statements = [node(key, properties={"round": n, "imported": True}) for n in range(30) for key in keys]
    links = [edge(key, keys[n - 1], properties={"round": n}) for n, key in enumerate(keys)]

    async def write() -> None:
        await memory.entities.put(graph, [Entity(key, "Person", properties={"written": 1}) for key in reversed(keys)])
        await memory.relationships.put(
            graph, [Relationship("KNOWS", key, keys[n - 1], properties={"written": 1}) for n, key in enumerate(keys)]
        )

    async with beside(write, write):
        result = await other.imports.run(graph, [lines(*statements, *links)], ImportOptions(batch=100))
    assert (result.rejected, adds_up(result)) == (0, True)
    held = await entities(memory, graph)
    assert sorted(e.key for e in held) == sorted(keys)
    assert all(e.properties == {"written": 1, "round": 29, "imported": True} for e in held)
    edges = (await memory.relationships.list(graph, limit=1000)).items
    assert len(edges) == len(keys)
    assert all(set(each.properties) == {"written", "round"} for each in edges)
    await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_two_imports_of_overlapping_files_at_once_make_one_graph(
    memory: Memory, graph: str, other: Memory, tmp_path: Path
) -> None:
    first = [node(f"p{n}") for n in range(2500)] + [edge(f"p{n}", f"p{n + 1}") for n in range(2400)]
    second = [edge(f"p{n}", f"p{n + 1}") for n in range(2400, 1000, -1)] + [
        node(f"p{n}") for n in range(4000, 1000, -1)
    ]
    files = [write_lines(tmp_path / f"{n}.jsonl", records) for n, records in enumerate((first, second))]
    results = await asyncio.gather(
        *(
            which.imports.run(graph, [file], ImportOptions(batch=60))
            for which, file in zip((memory, other), files, strict=True)
        )
    )
    assert all(adds_up(result) and not result.rejected for result in results)
    assert sum(result.created for result in results) == 4001 + 2401
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)
    await assert_nothing_left(memory, graph)


@pytest.mark.slow
async def test_an_import_that_two_processes_go_on_with_at_once_is_done_once(
    memory: Memory, graph: str, other: Memory, tmp_path: Path
) -> None:
    edges = [edge(f"p{n}", f"p{(n * 3) % 1200}") for n in range(1250)]
    episodes = [{"type": "episode", "key": f"t{n}", "text": f"About {n}.", "mentions": [f"p{n}"]} for n in range(90)]
    path = write_lines(tmp_path / "all.jsonl", [*edges, *episodes, *(node(f"p{n}") for n in range(1200)), {"type": 1}])
    whole = await new_graph(memory, f"{graph}_whole")
    await memory.imports.run(whole, [path], ImportOptions(batch=50))

    def stop(far: ImportProgress) -> None:
        if far.created:
            raise InvalidInput("It is enough.")

    with pytest.raises(InvalidInput, match="enough"):
        await memory.imports.run(graph, [path], ImportOptions(batch=50), progress=stop)
    await asyncio.gather(
        *(which.imports.run(graph, [path], ImportOptions(batch=50, resume=True)) for which in (memory, other))
    )
    await assert_as_uninterrupted(memory, graph, whole)


@pytest.mark.long
async def test_deletions_beside_an_import_leave_no_relationship_without_its_ends(
    memory: Memory, graph: str, other: Memory
) -> None:
    count, at = 900, 0
    records = [node(f"p{n}") for n in range(count)]
    records += [edge(f"p{n}", f"p{(n * step) % count}", key=f"{n} {step}") for step in (3, 5, 7) for n in range(count)]

    async def delete() -> None:
        nonlocal at
        at = (at + 37) % count
        await memory.entities.delete(graph, [f"p{at}", f"p{(at + 11) % count}"])

    async with beside(delete):
        result = await other.imports.run(graph, [lines(*records)], ImportOptions(batch=100))
    assert adds_up(result)
    assert result.rejected
    assert all("There is no entity" in each.reason for each in result.rejections)
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)
    await assert_nothing_left(memory, graph)


@pytest.mark.slow
async def test_taking_an_import_back_out_beside_writers_leaves_what_they_wrote(
    memory: Memory, graph: str, other: Memory
) -> None:
    records = [node(f"p{n}") for n in range(3000)] + [edge(f"p{n}", f"p{n + 1}") for n in range(2999)]
    result = await memory.imports.run(graph, [lines(*records)])
    touched: set[str] = set()

    async def write() -> None:
        n = len(touched)
        keys = [f"w{n}", f"p{(n * 7) % 3000}"]
        await memory.entities.put(graph, [Entity(key, "Person", properties={"written": n}) for key in keys])
        await memory.relationships.put(graph, [Relationship("MET", keys[0], keys[1])])
        touched.update(keys)

    async with beside(write):
        assert result.id is not None
        await other.imports.undo(graph, result.id)
    held = {e.key: e for e in await entities(memory, graph)}
    assert touched <= set(held)
    assert len(held) < 3000
    assert {e.start for e in (await memory.relationships.list(graph, kind="MET", limit=1000)).items} <= set(held)
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)


@pytest.mark.parametrize("again", [False, True])
async def test_an_import_into_a_graph_that_is_dropped_meanwhile_ends_and_says_so(
    memory: Memory, graph: str, other: Memory, again: bool
) -> None:
    records = [node(f"p{n}") for n in range(3000)] + [edge(f"p{n}", f"p{n + 1}") for n in range(2999)]
    task = asyncio.create_task(other.imports.run(graph, [lines(*records)], ImportOptions(batch=50)))

    async def begun() -> bool:
        return task.done() or (await memory.graphs.stats(graph)).entities > 100

    await until(begun)
    (held,) = await memory.imports.list(graph)
    catalog: Any = memory.ports.graphs
    number = (await catalog.layout(graph)).id
    await memory.graphs.delete(graph)
    if again:
        await memory.graphs.create(graph)
    with pytest.raises(NotFound, match=r"gone|no graph|deleted"):
        await task
    for table in ("import_batch", "import_relationship", "import_episode", "import_rejection", "import_move"):
        assert await query(memory, f"SELECT * FROM kgmem.{table} WHERE import = $1", held.id) == []
    assert await query(memory, "SELECT * FROM kgmem.deferred_index WHERE graph = $1", number) == []
    if again:
        assert (await memory.graphs.stats(graph)).entities == 0
        await assert_index_matches_labels(memory, graph)


async def test_a_graph_that_another_process_has_dropped_is_not_found_and_one_that_is_made_again_is(
    memory: Memory, graph: str, other: Memory
) -> None:
    await other.entities.put(graph, [Entity("a", "Person")])
    assert await other.publications.list(graph) is not None  # So that each use looks whether one has to follow.
    await memory.graphs.delete(graph)
    with pytest.raises(NotFound, match="no graph"):
        await other.entities.list(graph)
    await memory.graphs.create(graph)
    assert not (await other.entities.list(graph)).items


@pytest.mark.slow
async def test_imports_into_ten_scopes_at_once_stay_apart(memory: Memory, graph: str, other: Memory) -> None:
    scopes = [f"user/{n}" for n in range(10)]
    await memory.entities.put(graph, [Entity("shared", "Person")])

    async def bring(n: int, scope: str) -> None:
        records = [node(f"p{k}", properties={"of": n}) for k in range(200)]
        records += [edge(f"p{k}", f"p{(k + 1) % 200}", properties={"of": n}) for k in range(200)]
        records += [
            edge("p0", "shared"),
            node("stray", scope=f"user/{(n + 1) % 10}"),
            node("inner", scope=f"{scope}/agent"),
        ]
        options = ImportOptions(batch=50, scope=scope, within=scope)
        result = await (memory, other)[n % 2].imports.run(graph, [lines(*records)], options)
        assert (result.created, result.rejected, adds_up(result)) == (402, 1, True)
        assert f"is restricted to '{scope}'" in result.rejections[0].reason

    await asyncio.gather(*(bring(n, scope) for n, scope in enumerate(scopes)))
    for n, scope in enumerate(scopes):
        held = [item async for item in memory.exports.items(graph, scope=scope)]
        people = [item for item in held if isinstance(item, Entity)]
        links = [item for item in held if isinstance(item, Relationship)]
        assert {e.key for e in people} == {f"p{k}" for k in range(200)}
        assert {e.properties["of"] for e in people} == {n}
        assert {r.properties.get("of") for r in links} == {n, None}
        assert len(links) == 201
    assert not any(b'"stray"' in line for line in await contents(memory, graph))
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)


@pytest.mark.long
async def test_an_index_rebuild_beside_an_import_disturbs_neither(memory: Memory, graph: str, other: Memory) -> None:
    async def rebuild() -> None:
        await memory.index.rebuild(graph)

    async with beside(rebuild):
        result = await other.imports.run(graph, [lines(*(node(f"p{n}") for n in range(800)))], ImportOptions(batch=50))
    assert result.created == 800
    await assert_index_matches_labels(memory, graph)
    await assert_nothing_left(memory, graph)
