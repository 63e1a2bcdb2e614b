"""Plays TCK scenarios over Neo4j's driver (Bolt) and over the Query API (HTTP), as clients see kgmem.

What is judged is the same as by the player of the engine: rows with their types, side effects by identity, and that a
query which failed has left nothing. Scenarios with procedures of their own cannot be played on a server.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import neo4j
from neo4j.graph import Node as BoltNode
from neo4j.graph import Path as BoltPath
from neo4j.graph import Relationship as BoltRelationship

from kgmem.memory import Memory
from kgmem.query.values import Node, Path, Relationship
from tests import tck
from tests.rest import Door
from tests.tck_compare import same_rows
from tests.tck_state import State, state

Answer = tuple[tuple[str, ...], list[tuple[Any, ...]]]
Ask = Callable[[str, Mapping[str, Any]], Awaitable[Answer]]  # Raises where the query is refused.
GRAPH = "main"
_TIMES = re.compile(r"\b(date|time|localtime|localdatetime|datetime|duration)\b", re.IGNORECASE)
_TYPED = "application/vnd.neo4j.query"


def is_playable(scenario: tck.Scenario) -> bool:
    """Whether a scenario can be played on a server; times are left out, since the driver prints its own otherwise."""
    timed = any(_TIMES.search(query) for query in (*scenario.setup, *(run.query for run in scenario.runs)))
    return not scenario.procedures and "temporal" not in scenario.category and not timed


async def play(memory: Memory, ask: Ask, scenario: tck.Scenario) -> str:
    """Play one scenario; gives what is wrong, or an empty text."""
    await memory.cypher(GRAPH, "MATCH (n) DETACH DELETE n", mode="write")
    given = tck.given_graphs().get(scenario.graph)
    for query in (*([given] if given else []), *scenario.setup):
        await ask(query, scenario.parameters)
    for run in scenario.runs:
        before = await _state(memory)
        try:
            answer = await ask(run.query, scenario.parameters)
        except Refused as refused:
            if not isinstance(run.expected, tck.Failure):
                return f"{run.query}: failed: {refused}"
            if changes := before.changes(await _state(memory)):
                return f"{run.query}: failed, and left {changes}"
            continue
        if isinstance(run.expected, tck.Failure):
            return f"{run.query}: did not fail with {run.expected}"
        if run.expected is not None and not same_rows(*answer, run.expected):
            return f"{run.query}: gave {answer} and not {run.expected.rows}"
        wanted = {name: count for name, count in (run.side_effects or {}).items() if count}
        if run.side_effects is not None and (changes := before.changes(await _state(memory))) != wanted:
            return f"{run.query}: changed {changes} and not {wanted}"
    return ""


class Refused(Exception):
    """The server has refused a query."""


async def _state(memory: Memory) -> State:
    catalog: Any = memory.ports.graphs
    return await state(catalog.database, await catalog.layout(GRAPH))


def over_bolt(driver: neo4j.AsyncDriver) -> Ask:
    """Return what asks through Neo4j's driver."""

    async def ask(query: str, parameters: Mapping[str, Any]) -> Answer:
        async with driver.session(database=GRAPH) as session:
            try:
                result = await session.run(query, dict(parameters))  # type: ignore[arg-type]
                rows = [tuple(_from_bolt(each) for each in record.values()) async for record in result]
            except neo4j.exceptions.Neo4jError as error:
                raise Refused(str(error)) from error
            return tuple(result.keys()), rows

    return ask


def over_http(door: Door) -> Ask:
    """Return what asks through the Query API, with types."""

    async def ask(query: str, parameters: Mapping[str, Any]) -> Answer:
        body = {"statement": query, "parameters": dict(parameters)}
        headers = {"Accept": _TYPED}
        response = await door.client.post(f"/db/{GRAPH}/query/v2", json=body, headers=headers)
        told = response.json()
        if "errors" in told:
            raise Refused(str(told["errors"]))
        if response.status_code != 202:
            raise AssertionError(f"{response.status_code}: {told}")
        data = told["data"]
        return tuple(data["fields"]), [tuple(map(_from_typed, row)) for row in data["values"]]

    return ask


def _from_bolt(value: Any) -> Any:
    if isinstance(value, BoltNode):
        return _node(value.element_id, value.labels, dict(value.items()))
    if isinstance(value, BoltRelationship):
        assert value.start_node is not None
        assert value.end_node is not None
        ends = value.start_node.element_id, value.end_node.element_id
        return _relationship(value.element_id, value.type, ends, dict(value.items()))
    if isinstance(value, BoltPath):
        return Path(tuple(map(_from_bolt, value.nodes)), tuple(map(_from_bolt, value.relationships)))
    if isinstance(value, list):
        return [_from_bolt(each) for each in value]
    if isinstance(value, dict):
        return {name: _from_bolt(each) for name, each in value.items()}
    return value


def _from_typed(told: Any) -> Any:
    kind, value = told["$type"], told["_value"]
    if kind == "List":
        return [_from_typed(each) for each in value]
    if kind == "Map":
        return {name: _from_typed(each) for name, each in value.items()}
    if kind == "Node":
        properties = {name: _from_typed(each) for name, each in value["_properties"].items()}
        return _node(value["_element_id"], value["_labels"], properties)
    if kind == "Relationship":
        properties = {name: _from_typed(each) for name, each in value["_properties"].items()}
        ends = value["_start_node_element_id"], value["_end_node_element_id"]
        return _relationship(value["_element_id"], value["_type"], ends, properties)
    if kind == "Path":
        elements = [_from_typed(each) for each in value]
        return Path(tuple(elements[::2]), tuple(elements[1::2]))
    return {"Integer": int, "Float": float}.get(kind, lambda plain: plain)(value)


def _node(element_id: str, labels: Sequence[str] | frozenset[str], properties: dict[str, Any]) -> Node:
    return Node(_number(element_id), tuple(sorted(labels)), properties, element_id)


def _relationship(element_id: str, kind: str, ends: tuple[str, str], properties: dict[str, Any]) -> Relationship:
    return Relationship(_number(element_id), kind, _number(ends[0]), _number(ends[1]), properties, element_id)


def _number(element_id: str) -> int:
    """Return a number for an element id that is the same for the same id, and another for another."""
    return int.from_bytes(element_id.encode(), "big")
