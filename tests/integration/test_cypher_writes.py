"""Writes by Cypher: one transaction over label tables, index, history and change feed, whoever writes beside it."""

import asyncio

import pytest

from kgmem.domain.errors import Conflict, Forbidden
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from tests.cypher import GRAPH, asked, rows
from tests.memories import change_feed, cypher, new_graph, other_client, query

pytestmark = pytest.mark.server


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def test_what_cypher_makes_is_an_entity_for_every_door(memory: Memory) -> None:
    await asked(memory, "CREATE (:Person {key: 'ada', name: 'Ada', born: 1815})")
    await asked(memory, "MATCH (a) CREATE (a)-[:KNOWS {since: 1833}]->(:Person:Poet {key: 'byron'})")
    ada = await memory.entities.get(GRAPH, "ada")
    assert (ada.label, ada.name, ada.properties, ada.version) == ("Person", "Ada", {"born": 1815}, 1)
    byron = await memory.entities.get(GRAPH, "byron")
    assert list(byron.labels or ()) == ["Poet"]
    page = await memory.relationships.list(GRAPH, entity="ada")
    assert [(each.kind, each.end, each.properties) for each in page.items] == [("KNOWS", "byron", {"since": 1833})]


async def test_what_other_doors_store_is_seen_and_changed_by_cypher(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("ada", "Person", "Ada"), Entity("ida", "Person", "Ida", labels=["Poet"])])
    await memory.relationships.put(GRAPH, [Relationship("KNOWS", "ada", "ida")])
    assert await rows(memory, "MATCH (a {key: 'ada'})-[:KNOWS]->(b:Poet) RETURN b.name") == ["Ida"]
    await asked(memory, "MATCH (a {key: 'ada'}) SET a.name = 'Augusta', a.age = 36 REMOVE a:Nothing")
    ada = await memory.entities.get(GRAPH, "ada")
    assert (ada.name, ada.properties, ada.version) == ("Augusta", {"age": 36}, 2)


async def test_age_clients_see_what_cypher_makes(memory: Memory, shared_database_url: str) -> None:
    await asked(
        memory, "CREATE (:City {name: 'Rome', day: date('2024-01-02')})-[:IN {x: 1}]->(:Country {name: 'Italy'})"
    )
    async with other_client(shared_database_url) as client:
        found = await cypher(client, GRAPH, "MATCH (a:City)-[r:IN]->(b) RETURN a.name, a.day.value, r.x, b.name", 4)
    assert found == [['"Rome"', '"2024-01-02"', "1", '"Italy"']]


async def test_every_change_is_told_and_every_version_kept(memory: Memory) -> None:
    await asked(memory, "CREATE (:Person {key: 'ada', age: 1})")
    await asked(memory, "MATCH (n:Person) SET n.age = 2")
    await asked(memory, "MATCH (n:Person) DELETE n")
    changes = await change_feed(memory, GRAPH)
    assert [(each.operation, each.kind) for each in changes] == [
        ("created", "entity"),
        ("updated", "entity"),
        ("deleted", "entity"),
    ]
    catalog: object = memory.ports.graphs
    index = (await catalog.layout(GRAPH)).index_name  # type: ignore[attr-defined]
    kept = await query(
        memory, f"SELECT version, record->'properties'->>'age' AS age FROM {index}.history ORDER BY version"
    )
    assert [(row["version"], row["age"]) for row in kept] == [(1, "1"), (2, "2")]


async def test_what_cypher_makes_is_found_by_its_words(memory: Memory) -> None:
    await asked(memory, "CREATE (:Person {key: 'ada', name: 'Ada Lovelace'})")
    answer = await memory.recall(GRAPH, Question(what=What(text="Lovelace")))
    assert [hit.key for hit in answer.hits] == ["ada"]


async def test_a_query_that_fails_changes_nothing(memory: Memory) -> None:
    with pytest.raises(CypherError):
        await asked(memory, "CREATE (:Person {name: 'Ada'}) WITH 1 AS one UNWIND [1, 0] AS x RETURN one / x")
    assert await rows(memory, "MATCH (n) RETURN count(n)") == [0]


async def test_writers_of_the_same_keys_by_merge_make_each_once(memory: Memory) -> None:
    await asked(memory, "CREATE (:Warm)")

    async def write() -> None:
        for first in range(0, 500, 50):
            keys = [f"k{n}" for n in range(first, first + 50)]
            await asked(
                memory, "UNWIND $keys AS key MERGE (n:Thing {name: key}) ON CREATE SET n.new = true", {"keys": keys}
            )

    await asyncio.gather(*(write() for _ in range(8)))
    assert await rows(memory, "MATCH (n:Thing) RETURN count(n)") == [500]


async def test_writers_of_the_same_relationship_by_merge_make_it_once(memory: Memory) -> None:
    await asked(memory, "CREATE (:A {name: 'a'}), (:A {name: 'b'})")
    text = "MATCH (a:A {name: 'a'}), (b:A {name: 'b'}) MERGE (a)-[r:T]->(b) ON MATCH SET r.again = true"
    await asyncio.gather(*(asked(memory, text) for _ in range(12)))
    assert await rows(memory, "MATCH ()-[r:T]->() RETURN count(r), max(r.again)") == [(1, True)]


async def test_no_update_is_lost_between_writers_that_read_before(memory: Memory) -> None:
    await asked(memory, "CREATE (:Counter {n: 0})")

    async def count() -> None:
        for _ in range(5):
            await asked(memory, "MATCH (c:Counter) SET c.n = c.n + 1")

    await asyncio.gather(*(count() for _ in range(3)))
    assert await rows(memory, "MATCH (c:Counter) RETURN c.n") == [15]


async def test_a_scope_sees_and_writes_what_it_may(memory: Memory) -> None:
    await asked(memory, "CREATE (:P {name: 'shared'})", scope="")
    await asked(memory, "CREATE (:P {name: 'mine'})-[:R]->(:P {name: 'also mine'})", scope="user/1")
    await asked(memory, "CREATE (:P {name: 'other'})-[:R]->(:P {name: 'other 2'})", scope="user/2")
    text = "MATCH (n:P) RETURN n.name ORDER BY n.name"
    assert await rows(memory, text, scope="user/1") == ["also mine", "mine", "shared"]
    assert await rows(memory, text, scope="user/1/deeper") == ["also mine", "mine", "shared"]
    assert await rows(memory, text, scope="") == ["shared"]
    assert len(await rows(memory, text)) == 5
    assert await rows(memory, "MATCH ()-[r]->() RETURN count(r)", scope="user/1") == [1]
    assert await rows(memory, "MATCH (n)-[*0..2]-(m) RETURN DISTINCT m.name ORDER BY m.name", scope="user/2") == [
        "other",
        "other 2",
        "shared",
    ]
    with pytest.raises(Forbidden):
        await asked(memory, "MATCH (n {name: 'shared'}) SET n.x = 1", scope="user/1")
    with pytest.raises(Forbidden):
        await asked(memory, "MATCH (n {name: 'shared'}) DELETE n", scope="user/1")
    await asked(memory, "MATCH (n {name: 'mine'}) SET n.x = 1", scope="user/1")
    assert await rows(memory, "MATCH (n {x: 1}) RETURN n.name") == ["mine"]
    assert await rows(memory, "MATCH (n {x: 1}) RETURN size(keys(n))") == [2]


async def test_a_query_that_writes_is_refused_where_it_may_only_read(memory: Memory) -> None:
    with pytest.raises(CypherError) as caught:
        await asked(memory, "CREATE (n)", writes=False)
    assert caught.value.detail == "WriteInReadMode"


async def test_reserved_names_are_a_users_own_to_use(memory: Memory) -> None:
    await asked(memory, "CREATE (:P {labels: [1], scope: 'x', labels_: 2, key: 'k'})")
    assert await rows(memory, "MATCH (n:P) RETURN properties(n), labels(n)") == [
        ({"labels": [1], "scope": "x", "labels_": 2, "key": "k"}, ["P"])
    ]
    assert await rows(memory, "MATCH (n {scope: 'x'}) RETURN n.labels, n.labels_") == [([1], 2)]


async def test_removing_the_first_label_keeps_the_rest_of_a_node(memory: Memory) -> None:
    await asked(memory, "CREATE (a:A:B {key: 'n', x: 1})-[:R]->(:C)")
    found = await rows(memory, "MATCH (a:A)-[r]->() REMOVE a:A RETURN labels(a), a.x, startNode(r) = a")
    assert found == [(["B"], 1, True)]
    assert await rows(memory, "MATCH (b:B)-[:R]->(c) RETURN b.key, labels(c)") == [("n", ["C"])]
    assert await rows(memory, "MATCH (a:A) RETURN a") == []


async def test_what_another_client_has_just_made_can_be_linked_changed_and_deleted(
    memory: Memory, shared_database_url: str
) -> None:
    await asked(memory, "CREATE (:Person {name: 'Ada'})")
    async with other_client(shared_database_url) as client:
        await cypher(client, GRAPH, "CREATE (:Person {name: 'Bob'})-[:OWNS]->(:Person {name: 'Cid'})", 1)
    await asked(memory, "MATCH (a {name: 'Ada'}), (b:Person {name: 'Bob'}) CREATE (a)-[:KNOWS]->(b)")
    assert await rows(memory, "MATCH (a)-[:KNOWS]->(b) RETURN b.name") == ["Bob"]
    await asked(memory, "MATCH (c:Person {name: 'Cid'}) SET c.age = 3")
    assert await rows(memory, "MATCH (c:Person {name: 'Cid'}) RETURN c.age") == [3]
    async with other_client(shared_database_url) as client:
        await cypher(client, GRAPH, "CREATE (:Person {name: 'Dan'})", 1)
    await asked(memory, "MATCH (d:Person {name: 'Dan'}) DELETE d")
    assert await rows(memory, "MATCH (d:Person {name: 'Dan'}) RETURN d.name") == []


async def test_many_rows_at_once_are_what_few_are(memory: Memory) -> None:
    """From some hundred rows on, what is made goes in by COPY."""
    made = "UNWIND range(1, $last) AS n MERGE (p:Person {uid: n % 300}) ON CREATE SET p.name = 'Number ' + (n % 300)"
    counted = await asked(memory, made + " ON MATCH SET p.again = coalesce(p.again, 0) + 1", {"last": 600})
    assert counted.counters.nodes_created == 300
    assert await rows(memory, "MATCH (p:Person) RETURN count(*), count(DISTINCT p.uid), sum(p.again)") == [
        (300, 300, 300)
    ]
    joined = "UNWIND range(0, 299) AS n MATCH (a:Person {uid: n}), (b:Person {uid: (n + 1) % 300}) "
    await asked(memory, joined + "CREATE (a)-[:NEXT {valid_from: '1990'}]->(b) CREATE (a)-[:NEXT]->(b)")
    merged = await asked(memory, joined + "MERGE (a)-[r:NEXT {x: n % 2}]->(b) ON CREATE SET r.new = true")
    assert merged.counters.relationships_created == 300
    told = "MATCH (a {uid: 7})-[r:NEXT]->(b {uid: 8}) RETURN count(r.x), count(r.valid_from), count(*)"
    assert await rows(memory, told) == [(1, 1, 3)]
    changes = await change_feed(memory, GRAPH)
    assert sum(len(each.ids) for each in changes if each.operation == "created") == 300 + 900
    answer = await memory.recall(GRAPH, Question(What(text="Number 217"), k=1))
    assert [hit.name for hit in answer.hits] == ["Number 217"]


async def test_of_many_rows_none_is_made_where_one_may_not_be(memory: Memory) -> None:
    await asked(memory, "CREATE CONSTRAINT uid FOR (p:Person) REQUIRE p.uid IS UNIQUE")
    with pytest.raises(Conflict, match="uid"):
        await asked(memory, "UNWIND range(1, 400) AS n CREATE (:Person {uid: n % 399})")
    assert await rows(memory, "MATCH (p:Person) RETURN count(*)") == [0]
