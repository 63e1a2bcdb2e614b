"""Making the index anew from the label tables: what was lost comes back, what was whole stays as it was."""

from itertools import pairwise
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import SwitchableEmbedder, change_feed, index_schema, query, stable_vector, truncate

pytestmark = pytest.mark.server

QUESTIONS = [
    Question(What(text="apple river")),
    Question(What(text="apple"), When(any_time=True), scope="u/1"),
    Question(What(text="spacecraft", labels=["Machine"])),
    Question(What(text="stone", sources=["nasa"]), When(valid_at="1965")),
    Question(What(labels=["Person"])),
]


@pytest.fixture
async def full(memory: Memory, graph: str) -> str:
    """A graph of all that there is: labels, scopes, times, places, sources, mentions, long texts, a deletion."""
    words = ["apple", "river", "stone", "spacecraft"]
    await memory.entities.put(
        graph,
        [
            Entity(
                f"k{n}", ["Person", "odd label", "Event"][n % 3], text=f"{words[n % 4]} {words[n % 3]} {n}",
                labels=["Machine"] if n % 5 == 0 else None, source=["nasa", "press", None][n % 3],
                valid_from="1960" if n % 2 else None, valid_to="1970" if n % 4 == 1 else None,
                scope="u/1" if n % 7 == 0 else "", properties={"title": n, "source": "x"},
            )
            for n in range(40)
        ],
    )  # fmt: skip
    await memory.sources.put(graph, [Source("nasa", "NASA", trust=0.9)])
    shared = [n for n in range(40) if n % 7]
    await memory.relationships.put(
        graph,
        [Relationship("NEXT", f"k{a}", f"k{b}", valid_from="1961") for a, b in pairwise(shared)]
        + [Relationship("NEXT", "k1", "k2", f"key {n}", strength=0.5, source="press") for n in range(3)]
        + [Relationship("OWN", "k7", "k1", scope="u/1")],
    )
    await memory.episodes.put(graph, [Episode("apple " * 400 + "end", "long", "1966", speaker="Ada", mentions=["k1"])])
    for n in range(3):
        await memory.entities.put(graph, [Entity("k1", properties={"turn": n})])
    await memory.entities.delete(graph, ["k39"])
    await memory.embeddings.run(graph)
    return graph


async def answers(memory: Memory, graph: str) -> list[Any]:
    """What recall answers to all questions, but for when it was known."""
    told = []
    for question in QUESTIONS:
        answer = await memory.recall(graph, question)
        hits = [
            (hit.key, hit.label, round(hit.score, 6), hit.properties, hit.scope, hit.confidence) for hit in answer.hits
        ]
        told.append((hits, answer.suppressed))
    return told


async def state(memory: Memory, graph: str) -> list[Any]:
    """The rows of the index, without what a rebuild may number anew."""
    schema = await index_schema(memory, graph)
    columns = "id, version, known_from, key, valid, scope"
    rows = [tuple(r) for r in await query(memory, f"SELECT {columns} FROM {schema}.item ORDER BY id")]
    return rows + [tuple(r) for r in await query(memory, f"SELECT {columns} FROM {schema}.edge ORDER BY id")]


@pytest.mark.long
async def test_a_whole_index_is_the_same_after_it_was_made_anew(
    memory: Memory, full: str, embedder: SwitchableEmbedder
) -> None:
    before = (await answers(memory, full), await state(memory, full), await change_feed(memory, full))
    embedder.seen.clear()
    stats = await memory.index.rebuild(full)
    assert stats.waiting_for_vectors == 0
    assert (await answers(memory, full), await state(memory, full), await change_feed(memory, full)) == before
    assert not set(embedder.seen) - {question.what.text for question in QUESTIONS}
    await assert_index_matches_labels(memory, full)
    assert (await memory.entities.put(full, [Entity("k1", properties={"turn": 2})])).unchanged == 1


@pytest.mark.parametrize(
    "tables",
    [["item"], ["passage"], ["edge"], ["item", "passage", "edge"], ["passage", "embedding_queue"]],
    ids=" ".join,
)
async def test_tables_that_were_emptied_are_filled_again(
    memory: Memory, full: str, shared_database_url: str, tables: list[str]
) -> None:
    before = await answers(memory, full)
    held = {entity.key: entity.version for entity in (await memory.entities.list(full)).items}
    edges = len((await memory.relationships.list(full)).items)
    await truncate(shared_database_url, await index_schema(memory, full), tables)
    await memory.index.rebuild(full)
    await memory.embeddings.run(full)
    assert await answers(memory, full) == before
    assert {entity.key: entity.version for entity in (await memory.entities.list(full)).items} == held
    assert len((await memory.relationships.list(full)).items) == edges
    await assert_index_matches_labels(memory, full)
    assert (await memory.entities.put(full, [Entity("k1", properties={"turn": 3})])).updated == 1
    again = await memory.relationships.put(
        full, [Relationship("NEXT", "k1", "k2", "key 1", strength=0.5, source="press")]
    )
    assert again.unchanged == 1


async def test_vectors_that_callers_gave_outlive_a_rebuild(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", embedding=stable_vector(str(n))) for n in range(5)])
    question = Question(What(vector=stable_vector("3")))
    before = [(hit.key, hit.score) for hit in (await memory.recall(graph, question)).hits]
    await truncate(shared_database_url, await index_schema(memory, graph), ["item", "edge"])
    await memory.index.rebuild(graph)
    assert [(hit.key, hit.score) for hit in (await memory.recall(graph, question)).hits] == before
    assert (await memory.graphs.stats(graph)).waiting_for_vectors == 0
    await assert_index_matches_labels(memory, graph)


async def test_rows_that_stand_for_nothing_are_taken_out(memory: Memory, full: str, shared_database_url: str) -> None:
    before, schema = await answers(memory, full), await index_schema(memory, full)
    await query(
        memory,
        f"WITH i AS (INSERT INTO {schema}.item (id, kind, scope, key) "
        f"SELECT max(id) + 1000, 1, 0, 'ghost' FROM {schema}.item WHERE kind = 1 RETURNING id) "
        f"INSERT INTO {schema}.passage (item, ordinal, start, body) SELECT id, 0, 0, 'apple ghost' FROM i",
    )
    await query(
        memory,
        f"INSERT INTO {schema}.edge (id, source, target, kind, scope, parallel_edge_hash) "
        f"SELECT max(id) + 1000, 1, 2, max(kind), 0, 7 FROM {schema}.edge",
    )
    await query(memory, f"UPDATE {schema}.passage SET body = 'wrong' WHERE body LIKE 'k2%'")
    await query(memory, f"UPDATE {schema}.item SET valid = 'empty' WHERE key = 'k3'")
    await query(memory, f"UPDATE {schema}.edge SET strength = 0.1")
    await memory.index.rebuild(full)
    await memory.embeddings.run(full)
    assert await answers(memory, full) == before
    await assert_index_matches_labels(memory, full)


async def test_an_empty_graph_can_be_made_anew(memory: Memory, graph: str) -> None:
    stats = await memory.index.rebuild(graph)
    assert (stats.entities, stats.passages) == (0, 0)
    bare = f"{graph}_bare"
    await memory.graphs.create(bare, space=None)
    await memory.entities.put(bare, [Entity("a", text="apple")])
    await memory.index.rebuild(bare)
    assert [hit.key for hit in (await memory.recall(bare, Question(What(text="apple")))).hits] == ["a"]
