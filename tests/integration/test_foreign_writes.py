"""Writes by other AGE clients: noticed, indexed and found; and what kgmem wrote, as those clients see it."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.embedded.binaries import find_binaries
from kgmem.tasks import act_for
from tests.invariants import assert_index_matches_labels
from tests.memories import (
    change_feed,
    cypher,
    hashing,
    index_schema,
    new_graph,
    opened_memory,
    other_client,
    query,
    until,
)

pytestmark = pytest.mark.server


@pytest.fixture
async def client(shared_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain AGE client on the database of `memory`."""
    async with other_client(shared_database_url) as connection:
        yield connection


async def found(memory: Memory, graph: str, text: str, **what: Any) -> list[str]:
    """The keys of what the words of a question find."""
    answer = await memory.recall(graph, Question(What(text=text, **what)))
    return [hit.key for hit in answer.hits if "words" in hit.retrievers]


async def sweep(memory: Memory, graph: str) -> int:
    """Look for what was deleted, without the pause that is left between two looks."""
    index: Any = memory.ports.index
    catalog: Any = memory.ports.graphs
    return int(await index.remove_orphans(await catalog.layout(graph)))


async def test_a_vertex_created_by_cypher_is_indexed_and_found(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await cypher(
        client,
        graph,
        "CREATE (n:Robot {key: 'r2', name: 'R2-D2', text: 'An astromech droid.', valid_from: '1977', "
        "labels: ['Droid'], source: 'film', size: 1.09})",
    )
    assert await memory.index.sync(graph) == 1
    held = await memory.entities.get(graph, "r2")
    assert (held.label, held.name, held.text, held.valid_from) == ("Robot", "R2-D2", "An astromech droid.", "1977")
    assert (held.properties, held.labels, held.source, held.version) == ({"size": 1.09}, ["Droid"], "film", 1)
    assert await found(memory, graph, "astromech") == ["r2"]
    assert await found(memory, graph, "astromech", labels=["Droid"], sources=["film"]) == ["r2"]
    assert await memory.embeddings.run(graph) == 1
    assert await memory.index.sync(graph) == 0
    await assert_index_matches_labels(memory, graph)


async def test_what_is_set_and_removed_by_cypher_is_indexed(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await memory.entities.put(graph, [Entity("x", "Person", "Ada", {"a": 1}, text="engines"), Entity("y", "Person")])
    await memory.embeddings.run(graph)
    await cypher(client, graph, "MATCH (n:Person {key: 'x'}) SET n.text = 'poetry', n.b = 2, n.valid_to = '1852'")
    assert await memory.index.sync(graph) == 1
    held = await memory.entities.get(graph, "x")
    assert (held.text, held.properties, held.valid_to, held.version) == ("poetry", {"a": 1, "b": 2}, "1852", 2)
    assert await found(memory, graph, "engines") == []
    answer = await memory.recall(graph, Question(What(text="poetry")))
    assert [hit.state for hit in answer.hits if hit.key == "x"] == ["past"]
    await cypher(client, graph, "MATCH (n:Person {key: 'x'}) REMOVE n.valid_to SET n.a = null")
    await memory.index.sync(graph)
    assert await found(memory, graph, "poetry") == ["x"]
    assert (await memory.entities.get(graph, "x")).properties == {"b": 2}
    await assert_index_matches_labels(memory, graph)


async def test_merge_edges_and_labels_that_kgmem_never_saw_are_indexed(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await memory.entities.put(graph, [Entity("x", "Person"), Entity("two words", "two words")])
    await cypher(client, graph, "MERGE (n:Person {key: 'x'})")
    await cypher(client, graph, "MERGE (n:City {key: 'london', name: 'London'})")
    await cypher(
        client,
        graph,
        "MATCH (a:Person {key: 'x'}), (b:City {key: 'london'}) "
        "CREATE (a)-[:LIVES_IN {since: 1815, strength: 0.5, valid_from: '1815'}]->(b)",
    )
    await memory.index.sync(graph)
    (edge,) = (await memory.relationships.list(graph, entity="x")).items
    assert (edge.kind, edge.start, edge.end, edge.properties) == ("LIVES_IN", "x", "london", {"since": 1815})
    assert (edge.strength, edge.valid_from, edge.version) == (0.5, "1815", 1)
    assert await found(memory, graph, "london") == ["london"]
    await cypher(client, graph, "MATCH ()-[e:LIVES_IN]->() SET e.strength = 0.75")
    await memory.index.sync(graph)
    assert (await memory.relationships.list(graph, kind="LIVES_IN")).items[0].strength == 0.75
    await memory.entities.put(graph, [Entity("paris", "City")])
    await memory.relationships.put(graph, [Relationship("LIVES_IN", "x", "paris")])
    assert (await memory.graphs.stats(graph)).kinds == {"LIVES_IN": 2}
    await assert_index_matches_labels(memory, graph)


async def test_a_label_that_another_client_made_is_the_one_that_kgmem_uses(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await cypher(client, graph, "CREATE (:Robot {key: 'r2'})-[:OWNS]->(:Robot {key: 'c3'})")
    await memory.entities.put(graph, [Entity("bb8", "Robot")])
    await memory.index.sync(graph)
    assert {e.key for e in (await memory.entities.list(graph, label="Robot")).items} == {"r2", "c3", "bb8"}
    await memory.relationships.put(graph, [Relationship("OWNS", "r2", "bb8")])
    assert await cypher(client, graph, "MATCH (:Robot)-[e:OWNS]->(n:Robot) RETURN count(e)") == [["2"]]
    await assert_index_matches_labels(memory, graph)


async def test_what_is_deleted_by_cypher_is_gone_from_recall_at_once_and_from_the_index_soon(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await memory.entities.put(graph, [Entity(key, "Person", text="apple") for key in "abc"])
    await memory.episodes.put(graph, [Episode("apple", "e", mentions=["a"])])
    await memory.relationships.put(graph, [Relationship("K", "a", "b"), Relationship("K", "b", "c")])
    await memory.embeddings.run(graph)
    await cypher(client, graph, "MATCH (n:Person {key: 'a'}) DETACH DELETE n")
    await cypher(client, graph, "MATCH (:Person {key: 'b'})-[e:K]->() DELETE e")
    assert sorted(await found(memory, graph, "apple")) == ["b", "c", "e"]
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "a")
    assert await sweep(memory, graph) == 4
    stats = await memory.graphs.stats(graph)
    assert (stats.entities, stats.episodes, stats.relationships) == (2, 1, 0)
    assert (await memory.episodes.get(graph, "e")).mentions == []
    await assert_index_matches_labels(memory, graph)
    operations = [(c.operation, c.kind) for c in await change_feed(memory, graph)]
    assert operations[-2:] == [("deleted", "entity"), ("deleted", "relationship")]


async def test_the_worker_finds_deletions_by_itself(memory: Memory, graph: str, shared_database_url: str) -> None:
    await memory.entities.put(graph, [Entity("a", "Person"), Entity("b", "Person")])
    index: Any = memory.ports.index
    await memory.index.sync(graph)
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (n:Person {key: 'a'}) DELETE n")

    async def swept() -> bool:
        index._swept = {name: (-1e9, seen) for name, (_, seen) in index._swept.items()}  # As if time had passed.
        return await memory.index.sync(graph) == 1

    await until(swept)
    assert (await memory.graphs.stats(graph)).entities == 1


async def test_what_another_client_deleted_can_be_stated_again_before_it_was_noticed(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    same, other = Entity("same", "Person", text="apple"), Entity("other", "Person", properties={"a": 1})
    edges = [Relationship("K", "same", "other"), Relationship("L", "same", "other", properties={"a": 1})]
    episode = Episode("words", "e")
    await memory.entities.put(graph, [same, other])
    await memory.relationships.put(graph, edges)
    await memory.episodes.put(graph, [episode])
    await cypher(client, graph, "MATCH (n) DETACH DELETE n")
    await memory.entities.put(graph, [same, Entity("other", "Person", properties={"b": 2})])
    await memory.relationships.put(graph, [edges[0], Relationship("L", "same", "other", properties={"b": 2})])
    await memory.episodes.put(graph, [episode])
    await sweep(memory, graph)
    assert (await memory.entities.get(graph, "same")).text == "apple"
    assert (await memory.entities.get(graph, "other")).properties == {"b": 2}
    held = {r.kind: r.properties for r in (await memory.relationships.list(graph)).items}
    assert held == {"K": {}, "L": {"b": 2}}
    assert (await memory.episodes.get(graph, "e")).text == "words"
    await assert_index_matches_labels(memory, graph)


async def test_a_label_that_another_client_dropped_is_gone_with_all_under_it(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await memory.entities.put(graph, [Entity("a", "Gone"), Entity("b", "Person"), Entity("c", "Person")])
    await memory.relationships.put(graph, [Relationship("DROPPED", "b", "c"), Relationship("KEPT", "b", "c")])
    await client.execute("SELECT drop_label($1::name, $2::name)", graph, "Gone")
    await client.execute("SELECT drop_label($1::name, $2::name)", graph, "DROPPED")
    await memory.index.sync(graph)
    await sweep(memory, graph)
    stats = await memory.graphs.stats(graph)
    assert (stats.labels, stats.kinds) == ({"Person": 2}, {"KEPT": 1})
    assert [r.kind for r in (await memory.relationships.list(graph)).items] == ["KEPT"]
    await memory.entities.put(graph, [Entity("a", "Gone")])
    assert (await memory.entities.get(graph, "a")).label == "Gone"
    await assert_index_matches_labels(memory, graph)


ODD = [
    "{key: 5, name: 7, text: [1], labels: 'x', place: 'Paris', valid_from: 1969, source: 3, scope: 9}",
    "{key: '', name: '', text: '', place: {type: 'Point'}, valid_from: 'soon', valid_to: 'later', scope: 'a b'}",
    "{key: 'k1', place: {type: ['Point'], coordinates: [1, 2]}, labels: [1, null, 'y', {a: 1}], valid_to: true}",
    "{key: 'k2', place: {type: 'Point', coordinates: [1e300, 2]}, valid_from: '2020', valid_to: '2019'}",
    "{key: 'k3', size: 1.5::numeric}",
    "{key: 'k4', odd: '::vertex ::numeric NaN', more: [1.5::numeric, 'a::path']}",
    "{key: 'k5', `two words`: 1, title: 't', strength: 'high', aliases: 5, text: \"it's \\\\ so\"}",
    "{key: 'k6', source: '" + "s" * 9000 + "', scope: '" + "x" * 500 + "'}",
    "{key: '" + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(4000)) + "'}",
    "{name: 'without a key'}",
    "{key: 'same', n: 1}",
    "{key: 'same', n: 2}",
    "{}",
]


@pytest.mark.long
async def test_whatever_another_client_writes_is_indexed_and_stops_nothing(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    for properties in ODD:
        await cypher(client, graph, f"CREATE (:Odd {properties})")
        await cypher(client, graph, f"CREATE (:Episode {properties})")
        await cypher(client, graph, f"MATCH (a:Odd) WITH a LIMIT 1 CREATE (a)-[:ODD {properties}]->(a)")
    await cypher(client, graph, "CREATE (:Odd {key: 'nan', x: 0.0})")
    numbers = '"x": NaN, "y": -Infinity, "big": 123456789012345678901234567890::numeric, "vast": 1e400::numeric'
    odd = f'{{"key": "nan", {numbers}}}'
    await client.execute(f"UPDATE {graph}.\"Odd\" SET properties = '{odd}' WHERE properties::text LIKE '%\"nan\"%'")
    await memory.index.sync(graph)
    await assert_index_matches_labels(memory, graph)
    count = len(ODD)
    assert len((await memory.entities.list(graph, limit=100)).items) == count + 1
    assert len((await memory.episodes.list(graph, limit=100)).items) == count
    assert len((await memory.relationships.list(graph, limit=100)).items) == count
    answer = await memory.recall(graph, Question(What(labels=["Odd", "Episode"]), k=100))
    assert len(answer.hits) == 2 * count + 1
    assert len([item async for item in memory.exports.items(graph)]) >= 2 * count + 1
    # kgmem's own writes merge into all of it.
    await memory.entities.put(
        graph,
        [
            Entity(e.key, text="new", properties={"mine": 1})
            for e in (await memory.entities.list(graph, limit=100)).items
        ],
    )
    await memory.episodes.put(
        graph, [Episode("new", e.key) for e in (await memory.episodes.list(graph, limit=100)).items]
    )
    (odd,) = {r.start for r in (await memory.relationships.list(graph, limit=100)).items}
    await memory.relationships.put(graph, [Relationship("ODD", odd, odd, f"k{n}", text="new") for n in range(1, 7)])
    await memory.embeddings.run(graph)
    await memory.index.rebuild(graph)
    await assert_index_matches_labels(memory, graph)


async def test_names_that_are_kgmems_on_other_things_are_plain_properties(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await cypher(client, graph, "CREATE (:Book {key: 'b', title: 'Dune', session: 1, source_: 'x'})")
    await memory.index.sync(graph)
    await memory.entities.put(graph, [Entity("b", properties={"title": "Dune Messiah"})])
    held = await memory.entities.get(graph, "b")
    assert held.properties == {"title": "Dune Messiah", "session": 1, "source": "x"}
    rows = await cypher(client, graph, "MATCH (n:Book) RETURN n.title")
    assert rows == [['"Dune Messiah"']]


@pytest.mark.long
async def test_parallel_edges_and_edges_of_one_key_stay_apart(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await memory.entities.put(graph, [Entity("a", "N"), Entity("b", "N")])
    (own,) = (await memory.relationships.put(graph, [Relationship("K", "a", "b", properties={"n": 0})])).ids
    (keyed,) = (await memory.relationships.put(graph, [Relationship("K", "a", "b", "r", {"n": 9})])).ids
    for n in (1, 2):
        await cypher(client, graph, f"MATCH (a:N {{key: 'a'}}), (b:N {{key: 'b'}}) CREATE (a)-[:K {{n: {n}}}]->(b)")
    await cypher(client, graph, "MATCH (a:N {key: 'a'}), (b:N {key: 'b'}) CREATE (b)-[:K {key: 'r', n: 3}]->(a)")
    await memory.index.sync(graph)
    held = (await memory.relationships.list(graph)).items
    assert sorted(r.properties["n"] for r in held) == [0, 1, 2, 3, 9]
    again = await memory.relationships.put(graph, [Relationship("K", "a", "b", properties={"n": 10})])
    assert list(again.ids) == [own]
    assert list((await memory.relationships.put(graph, [Relationship("K", "a", "b", "r", {"n": 11})])).ids) == [keyed]
    await memory.index.rebuild(graph)
    await assert_index_matches_labels(memory, graph)


async def test_a_foreign_write_in_a_transaction_that_is_rolled_back_never_was(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    transaction = client.transaction()
    await transaction.start()
    await cypher(client, graph, "CREATE (:Person {key: 'x', text: 'apple'})")
    assert await memory.index.sync(graph) == 0
    await transaction.rollback()
    assert await memory.index.sync(graph) == 0
    assert await found(memory, graph, "apple") == []


@pytest.mark.long
async def test_foreign_writers_and_kgmem_writers_may_meet(
    memory: Memory, graph: str, client: asyncpg.Connection, shared_database_url: str
) -> None:
    keys = [f"k{n}" for n in range(10)]
    await memory.entities.put(graph, [Entity(key, "N") for key in keys])

    async def others() -> None:
        for n in range(40):
            key = keys[n % 10]
            try:
                await cypher(client, graph, f"MATCH (n:N {{key: '{key}'}}) SET n.text = 'other {n}'")
                await cypher(client, graph, f"CREATE (:N {{key: 'new {n % 20}', scope: 'u/{n % 7}'}})")
            except asyncpg.PostgresError as error:  # AGE's own answer to rows that changed under it.
                assert "failed to be updated" in str(error)

    async def ours() -> None:
        for n in range(25):
            await memory.entities.put(graph, [Entity(key, "N", text=f"ours {n}") for key in keys[n % 5 :]])
            await memory.entities.put(graph, [Entity(f"new {n % 20}", "N", scope=f"u/{n % 7}")])

    async def absorb(which: Memory) -> None:
        for _ in range(25):
            await which.index.sync(graph)
            await asyncio.sleep(0.01)

    async with opened_memory(shared_database_url, embedder=hashing()) as second, asyncio.timeout(60):
        await asyncio.gather(others(), ours(), absorb(memory), absorb(second))
    await memory.index.sync(graph)
    await assert_index_matches_labels(memory, graph)


async def test_absorbing_without_a_graph_absorbs_all_of_them(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory, other_client(database_url) as client:
        for name in ("facts", "other-graph"):
            await memory.graphs.create(name)
        await cypher(client, "facts", "CREATE (:A {key: 'x'}), (:A {key: 'y'})")
        await cypher(client, "kgraph_2", "CREATE (:A {key: 'z'})")
        assert await memory.index.sync() == 3
        await cypher(client, "facts", "CREATE (:A {key: 'w'})")
        await memory.graphs.delete("facts")
        assert await memory.index.sync() == 0
        assert await query(memory, "SELECT * FROM kgmem.captured") == []


@pytest.mark.long
async def test_many_foreign_writes_are_absorbed_in_one_go(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await cypher(client, graph, "UNWIND range(1, 4500) AS n CREATE (:Bulk {key: 'k' + toString(n), text: 'bulk'})")
    assert await memory.index.sync(graph) == 4500
    assert (await memory.graphs.stats(graph)).labels == {"Bulk": 4500}
    await cypher(client, graph, "MATCH (n:Bulk) SET n.seen = true")
    assert await memory.index.sync(graph) == 4500
    assert (await memory.entities.get(graph, "k77")).properties == {"seen": True}


async def test_psql_writes_and_kgmem_finds(memory: Memory, graph: str, shared_database_url: str) -> None:
    script = (
        "LOAD 'age'; SET search_path = ag_catalog, public; "
        f"SELECT * FROM cypher('{graph}', $$ CREATE (:Person {{key: 'grace', text: 'compilers'}}) $$) AS (v agtype);"
    )
    command = [find_binaries().program("psql"), shared_database_url, "-v", "ON_ERROR_STOP=1", "-c", script]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert await memory.index.sync(graph) == 1
    assert await found(memory, graph, "compilers") == ["grace"]


async def test_age_reads_what_kgmem_wrote(memory: Memory, graph: str, client: asyncpg.Connection) -> None:
    properties: dict[str, Any] = {"born": 1815, "ratio": 0.5, "tags": ["a", {"b": None}], "quote": 'it\'s "so" \\ 日本'}
    await memory.entities.put(
        graph,
        [
            Entity("ada", "Person", "Ada", properties, text="T", valid_from="1815", source="s", scope="u/1"),
            Entity("x", "two words"),
            Entity("y", "Person", scope="u/1"),
        ],
    )
    await memory.relationships.put(
        graph,
        [
            Relationship("KNOWS", "ada", "y", properties={"since": 1840}, strength=0.5, scope="u/1"),
            Relationship("odd kind", "y", "ada", scope="u/1"),
            Relationship("Person", "y", "ada", scope="u/1"),
        ],
    )
    await memory.episodes.put(graph, [Episode("hello", "e", mentions=["ada"], scope="u/1")])
    ((row,),) = await cypher(client, graph, "MATCH (n:Person {key: 'ada'}) RETURN properties(n)")
    assert json.loads(row) == {
        **properties, "key": "ada", "name": "Ada", "text": "T", "valid_from": "1815", "source": "s", "scope": "u/1",
    }  # fmt: skip
    forth = await cypher(client, graph, "MATCH (a {key: 'ada'})-[e:KNOWS]->(b) RETURN b.key, properties(e)", 2)
    assert [(json.loads(key), json.loads(told)) for key, told in forth] == [
        ("y", {"since": 1840, "strength": 0.5, "scope": "u/1"})
    ]
    back = await cypher(client, graph, "MATCH (a {key: 'ada'})<-[e]-(b) RETURN b.key, label(b), type(e)", 3)
    assert {tuple(json.loads(value) for value in row)[:2] for row in back} == {("y", "Person"), ("e", "Episode")}
    assert len(back) == 3
    both = await cypher(client, graph, "MATCH (a:Person {key: 'ada'})-[e]-(b) RETURN count(e)")
    assert both == [["4"]]
    assert await cypher(client, graph, "MATCH (n) RETURN count(n)") == [["4"]]
    await memory.entities.put(graph, [Entity("ada", "Mathematician", scope="u/1")])
    # AGE has the label in the id, which lasts: what the node is called now stands in `labels`.
    now = await cypher(client, graph, "MATCH (n:Person {key: 'ada'})-[e]-() RETURN n.labels, count(e)", 2)
    assert [[json.loads(value) for value in row] for row in now] == [[["", "Mathematician"], 4]]
    await memory.entities.delete(graph, ["ada"], scope="u/1")
    assert await cypher(client, graph, "MATCH ()-[e]->() RETURN count(e)") == [["0"]]


async def test_a_graph_of_an_odd_name_lies_in_age_under_a_plain_one(database_url: str) -> None:
    async with opened_memory(database_url) as memory, other_client(database_url) as client:
        graph = await new_graph(memory, "a-b.c", space=None)
        await memory.entities.put(graph, [Entity("x", "Person")])
        name = (await query(memory, "SELECT age_name FROM kgmem.graph"))[0][0]
        assert await cypher(client, name, "MATCH (n:Person) RETURN n.key") == [['"x"']]
        assert (await index_schema(memory, graph)).startswith("kgm_")


async def test_what_another_client_states_has_no_callers_key(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await cypher(client, graph, "CREATE (:Robot {key: 'a'})-[:KNOWS {source: 'film'}]->(:Robot {key: 'b'})")

    async def by_a_key() -> None:
        act_for("somebodyskey")
        await memory.index.sync(graph)
        await memory.claims.put(graph, [ClaimStatement("ear", "a", "height", value=1)])

    await asyncio.create_task(by_a_key())
    assert [each.source for each in (await memory.claims.list(graph, ClaimFilter(predicate="KNOWS"))).items] == ["film"]
    assert (await memory.sources.get(graph, "film")).keys == []
    (key,) = (await memory.sources.get(graph, "ear")).keys
    assert (key["id"], key["name"]) == ("somebodyskey", None)
