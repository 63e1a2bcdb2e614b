"""Large writes: others have their turn while a batch is stored, also where each of its items is long."""

import itertools

import pytest

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.cypher import write
from kgmem.store.write import passages
from tests.heartbeat import steadily
from tests.invariants import assert_index_matches_labels
from tests.sizes import size, sized

TEXT = "It was seen, and then it was written down. " * 70  # Of two passages.


async def test_others_have_their_turn_while_long_texts_are_stored(memory: Memory, graph: str) -> None:
    numbers = itertools.count()

    async def write() -> int:
        entities = [Entity(f"k{n}", "Note", text=f"{n} {TEXT}") for n in itertools.islice(numbers, 600)]
        return (await memory.entities.put(graph, entities)).created

    assert await steadily(write) == 600


ROWS = size(5_000, 20_000)
WRITES = [
    "UNWIND range(1, $rows) AS x CREATE (:T {id: x, name: 'n'})",
    "UNWIND range(1, $rows) AS x MERGE (:U {id: x})",
    "MATCH (n:T) SET n.v = n.id + 1",
    "MATCH (n:T) CREATE (n)-[:R {x: n.id}]->(n)",
    "MATCH ()-[r:R]->() SET r.v = r.x + 1",
    "MATCH (n:T) DETACH DELETE n",
]


@sized
async def test_others_have_their_turn_while_cypher_writes_many(memory: Memory, graph: str) -> None:
    async def write() -> None:
        await memory.cypher(graph, "MATCH (n) DETACH DELETE n", mode="write")
        for query in WRITES:
            await memory.cypher(graph, query, {"rows": ROWS}, mode="write")

    await steadily(write, share=0.01)
    answer = await memory.cypher(graph, "MATCH (n) RETURN count(n.v), count(n)")
    assert answer.rows == [(0, ROWS)]


async def test_what_a_write_of_several_parts_makes_is_what_one_part_makes(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "_AT_ONCE", 7)
    monkeypatch.setattr(passages, "_AT_ONCE", 5)
    await memory.cypher(
        graph, "UNWIND range(1, 40) AS x CREATE (:T {id: x, key: 'k' + x, text: 'apple ' + x})", mode="write"
    )
    # Each takes the key of the next one, of which some are of another part.
    await memory.cypher(graph, "MATCH (n:T) SET n.key = 'k' + ((n.id % 40) + 1), n.text = 'pear ' + n.id", mode="write")
    answer = await memory.cypher(graph, "MATCH (n:T) RETURN n.id, n.key ORDER BY n.id")
    assert [tuple(row) for row in answer.rows] == [(x, f"k{x % 40 + 1}") for x in range(1, 41)]
    assert [hit.key for hit in (await memory.recall(graph, Question(What(text="pear 17")))).hits][:1] == ["k18"]
    await memory.cypher(graph, "MATCH (a:T), (b:T {id: a.id % 40 + 1}) CREATE (a)-[:R {n: a.id}]->(b)", mode="write")
    await memory.cypher(graph, "MATCH ()-[r:R]->() SET r.n = -r.n", mode="write")
    answer = await memory.cypher(graph, "MATCH (a:T)-[r:R]->(b) RETURN sum(r.n), count(*), count(DISTINCT b)")
    assert list(map(tuple, answer.rows)) == [(-820, 40, 40)]
    with pytest.raises(Conflict, match="k3"):
        await memory.cypher(graph, "MATCH (n:T) SET n.key = 'k3'", mode="write")
    await assert_index_matches_labels(memory, graph)
    await memory.cypher(graph, "MATCH (n:T) WHERE n.id <= 30 DETACH DELETE n", mode="write")
    answer = await memory.cypher(graph, "MATCH (n:T) OPTIONAL MATCH (n)-[r]->() RETURN count(n), count(r)")
    assert list(map(tuple, answer.rows)) == [(10, 9)]
    await assert_index_matches_labels(memory, graph)


@pytest.mark.parametrize(
    "text", ["Größe über Köln. " * 52_000, "x" * 900_000, "It was seen in July 1969, and written down. " * 20_000]
)
async def test_others_have_their_turn_while_a_text_of_900_kilobytes_is_stored(
    memory: Memory, graph: str, text: str
) -> None:
    await memory.episodes.put(graph, [Episode("first", "first")])
    keys = itertools.count()
    await steadily(lambda: memory.episodes.put(graph, [Episode(text, f"long {next(keys)}")]), share=0.05)
