"""The procedures that queries call, SHOW, and the queries that come with kgmem, over the sample graph."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kgmem.bootstrap import open_memory
from kgmem.domain.access import Key
from kgmem.domain.cypher import CypherAnswer, CypherQuery
from kgmem.domain.errors import Conflict, InvalidInput
from kgmem.formats.kgmem.sample import read_sample
from kgmem.formats.named_queries import load_named_queries, read_named_query
from kgmem.memory import Memory
from kgmem.query.errors import CypherError
from kgmem.query.values.elements import small_id
from kgmem.resources import resource
from kgmem.settings import Settings

GRAPH = "apollo"
SECRET = """
CREATE (a:Secret {name: 'Ada Lovelace', hidden: true, place: {type: 'Point', coordinates: [12.5, 41.9]}})
CREATE (a)-[:HIDES]->(a)
"""
NAMED = load_named_queries(resource("cypher"))


@pytest.fixture(scope="module")
async def apollo(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Memory]:
    """A memory that holds the sample, and something of one scope."""
    sample = read_sample(resource("sample") / GRAPH, resource("graph_schema") / f"{GRAPH}.toml")
    async with open_memory(_settings(shared_database_url, tmp_path_factory.mktemp("home"))) as memory:
        await memory.graphs.create(GRAPH, schema=sample.schema)
        await memory.sources.put(GRAPH, sample.sources)
        await memory.entities.put(GRAPH, sample.entities)
        await memory.relationships.put(GRAPH, sample.relationships)
        await memory.episodes.put(GRAPH, sample.episodes)
        await memory.embeddings.run(GRAPH)
        await memory.cypher(GRAPH, SECRET, mode="write", scope="user/1")
        await memory.embeddings.run(GRAPH)
        yield memory
        await memory.graphs.delete(GRAPH)


def _settings(url: str, home: Path) -> Settings:
    return Settings(database_url=url, embedder="hash", home=home, statement_timeout=120)


async def ask(memory: Memory, text: str, scope: str | None = None, **parameters: Any) -> CypherAnswer:
    return await memory.cypher(GRAPH, text, parameters, scope=scope)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMED)
async def test_every_named_query_gives_the_columns_that_it_promises(apollo: Memory, name: str) -> None:
    query = apollo.queries.get(name)
    examples = {each.name: each.example for each in query.parameters}
    answer = await ask(apollo, query.text, **query.filled(examples))
    assert list(answer.columns) == list(query.columns)
    assert answer.rows, "it finds nothing in the sample"
    assert query.answers.endswith("?")
    assert all(each.meaning for each in query.parameters)


@pytest.mark.long
async def test_named_queries_are_right(apollo: Memory) -> None:
    async def rows(name: str, **given: Any) -> list[tuple[Any, ...]]:
        query = apollo.queries.get(name)
        return [tuple(row) for row in (await ask(apollo, query.text, **query.filled(given))).rows]

    assert {name for name, _ in await rows("crew-of-mission", mission="apollo-11")} == {
        "Neil Armstrong",
        "Buzz Aldrin",
        "Michael Collins",
    }
    together = dict(await rows("flew-together", person="neil-armstrong"))
    assert together["Buzz Aldrin"] == ["Apollo 11"]
    (path,) = await rows("path-between", **{"from": "neil-armstrong", "to": "buzz-aldrin"})
    assert path[2] == 2
    kinds = {kind for kind, *_ in await rows("true-at", key="neil-armstrong", at="1969-07-20")}
    assert "CREW_OF" in kinds
    distances = [km for _, km in await rows("nearest-to", key="kennedy-space-center", count=5)]
    assert distances == sorted(distances)
    assert len(distances) >= 4
    sources = await rows("sources-of-facts")
    assert sum(row[1] for row in sources) > 1000


def test_a_header_that_is_none_is_refused() -> None:
    for text in ("RETURN 1", "// answers: What?\nRETURN 1", "// nonsense\nRETURN 1"):
        with pytest.raises(InvalidInput):
            read_named_query("x", text)


async def test_labels_types_and_keys_are_listed(apollo: Memory) -> None:
    labels = {row[0] for row in (await ask(apollo, "CALL db.labels() YIELD label RETURN label")).rows}
    assert {"Person", "Mission", "Episode", "Secret"} <= labels
    seen = {row[0] for row in (await ask(apollo, "CALL db.labels()", scope="user/2")).rows}
    assert "Secret" not in seen
    assert "Person" in seen
    types = {row[0] for row in (await ask(apollo, "CALL db.relationshipTypes()")).rows}
    assert {"CREW_OF", "CAUSES"} <= types
    keys = {row[0] for row in (await ask(apollo, "CALL db.propertyKeys()")).rows}
    assert {"key", "name", "born", "role"} <= keys


@pytest.mark.long
async def test_tools_learn_the_schema(apollo: Memory) -> None:
    (drawn,) = (await ask(apollo, "CALL db.schema.visualization()")).rows
    names = {node.labels[0]: node.id for node in drawn[0]}
    triples = {(link.start, link.type, link.end) for link in drawn[1]}
    assert (names["Person"], "CREW_OF", names["Mission"]) in triples
    text = """
    CALL apoc.meta.data({sample: 100}) YIELD label, other, elementType, type, property
    WHERE NOT type = 'RELATIONSHIP' AND elementType = 'node'
    WITH label AS nodeLabel, collect({property: property, type: type}) AS properties
    RETURN {labels: nodeLabel, properties: properties} AS output
    """
    told = {row[0]["labels"]: row[0]["properties"] for row in (await ask(apollo, text)).rows}
    assert {"property": "born", "type": "STRING"} in told["Person"]
    text = """
    CALL apoc.meta.data() YIELD label, other, elementType, type, property
    WHERE type = 'RELATIONSHIP' AND elementType = 'node'
    UNWIND other AS end RETURN label, property, end
    """
    assert ("Person", "CREW_OF", "Mission") in {tuple(row) for row in (await ask(apollo, text)).rows}
    ((whole,),) = (await ask(apollo, "CALL apoc.meta.schema() YIELD value RETURN value")).rows
    assert whole["Person"]["relationships"]["CREW_OF"]["labels"] == ["Mission"]
    assert whole["CREW_OF"]["type"] == "relationship"
    rows = (await ask(apollo, "CALL dbms.components() YIELD name, versions, edition RETURN versions[0], edition")).rows
    assert rows[0] == ("5.26.0", "community")
    await ask(apollo, "CALL apoc.schema.nodes()")


async def test_show_shows_with_yield_where_and_return(apollo: Memory) -> None:
    answer = await ask(
        apollo, "SHOW DATABASES YIELD name, currentStatus WHERE name = 'apollo' RETURN name, currentStatus"
    )
    assert answer.rows == [("apollo", "online")]
    assert (await ask(apollo, "SHOW DATABASES", scope="user/1")).rows[0][0] == "apollo"
    names = {row[0] for row in (await ask(apollo, "SHOW PROCEDURES YIELD name")).rows}
    assert {"db.labels", "kgmem.recall", "kgmem.consensus"} <= names
    functions = await ask(apollo, "SHOW FUNCTIONS YIELD name WHERE name STARTS WITH 'kgmem.' RETURN collect(name) AS n")
    assert set(functions.rows[0][0]) == {"kgmem.distance_km", "kgmem.known_at", "kgmem.valid_at"}
    vector = await ask(apollo, "SHOW VECTOR INDEXES YIELD name, type, options RETURN name, type, options")
    assert vector.rows[0][:2] == ("kgmem_vectors", "VECTOR")
    assert vector.rows[0][2]["indexConfig"]["vector.dimensions"] > 0
    await ask(apollo, "SHOW CONSTRAINTS")


async def test_show_current_user_tells_whose_key_asks(apollo: Memory) -> None:
    key = Key("k1", "reports", "reader")
    columns = ["user", "roles", "passwordChangeRequired", "suspended", "home"]
    mine = await apollo.cypher(GRAPH, "SHOW CURRENT USER", asker=key)
    assert list(mine.columns) == columns
    assert mine.rows == [("reports", ["PUBLIC", "reader"], False, False, "apollo")]
    assert (await ask(apollo, "SHOW CURRENT USER YIELD user, roles")).rows == [("kgmem", ["PUBLIC", "admin"])]


async def test_recall_is_a_part_of_a_query(apollo: Memory) -> None:
    text = """
    CALL kgmem.recall('oxygen tank explosion', {k: 5, any_time: true, kinds: ['entity']}) YIELD node, score, retrievers
    MATCH (node)-[r]->(m)
    RETURN node.name AS name, score, count(r) AS links, retrievers.words.rank AS rank ORDER BY score DESC
    """
    rows = (await ask(apollo, text)).rows
    assert rows
    assert all(score > 0 and links > 0 for _, score, links, _ in rows)
    text = "CALL kgmem.recall('fire', {kinds: ['fact'], any_time: true}) YIELD relationship AS r RETURN r"
    facts = await ask(apollo, text)
    assert all(row[0].type for row in facts.rows)
    with pytest.raises(InvalidInput, match="Unknown option"):
        await ask(apollo, "CALL kgmem.recall('x', {colour: 1})")
    with pytest.raises(InvalidInput, match="another scope"):
        await ask(apollo, "CALL kgmem.recall('x', {scope: 'user/2'})", scope="user/1")


async def test_indexes_are_asked_as_in_neo4j(apollo: Memory) -> None:
    text = "CALL db.index.fulltext.queryNodes('kgmem_texts', 'Tranquility') YIELD node, score RETURN node.key, score"
    rows = (await ask(apollo, text)).rows
    assert rows
    assert [score for _, score in rows] == sorted((score for _, score in rows), reverse=True)
    space = (await apollo.graphs.get(GRAPH)).space
    assert space is not None
    text = "CALL db.index.vector.queryNodes('kgmem_vectors', 3, $vector) YIELD node, score RETURN node, score"
    found = (await ask(apollo, text, vector=[1.0] * space.dimension)).rows
    assert len(found) == 3


async def test_causes_effects_and_consensus(apollo: Memory) -> None:
    text = "CALL kgmem.causes($key) YIELD node, strength RETURN node.key AS key, strength"
    causes = dict((await ask(apollo, text, key="apollo-program-stopped")).rows)
    assert 0.9 < causes["apollo-1-fire"] < 1
    effects = await ask(apollo, "MATCH (e {key: 'apollo-1-fire'}) CALL kgmem.effects(e, 1) YIELD node RETURN node.key")
    assert {"apollo-1-hearings", "apollo-program-stopped"} <= {row[0] for row in effects.rows}
    weighed = await ask(apollo, "CALL kgmem.consensus('buzz-aldrin') YIELD predicate, value, probability, state")
    assert weighed.columns == ("predicate", "value", "probability", "state")


async def test_pagerank_ranks_what_much_leads_to(apollo: Memory) -> None:
    text = "CALL kgmem.pagerank({types: ['CITIZEN_OF'], limit: 3}) YIELD node, score RETURN node.key, score"
    rows = (await ask(apollo, text)).rows
    assert rows[0][0] == "united-states"
    assert sum(score for _, score in rows) <= 1.000001
    with pytest.raises(InvalidInput):
        await ask(apollo, "CALL kgmem.pagerank({damping: 2})")


async def test_what_was_known_then_is_told(apollo: Memory) -> None:
    text = """
    MATCH (n:Mission {key: 'apollo-11'})-[r:SUCCEEDED_BY]->()
    RETURN kgmem.known_at(n, datetime()) AS now, kgmem.known_at(n, '1990') AS before,
           kgmem.known_at(r, datetime()) AS link, kgmem.valid_at(n, '1969-07-20') AS valid
    """
    rows = await ask(apollo, text)
    assert rows.rows == [(True, False, True, True)]


FOUR = """
MATCH (cape:Place {key: 'kennedy-space-center'})
CALL kgmem.recall($words, {k: 30, kinds: ['entity'], labels: ['Event'], any_time: true}) YIELD node AS event, score
WHERE kgmem.valid_at(event, $at) AND kgmem.known_at(event, $known)
MATCH (event)-[:OCCURRED_AT]->(spot:Place)
WITH event, score, kgmem.distance_km(spot, cape) AS km
WHERE km < 40
CALL kgmem.causes(event, 1) YIELD node AS cause, strength
RETURN event.key AS event, km, collect(cause.key) AS causes, max(strength) AS strongest
"""


async def test_one_query_asks_for_meaning_place_time_and_cause(apollo: Memory) -> None:
    given = {"words": "the fire in the cabin", "at": "1967-01", "known": "2100"}
    rows = {row[0]: row[1:] for row in (await ask(apollo, FOUR, **given)).rows}
    km, causes, strongest = rows["apollo-1-fire"]
    assert 10 < km < 13
    assert "pure-oxygen-atmosphere" in causes
    assert strongest == pytest.approx(0.855)
    for changed in ({"at": "1969-07"}, {"known": "1990"}):
        found = (await ask(apollo, FOUR, **{**given, **changed})).rows
        assert "apollo-1-fire" not in {row[0] for row in found}, changed


_LEARNING = [
    "CALL db.labels() YIELD label AS n WITH n WHERE n = 'Secret' RETURN n",
    "CALL db.propertyKeys() YIELD propertyKey AS n WITH n WHERE n = 'hidden' RETURN n",
    "CALL db.relationshipTypes() YIELD relationshipType AS n WITH n WHERE n = 'HIDES' RETURN n",
    "CALL db.schema.nodeTypeProperties() YIELD propertyName AS n WITH n WHERE n = 'hidden' RETURN n",
    "CALL db.schema.visualization() YIELD nodes UNWIND nodes AS n WITH n WHERE n.name = 'Secret' RETURN n",
    "CALL apoc.meta.data() YIELD label AS n WITH n WHERE n = 'Secret' RETURN n",
    "CALL apoc.schema.properties.distinct('Secret', 'hidden') YIELD value AS n WITH n WHERE size(n) > 0 RETURN n",
    "CALL kgmem.pagerank() YIELD node AS n WITH n WHERE n:Secret RETURN n",
]
_FINDING = [
    "CALL kgmem.recall('ada lovelace', {any_time: true}) YIELD node AS n WITH n WHERE n:Secret RETURN n",
    "CALL db.index.fulltext.queryNodes('kgmem_texts', 'ada') YIELD node AS n WITH n WHERE n:Secret RETURN n",
    "CALL kgmem.nearest(point({longitude: 12.5, latitude: 41.9})) YIELD node AS n WITH n WHERE n:Secret RETURN n",
]


@pytest.mark.parametrize("text", [*_LEARNING, *_FINDING])
async def test_procedures_tell_of_a_scope_only_to_who_sees_it(apollo: Memory, text: str) -> None:
    assert (await ask(apollo, text, scope="user/1")).rows
    assert not (await ask(apollo, text, scope="user/2")).rows


@pytest.mark.parametrize("text", _LEARNING)
async def test_without_a_scope_all_of_the_graph_is_told_of(apollo: Memory, text: str) -> None:
    assert (await ask(apollo, text)).rows


# As neo4j-graphrag, langchain-neo4j and neomodel send them.
TOOLS = {
    "apoc.schema.nodes": """
        CALL apoc.schema.nodes() YIELD label, properties, type, size, valuesSelectivity
        WHERE type = 'RANGE' RETURN *, size * valuesSelectivity as distinctValues
    """,
    "apoc.meta.graph": """
        CALL apoc.meta.graph({sample: 1000, maxRels: 100}) YIELD nodes, relationships
        RETURN nodes, [rel in relationships | {name:apoc.any.property(rel, 'type'),
                                               count: apoc.any.property(rel, 'count')}] AS relationships
    """,
    "vector indexes": """
        SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, options
        WHERE type = 'VECTOR' AND (name = $name OR (labelsOrTypes[0] = 'Person' AND properties[0] = 'embedding'))
        RETURN name, type, entityType, labelsOrTypes, properties, options
    """,
    "an index": """
        SHOW VECTOR INDEXES YIELD name, labelsOrTypes, properties, options WHERE name = $name
        RETURN labelsOrTypes as labels, properties, options.indexConfig.`vector.dimensions` as dimensions,
               options.indexConfig.`vector.filterable_properties` as filterable_properties
    """,
    "range indexes": """
        SHOW INDEXES WHERE entityType='NODE' AND 'Event' IN labelsOrTypes AND type='RANGE' AND owningConstraint IS NULL
    """,
    "the version": "CALL dbms.components() yield versions, edition return versions[0], edition",
    "the graph": "CALL db.info()",
    "types of properties": "CALL db.schema.relTypeProperties() YIELD relType, propertyName, propertyTypes RETURN *",
}


@pytest.mark.parametrize("what", TOOLS)
async def test_what_tools_ask_is_answered(apollo: Memory, what: str) -> None:
    assert (await ask(apollo, TOOLS[what], name="kgmem_vectors")).rows


async def test_indexes_and_properties_are_told_as_they_are(apollo: Memory) -> None:
    rows = (await ask(apollo, TOOLS["apoc.schema.nodes"])).rows
    told = {(row[0], *row[1]): (row[2], row[5]) for row in rows}
    (size, distinct) = (
        await ask(apollo, "MATCH (n:Event) RETURN count(n.event_type), count(DISTINCT n.event_type)")
    ).rows[0]
    assert told["Event", "event_type"] == (size, pytest.approx(distinct))
    ((nodes, links),) = (await ask(apollo, TOOLS["apoc.meta.graph"])).rows
    counted = {node.labels[0]: node.properties["count"] for node in nodes}
    assert counted["Person"] == (await ask(apollo, "MATCH (p:Person) RETURN count(p)")).rows[0][0]
    assert sum(link["count"] for link in links if link["name"] == "CAUSES") > 10
    assert len({small_id(node.id) for node in nodes}) == len(nodes)
    text = "CALL db.schema.nodeTypeProperties() YIELD nodeLabels, propertyName, propertyTypes, mandatory RETURN *"
    kinds = {(row[1][0], row[2]): (row[3], row[0]) for row in (await ask(apollo, text)).rows}
    assert kinds["Person", "name"] == (["String"], True)
    assert kinds["Person", "died"] == (["String"], False)


async def test_what_is_wrong_with_a_call_is_told_with_its_place(apollo: Memory) -> None:
    for text, told in (
        ("CALL kgmem.recal('x')", "kgmem.recall"),
        ("CALL kgmem.recall('x', {k: 0})", "integer from 1 to 1000"),
        ("RETURN 1 AS one UNION CALL kgmem.causes(1.5) YIELD node RETURN 2 AS one", "Expected a key, or a node"),
        ("CALL db.index.vector.queryNodes('mine', 3, [1.0])", "Unknown index"),
        ("CALL db.index.fulltext.queryNodes('kgmem_text', 'x')", "Did you mean kgmem_texts"),
        ("CALL apoc.meta.data({sample: -1})", "integer from 1"),
    ):
        with pytest.raises(CypherError, match=told) as caught:
            await ask(apollo, text)
        assert caught.value.line == 1


async def test_a_transaction_is_kept_only_when_it_is_committed(apollo: Memory) -> None:
    count = "MATCH (n:Draft) RETURN count(n)"
    async with apollo.transaction(GRAPH, mode="write", scope="user/9") as transaction:
        await transaction.run(CypherQuery("CREATE (:Draft)"))
        assert (await transaction.run(CypherQuery(count))).rows == [(1,)]
    assert (await ask(apollo, count)).rows == [(0,)]
    async with apollo.transaction(GRAPH, mode="write", scope="user/9") as transaction:
        await transaction.run(CypherQuery("CREATE (:Draft)"))
        await transaction.commit()
        with pytest.raises(Conflict):
            await transaction.run(CypherQuery(count))
    assert (await ask(apollo, count, scope="user/9")).rows == [(1,)]
    assert (await ask(apollo, count, scope="user/8")).rows == [(0,)]
    with pytest.raises(InvalidInput, match="read mode"):
        async with apollo.transaction(GRAPH) as transaction:
            await transaction.run(CypherQuery("CREATE (:Draft)"))
    await apollo.cypher(GRAPH, "MATCH (n:Draft) DELETE n", mode="write")
