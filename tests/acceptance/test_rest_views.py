"""Views over REST: as JSON, and as files that graph viewers read."""

import io
import json
from typing import Any

import networkx
import pytest

from tests.rest import GRAPH, Door, done, refused


@pytest.fixture
async def filled(door: Door) -> Door:
    cities = [
        {"key": "zurich", "label": "City", "name": "Zürich", "place": {"type": "Point", "coordinates": [8.54, 47.38]}},
        {"key": "bern", "label": "City", "name": "Bern", "valid_from": "1191"},
        {"key": "thun", "label": "City"},
    ]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": cities}))
    links = [{"kind": "LEADS_TO", "from": "zurich", "to": "bern"}, {"kind": "LEADS_TO", "from": "bern", "to": "thun"}]
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": links}))
    return door


async def test_a_neighbourhood_tells_entities_relationships_and_how_far_they_are(filled: Door) -> None:
    told = done(await filled.client.get(f"{GRAPH}/neighbourhood?key=zurich&hops=2"))
    assert {each["key"]: each["hops"] for each in told["entities"]} == {"zurich": 0, "bern": 1, "thun": 2}
    assert [(each["from"], each["to"]) for each in told["relationships"]] == [("zurich", "bern"), ("bern", "thun")]
    assert told["more"] is False


async def test_a_view_of_a_question_is_around_what_it_finds(filled: Door) -> None:
    asked: dict[str, Any] = {"recall": {"what": {"text": "Zürich"}, "k": 1}, "hops": 1}
    told = done(await filled.client.post(f"{GRAPH}/view", json=asked))
    assert {each["key"] for each in told["entities"]} == {"zurich", "bern"}


@pytest.mark.parametrize(
    ("query", "hops", "found"),
    [
        ("MATCH (n {key: $key}) RETURN n", None, {"zurich"}),
        ("MATCH (n {key: $key}) RETURN {deep: [n]} AS n", 1, {"zurich", "bern"}),
        ("MATCH ({key: $key})-[r:LEADS_TO]->() RETURN r", None, {"zurich", "bern"}),
        ("MATCH p = ({key: $key})-[*2]->() RETURN p", None, {"zurich", "bern", "thun"}),
        ("RETURN 1 AS n, $key AS key", None, set()),
    ],
)
async def test_a_view_of_a_query_is_what_it_gives(filled: Door, query: str, hops: int | None, found: set[str]) -> None:
    asked: dict[str, Any] = {"cypher": {"query": query, "parameters": {"key": "zurich"}}}
    told = done(await filled.client.post(f"{GRAPH}/view", json={**asked, **({"hops": hops} if hops else {})}))
    assert {each["key"] for each in told["entities"]} == found
    assert len(told["relationships"]) == max(len(found) - 1, 0)


async def test_a_view_of_a_query_that_writes_or_names_nothing_of_kgmems_own(filled: Door) -> None:
    refused(await filled.client.post(f"{GRAPH}/view", json={"cypher": {"query": "CREATE (n) RETURN n"}}), 422, "writes")
    made = {"query": "CREATE (:Bare {n: 1})", "mode": "write"}
    done(await filled.client.post(f"{GRAPH}/cypher", json=made))
    told = done(await filled.client.post(f"{GRAPH}/view", json={"cypher": {"query": "MATCH (b:Bare) RETURN b"}}))
    assert [each["label"] for each in told["entities"]] == ["Bare"]


async def test_graph_viewers_get_files_that_they_read(filled: Door) -> None:
    async def given(form: str) -> bytes:
        answer = await filled.client.get(f"{GRAPH}/neighbourhood?key=zurich&hops=2&format={form}")
        assert answer.status_code == 200
        return answer.content

    for read, form in ((networkx.read_graphml, "graphml"), (networkx.read_gexf, "gexf")):
        graph = read(io.BytesIO(await given(form)))
        assert (len(graph.nodes), len(graph.edges)) == (3, 2)
    told = json.loads(await given("node-link"))
    assert len(networkx.node_link_graph(told, edges="links" if "links" in told else "edges").nodes) == 3
    drawn = json.loads(await given("cytoscape"))["elements"]
    assert next(node["position"] for node in drawn["nodes"] if "position" in node) == {"x": 8.54, "y": -47.38}
    assert b"flowchart" in await given("mermaid")
    assert b"digraph" in await given("dot")
    assert all(set(json.loads(line)) & {"an", "ae"} for line in (await given("gephi")).splitlines())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "either keys or recall or cypher"),
        ({"keys": ["bern"], "recall": {"what": {"text": "x"}}}, "either keys or recall or cypher"),
        ({"keys": ["bern"], "hops": 9}, "hops"),
        ({"keys": ["bern"], "format": "pdf"}, "format"),
    ],
)
async def test_what_is_wrong_is_named(filled: Door, body: dict[str, Any], problem: str) -> None:
    refused(await filled.client.post(f"{GRAPH}/view", json=body), 422, problem)


async def test_an_entity_that_is_not_there_is_named(filled: Door) -> None:
    refused(await filled.client.get(f"{GRAPH}/neighbourhood?key=nowhere"), 404, "nowhere")
