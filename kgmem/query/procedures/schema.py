"""What a graph is made of, as Neo4j's own procedures tell it: db.* and dbms.components."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.context import ProcedureContext, procedure
from kgmem.query.procedures.overview import Overview, kind_counts, label_counts, overview, quoted
from kgmem.query.values import Node, Relationship, Value
from kgmem.query.values.elements import drawn_id

_Rows = list[tuple[Value, ...]]
NEO4J_VERSION = "5.26.0"  # As whose tools expect it.
# What Neo4j calls the types of values that are called otherwise by apoc.
_TYPES = {"INTEGER": "Long", "FLOAT": "Double", "LIST": "List", "DATE_TIME": "DateTime", "LOCAL_TIME": "LocalTime"}
_TYPES |= {"LOCAL_DATE_TIME": "LocalDateTime"}


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return these procedures."""

    async def labels(run: Run, _arguments: Sequence[Any]) -> _Rows:
        return [(label,) for label in await label_counts(context, run)]

    async def types(run: Run, _arguments: Sequence[Any]) -> _Rows:
        return [(kind,) for kind in await kind_counts(context, run)]

    async def keys(run: Run, _arguments: Sequence[Any]) -> _Rows:
        seen = await overview(context, run)
        held = (*seen.properties.values(), *seen.kind_properties.values())
        return [(name,) for name in dict.fromkeys(name for each in held for name in each)]

    async def components(_run: Run, _arguments: Sequence[Any]) -> _Rows:
        return [("Neo4j Kernel", [NEO4J_VERSION], "community"), ("kgmem", [context.version], "community")]

    async def info(run: Run, _arguments: Sequence[Any]) -> _Rows:
        return [(run.graph, run.graph)]

    async def visualization(run: Run, _arguments: Sequence[Any]) -> _Rows:
        return [drawn(await overview(context, run))]

    async def of_nodes(run: Run, _arguments: Sequence[Any]) -> _Rows:
        seen = await overview(context, run)
        return [
            (f":{quoted(label)}", [label], *each)
            for label in seen.labels
            for each in _properties(seen.properties[label], seen.always.get(label, set()))
        ]

    async def of_relationships(run: Run, _arguments: Sequence[Any]) -> _Rows:
        seen = await overview(context, run)
        return [
            (f":{quoted(kind)}", *each)
            for kind in seen.kinds
            for each in _properties(seen.kind_properties[kind], seen.kind_always.get(kind, set()))
        ]

    told = "propertyName STRING, propertyTypes LIST, mandatory BOOLEAN"
    node_types = f"db.schema.nodeTypeProperties() :: (nodeType STRING, nodeLabels LIST, {told})"
    link_types = f"db.schema.relTypeProperties() :: (relType STRING, {told})"
    picture = "db.schema.visualization() :: (nodes LIST, relationships LIST)"
    parts = "dbms.components() :: (name STRING, versions LIST, edition STRING)"
    return [
        procedure("db.info() :: (id STRING, name STRING)", "The graph of the query.", info),
        procedure("db.labels() :: (label STRING)", "All labels.", labels),
        procedure("db.relationshipTypes() :: (relationshipType STRING)", "All types of relationships.", types),
        procedure("db.propertyKeys() :: (propertyKey STRING)", "The names of properties, from samples.", keys),
        procedure(picture, "Labels and types as a virtual graph.", visualization),
        procedure(node_types, "The properties of nodes by label, from samples.", of_nodes),
        procedure(link_types, "The properties of relationships by type, from samples.", of_relationships),
        procedure(parts, "The version of Neo4j that the server is compatible with, and its own.", components),
    ]


def _properties(held: Mapping[str, str], always: set[str]) -> _Rows:
    """Return name, types and whether all have it, of each property; of what has none, one row of nothing."""
    if not held:
        return [(None, None, False)]
    return [(name, [_TYPES.get(kind, kind.title())], name in always) for name, kind in held.items()]


def drawn(seen: Overview) -> tuple[list[Node], list[Relationship]]:
    """Return labels as nodes and types as relationships, with their counts; none of them is in the graph."""
    nodes = {}
    for n, (label, count) in enumerate(seen.labels.items(), start=1):
        held = {"name": label, "count": count, "indexes": [], "constraints": []}
        nodes[label] = Node(drawn_id(n), (label,), held, str(-n))
    links = []
    for n, ((one, kind, other), count) in enumerate(seen.triples.items(), start=1):
        if one in nodes and other in nodes:
            held = {"name": kind, "type": kind, "count": count}
            links.append(Relationship(drawn_id(n), kind, nodes[one].id, nodes[other].id, held, str(-n)))
    return list(nodes.values()), links
