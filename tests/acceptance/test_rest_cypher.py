"""Cypher over REST."""

from typing import Any

import orjson

from kgmem_api.wire.cypher import CypherResult
from tests.rest import GRAPH, Door, done, refused

CYPHER = f"{GRAPH}/cypher"


async def ask(door: Door, query: str, headers: dict[str, str] | None = None, **members: Any) -> CypherResult:
    body = {"query": query, **members}
    return CypherResult.model_validate(done(await door.client.post(CYPHER, json=body, headers=headers)))


async def test_a_query_gives_columns_and_rows(door: Door) -> None:
    await door.people("Ann", "Bob")
    answer = await ask(door, "MATCH (p:Person) RETURN p.name AS name, 1.5 AS x ORDER BY name")
    assert (answer.columns, answer.rows) == (["name", "x"], [["Ann", 1.5], ["Bob", 1.5]])
    assert not any(answer.counters.values())


async def test_values_that_json_has_not_are_tagged_both_ways(door: Door) -> None:
    sent = {
        "day": {"$type": "date", "value": "1969-07-20"},
        "spot": {"$type": "point", "srid": 4326, "value": [23.5, 0.7]},
        "odd": {"$type": "map", "value": {"$type": "date"}},
    }
    answer = await ask(door, "RETURN $day AS a, $spot AS b, $odd AS c, 0.0 / 0.0 AS d, $day.year AS e", parameters=sent)
    assert answer.rows == [[*sent.values(), {"$type": "float", "value": "NaN"}, 1969]]


async def test_nodes_relationships_and_paths_are_tagged(door: Door) -> None:
    made = await ask(door, "CREATE p = (a:Person {name: 'Ann'})-[r:KNOWS {since: 1}]->(b) RETURN a, r, p", mode="write")
    node, link, path = made.rows[0]
    assert (node["$type"], node["labels"], node["properties"]) == ("node", ["Person"], {"name": "Ann"})
    assert (link["$type"], link["type"], link["start"]) == ("relationship", "KNOWS", node["id"])
    assert path["nodes"][0] == node
    assert path["relationships"] == [link]
    assert (made.counters["nodes_created"], made.counters["relationships_created"]) == (2, 1)
    again = await ask(door, "MATCH (n) WHERE elementId(n) = $id RETURN n.name", parameters={"id": node["element_id"]})
    assert again.rows == [["Ann"]]


async def test_an_error_tells_its_place_and_its_class(door: Door) -> None:
    problem = refused(await door.client.post(CYPHER, json={"query": "MATCH (n)\nRETRUN n"}), 422, "Did you mean RETURN")
    assert problem["facts"]["line"] == 2
    assert (problem["facts"]["column"], problem["facts"]["type"]) == (1, "SyntaxError")
    problem = refused(await door.client.post(CYPHER, json={"query": "RETURN 1 / 0"}), 422, "zero")
    assert (problem["facts"]["phase"], problem["facts"]["detail"]) == ("runtime", "DivisionByZero")
    refused(await door.client.post(CYPHER, json={"query": "RETURN $x"}), 422, "Missing parameter $x")
    refused(await door.client.post(CYPHER, json={}), 422, "query or named")
    bad = {"query": "RETURN $x", "parameters": {"x": {"$type": "node"}}}
    refused(await door.client.post(CYPHER, json=bad), 422, "Unsupported typed value")


async def test_only_the_mode_write_writes_and_only_with_a_key_that_may(door: Door) -> None:
    writing = {"query": "CREATE (:Person {name: 'Eve'})"}
    refused(await door.client.post(CYPHER, json=writing), 422, "read mode")
    reader = await door.key("reader")
    refused(await door.client.post(CYPHER, json={**writing, "mode": "write"}, headers=reader), 403, "write")
    refused(await door.client.post(CYPHER, json=writing, headers=reader), 422, "read mode")
    assert (await ask(door, "MATCH (n) RETURN count(n)")).rows == [[0]]
    done(await door.client.post(CYPHER, json={**writing, "mode": "write"}))
    assert (await ask(door, "MATCH (n) RETURN count(n)")).rows == [[1]]


async def test_a_key_of_a_scope_sees_its_scope_and_writes_into_it(door: Door) -> None:
    await door.people("Ann")
    await door.people("Bob", scope="user/1")
    await door.people("Eve", scope="user/2")
    names = "MATCH (p:Person) RETURN p.name AS name ORDER BY name"
    assert (await ask(door, names)).rows == [["Ann"], ["Bob"], ["Eve"]]
    assert (await ask(door, names, scope="")).rows == [["Ann"]]
    one = await door.key("writer", scope="user/1")
    assert (await ask(door, names, headers=one)).rows == [["Ann"], ["Bob"]]
    refused(await door.client.post(CYPHER, json={"query": names, "scope": "user/2"}, headers=one), 403)
    await ask(door, "CREATE (:Person {name: 'Mine'})", headers=one, mode="write")
    two = await door.key("reader", scope="user/2")
    assert (await ask(door, names, headers=two)).rows == [["Ann"], ["Eve"]]


async def test_large_answers_come_as_json_lines(door: Door) -> None:
    body = {"query": "UNWIND range(1, 5000) AS n RETURN n, toString(n) AS text"}
    answer = await door.client.post(CYPHER, json=body, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, *rows, last = map(orjson.loads, answer.text.splitlines())
    assert first == {"columns": ["n", "text"]}
    assert (rows[0], rows[-1], len(rows)) == ([1, "1"], [5000, "5000"], 5000)
    assert last["rows"] == 5000
    assert last["counters"]["nodes_created"] == 0


async def test_a_query_that_takes_too_long_is_stopped(door: Door) -> None:
    query = "UNWIND range(1, 1000) AS a UNWIND range(1, 900) AS b WITH a * b AS c RETURN sum(c)"
    problem = refused(await door.client.post(CYPHER, json={"query": query, "timeout": 0.05}), 504)
    assert problem["type"].endswith("timed-out")


async def test_named_queries_are_listed_and_run(door: Door) -> None:
    await door.people("Ann", "Bob")
    listed = done(await door.client.get("/v1/queries"))["queries"]
    names = [each["name"] for each in listed]
    assert "count-by-label" in names
    answer = CypherResult.model_validate(done(await door.client.post(CYPHER, json={"named": "count-by-label"})))
    assert answer.rows == [["Person", 2]]
    refused(await door.client.post(CYPHER, json={"named": "nothing"}), 404, "count-by-label")
    wrong = {"named": "count-by-label", "parameters": {"x": 1}}
    refused(await door.client.post(CYPHER, json=wrong), 422, "no parameter")
