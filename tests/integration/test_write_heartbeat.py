"""Large writes: others have their turn while a batch is stored, also where each of its items is long."""

from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from tests.heartbeat import heartbeat

TEXT = "It was seen, and then it was written down. " * 70  # Of two passages.


async def test_others_have_their_turn_while_long_texts_are_stored(memory: Memory, graph: str) -> None:
    entities = [Entity(f"k{n}", "Note", text=f"{n} {TEXT}") for n in range(600)]
    async with heartbeat() as heart:
        written = await memory.entities.put(graph, entities)
    assert written.created == 600
    assert heart.steady, heart.longest


async def test_others_have_their_turn_while_cypher_writes_many(memory: Memory, graph: str) -> None:
    async with heartbeat() as making:
        await memory.cypher(graph, "UNWIND range(1, 8000) AS x CREATE (:T {id: x, name: 'n'})", mode="write")
    async with heartbeat() as setting:
        answer = await memory.cypher(graph, "MATCH (n:T) SET n.v = n.id + 1 RETURN sum(n.v)", mode="write")
    assert answer.rows == [(8000 * 8003 // 2,)]
    assert making.steady, making.longest
    assert setting.steady, setting.longest
