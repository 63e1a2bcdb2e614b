"""GEXF 1.1 to 1.3, as Gephi, networkx and others write it: attributes, times, and how nodes are drawn.

The schemas: gexf.net.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.formats.io.xml_text import said
from kgmem.formats.property_graph.elements import EdgeIds, Held, edge_ids, edge_record, vertex_record
from kgmem.formats.property_graph.gexf_times import Numbers, number_option, times_of
from kgmem.formats.property_graph.gexf_viz import VIZ, viz_of
from kgmem.formats.property_graph.gexf_writer import GEXFWriter
from kgmem.formats.property_graph.labels import GraphLabels, graph_labels
from kgmem.formats.property_graph.xml_elements import LARGEST_RECORD, Element, read_elements
from kgmem.formats.property_graph.xml_values import AS_JSON, ROLE, item_type, json_of, list_of, value_of
from kgmem.formats.records import Format, Located, ReadOptions, Record, Rejected, rejected

MOST_ATTRIBUTES: Final = 10_000
_CONTAINERS = frozenset({"gexf", "graph", "nodes", "edges", "attributes"})
_NESTED = frozenset({"nodes", "edges", "graph"})
_TIMES: tuple[str, ...] = ("start", "end", "timestamp")
_INTEGER = re.compile(r"[+-]?\d+")


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a document. Nodes inside of nodes are rejected with their line. Raises InvalidInput."""
    told = options.options
    return _Reader(graph_labels(told), edge_ids(told), number_option(told)).records(stream)


@dataclass(frozen=True, slots=True)
class _Attribute:
    title: str
    type: str
    is_json: bool = False
    role: str | None = None  # Set for what kgmem wrote for other tools alone.


@dataclass(slots=True)
class _Reader:
    labels: GraphLabels
    ids: EdgeIds
    numbers: Numbers
    attributes: dict[tuple[str, str], _Attribute] = field(default_factory=dict)
    defaults: dict[str, dict[str, Any]] = field(default_factory=lambda: {"node": {}, "edge": {}})
    owner: str = "node"  # Of the attributes that are being declared.
    direction: str = "undirected"

    def records(self, stream: BinaryIO) -> Iterator[Located | Rejected]:
        take: Mapping[str, Callable[[Element], Record]] = {"node": self._node, "edge": self._edge}
        for element in read_elements(stream, "gexf", _CONTAINERS, _NESTED):
            if element.name == "graph":
                self.direction = element.attributes.get("defaultedgetype", "undirected")
            elif element.name == "attributes":
                self.owner = element.attributes.get("class", "node")
            elif element.name == "attribute":
                self._declare(element)
            elif element.name in take:
                yield from self._taken(element, take[element.name])

    def _taken(self, element: Element, take: Callable[[Element], Record]) -> Iterator[Located | Rejected]:
        try:
            if element.too_large:
                raise TooLarge(f"It is larger than {LARGEST_RECORD} bytes.", hint="Shorten its data.")
            yield Located(element.line, take(element))
        except InvalidInput as error:
            yield _refused(element, str(error))
        for child in element.children:
            if child.name in _NESTED:
                yield _refused(child, f"{child.name.title()} inside of a node are not read. Put them beside.")

    def _declare(self, element: Element) -> None:
        told = element.attributes
        if len(self.attributes) >= MOST_ATTRIBUTES:
            reason = f"There are more than {MOST_ATTRIBUTES} attributes."
            raise TooLarge(reason, hint="Is this a graph?", line=element.line)
        id_ = told.get("id", "")
        declared = _Attribute(
            said(told.get("title") or id_), told.get("type", "string"), told.get(AS_JSON) == "json", told.get(ROLE)
        )
        self.attributes[self.owner, id_] = declared
        default = element.child("default")
        if default is None or self.owner not in self.defaults:
            return
        try:
            value = _value(declared, said(default.text))
        except InvalidInput as error:
            reason = f"A default cannot be read: {error.message}"
            raise InvalidInput(reason, hint=error.hint, line=default.line) from error
        if value is not None:
            self.defaults[self.owner][declared.title] = value

    def _node(self, element: Element) -> Record:
        id_ = _needed(element, "id")
        stated, properties = self._properties(element, "node")
        label = said(element.attributes.get("label", ""))
        # Tools that know no name show the id.
        if label and label != id_ and properties.setdefault("name", label) != label:
            properties.setdefault("label", label)
        for name in ("pid", "parents"):
            parents = _parents(element, name)
            if parents:
                properties.setdefault(name, parents)
        labels = self.labels.of_node(stated, properties)
        return _drawn(element, lambda more: vertex_record(id_, labels, {**properties, **more}))

    def _edge(self, element: Element) -> Record:
        ends = (_needed(element, "source"), _needed(element, "target"))
        _, properties = self._properties(element, "edge")
        direction = element.attributes.get("type", self.direction)
        if direction != "directed":
            properties["directed"] = direction if direction == "mutual" else False
        weight = element.attributes.get("weight", "").strip()
        if weight:
            value = value_of(weight, "long" if _INTEGER.fullmatch(weight) else "double", "weight")
            properties |= {"weight": value} if value is not None else {}
        stated = element.attributes.get("kind") or element.attributes.get("label")
        label = said(element.attributes.get("label", ""))
        kind = self.labels.of_edge(said(stated) if stated else None, properties)
        if label and label != kind:
            properties.setdefault("label", label)
        viz = viz_of(element, None)
        properties |= {VIZ: viz} if viz else {}
        id_ = element.attributes.get("id")
        return edge_record(kind, ends, properties, id_=said(id_) if id_ else None, ids=self.ids)

    def _properties(self, element: Element, owner: str) -> tuple[str | None, dict[str, Any]]:
        """Return the labels that kgmem wrote, and the values of its attributes and its times.

        What changes in time, or is there several times, is a list of all its values.
        """
        labels: str | None = None
        found: dict[str, list[tuple[Any, dict[str, str]]]] = {}
        for value in _attvalues(element):
            told = value.attributes
            id_ = told.get("for", told.get("id", ""))
            declared = self.attributes.get((owner, id_)) or _Attribute(said(id_), "string")
            if declared.role is not None:
                labels = said(told.get("value", ""))
                continue
            read = _value(declared, said(told.get("value", "")))
            if read is not None:
                times = {name: told[name] for name in _TIMES if name in told}
                found.setdefault(declared.title, []).append((read, times))
        properties = {
            title: values[0][0] if len(values) == 1 else [{"value": v, **t} if t else v for v, t in values]
            for title, values in found.items()
        }
        return labels, {**times_of(element, self.numbers), **self.defaults[owner], **properties}


def _drawn(element: Element, build: Callable[[Mapping[str, Any]], Held]) -> Held:
    """Return the record with the property that says how it is drawn, which depends on where it is."""
    record = build({})
    viz = viz_of(element, record.place if isinstance(record, Entity) else None)
    return build({VIZ: viz}) if viz else record


def _attvalues(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.name == "attvalue":
            yield child
        elif child.name == "attvalues":
            yield from child.children


def _value(declared: _Attribute, text: str) -> Any:
    if declared.is_json:
        return json_of(text, declared.title) if text else None
    item = item_type(declared.type)
    return list_of(text, item, declared.title) if item else value_of(text, declared.type, declared.title)


def _parents(element: Element, name: str) -> Any:
    if name == "pid":
        return said(element.attributes.get("pid", ""))
    group = element.child("parents")
    return [said(parent.attributes.get("for", "")) for parent in group.children] if group else []


def _needed(element: Element, name: str) -> str:
    value = element.attributes.get(name)
    if value is None:
        raise InvalidInput(f"This {element.name} has no {name}.", hint=f'Give it: <{element.name} {name}="...">.')
    return said(value)


def _refused(element: Element, reason: str) -> Rejected:
    values = {value.attributes.get("for", ""): value.attributes.get("value", "")[:200] for value in _attvalues(element)}
    shown = {element.name: element.attributes, **({"attvalues": values} if values else {})}
    return rejected(element.line, reason, orjson.dumps(shown).decode())


FORMAT = Format(
    "gexf",
    (".gexf",),
    read,
    GEXFWriter,
    options={
        "label_property": "reading: the attribute that names a node's type, where the file has no other",
        "kind_property": "reading: the attribute that names an edge's kind, where the file has no other",
        "default_kind": "reading: the kind of edges that have none (RELATED)",
        "edge_ids": "reading: an edge's id counts between its ends (between), is its key (key), or nothing (ignore)",
        "times": "reading: times that are numbers are years, or milliseconds from 1970 (years), or no times (keep)",
        "version": "writing: 1.3, or 1.2 for older tools",
    },
)
