"""Writes node-link JSON, as networkx (node_link_graph) and D3 read it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from kgmem.domain.errors import InvalidInput
from kgmem.domain.space.place import Place
from kgmem.formats.drawings.json_graph import JSONGraph, JSONGraphWriter
from kgmem.formats.property_graph.elements import Edge, Vertex, parted
from kgmem.formats.records import Format, WriteOptions

_OF_NODES = frozenset({"id", "labels"})
_OF_EDGES = frozenset({"source", "target", "key", "kind"})


def writer(stream: BinaryIO, options: WriteOptions) -> JSONGraphWriter:
    """Return what writes node-link JSON. Raises InvalidInput for a name of the edges that nobody reads."""
    edges = options.options.get("edges", "edges")
    if edges not in {"edges", "links"}:
        raise InvalidInput(f"The edges cannot be called {edges!r}.", hint="Give edges (networkx) or links (D3).")
    form = _FORM if edges == "edges" else replace(_FORM, between=b'\n],"links":[')
    return JSONGraphWriter(stream, options, form)


def _node(vertex: Vertex, place: Place | None) -> Mapping[str, Any]:  # noqa: ARG001  # It is among the properties.
    return {"id": vertex.id, "labels": vertex.labels, **parted(vertex.properties, _OF_NODES)}


def _edge(edge: Edge, number: int) -> Mapping[str, Any]:  # noqa: ARG001  # Its id is unique among edges.
    ends = {"source": edge.start, "target": edge.end, "key": edge.id}
    return {**ends, "kind": edge.kind, **parted(edge.properties, _OF_EDGES)}


_FORM = JSONGraph(
    head=b'{"directed":true,"multigraph":true,"graph":{},"nodes":[',
    between=b'\n],"edges":[',
    tail=b"\n]}\n",
    node=_node,
    edge=_edge,
)
FORMAT = Format(
    "node-link",
    (),
    writer=writer,
    options={"edges": "writing: what the list of edges is called: edges, for networkx from 3.6 on, or links, for D3"},
)
