"""Procedures by which tools of Neo4j write: each is a small query in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from kgmem.query.errors import wrong_type
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.execution.statements import Engine, StatementRequest
from kgmem.query.procedures.context import Answered, ProcedureContext, given, procedure
from kgmem.query.procedures.overview import quoted
from kgmem.query.values import Node, Relationship, Value

_Rows = list[tuple[Value, ...]]


class _Writer:
    """Runs queries inside a run, which learns of what they change."""

    def __init__(self, context: ProcedureContext) -> None:
        self._engine = Engine(context.graphs)

    async def write(self, run: Run, text: str, **parameters: Any) -> _Rows:
        """Return the rows of a query that writes; nodes and relationships in them are what the run's rows hold then."""
        asked = StatementRequest(text, run.graph, parameters, run.scope, writes=True, limits=run.limits)
        done = await self._engine.run_within(asked, run.transaction)
        for name, count in asdict(done.counters).items():
            setattr(run.counters, name, getattr(run.counters, name) + count)
        for row in done.rows:
            run.changed.update((value.id, value) for value in row if isinstance(value, Node | Relationship))
        return [tuple(row) for row in done.rows]


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return these procedures."""
    writer = _Writer(context)

    async def vector_of_node(run: Run, arguments: Sequence[Any]) -> _Rows:
        node, name, vector = arguments[:3]
        text = f"MATCH (n) WHERE elementId(n) = $id SET n.{quoted(_text(name))} = $vector RETURN n"
        return await writer.write(run, text, id=_node(node).element_id, vector=_vector(vector))

    async def vector_of_link(run: Run, arguments: Sequence[Any]) -> _Rows:
        link, name, vector = arguments[:3]
        if not isinstance(link, Relationship):
            raise wrong_type("a relationship", link)
        text = f"MATCH ()-[r]->() WHERE elementId(r) = $id SET r.{quoted(_text(name))} = $vector RETURN r"
        return await writer.write(run, text, id=link.element_id, vector=_vector(vector))

    async def merge_node(run: Run, arguments: Sequence[Any]) -> _Rows:
        same = _map(arguments[1])
        text = (
            f"MERGE (n{_labels(arguments[0])} {_told(same)}) ON CREATE SET n += $made ON MATCH SET n += $met RETURN n"
        )
        made, met = (_map(given(arguments, place, {})) for place in (2, 3))
        return await writer.write(run, text, same=same, made=made, met=met)

    async def merge_link(run: Run, arguments: Sequence[Any]) -> _Rows:
        start, kind, same, end = _node(arguments[0]), arguments[1], _map(given(arguments, 2, {})), _node(arguments[4])
        text = (
            "MATCH (a) WHERE elementId(a) = $a MATCH (b) WHERE elementId(b) = $b "
            f"MERGE (a)-[r:{quoted(_text(kind))} {_told(same)}]->(b) "
            "ON CREATE SET r += $made ON MATCH SET r += $met RETURN r"
        )
        made, met = (_map(given(arguments, place, {})) for place in (3, 5))
        return await writer.write(run, text, a=start.element_id, b=end.element_id, same=same, made=made, met=met)

    async def create_node(run: Run, arguments: Sequence[Any]) -> _Rows:
        text = f"CREATE (n{_labels(arguments[0])}) SET n = $properties RETURN n"
        return await writer.write(run, text, properties=_map(arguments[1]))

    async def create_link(run: Run, arguments: Sequence[Any]) -> _Rows:
        start, kind, held, end = arguments[:4]
        text = (
            "MATCH (a) WHERE elementId(a) = $a MATCH (b) WHERE elementId(b) = $b "
            f"CREATE (a)-[r:{quoted(_text(kind))}]->(b) SET r = $properties RETURN r"
        )
        return await writer.write(run, text, a=_node(start).element_id, b=_node(end).element_id, properties=_map(held))

    def labels(word: str) -> Answered:
        async def change(run: Run, arguments: Sequence[Any]) -> _Rows:
            nodes = arguments[0] if isinstance(arguments[0], list) else [arguments[0]]
            names = _labels(arguments[1])
            text = "MATCH (n) WHERE elementId(n) IN $ids "
            text += f"{word} n{names} RETURN n" if names else "RETURN n"
            return await writer.write(run, text, ids=[_node(each).element_id for each in nodes if each is not None])

        return change

    async def nothing(_run: Run, _arguments: Sequence[Any]) -> _Rows:
        return []

    on_node = "node ANY, key STRING, vector LIST"
    maps = "onCreateProps MAP?, onMatchProps MAP?"
    link = "relType STRING, identProps MAP, onCreateProps MAP, endNode NODE, onMatchProps MAP?"
    writing = [
        procedure(f"db.create.setNodeVectorProperty({on_node})", "Sets a vector on a node.", vector_of_node),
        procedure(f"db.create.setVectorProperty({on_node}) :: (node NODE)", "Sets a vector on a node.", vector_of_node),
        procedure(
            "db.create.setRelationshipVectorProperty(relationship ANY, key STRING, vector LIST)",
            "Sets a vector on a relationship.",
            vector_of_link,
        ),
        procedure(f"apoc.merge.node(labels LIST, identProps MAP, {maps}) :: (node NODE)", "Merges a node.", merge_node),
        procedure(
            f"apoc.merge.relationship(startNode NODE, {link}) :: (rel RELATIONSHIP)",
            "Merges a relationship.",
            merge_link,
        ),
        procedure("apoc.create.node(labels LIST, props MAP) :: (node NODE)", "Creates a node.", create_node),
        procedure(
            "apoc.create.relationship(from NODE, relType STRING, props MAP, to NODE) :: (rel RELATIONSHIP)",
            "Creates a relationship.",
            create_link,
        ),
        procedure("apoc.create.addLabels(nodes ANY, labels LIST) :: (node NODE)", "Adds labels.", labels("SET")),
        procedure(
            "apoc.create.removeLabels(nodes ANY, labels LIST) :: (node NODE)", "Removes labels.", labels("REMOVE")
        ),
    ]
    waiting = "Waits for indexes. Returns at once, since a new index is complete."
    return [
        *(replace(each, signature=replace(each.signature, writes=True)) for each in writing),
        procedure("db.awaitIndexes(timeOutSeconds INTEGER?)", waiting, nothing),
        procedure("db.awaitIndex(indexName STRING, timeOutSeconds INTEGER?)", waiting, nothing),
    ]


def _labels(names: Any) -> str:
    if not isinstance(names, list | str):
        raise wrong_type("a list of labels", names)
    return "".join(f":{quoted(_text(name))}" for name in ([names] if isinstance(names, str) else names))


def _told(same: Mapping[str, Any]) -> str:
    """Return the map of a pattern that names these properties."""
    return "{" + ", ".join(f"{quoted(name)}: $same.{quoted(name)}" for name in same) + "}"


def _node(value: Any) -> Node:
    if not isinstance(value, Node):
        raise wrong_type("a node", value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise wrong_type("a name", value)
    return value


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_type("a map of properties", value)
    return value


def _vector(value: Any) -> list[float]:
    if not isinstance(value, list) or any(type(each) not in {int, float} for each in value):
        raise wrong_type("a list of numbers", value)
    return [float(each) for each in value]
