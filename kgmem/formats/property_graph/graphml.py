"""GraphML, as Neo4j (APOC), TinkerPop, networkx, Gephi and yEd write it.

The specification: graphml.graphdrawing.org; one extension is read and written, APOC's lists (attr.list).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.io.xml_text import said
from kgmem.formats.property_graph.elements import edge_ids, edge_record, vertex_record
from kgmem.formats.property_graph.graphml_writer import GraphMLWriter
from kgmem.formats.property_graph.labels import KIND, LABELS, GraphLabels, graph_labels
from kgmem.formats.property_graph.xml_elements import LARGEST_RECORD, Element, read_elements
from kgmem.formats.property_graph.xml_values import AS_JSON, ROLE, json_of, value_of
from kgmem.formats.records import Format, Located, ReadOptions, Record, Rejected, rejected

# What yEd draws of a node or an edge: its text and where it stands; colours and shapes are passed over.

_TEXTS = frozenset({"NodeLabel", "EdgeLabel"})


@dataclass(frozen=True, slots=True)
class Drawing:
    """The text that yEd shows, and the coordinates of a node's corner on its canvas."""

    text: str | None = None
    position: dict[str, float] = field(default_factory=dict)


def drawing(data: Element) -> Drawing | None:
    """Return what a data element of yEd draws; None when it draws nothing."""
    text: str | None = None
    position: dict[str, float] = {}
    for element in _inside(data):
        if element.name in _TEXTS and text is None:
            text = said(element.text).strip() or None
        elif element.name == "Geometry" and not position:
            position = _position(element)
    return Drawing(text, position) if text or position else None


def _inside(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from _inside(child)


def _position(element: Element) -> dict[str, float]:
    try:
        found = {name: value_of(element.attributes.get(name, ""), "double", name) for name in ("x", "y")}
    except InvalidInput:
        return {}  # A drawing that makes no sense is no reason to refuse the node.
    return {name: value for name, value in found.items() if isinstance(value, float)}


MOST_KEYS: Final = 10_000
_PORTS = ("sourceport", "targetport")
_SHOWN = "label"  # The property with the text that tools show of a node.


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a document; several graphs in it are read as one.

    What has no place in a property graph (hyperedges, ports, graphs inside of nodes) is rejected with its line. Raises
    InvalidInput for what is no GraphML, and for keys that stand after the first graph.
    """
    return _Reader(graph_labels(options.options), edge_ids(options.options)).records(stream)


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    owner: str  # node, edge, all, ...
    type: str
    is_json: bool  # JSON texts, and APOC's lists, which are the same.
    role: str | None  # Set for what kgmem wrote for other tools alone.
    draws: bool  # yEd's, with elements of its own inside.


@dataclass(slots=True)
class _Reader:
    labels: GraphLabels
    ids: Any
    # By owner and id: APOC gives a property of nodes and one of edges the same id.
    keys: dict[tuple[str, str], _Key] = field(default_factory=dict)
    defaults: dict[str, dict[str, Any]] = field(default_factory=lambda: {"node": {}, "edge": {}})
    directed: bool = True
    begun: bool = False

    def records(self, stream: BinaryIO) -> Iterator[Located | Rejected]:
        take: Mapping[str, Callable[[Element], Record]] = {"node": self._node, "edge": self._edge}
        for element in read_elements(stream, "graphml", frozenset({"graphml", "graph"}), frozenset({"graph"})):
            if element.name == "graph":
                self.begun, self.directed = True, element.attributes.get("edgedefault") != "undirected"
            elif element.name == "key":
                self._declare(element)
            elif element.name == "hyperedge":
                yield _refused(element, "A hyperedge is no relationship between two. Make a node of it, and edges.")
            elif element.name in take:
                yield from self._taken(element, take[element.name])

    def _taken(self, element: Element, take: Callable[[Element], Record]) -> Iterator[Located | Rejected]:
        try:
            if element.too_large:
                raise TooLarge(f"It is larger than {LARGEST_RECORD} characters.", hint="Shorten its data.")
            yield Located(element.line, take(element))
        except InvalidInput as error:
            yield _refused(element, str(error))
        for child in element.children:
            if child.name == "graph":
                yield _refused(child, f"A graph inside of a {element.name} is not read. Put its nodes beside.")
            elif child.name == "port":
                yield _refused(child, "A port is not kept: a relationship ends at an entity.")

    def _declare(self, element: Element) -> None:
        told = element.attributes
        if self.begun:
            raise InvalidInput("A key stands after a graph.", hint="Put keys before graphs.", line=element.line)
        if len(self.keys) >= MOST_KEYS:
            raise TooLarge(f"There are more than {MOST_KEYS} keys.", hint="Is this a graph?", line=element.line)
        id_ = told.get("id", "")
        key = _Key(
            name=said(told.get("attr.name") or id_),
            owner=told.get("for", "all"),
            type=told.get("attr.type", "string"),
            is_json=told.get(AS_JSON) == "json" or "attr.list" in told,
            role=told.get(ROLE),
            draws="yfiles.type" in told,
        )
        self.keys[key.owner, id_] = key
        default = element.child("default")
        if default is not None and not key.draws:
            self._default(key, default)

    def _default(self, key: _Key, default: Element) -> None:
        try:
            value = _value(key, default)
        except InvalidInput as error:
            raise InvalidInput(
                f"A default cannot be read: {error.message}", hint=error.hint, line=default.line
            ) from error
        for owner, values in self.defaults.items():
            if value is not None and key.owner in {owner, "all"}:
                values[key.name] = value

    def _node(self, element: Element) -> Record:
        drawn, properties = self._data(element, "node")
        if drawn.text and "name" not in properties:
            properties["name"] = drawn.text
        properties |= {name: value for name, value in drawn.position.items() if name not in properties}
        labels = self.labels.of_node(_said(element.attributes.get("labels")), properties)
        return vertex_record(_needed(element, "id"), labels, properties)

    def _edge(self, element: Element) -> Record:
        drawn, properties = self._data(element, "edge")
        ends = (_needed(element, "source"), _needed(element, "target"))
        for port in _PORTS:
            if element.attributes.get(port):
                properties.setdefault(port, said(element.attributes[port]))
        if not _is_directed(element.attributes.get("directed"), self.directed):
            properties["directed"] = False
        kind = self.labels.of_edge(_said(element.attributes.get("label")), properties, drawn.text)
        return edge_record(kind, ends, properties, id_=_said(element.attributes.get("id")), ids=self.ids)

    def _data(self, element: Element, owner: str) -> tuple[Drawing, dict[str, Any]]:
        """Return what yEd draws of it, and its properties; several values of one name are a list."""
        drawn = Drawing()
        found: dict[str, list[Any]] = {}
        own = False
        for child in element.children:
            if child.name == "desc":
                found.setdefault("desc", []).append(said(child.text))
            elif child.name == "data":
                id_ = child.attributes.get("key", "")
                key = self.keys.get((owner, id_)) or self.keys.get(("all", id_)) or _undeclared(owner, id_)
                if key.draws or child.children:
                    drawn = drawing(child) or drawn
                elif key.role is not None:
                    own = True
                else:
                    value = _value(key, child)
                    if value is not None:
                        found.setdefault(key.name, []).append(value)
        properties = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
        properties = {**self.defaults[owner], **properties}
        if not own:
            _drop_repeated(element, properties)
            if owner == "node" and self.labels.label_property != _SHOWN:
                _name(properties)
        return drawn, properties


def _undeclared(owner: str, id_: str) -> _Key:
    return _Key(said(id_), owner, "string", is_json=False, role=None, draws=False)


def _drop_repeated(element: Element, properties: dict[str, Any]) -> None:
    """Take out what APOC writes both as an attribute and as data: the labels of a node, the type of an edge."""
    for attribute, name in (("labels", LABELS), ("label", KIND)):
        stated = element.attributes.get(attribute)
        if stated is not None and properties.get(name) == said(stated):
            del properties[name]


def _name(properties: dict[str, Any]) -> None:
    """Take the text that other tools show of a node for its name, where it has no other."""
    shown = properties.get(_SHOWN)
    if isinstance(shown, str) and shown and properties.setdefault("name", shown) == shown:
        del properties[_SHOWN]


def _value(key: _Key, element: Element) -> Any:
    text = said(element.text)
    return json_of(text, key.name) if key.is_json and text else value_of(text, key.type, key.name)


def _is_directed(stated: str | None, otherwise: bool) -> bool:  # What the graph says of its edges.
    return {"true": True, "1": True, "false": False, "0": False}.get((stated or "").lower(), otherwise)


def _needed(element: Element, name: str) -> str:
    value = element.attributes.get(name)
    if value is None:
        raise InvalidInput(f"This {element.name} has no {name}.", hint=f'Give it: <{element.name} {name}="...">.')
    return said(value)


def _said(value: str | None) -> str | None:
    return None if value is None else said(value)


def _refused(element: Element, reason: str) -> Rejected:
    data = {child.attributes.get("key", child.name): child.text[:200] for child in element.children[:50]}
    shown = {element.name: element.attributes, **({"data": data} if data else {})}
    return rejected(element.line, reason, orjson.dumps(shown).decode())


FORMAT = Format(
    "graphml",
    (".graphml",),
    read,
    GraphMLWriter,
    options={
        "label_property": "reading: the property that names a node's type, where the file has no other",
        "kind_property": "reading: the property that names an edge's kind, where the file has no other",
        "default_kind": "reading: the kind of edges that have none (RELATED)",
        "edge_ids": "reading: an edge's id counts between its ends (between), is its key (key), or nothing (ignore)",
    },
)
