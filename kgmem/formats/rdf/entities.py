"""The entity that all quads of one subject make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LARGEST_PROPERTIES, LONGEST_LABEL
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.formats.property_graph import elements
from kgmem.formats.rdf.columns import Plain
from kgmem.formats.rdf.derived import best, derived_name, derived_place, in_crs84, number
from kgmem.formats.rdf.names import RDF
from kgmem.formats.rdf.options import RDFOptions
from kgmem.formats.rdf.values import MARK, Literals, Reader, is_scalar, marks_of, unescaped
from kgmem.formats.wire import from_wire

MORE: Final = "@rdf"  # The property that holds what has no name of its own: predicate and object as N-Triples.
GRAPHS: Final = "@graph"  # Behind a property's name: the graphs of its values, where not all are the entity's source.
LABEL_GRAPHS: Final = GRAPHS  # The same of labels.
MOST_LABELS: Final = 100
_GENERIC: Final = frozenset(
    {"owl__Thing", "owl__NamedIndividual", "rdfs__Resource", "schema__Thing", "sdo__Thing", "Thing", "Resource"}
)

Item = tuple[str, str, str]  # A value as it stands in a row (its text, its tail), and its graph's term.


@dataclass(slots=True)
class Group:
    """What the quads of one subject say, so far."""

    subject: str
    key: str
    scope: str
    line: int
    values: dict[str, list[Item]] = field(default_factory=dict)
    types: list[tuple[str, str]] = field(default_factory=list)  # The label, and its graph's term.
    fields: dict[str, Item] = field(default_factory=dict)  # kgmem's own.
    more: list[str] = field(default_factory=list)
    links: set[tuple[str, str, str]] = field(default_factory=set)
    named: set[str] = field(default_factory=set)  # Graphs that become a property.
    stands: set[str] = field(default_factory=set)  # Graphs that say that it is, and no more.
    graphs: bool = False  # Some of it stands in a named graph.


class Entities:
    """Makes entities of groups."""

    def __init__(self, options: RDFOptions, graph_source: Mapping[str, str]) -> None:
        """Take the options, and what gives the source that a graph's term stands for."""
        self._options = options
        self._literals = Literals(options.names, options.datatypes)
        self._readers: dict[str, Reader] = {}
        self._source = graph_source

    def made(self, group: Group) -> tuple[Entity | Plain, list[tuple[str, str]]]:
        """The entity, and each value that was too large for it, with the property's name. Raises InvalidInput."""
        source = self._common_graph(group) if group.graphs else None
        properties, too_large = self._properties(group, source)
        labels = ordered_labels([label for label, _ in group.types])
        if group.graphs:
            _note_graphs(properties, "", group.types, source, self._source)
        if group.more:
            properties[MORE] = sorted(set(group.more))
        known = self._source[source] if source else None
        if group.fields:
            return self._stated(group, labels, properties, known), too_large
        if self._options.lifts:
            return self._lifted(group, labels, properties, known), too_large
        label = labels[0] if labels else None
        name, place = derived_name(properties), derived_place(properties)
        if len(labels) < 2 and not group.scope:
            return Plain(group.key, label, name, properties, place, known), too_large
        made = Entity(
            key=group.key,
            label=label,
            name=name,
            properties=properties,
            labels=labels[1:] or None,
            place=place,
            source=known,
            scope=group.scope,
        )
        return made, too_large

    def fields(self, group: Group) -> dict[str, Any]:
        """Return the values of kgmem's own fields."""
        return {name: self._field(item) for name, item in group.fields.items()}

    def properties(self, group: Group) -> dict[str, Any]:
        """Return the properties of a node that is no entity."""
        return self._properties(group, None)[0]

    def _field(self, item: Item) -> Any:
        text, tail, _ = item
        if tail != f"^^<{RDF}JSON>":
            return self._held(item)[0]
        try:
            return orjson.loads(unescaped(text))
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"One of its fields is no JSON: {error}.", hint="Correct it.") from error

    def _held(self, item: Item) -> tuple[Any, str | None]:
        text, tail, _ = item
        reader = self._readers.get(tail)
        if reader is None:
            if tail.startswith("<"):  # No literal, and marked as what it is.
                return text, tail
            reader = self._readers[tail] = self._literals.reader(tail)
        return reader(unescaped(text) if "\\" in text else text)

    def _properties(self, group: Group, source: str | None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        properties: dict[str, Any] = {}
        size = 0
        for name, items in group.values.items():
            if len(items) > 1 or self._options.languages is not None or group.graphs:
                size += self._several(properties, name, items, source)
                continue
            value, mark = self._held(items[0])
            size += len(items[0][0]) + 64
            properties[name] = value
            if mark is not None:
                properties[name + MARK] = [mark]
        too_large = _shrunk(properties) if size > LARGEST_PROPERTIES // 8 else []
        return properties, too_large

    def _several(self, properties: dict[str, Any], name: str, items: Sequence[Item], source: str | None) -> int:
        """Set a property that has several values, or some in graphs, or in languages; gives its size, about."""
        told: dict[tuple[str, str], tuple[Any, str | None, list[str]]] = {}
        for item in sorted(items, key=_term_order):
            value, mark = self._held(item)
            if self._options.languages is not None and _language(mark, value) not in self._options.languages:
                continue
            graphs = told.setdefault((str(mark), item[0]), (value, mark, []))[2]
            if item[2] not in graphs:
                graphs.append(item[2])
        if len(told) > 1:  # A list or a map among several values would make one value of all.
            as_texts = self._json_mark()
            for (mark_text, text), (value, _, graphs) in told.items():
                if isinstance(value, dict | list):
                    told[mark_text, text] = (unescaped(text), as_texts, graphs)
        kept = list(told.values())
        if self._options.multivalued != "list":
            kept = kept[:1] if self._options.multivalued == "first" else kept[-1:]
        if not kept:
            return 0
        several = len(kept) > 1
        properties[name] = [value for value, _, _ in kept] if several else kept[0][0]
        marks = marks_of([mark for _, mark, _ in kept])
        if marks is not None:
            properties[name + MARK] = marks
        pairs = [(str(n), graph) for n, (_, _, graphs) in enumerate(kept) for graph in graphs]
        _note_graphs(properties, name, pairs, source, self._source)
        return sum(len(text) + 64 for _, text in told)

    def _json_mark(self) -> str | None:
        return self._options.names.short(f"{RDF}JSON") if self._options.datatypes else None

    def _common_graph(self, group: Group) -> str | None:
        """The graph in which all that a subject says of itself stands; None for the default graph, or several."""
        graphs = {item[2] for items in group.values.values() for item in items} | group.stands
        graphs |= {graph for _, graph in group.types} | {item[2] for item in group.fields.values()}
        return graphs.pop() or None if len(graphs) == 1 else None

    def _stated(self, group: Group, labels: list[str], properties: dict[str, Any], source: str | None) -> Entity:
        """Return an entity that says more in kgmem's own words. Raises InvalidInput."""
        shape = self.fields(group)
        exact = shape.pop("exact", {})
        labelled = shape.pop("labelled", None)
        if labelled is not None:
            shape["name"] = labelled
            _take_out(properties, "rdfs__label", labelled)
        if not isinstance(exact, dict):
            raise InvalidInput("Its field exact is no JSON object.", hint="Leave it out.")
        for name, value in exact.get("properties", {}).items():
            if _same_values(properties.get(name), value):
                properties[name] = value
        if "labels" in exact and {*labels} == {*filter(None, exact["labels"])}:
            labels = exact["labels"]
        if properties or "properties" in exact:
            shape["properties"] = properties
        told = {"key": group.key, "source": source, "scope": group.scope or None} | shape
        if labels:
            told |= {"label": labels[0], "labels": labels[1:] or None}
        silent = exact.get("silent", [])
        if "name" not in told and "name" not in silent:
            told["name"] = derived_name(properties)
        found = from_wire("entity", told)
        assert isinstance(found, Entity)  # noqa: S101  # What from_wire builds of this kind.
        if found.place is None and "place" not in silent:
            return replace(found, place=derived_place(properties))
        return found

    def _lifted(self, group: Group, labels: list[str], properties: dict[str, Any], source: str | None) -> Entity:
        """Return an entity whose properties may be fields. Raises InvalidInput."""
        if source is not None:
            properties[elements.PREFIX + "source"] = source
        found = elements.entity(group.key, labels, _made_ready(properties))
        kept = {
            name: value
            for name, value in found.properties.items()
            if not name.endswith(MARK) or name[:-1] in found.properties or name[:-1] not in properties
        }
        return replace(
            found,
            name=found.name if found.name is not None else derived_name(kept),
            properties=kept,
            place=found.place if found.place is not None else derived_place(kept),
            embedding=None,
            scope=group.scope,
        )


def _made_ready(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as fields are made of them: one name and one text, coordinates that are numbers."""
    ready = dict(properties)
    for name, others in (("name", "aliases"), ("text", "texts")):
        value = ready.get(name)
        if isinstance(value, list) and (chosen := best(value, ready.pop(name + MARK, None))):
            ready[name] = chosen
            known = ready.get(others, [])
            ready[others] = sorted({*(known if isinstance(known, list) else [known]), *value} - {chosen}, key=str)
    for pair in elements.COORDINATES:
        if all(isinstance(ready.get(name), str) and number(ready[name]) is not None for name in pair):
            ready |= {name: number(ready[name]) for name in pair}
    if isinstance(ready.get("place"), str):
        ready["place"] = in_crs84(ready["place"])
    return ready


def is_label(name: str) -> bool:
    """Return whether a name may be a label."""
    return len(name) <= LONGEST_LABEL and name != EPISODE_LABEL


def ordered_labels(labels: Sequence[str]) -> list[str]:
    """Return each label once, in the order of the alphabet, but those that say least last."""
    if len(labels) < 2:
        return list(labels)
    return sorted(set(labels), key=lambda label: (label in _GENERIC, label))


def _term_order(item: Item) -> tuple[str, str]:
    return item[1], item[0]


def _language(mark: str | None, value: Any) -> str:
    """Return the language that a mark tells, as the option names it; numbers and the like are in none."""
    if mark is None or not isinstance(value, str):
        return ""
    kind = mark.rpartition("^^")[2]
    return kind[1:].split("--")[0] if kind.startswith("@") else ""


def _note_graphs(
    properties: dict[str, Any],
    name: str,
    pairs: Sequence[tuple[str, str]],
    source: str | None,
    sources: Mapping[str, str],
) -> None:
    """Note which graphs values (or labels) stand in, where that is not the entity's own."""
    if all((graph or None) == source for _, graph in pairs):
        return
    told: dict[str, list[str]] = {}
    for of, graph in pairs:
        told.setdefault(of, []).append(sources[graph] if graph else "")
    properties[name + GRAPHS] = {of: sorted(graphs) for of, graphs in told.items()}


def _take_out(properties: dict[str, Any], name: str, text: str) -> None:
    """Take out a property that only repeats a field."""
    if properties.get(name) == text and name + MARK not in properties:
        del properties[name]


def _same_values(read: Any, exact: Any) -> bool:
    """Return whether a list holds the values that were read, in whatever order and however often."""
    values = read if isinstance(read, list) else [read]
    if not isinstance(exact, list) or not all(map(is_scalar, exact)):
        return False
    return {orjson.dumps(value) for value in values} == {orjson.dumps(value) for value in exact}


def _shrunk(properties: dict[str, Any]) -> list[tuple[str, str]]:
    """Take the largest values out until the rest fit; gives their names and how large they were."""
    taken: list[tuple[str, str]] = []
    sizes = {name: len(orjson.dumps(value)) + len(name) + 4 for name, value in properties.items()}
    total = sum(sizes.values())
    while total > LARGEST_PROPERTIES:
        name = max(sizes, key=lambda one: sizes[one])
        total -= sizes[name]
        taken.append((name, f"It takes {sizes.pop(name)} bytes, and all properties together {LARGEST_PROPERTIES}."))
        for behind in ("", MARK, GRAPHS):
            properties.pop(name + behind, None)
    return taken
