"""Writes the JSON of Cytoscape.js and of Cytoscape Desktop (.cyjs)."""

import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from kgmem.domain.space.place import Place
from kgmem.formats.drawings.json_graph import JSONGraph, JSONGraphWriter
from kgmem.formats.property_graph.elements import Edge, Vertex, parted
from kgmem.formats.records import Format, WriteOptions

# What Cytoscape gives a meaning of its own.
_OF_NODES = frozenset({"id", "parent", "label", "labels"})
_OF_EDGES = frozenset({"id", "parent", "label", "source", "target", "interaction"})


def writer(stream: BinaryIO, options: WriteOptions) -> JSONGraphWriter:
    """Return what writes Cytoscape's JSON."""
    return JSONGraphWriter(stream, options, _FORM)


def _node(vertex: Vertex, place: Place | None) -> Mapping[str, Any]:
    properties = parted(vertex.properties, _OF_NODES)
    label = vertex.properties.get("name") or vertex.id
    shape = {
        "data": {"id": vertex.id, "label": label, "labels": vertex.labels, **properties},
        "classes": _classes(vertex.labels),
    }
    # On its canvas y grows downwards.
    return shape | ({"position": {"x": place.lon, "y": -place.lat}} if place else {})


def _edge(edge: Edge, number: int) -> Mapping[str, Any]:
    # Nodes and edges share their ids, so an edge's own might be a node's.
    data = {"id": f"edge:{number}", "source": edge.start, "target": edge.end, "interaction": edge.kind}
    return {
        "data": {**data, "label": edge.kind, **parted(edge.properties, _OF_EDGES)},
        "classes": _classes([edge.kind]),
    }


def _classes(names: Any) -> str:
    return " ".join(re.sub(r"\s", "_", name) for name in names)


_FORM = JSONGraph(
    head=b'{"format_version":"1.0","generated_by":"kgmem","target_cytoscapejs_version":"~3","data":{},'
    b'"elements":{"nodes":[',
    between=b'\n],"edges":[',
    tail=b"\n]}}\n",
    node=_node,
    edge=_edge,
)
FORMAT = Format("cytoscape", (".cyjs",), writer=writer)
