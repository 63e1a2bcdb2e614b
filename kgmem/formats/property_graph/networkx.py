"""Records as a networkx graph, and the records of any networkx graph."""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import networkx as nx
import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io.json_values import read_json
from kgmem.formats.property_graph.elements import Flattening, edge_record, joined, parted, vertex_record
from kgmem.formats.property_graph.labels import GraphLabels, graph_labels
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, WriteOptions, Writer, rejected

LABELS, KIND = "labels", "kind"  # What a node is, as a list; what an edge is, as a text.
_OF_NODES, _OF_EDGES = frozenset({LABELS}), frozenset({KIND})
_OPTIONS: Mapping[str, str] = {
    "label_property": "the attribute that names a node's type, where it has no `labels`",
    "kind_property": "the attribute that names an edge's kind, where it has no `kind`",
    "default_kind": "the kind of edges that have none (RELATED)",
}
# Values of numpy and times are written as what they say; tuples become lists, and NaN becomes null.
_AS_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class GraphBuilder:
    """Builds a graph from records, which may be exported to it as to a file."""

    def __init__(self) -> None:
        """Begin with an empty graph."""
        self.graph: Any = nx.MultiDiGraph()
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost

    @contextmanager
    def writer(self, options: WriteOptions) -> Iterator[Writer]:  # noqa: ARG002  # The caller picks the records.
        """Return itself: it needs neither opening nor closing."""
        yield self

    def write(self, records: Iterable[Record]) -> None:
        """Add some nodes and edges; entities come before relationships."""
        for record in records:
            self._add(record)

    def close(self) -> None:
        """Do nothing: each record was added when it came."""

    def _add(self, record: Record) -> None:
        if isinstance(record, Relationship):
            edge = self._flattening.edge(record)
            taken = self.graph.has_edge(edge.start, edge.end, edge.id)
            key = self.graph.new_edge_key(edge.start, edge.end) if taken else edge.id
            attributes = {KIND: edge.kind, **parted(edge.properties, _OF_EDGES)}
            # Not as keywords: an attribute may be called `key`.
            self.graph.add_edges_from([(edge.start, edge.end, key, attributes)])
        else:
            vertex = self._flattening.vertex(record)
            attributes = {LABELS: list(vertex.labels), **parted(vertex.properties, _OF_NODES)}
            self.graph.add_nodes_from([(vertex.id, attributes)])


@dataclass(slots=True)
class GraphOrigin:
    """A graph of any of networkx's four kinds, to be imported as a file would be.

    Its nodes come first; lines count nodes and edges.
    """

    graph: Any
    name: str = "networkx"
    options: Mapping[str, str] = field(default_factory=lambda: _OPTIONS)
    _read: int = 0

    def identity(self) -> Mapping[str, Any]:
        """Return a digest of all nodes and edges."""
        digest = blake2b(digest_size=16)
        for item in (*self.graph.nodes(data=True), *self.graph.edges(data=True)):
            digest.update(repr(item).encode(errors="surrogatepass"))
        return {"name": self.name, "size": None, "digest": digest.hexdigest()}

    def read(self, options: ReadOptions) -> Generator[Located | Rejected, None, None]:
        """Return the records. Raises InvalidInput when two nodes would get the same key."""
        self._read = 0
        for found in _records(self.graph, graph_labels(options.options)):
            self._read += 1
            yield found

    def progress(self) -> tuple[int, int | None]:
        """Return how many nodes and edges were read, and of how many."""
        return self._read, self.graph.number_of_nodes() + self.graph.number_of_edges()


def check_graph(graph: Any) -> None:
    """Raise InvalidInput for what is no graph of networkx."""
    if not isinstance(graph, nx.Graph):
        raise InvalidInput("This is no graph of networkx.", hint="Give a Graph, DiGraph, MultiGraph or MultiDiGraph.")


def _records(graph: Any, labels: GraphLabels) -> Iterator[Located | Rejected]:
    keys = _keys(graph)
    line = 0
    for line, (node, attributes) in enumerate(graph.nodes(data=True), start=1):
        yield _taken(line, partial(_node, keys[node], attributes, labels), (node, attributes))
    undirected = {} if graph.is_directed() else {"directed": False}
    edges = graph.edges(keys=True, data=True) if graph.is_multigraph() else _plain_edges(graph)
    for number, (start, end, id_, attributes) in enumerate(edges, start=line + 1):
        ends = (keys[start], keys[end])
        told = {**undirected, **attributes}
        yield _taken(number, partial(_edge, ends, id_, told, labels), (start, end, id_, attributes))


def node_key(node: Hashable) -> str:
    """Return the key of a node: itself if it is a text, a tuple or list as JSON, anything else as str() writes it."""
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):
        try:
            return orjson.dumps(node, option=_AS_JSON).decode()
        except TypeError:
            return str(node)
    return str(node)


def _keys(graph: Any) -> Mapping[Any, str]:
    keys = {node: node_key(node) for node in graph}
    seen: dict[str, Any] = {}
    for node, key in keys.items():
        other = seen.setdefault(key, node)
        if other is not node:
            raise InvalidInput(
                f"The nodes {other!r} and {node!r} would both get the key {key!r}.",
                hint="Give them distinct names: networkx.relabel_nodes.",
            )
    return keys


def _plain_edges(graph: Any) -> Iterator[tuple[Any, Any, None, Mapping[str, Any]]]:
    for start, end, attributes in graph.edges(data=True):
        yield start, end, None, attributes


def _node(key: str, attributes: Mapping[Any, Any], labels: GraphLabels) -> Record:
    properties = _json(attributes)
    stated = properties.pop(LABELS, None)
    if isinstance(stated, list) and all(isinstance(label, str) for label in stated):
        return vertex_record(key, stated, joined(properties, _OF_NODES))
    if stated is not None:
        properties[LABELS] = stated
    return vertex_record(key, labels.of_node(None, properties), properties)


def _edge(ends: tuple[str, str], id_: Any, attributes: Mapping[Any, Any], labels: GraphLabels) -> Record:
    properties = _json(attributes)
    stated = properties.pop(KIND, None)
    key = None if id_ is None else node_key(id_)
    if isinstance(stated, str) and stated:
        return edge_record(stated, ends, joined(properties, _OF_EDGES), id_=key)
    if stated is not None:
        properties[KIND] = stated
    return edge_record(labels.of_edge(None, properties), ends, properties, id_=key)


def _json(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as JSON values, without those that say nothing (None, NaN). Raises InvalidInput."""
    try:
        properties: dict[str, Any] = read_json(orjson.dumps(dict(attributes), option=_AS_JSON))
    except TypeError as error:
        raise InvalidInput(
            f"An attribute holds what JSON cannot say: {error}.", hint="Give texts or numbers."
        ) from error
    return {name: value for name, value in properties.items() if value is not None}


def _taken(line: int, build: Callable[[], Record], shown: Any) -> Located | Rejected:
    try:
        return Located(line, build())
    except InvalidInput as error:
        return rejected(line, str(error), repr(shown))
