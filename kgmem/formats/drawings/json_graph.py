"""Writes the JSON of Cytoscape.js and Cytoscape Desktop (.cyjs), and node-link JSON for networkx and D3.

Each is one document with a list of nodes and a list of edges, written in constant memory.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, cast

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import Place
from kgmem.formats.property_graph.elements import Edge, Flattening, Vertex, parted
from kgmem.formats.records import Format, Record, WriteOptions, kind_of

_KEPT_IN_MEMORY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class JSONGraph:
    """How a format says it: what is before, between and after the two lists, and the shapes of their items."""

    head: bytes
    between: bytes
    tail: bytes
    node: Callable[[Vertex, Place | None], Mapping[str, Any]]
    edge: Callable[[Edge, int], Mapping[str, Any]]  # With the edge's number in the file, from 1.


class JSONGraphWriter:
    """Writes nodes as they come; edges wait in a temporary file, because episodes come after relationships."""

    def __init__(self, stream: BinaryIO, options: WriteOptions, form: JSONGraph) -> None:
        """Take the stream to write to, and how the format says it."""
        self._stream = stream
        self._kind = options.kind
        self._form = form
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost
        self._written = {"nodes": 0, "edges": 0}
        self._edges = tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  # closed by close()
        stream.write(form.head)

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        for record in records:
            if self._kind not in {None, kind_of(record)}:
                continue
            if isinstance(record, Relationship):
                number = self._written["edges"] + 1
                shape = self._form.edge(self._flattening.edge(record), number)
                self._item("edges", cast(BinaryIO, self._edges), shape)
            else:
                shape = self._form.node(self._flattening.vertex(record), getattr(record, "place", None))
                self._item("nodes", self._stream, shape)

    def close(self) -> None:
        """Write the edges and the end; the stream stays open."""
        self._stream.write(self._form.between)
        self._edges.seek(0)
        shutil.copyfileobj(cast(BinaryIO, self._edges), self._stream)
        self._edges.close()
        self._stream.write(self._form.tail)

    def _item(self, group: str, stream: BinaryIO, shape: Mapping[str, Any]) -> None:
        stream.write((b",\n" if self._written[group] else b"\n") + orjson.dumps(shape))
        self._written[group] += 1


# What Cytoscape gives a meaning of its own.
_CYTOSCAPE_NODES = frozenset({"id", "parent", "label", "labels"})
_CYTOSCAPE_EDGES = frozenset({"id", "parent", "label", "source", "target", "interaction"})


def _cytoscape_writer(stream: BinaryIO, options: WriteOptions) -> JSONGraphWriter:
    """Return what writes Cytoscape's JSON."""
    return JSONGraphWriter(stream, options, _CYTOSCAPE)


def _cytoscape_node(vertex: Vertex, place: Place | None) -> Mapping[str, Any]:
    properties = parted(vertex.properties, _CYTOSCAPE_NODES)
    label = vertex.properties.get("name") or vertex.id
    shape = {
        "data": {"id": vertex.id, "label": label, "labels": vertex.labels, **properties},
        "classes": _classes(vertex.labels),
    }
    # On its canvas y grows downwards.
    return shape | ({"position": {"x": place.lon, "y": -place.lat}} if place else {})


def _cytoscape_edge(edge: Edge, number: int) -> Mapping[str, Any]:
    # Nodes and edges share their ids, so an edge's own might be a node's.
    data = {"id": f"edge:{number}", "source": edge.start, "target": edge.end, "interaction": edge.kind}
    return {
        "data": {**data, "label": edge.kind, **parted(edge.properties, _CYTOSCAPE_EDGES)},
        "classes": _classes([edge.kind]),
    }


def _classes(names: Any) -> str:
    return " ".join(re.sub(r"\s", "_", name) for name in names)


_CYTOSCAPE = JSONGraph(
    head=b'{"format_version":"1.0","generated_by":"kgmem","target_cytoscapejs_version":"~3","data":{},'
    b'"elements":{"nodes":[',
    between=b'\n],"edges":[',
    tail=b"\n]}}\n",
    node=_cytoscape_node,
    edge=_cytoscape_edge,
)


_NODE_LINK_NODES = frozenset({"id", "labels"})
_NODE_LINK_EDGES = frozenset({"source", "target", "key", "kind"})


def _node_link_writer(stream: BinaryIO, options: WriteOptions) -> JSONGraphWriter:
    """Return what writes node-link JSON. Raises InvalidInput for a name of the edges that nobody reads."""
    edges = options.options.get("edges", "edges")
    if edges not in {"edges", "links"}:
        raise InvalidInput(f"The edges cannot be called {edges!r}.", hint="Give edges (networkx) or links (D3).")
    form = _NODE_LINK if edges == "edges" else replace(_NODE_LINK, between=b'\n],"links":[')
    return JSONGraphWriter(stream, options, form)


def _node_link_node(vertex: Vertex, place: Place | None) -> Mapping[str, Any]:  # noqa: ARG001  # It is among the properties.
    return {"id": vertex.id, "labels": vertex.labels, **parted(vertex.properties, _NODE_LINK_NODES)}


def _node_link_edge(edge: Edge, number: int) -> Mapping[str, Any]:  # noqa: ARG001  # Its id is unique among edges.
    ends = {"source": edge.start, "target": edge.end, "key": edge.id}
    return {**ends, "kind": edge.kind, **parted(edge.properties, _NODE_LINK_EDGES)}


_NODE_LINK = JSONGraph(
    head=b'{"directed":true,"multigraph":true,"graph":{},"nodes":[',
    between=b'\n],"edges":[',
    tail=b"\n]}\n",
    node=_node_link_node,
    edge=_node_link_edge,
)


FORMATS: Final[Mapping[str, Format]] = {
    "cytoscape": Format("cytoscape", (".cyjs",), writer=_cytoscape_writer),
    "node-link": Format(
        "node-link",
        (),
        writer=_node_link_writer,
        options={
            "edges": "writing: what the list of edges is called: edges, for networkx from 3.6 on, or links, for D3"
        },
    ),
}
