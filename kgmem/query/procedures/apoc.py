"""The procedures of APOC by which tools learn what a graph is made of."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kgmem.query.errors import wrong_type
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.context import ProcedureContext, count_of, given, procedure
from kgmem.query.procedures.overview import SAMPLE, Overview, declared, overview, quoted
from kgmem.query.procedures.schema import drawn
from kgmem.query.values import Value

_Rows = list[tuple[Value, ...]]
_MOST = 100_000  # Nodes of a label that a sample may have.


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return these procedures."""

    async def data(run: Run, arguments: Sequence[Any]) -> _Rows:
        return _data(await overview(context, run, _sample(arguments)))

    async def schema(run: Run, arguments: Sequence[Any]) -> _Rows:
        return [(_schema(await overview(context, run, _sample(arguments))),)]

    async def graph(run: Run, arguments: Sequence[Any]) -> _Rows:
        return [drawn(await overview(context, run, _sample(arguments)))]

    async def schema_nodes(run: Run, _arguments: Sequence[Any]) -> _Rows:
        rows: _Rows = []
        for each in declared(context.schema(await context.graph(run.graph))):
            if each.of_relationships or not (each.unique or each.indexed):
                continue
            text = f"MATCH (n:{quoted(each.label)}) WITH n[$name] AS value RETURN count(value), count(DISTINCT value)"
            ((size, distinct),) = await context.ask(run, text, name=each.properties[0])
            share = distinct / size if size else 1.0
            held = (each.name, each.label, list(each.properties), "ONLINE", "RANGE", size, share)
            rows.append((*held, f"Index on {each.label}({', '.join(each.properties)})"))
        return rows

    async def distinct(run: Run, arguments: Sequence[Any]) -> _Rows:
        label, name = arguments[:2]
        text = (
            f"MATCH (n:{quoted(str(label))}) WHERE n[$name] IS NOT NULL RETURN DISTINCT n[$name] AS value LIMIT 10000"
        )
        return [([row[0] for row in await context.ask(run, text, name=name)],)]

    columns = "label STRING, property STRING, count INTEGER, unique BOOLEAN, index BOOLEAN, existence BOOLEAN, "
    columns += "type STRING, array BOOLEAN, left INTEGER, right INTEGER, other LIST, otherLabels LIST, "
    columns += "elementType STRING"
    nodes = "apoc.schema.nodes(config MAP?) :: (name STRING, label ANY, properties LIST, status STRING, type STRING, "
    nodes += "size INTEGER, valuesSelectivity FLOAT, userDescription STRING)"
    values = "apoc.schema.properties.distinct(label STRING, property STRING) :: (value LIST)"
    return [
        procedure(f"apoc.meta.data(config MAP?) :: ({columns})", "Properties and relationships by label.", data),
        procedure("apoc.meta.schema(config MAP?) :: (value MAP)", "Labels and types as a map.", schema),
        procedure(
            "apoc.meta.graph(config MAP?) :: (nodes LIST, relationships LIST)",
            "Labels and types as a virtual graph.",
            graph,
        ),
        procedure(nodes, "Indexes of nodes.", schema_nodes),
        procedure(values, "The values of a property.", distinct),
    ]


def _sample(arguments: Sequence[Any]) -> int:
    config = given(arguments, 0, {})
    if not isinstance(config, dict):
        raise wrong_type("a map of options", config)
    return count_of(config.get("sample") or SAMPLE, 1, _MOST)


def _data(seen: Overview) -> _Rows:
    rows: _Rows = []
    for label, properties in seen.properties.items():
        rows += [_property(label, name, kind, "node") for name, kind in properties.items()]
    ends: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (one, kind, other), count in seen.triples.items():
        ends[one, kind][other] = count
    for (one, kind), others in ends.items():
        count = sum(others.values())
        listed = list(others)
        rows.append((one, kind, count, False, False, False, "RELATIONSHIP", False, count, 0, listed, listed, "node"))
    for kind, properties in seen.kind_properties.items():
        rows += [_property(kind, name, each, "relationship") for name, each in properties.items()]
    return rows


def _property(label: str, name: str, kind: str, element: str) -> tuple[Value, ...]:
    return (label, name, 0, False, False, False, kind, kind == "LIST", 0, 0, [], [], element)


def _schema(seen: Overview) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for label, count in seen.labels.items():
        links: dict[str, Any] = {}
        for (one, kind, other), number in seen.triples.items():
            for here, there, direction in ((one, other, "out"), (other, one, "in")):
                if here == label:
                    link = links.setdefault(kind, {"direction": direction, "count": 0, "labels": [], "properties": {}})
                    link["count"] += number
                    if there not in link["labels"]:
                        link["labels"].append(there)
        properties = {name: _told(kind) for name, kind in seen.properties[label].items()}
        found[label] = {"type": "node", "count": count, "labels": [], "properties": properties, "relationships": links}
    for kind, count in seen.kinds.items():
        properties = {name: _told(each) for name, each in seen.kind_properties[kind].items()}
        found[kind] = {"type": "relationship", "count": count, "properties": properties}
    return found


def _told(kind: str) -> dict[str, Value]:
    return {"type": kind, "indexed": False, "unique": False, "existence": False}
