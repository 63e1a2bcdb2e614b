"""Indexes and constraints by Cypher: they are Postgres', they are kept, and searched by."""

import asyncio
import math
from typing import Any

import pytest

from kgmem.domain.cypher import CypherAnswer
from kgmem.domain.errors import Conflict, Forbidden, InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.query.errors import CypherError

pytestmark = pytest.mark.server


class Asked:
    """A graph, and what is asked of it."""

    def __init__(self, memory: Memory, name: str) -> None:
        self.memory, self.name = memory, name

    async def ask(self, text: str, /, scope: str | None = None, **parameters: Any) -> CypherAnswer:
        return await self.memory.cypher(self.name, text, parameters, mode="write", scope=scope)

    async def values(self, text: str, /, **parameters: Any) -> list[Any]:
        return [row[0] for row in (await self.ask(text, **parameters)).rows]

    async def physical(self) -> list[str]:
        """The starts of the names of the indexes that Postgres has on label tables, but for the core schema's."""
        async with self.memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
            rows = await connection.fetch(
                "SELECT indexname FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'kgmem%' "
                "AND tablename <> 'Episode' ORDER BY 1",
                self.name,
            )
        return [row["indexname"].rsplit("_", 2)[0] for row in rows]


@pytest.fixture
async def asked(memory: Memory, graph: str) -> Asked:
    return Asked(memory, graph)


@pytest.mark.parametrize("first", [True, False], ids=["before the label", "after it"])
async def test_a_unique_constraint_is_kept_by_every_door(asked: Asked, first: bool) -> None:
    made = "CREATE CONSTRAINT mail FOR (p:Worker) REQUIRE p.mail IS UNIQUE"
    statements = [made, "CREATE (:Worker {mail: 'a@x', key: 'a'})"]
    for statement in statements if first else reversed(statements):
        answer = await asked.ask(statement)
        assert answer.counters["constraints_added"] == (statement == made)
    assert await asked.physical() == ["kgmem_unique"]
    for statement in ("CREATE (:Worker {mail: 'a@x'})", "CREATE (:Worker {mail: 'b@x'}), (:Worker {mail: 'b@x'})"):
        with pytest.raises(Conflict, match="mail is unique among Worker"):
            await asked.ask(statement)
    with pytest.raises(Conflict, match="mail is unique among Worker"):
        await asked.memory.entities.put(asked.name, [Entity(key="other", label="Worker", properties={"mail": "a@x"})])
    assert await asked.values("MATCH (p:Worker) RETURN p.mail") == ["a@x"]
    assert await asked.values("SHOW CONSTRAINTS YIELD name, type RETURN [name, type]") == [["mail", "UNIQUENESS"]]
    assert (await asked.ask("DROP CONSTRAINT mail")).counters["constraints_removed"] == 1
    assert await asked.physical() == []
    await asked.ask("CREATE (:Worker {mail: 'a@x'})")


async def test_several_properties_are_unique_together(asked: Asked) -> None:
    await asked.ask("CREATE CONSTRAINT FOR (s:Seat) REQUIRE (s.row, s.number) IS NODE KEY")
    await asked.ask("UNWIND [[1, 1], [1, 2], [2, 1]] AS p CREATE (:Seat {row: p[0], number: p[1]})")
    with pytest.raises(Conflict, match=r"row, number are together unique among Seat.*values 1, 2") as caught:
        await asked.ask("CREATE (:Seat {row: 1, number: 2})")
    assert caught.value.facts["type"] == "ConstraintValidationFailed"
    with pytest.raises(InvalidInput, match="Seat needs the property 'number'"):
        await asked.ask("CREATE (:Seat {row: 3})")
    await asked.ask("CREATE (s:Seat {row: 3}) SET s.number = 1")
    with pytest.raises(InvalidInput, match="Seat needs the property 'row'"):
        await asked.ask("MATCH (s:Seat {row: 3}) REMOVE s.row")
    assert await asked.values("MATCH (s:Seat) RETURN count(*)") == [4]


async def test_data_that_breaks_a_constraint_lets_none_be_made(asked: Asked) -> None:
    await asked.ask("CREATE (:Worker {mail: 'a@x', key: 'a'}), (:Worker {mail: 'a@x', key: 'b'})")
    with pytest.raises(Conflict, match="'a' and 'b' both have"):
        await asked.ask("CREATE CONSTRAINT FOR (p:Worker) REQUIRE p.mail IS UNIQUE")
    assert await asked.values("SHOW CONSTRAINTS YIELD name") == []


async def test_types_and_required_properties_of_nodes_and_relationships(asked: Asked) -> None:
    await asked.ask("CREATE CONSTRAINT FOR (p:Worker) REQUIRE p.age IS :: INTEGER")
    await asked.ask("CREATE CONSTRAINT FOR (p:Worker) REQUIRE p.born IS :: DATE")
    await asked.ask("CREATE CONSTRAINT FOR ()-[r:KNOWS]-() REQUIRE r.since IS NOT NULL")
    await asked.ask("CREATE (:Worker {age: 3, born: date('2020-01-02')})-[:KNOWS {since: 1}]->(:Worker)")
    for wrong in ("CREATE (:Worker {age: 'three'})", "CREATE (:Worker {born: 3})", "CREATE (:A)-[:KNOWS]->(:B)"):
        with pytest.raises(InvalidInput, match="The graph's schema refuses it"):
            await asked.ask(wrong)
    assert await asked.values("MATCH (n) RETURN count(n)") == [2]


async def test_a_strict_graph_takes_in_by_cypher_only_what_its_schema_knows(asked: Asked) -> None:
    schema = {"labels": {"Gear": {"properties": {"size": "integer"}}}, "kinds": {"BESIDE": {}}}
    await asked.memory.graphs.update(asked.name, strict=True, schema=schema)
    await asked.ask("CREATE (a:Gear {key: 'a', name: 'A', size: 1})-[:BESIDE]->(a)")
    for wrong in ("CREATE (:Other)", "CREATE (:Gear {colour: 1})", "MATCH (a:Gear) CREATE (a)-[:FAR]->(a)"):
        with pytest.raises(InvalidInput, match="not declared"):
            await asked.ask(wrong)


async def test_what_is_there_already_is_told_or_let_be(asked: Asked) -> None:
    made = "CREATE INDEX ages {} FOR (p:Worker) ON (p.age)"
    assert (await asked.ask(made.format(""))).counters["indexes_added"] == 1
    assert (await asked.ask(made.format("IF NOT EXISTS"))).counters["indexes_added"] == 0
    with pytest.raises(CypherError) as caught:
        await asked.ask(made.format(""))
    assert caught.value.detail == "IndexAlreadyExists"
    with pytest.raises(CypherError, match="already exists: ages"):
        await asked.ask("CREATE INDEX other FOR (p:Worker) ON (p.age)")
    await asked.ask("DROP INDEX ages")
    assert (await asked.ask("DROP INDEX ages IF EXISTS")).counters["indexes_removed"] == 0
    with pytest.raises(CypherError, match="Not found: index ages"):
        await asked.ask("DROP INDEX ages")


async def test_who_is_bound_to_a_scope_or_reads_only_changes_no_schema(asked: Asked) -> None:
    made = "CREATE INDEX FOR (p:Worker) ON (p.age)"
    with pytest.raises(Forbidden):
        await asked.ask(made, "user/1")
    with pytest.raises(CypherError, match="read mode"):
        await asked.memory.cypher(asked.name, made)


async def test_many_that_make_the_same_index_at_once_make_one(asked: Asked) -> None:
    made = "CREATE CONSTRAINT IF NOT EXISTS FOR (p:Worker) REQUIRE p.mail IS UNIQUE"
    answers = await asyncio.gather(*(asked.ask(made) for _ in range(6)))
    assert sum(answer.counters["constraints_added"] for answer in answers) == 1
    await asked.ask("CREATE (:Worker {mail: 'a'})")
    assert await asked.physical() == ["kgmem_unique"]


VECTORS = "CREATE VECTOR INDEX near IF NOT EXISTS FOR (c:Chunk) ON c.vector OPTIONS {indexConfig: $config}"
NEAREST = "CALL db.index.vector.queryNodes('near', $k, $v) YIELD node, score RETURN [node.n, score]"


@pytest.mark.long
@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
async def test_a_vector_index_finds_what_is_nearest(asked: Asked, similarity: str) -> None:
    config = {"vector.dimensions": 2, "vector.similarity_function": similarity}
    await asked.ask(VECTORS, config=config)
    rows = [{"n": n, "v": [math.cos(n / 10), math.sin(n / 10)]} for n in range(1, 30)]
    await asked.ask("UNWIND $rows AS r CREATE (:Chunk {n: r.n, vector: r.v})", rows=rows)
    await asked.ask("CREATE (:Chunk {n: 100, vector: [1.0, 2.0, 3.0]}), (:Chunk {n: 101, vector: 'x'}), (:Chunk)")
    found = await asked.values(NEAREST, k=3, v=rows[9]["v"])
    assert found[0][0] == 10
    assert {n for n, _ in found} == {9, 10, 11}
    far = 1 - math.cos(0.1)
    expected = 1 - far / 2 if similarity == "cosine" else 1 / (1 + 2 * far)
    assert [score for _, score in found] == pytest.approx([1, expected, expected], abs=1e-6)
    await asked.ask("MATCH (c:Chunk {n: 10}) SET c.vector = [-1.0, 0.0]")
    assert {n for n, _ in await asked.values(NEAREST, k=2, v=rows[9]["v"])} == {9, 11}
    with pytest.raises(InvalidInput, match="have 2"):
        await asked.ask(NEAREST, k=2, v=[1.0])
    assert await asked.physical() == ["kgmem_vectors"]
    shown = await asked.values("SHOW VECTOR INDEXES YIELD name, options WHERE name = 'near' RETURN options")
    assert shown[0]["indexConfig"] == {
        "vector.dimensions": 2,
        "vector.similarity_function": similarity.upper(),
    }


@pytest.mark.parametrize("dimension", [2001, 4000])
async def test_large_vectors_are_indexed_too(asked: Asked, dimension: int) -> None:
    await asked.ask(VECTORS, config={"vector.dimensions": dimension})
    rows = [{"n": n, "v": [float(n)] * dimension} for n in range(5)]
    rows.append({"n": 9, "v": [1.0] + [0.0] * (dimension - 1)})
    await asked.ask("UNWIND $rows AS r CREATE (:Chunk {n: r.n, vector: r.v})", rows=rows)
    found = await asked.values(NEAREST, k=1, v=rows[-1]["v"])
    assert found[0] == [9, pytest.approx(1)]
    with pytest.raises(CypherError, match="not a valid dimension"):
        await asked.ask(VECTORS.replace("near", "far"), config={"vector.dimensions": 4001})


@pytest.mark.parametrize(
    ("dimension", "value"),
    [
        (2, [0.5] * 20_000),
        (2, [1e300, 1.0]),
        (2001, [1e5] * 2001),
    ],
    ids=["too long", "too large", "too large for a half"],
)
async def test_what_no_vector_can_hold_is_stored_and_not_found(
    asked: Asked, dimension: int, value: list[float]
) -> None:
    await asked.ask(VECTORS, config={"vector.dimensions": dimension})
    await asked.ask("CREATE (:Chunk {n: 1, vector: $v}), (:Chunk {n: 2, vector: $w})", v=value, w=[1.0] * dimension)
    assert await asked.values("MATCH (c:Chunk {n: 1}) RETURN size(c.vector)") == [len(value)]
    assert [n for n, _ in await asked.values(NEAREST, k=5, v=[1.0] * dimension)] == [2]
    with pytest.raises(InvalidInput, match=r"can hold|dimensions"):
        await asked.ask(NEAREST, k=1, v=value)


async def test_a_scope_finds_by_an_index_what_it_sees(asked: Asked) -> None:
    await asked.ask(VECTORS, config={"vector.dimensions": 2})
    await asked.ask("CREATE FULLTEXT INDEX words FOR (c:Chunk) ON EACH [c.text]")
    for scope, n in ((None, 1), ("a", 2), ("b", 3)):
        text = "CREATE (:Chunk {n: $n, vector: [1.0, 0.0], text: 'moon'})"
        await asked.ask(text, scope, n=n)
    worded = "CALL db.index.fulltext.queryNodes('words', 'moon') YIELD node RETURN [node.n]"
    for query in (NEAREST, worded):
        seen = await asked.ask(query, "a", k=5, v=[1.0, 0.0])
        assert {row[0][0] for row in seen.rows} == {1, 2}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("moon", {1, 2}),
        ("Moon rocket", {1, 2}),
        ("+moon +rocket", {2}),
        ("moon AND rocket", {2}),
        ("moon -rocket", {1}),
        ("moon NOT rocket", {1}),
        ('"landed on"', {1}),
        ("rock*", {2, 3}),
        ("text:moon^2", {1, 2}),
        ("moo~", set()),
        ("ünïcode", {4}),
        ("!!! && ()", set()),
        ("it's", {4}),
    ],
)
async def test_a_fulltext_index_finds_words(asked: Asked, query: str, found: set[int]) -> None:
    await asked.ask("CREATE FULLTEXT INDEX words FOR (c:Chunk|Note) ON EACH [c.text, c.title]")
    texts = ["They landed on the Moon.", "A rocket to the moon\nand back", "rocketry", 'ünïcode "it\'s" \\ fine']
    for n, text in enumerate(texts, start=1):
        label = "Note" if n % 2 else "Chunk"
        await asked.ask(f"CREATE (:{label} {{n: $n, {'title' if n == 3 else 'text'}: $text}})", n=n, text=text)
    search = "CALL db.index.fulltext.queryNodes('words', $q) YIELD node, score WHERE score > 0 RETURN node.n"
    assert set(await asked.values(search, q=query)) == found


async def test_an_index_of_relationships_is_searched_by(asked: Asked) -> None:
    await asked.ask("CREATE FULLTEXT INDEX said FOR ()-[r:SAID]-() ON EACH [r.words]")
    await asked.ask("CREATE (:A)-[:SAID {words: 'one small step'}]->(:B)")
    search = "CALL db.index.fulltext.queryRelationships('said', 'step') YIELD relationship RETURN type(relationship)"
    assert await asked.values(search) == ["SAID"]
    with pytest.raises(CypherError, match="Unknown index"):
        await asked.ask("CALL db.index.fulltext.queryNodes('sad', 'step') YIELD node RETURN node")


async def test_indexes_are_a_part_of_the_schema_over_every_door(asked: Asked) -> None:
    index = {"index": "range", "of": ["Worker"], "properties": ["age"]}
    await asked.memory.graphs.update(asked.name, schema={"indexes": {"ages": index}})
    shown = "SHOW INDEXES YIELD name, type, labelsOrTypes WHERE name = 'ages' RETURN [type, labelsOrTypes]"
    assert await asked.values(shown) == [["RANGE", ["Worker"]]]
    await asked.ask("CREATE INDEX names FOR (p:Worker) ON (p.name)")
    assert (await asked.memory.graphs.get(asked.name)).schema["indexes"].keys() == {"ages", "names"}


async def test_what_procedures_write_is_what_the_rows_then_hold(asked: Asked) -> None:
    await asked.ask("CREATE (:Chunk {n: 1}), (:Chunk {n: 2})")
    text = (
        "MATCH (c:Chunk) CALL db.create.setNodeVectorProperty(c, 'vector', [c.n, 0]) "
        "SET c.said = 'x' RETURN c {.n, .vector, .said} ORDER BY c.n"
    )
    assert await asked.values(text) == [
        {"n": 1, "vector": [1.0, 0.0], "said": "x"},
        {"n": 2, "vector": [2.0, 0.0], "said": "x"},
    ]
    assert await asked.values("MATCH (c:Chunk) RETURN c.vector[0] + c.said ORDER BY c.n") == ["1.0x", "2.0x"]


async def test_apoc_merges_and_creates(asked: Asked) -> None:
    node = (
        "UNWIND ['a', 'b', 'a'] AS id CALL apoc.merge.node(['A b', 'Thing'], {id: id}, {made: true}, {met: true}) "
        "YIELD node RETURN node.met"
    )
    answer = await asked.ask(node)
    assert ([row[0] for row in answer.rows], answer.counters["nodes_created"]) == ([True, None, True], 2)
    link = (
        "MATCH (a:Thing {id: 'a'}), (b:Thing {id: 'b'}) UNWIND [1, 2] AS again "
        "CALL apoc.merge.relationship(a, 'IS BESIDE', {k: 1}, {n: again}, b, {m: again}) YIELD rel "
        "RETURN [type(rel), rel.k, rel.n, rel.m]"
    )
    assert await asked.values(link) == [["IS BESIDE", 1, 1, 2]] * 2
    more = "MATCH (a:Thing {id: 'a'}) CALL apoc.create.addLabels(a, ['Extra']) YIELD node RETURN labels(node)"
    assert await asked.values(more) == [["A b", "Thing", "Extra"]]
    with pytest.raises(CypherError, match="read mode"):
        await asked.memory.cypher(asked.name, more)
    with pytest.raises(InvalidInput, match=r"Expected NODE .for startNode."):
        await asked.ask("CALL apoc.merge.relationship(1, 'X', {}, {}, 2) YIELD rel RETURN rel")
