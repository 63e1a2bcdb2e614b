"""Taking an import back out: everything it brought goes, what others made of it stays, and both are told."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.imports import UndoResult
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.store.load import rollback
from tests.imports import assert_changes_tell_all, contents, lines
from tests.invariants import assert_index_matches_labels
from tests.memories import cypher, new_graph, other_client, query, stable_vector

pytestmark = pytest.mark.server


def node(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "entity", "key": key, **more}


def edge(start: str, end: str, kind: str = "K", **more: Any) -> dict[str, Any]:
    return {"type": "relationship", "kind": kind, "from": start, "to": end, **more}


HELD = [
    Entity("ann", "Person", "Ann", {"n": 1, "gone": True}, text="Ann sings.", source="diary", valid_from="1990"),
    Entity("bob", "Person", "Bob", embedding=stable_vector("bob")),
    Entity("rome", "City", "Rome", scope="user/1"),
]
EDGES = [Relationship("KNOWS", "ann", "bob", properties={"since": 1999}), Relationship("K", "ann", "bob", key="keyed")]


async def fill(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, HELD)
    await memory.relationships.put(graph, EDGES)
    await memory.episodes.put(graph, [Episode("Ann met Bob.", "met", mentions=["ann"])])


def file() -> Any:
    """What changes much of what `fill` stores, and adds to it."""
    return lines(
        node("ann", name="Anne", properties={"n": 2, "gone": None}, text="Anne sings and dances.", source="file"),
        node("ann", properties={"m": 3}, place=[1.5, 2.5]),
        node("bob", label="Robot", valid_from="2001"),
        node("rome", scope="user/1", labels=["Capital"]),
        node("new", label="Person", text="Somebody new."),
        node("new", label="Alien"),
        edge("ann", "bob", "KNOWS", properties={"since": 2000}, source="file"),
        edge("bob", "new", key="keyed"),
        edge("new", "ann", properties={"w": 1}),
        edge("new", "ann", properties={"w": 2}),
        {"type": "episode", "key": "met", "text": "Ann met Bob and somebody new.", "mentions": ["ann", "new"]},
        {"type": "episode", "key": "note", "text": "A new note.", "mentions": ["bob"], "speaker": "Ann"},
        {"type": "source", "key": "file", "trust": 0.9},
        node("", label="Nothing"),
    )


async def undo(memory: Memory, graph: str, id_: int) -> UndoResult:
    undone = await memory.imports.undo(graph, id_)
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)
    return undone


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_a_graph_is_again_as_it_was_before(memory: Memory, graph: str, batch: int) -> None:
    await fill(memory, graph)
    before = await contents(memory, graph)
    result = await memory.imports.run(graph, [file()], ImportOptions(batch=batch))
    assert result.id is not None
    would = await memory.imports.undo(graph, result.id, dry_run=True)
    assert (await memory.imports.get(graph, result.id)).state == "done"
    undone = await undo(memory, graph, result.id)
    after = [line for line in await contents(memory, graph) if b'"type":"source"' not in line]
    assert after == [line for line in before if b'"type":"source"' not in line]
    assert undone.deleted == {"entity": 1, "episode": 1, "relationship": 3}
    assert (undone.restored, undone.changed, undone.connected, undone.unknown) == (6, 0, 0, 0)
    assert undone == would
    held = await memory.imports.get(graph, result.id)
    assert (held.state, held.undone) == ("undone", {**held.undone, "restored": 6} if held.undone else None)
    assert await memory.imports.undo(graph, result.id) == UndoResult(
        undone.deleted, undone.restored, undone.changed, undone.connected, undone.unknown
    )


async def test_recall_knows_nothing_any_more_of_what_went(memory: Memory, graph: str) -> None:
    await fill(memory, graph)
    result = await memory.imports.run(graph, [file()])
    await memory.embeddings.run(graph)
    assert result.id is not None
    await undo(memory, graph, result.id)
    await memory.embeddings.run(graph)
    hits = (await memory.recall(graph, Question(What(text="somebody new dances")))).hits
    assert not {"new", "note"} & {hit.key for hit in hits}
    (ann,) = [
        hit for hit in (await memory.recall(graph, Question(What(text="sings")))).hits if "words" in hit.retrievers
    ]
    assert (ann.key, ann.text) == ("ann", "Ann sings.")
    await assert_index_matches_labels(memory, graph)


async def test_what_somebody_changed_since_stays_and_so_does_what_hangs_on_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("mine")])
    nodes = [node(key, label="Thing", properties={"n": 1}) for key in ("a", "b", "c", "d", "e", "f")]
    edges = [edge("a", "b"), edge("c", "d"), edge("e", "f")]
    result = await memory.imports.run(graph, [lines(*nodes, *edges)])
    assert result.id is not None
    await memory.entities.put(graph, [Entity("a", properties={"n": 2}), Entity("b", properties={"n": 1})])
    await memory.relationships.put(graph, [Relationship("L", "mine", "c"), Relationship("K", "e", "f", text="changed")])
    await memory.entities.delete(graph, ["d"])
    would = await memory.imports.undo(graph, result.id, dry_run=True)
    undone = await undo(memory, graph, result.id)
    assert undone == would
    assert undone.deleted == {"entity": 1, "relationship": 1}
    assert (undone.changed, undone.connected) == (2, 3)
    assert {(item.kind, item.key, item.reason) for item in undone.kept} == {
        ("entity", "a", "changed"),
        ("relationship", None, "changed"),
        *(("entity", key, "connected") for key in "cef"),
    }
    assert {entity.key for entity in (await memory.entities.list(graph)).items} == {"mine", "a", "c", "e", "f"}


async def test_what_another_client_changed_stays_too(memory: Memory, graph: str, shared_database_url: str) -> None:
    result = await memory.imports.run(graph, [lines(*(node(key, label="Thing") for key in "abc"))])
    assert result.id is not None
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (n:Thing {key: 'a'}) SET n.colour = 'red'")
        await cypher(client, graph, "MATCH (n:Thing {key: 'b'}) DELETE n")
        undone = await memory.imports.undo(graph, result.id)
    assert undone.changed == 1
    assert [entity.key for entity in (await memory.entities.list(graph)).items] == ["a"]


async def test_imports_are_taken_back_out_in_any_order(memory: Memory, graph: str) -> None:
    first = await memory.imports.run(graph, [lines(node("a", label="A", properties={"n": 1}), node("b"))])
    second = await memory.imports.run(graph, [lines(node("a", label="B", properties={"n": 2}), node("c"))])
    assert first.id
    assert second.id
    undone = await undo(memory, graph, second.id)
    assert (undone.deleted, undone.restored) == ({"entity": 1}, 1)
    held = await memory.entities.get(graph, "a")
    assert (held.label, held.properties) == ("A", {"n": 1})
    undone = await undo(memory, graph, first.id)
    assert (undone.deleted.get("entity", 0) + undone.changed, undone.restored) == (2, 0)


async def test_an_import_that_only_updated_goes_in_front_of_what_was_updated_again(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", properties={"n": 0}), Entity("b", properties={"n": 0})])
    first = await memory.imports.run(graph, [lines(node("a", properties={"n": 1}), node("b", properties={"n": 1}))])
    second = await memory.imports.run(graph, [lines(node("a", properties={"n": 2}))])
    assert first.id
    assert second.id
    undone = await undo(memory, graph, first.id)
    assert (undone.restored, undone.changed) == (1, 1)
    await undo(memory, graph, second.id)
    assert (await memory.entities.get(graph, "a")).properties == {"n": 1}
    assert (await memory.entities.get(graph, "b")).properties == {"n": 0}


@pytest.mark.parametrize("stop_at", [0, 1, 2, 4, 7, 11])
async def test_it_goes_on_where_it_was_broken_off(
    memory: Memory, graph: str, stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(memory, graph)
    before = await contents(memory, graph)
    result = await memory.imports.run(graph, [file()])
    assert result.id is not None
    monkeypatch.setattr(rollback, "_BATCH", 1)
    done = 0

    def broken(_: int, __: int) -> None:
        nonlocal done
        done += 1
        if done > stop_at:
            raise RuntimeError("killed")

    if stop_at < 10:
        with pytest.raises(RuntimeError, match="killed"):
            await memory.imports.undo(graph, result.id, progress=broken)
        assert (await memory.imports.get(graph, result.id)).state == "undoing"
        await assert_index_matches_labels(memory, graph)
    undone = await undo(memory, graph, result.id)
    after = [line for line in await contents(memory, graph) if b'"type":"source"' not in line]
    assert after == [line for line in before if b'"type":"source"' not in line]
    assert (undone.deleted, undone.restored) == ({"entity": 1, "episode": 1, "relationship": 3}, 6)
    assert (undone.changed, undone.connected, undone.unknown) == (0, 0, 0)


async def test_what_is_changed_while_it_is_taken_back_out_stays(memory: Memory, graph: str) -> None:
    keys = [f"k{n}" for n in range(30)]
    result = await memory.imports.run(graph, [lines(*map(node, keys), *(edge(keys[0], key) for key in keys[1:]))])
    assert result.id is not None
    planned: Callable[..., Awaitable[Any]] = rollback._work

    async def interfering(*arguments: Any) -> None:
        await memory.entities.put(graph, [Entity("k3", name="Mine")])
        await memory.relationships.put(graph, [Relationship("L", "k4", "k5")])
        await planned(*arguments)

    rollback._work = interfering  # type: ignore[assignment]
    try:
        undone = await undo(memory, graph, result.id)
    finally:
        rollback._work = planned  # type: ignore[assignment]
    assert undone.deleted == {"entity": 27, "relationship": 29}
    assert (undone.changed, undone.connected) == (1, 2)
    assert {entity.key for entity in (await memory.entities.list(graph)).items} == {"k3", "k4", "k5"}


async def test_an_import_that_failed_half_way_is_taken_back_out(memory: Memory, graph: str) -> None:
    bad = lines(edge("a", "z"), *(node(f"k{n}") for n in range(10)), node(""), node("late"))
    with pytest.raises(InvalidInput):
        await memory.imports.run(graph, [bad], ImportOptions(batch=1, on_error="stop"))
    (held,) = await memory.imports.list(graph)
    assert (held.state, held.linking) == ("failed", 1)
    await undo(memory, graph, held.id)
    assert (await memory.graphs.stats(graph)).entities == 0
    waiting = await query(memory, "SELECT 1 FROM kgmem.import_relationship WHERE import = $1", held.id)
    assert waiting == []


async def test_what_runs_or_is_unknown_is_not_taken_back_out(memory: Memory, graph: str) -> None:
    with pytest.raises(NotFound, match="no import 999999999"):
        await memory.imports.undo(graph, 999999999)
    id_ = await memory.ports.imports.begin(graph, [], {}, None)
    with pytest.raises(Conflict, match="runs"):
        await memory.imports.undo(graph, id_)
    sql = "UPDATE kgmem.import SET heartbeat_at = now() - interval '1 hour' WHERE id = $1"
    await query(memory, sql, id_)
    assert (await undo(memory, graph, id_)).deleted == {}


async def test_what_came_from_an_import_is_listed(memory: Memory, graph: str) -> None:
    await fill(memory, graph)
    result = await memory.imports.run(graph, [file()], ImportOptions(batch=2))
    assert result.id is not None
    items = []
    cursor = None
    while True:
        page = await memory.imports.items(graph, result.id, cursor=cursor, limit=3)
        items += page.items
        cursor = page.cursor
        if cursor is None:
            break
    told = {(i.operation, i.kind, i.key, i.label, i.start, i.end, i.scope) for i in items}
    assert {each for each in told if each[1] == "entity"} == {
        ("updated", "entity", "ann", "Person", None, None, ""),
        ("updated", "entity", "bob", "Robot", None, None, ""),
        ("updated", "entity", "rome", "City", None, None, "user/1"),
        ("created", "entity", "new", "Alien", None, None, ""),
        ("updated", "entity", "new", "Alien", None, None, ""),
    }
    assert ("updated", "relationship", "keyed", "K", "bob", "new", "") in told
    assert ("created", "relationship", None, "MENTIONS", "note", "bob", "") in told
    assert ("created", "episode", "note", "Episode", None, None, "") in told
    assert all(item.held for item in items)
    await undo(memory, graph, result.id)
    gone = (await memory.imports.items(graph, result.id, limit=100)).items
    assert {(i.operation, i.kind, i.key, i.held) for i in gone if i.key == "new"} == {
        ("created", "entity", "new", False),
        ("updated", "entity", "new", False),
    }
    assert {(i.start, i.end) for i in gone if i.kind == "relationship" and not i.held} == {
        ("new", "ann"),
        ("met", "new"),
        ("note", "bob"),
    }
    with pytest.raises(InvalidInput, match="not a cursor"):
        await memory.imports.items(graph, result.id, cursor="x")


async def test_imports_are_listed_newest_first_with_their_counts(memory: Memory, graph: str) -> None:
    other = await new_graph(memory, f"other_{secrets.token_hex(4)}")
    for n in range(3):
        await memory.imports.run(graph, [lines(node(f"a{n}"), node(""))], ImportOptions(source=f"s{n}"))
    held = await memory.imports.list(graph)
    assert [each.source for each in held] == ["s2", "s1", "s0"]
    assert {(each.state, each.read, each.created, each.rejected, each.linking) for each in held} == {
        ("done", 2, 1, 1, 0)
    }
    assert [each.id for each in await memory.imports.list(graph, before=held[0].id, limit=1)] == [held[1].id]
    assert held[0].progress is not None
    assert held[0].progress["stage"] == "reading"
    assert held[0].files == [{"name": "stream", "size": None}]
    (rejection,) = [each async for each in memory.imports.rejections(graph, held[0].id)]
    assert rejection.line == 2
    assert await memory.imports.list(other) == []
    with pytest.raises(NotFound):
        await memory.imports.get(other, held[0].id)
    await memory.graphs.delete(other)


async def test_a_graph_that_is_deleted_takes_its_imports_along(memory: Memory, graph: str) -> None:
    result = await memory.imports.run(graph, [lines(node("a"), node(""))])
    await memory.graphs.delete(graph)
    for table in ("import", "import_rejection", "import_batch"):
        column = "id" if table == "import" else "import"
        assert await query(memory, f"SELECT 1 FROM kgmem.{table} WHERE {column} = $1", result.id) == []
