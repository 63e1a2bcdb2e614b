"""Writes records as RDF. They wait as N-Quads in a temporary file and are put into their syntax when all are there."""

import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

import numpy as np
import orjson

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import stored_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.formats.property_graph.elements import LOST_VECTORS
from kgmem.formats.rdf.derived import derived_name, derived_place
from kgmem.formats.rdf.entities import ordered_labels
from kgmem.formats.rdf.names import PREFIX_KIND, PREFIXES, RDF, RDFS, digest_of, graph_key, is_prefix, with_prefixes
from kgmem.formats.rdf.options import write_options
from kgmem.formats.rdf.own import BELIEF, EPISODE, RELATIONSHIP, SOURCE, UNNAMED
from kgmem.formats.rdf.properties import IRIs, Properties, Told, graphs_of_labels
from kgmem.formats.rdf.serialize import GRAPHS, serialize_quads
from kgmem.formats.rdf.values import MARK, is_scalar, json_term, plain_term
from kgmem.formats.records import Record, WriteOptions, kind_of
from kgmem.formats.wire import to_wire

LOST_GRAPHS: Final = "named graphs"
LOST_BARE: Final = "entities whose key is an IRI, of which nothing is said"
LOST_SOURCES: Final = "sources of which nothing is said"
_REMEMBERED: Final = 200_000  # Nodes whose terms are kept at hand.
_IN_MEMORY: Final = 16 * 1024 * 1024
# A relationship says more than that it is when it has any of these.
_MORE: Final = tuple(
    field.name for field in stored_fields(Relationship) if field.role == "value" and field.name != "source"
)
_NOT_FIELDS: Final = frozenset({"key", "label", "labels", "properties", "source", "scope", "embedding", "from", "to"})


class RDFWriter:
    """Writes one RDF syntax."""

    def __init__(self, stream: BinaryIO, options: WriteOptions, syntax: str) -> None:
        """Take the stream to write to. Raises InvalidInput for options that are none."""
        self._lost: Counter[str] = Counter()
        self.lost: Mapping[str, int] = self._lost
        told = write_options(options)
        self._names = told.names
        self._kind = options.kind
        self._stream = stream
        self._syntax = syntax
        self._in_graphs = syntax in GRAPHS
        self._nodes: dict[str, str] = {}
        self._asked = told.names.prefixes.keys() - PREFIXES.keys()
        self._iris = IRIs(told.names)
        self._properties = Properties(told.names, self._iris, self._lost)
        self._quads = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # Closed by close().
        self._plain, self._stated = array("q"), array("q")  # Hashes of links, and of those that a statement is of.
        self._bare, self._ends = array("q"), array("q")  # Hashes of nodes of which nothing is said, and of linked ones.

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        tell: dict[type[Record], Callable[[Any], None]] = {
            Entity: self._entity,
            Relationship: self._relationship,
            Episode: self._episode,
            Source: self._source,
        }
        try:
            for record in records:
                if self._kind in {None, kind_of(record)}:
                    tell[type(record)](record)
        except BaseException:
            self._quads.close()
            raise

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Write some records of what the graph believes, each as a node of kgmem's own."""
        for record in records:
            if self._kind in {None, record.kind} and not self._stands_in_graph(record):
                told = to_wire(record)
                digest = digest_of(orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode())
                node = f"<{self._names.namespace}{BELIEF}{record.kind}/{digest}>"
                self._quad(node, RDF + "type", f"<{self._names.namespace}{record.kind.capitalize()}>", None)
                self._describe(node, Told(), told, None)

    def _stands_in_graph(self, record: BeliefRecord) -> bool:
        """Return whether a claim is just that a named graph holds its triple, which the triple in that graph tells."""
        stated = record.told.get("relationship") or {}
        is_current = record.kind == "claim" and record.told.get("known_to") is None
        return bool(is_current and stated.get("first") and self._names.is_graph(record.told["source"]))

    def close(self) -> None:
        """Write all of it in its syntax; the stream stays open."""
        try:
            self._state_plain_links()
            bare = np.setdiff1d(np.frombuffer(self._bare, np.int64), np.frombuffer(self._ends, np.int64))
            if len(bare):
                self._lost[LOST_BARE] += len(bare)
            self._quads.seek(0)
            used = {"rdf", "xsd", "rdfs", *(name.partition("__")[0] for name in self._iris)}
            prefixes = {prefix: iri for prefix, iri in self._names.prefixes.items() if prefix in used}
            serialize_quads(self._quads, self._stream, self._syntax, prefixes, self._lost)
        finally:
            self._quads.close()

    def _entity(self, record: Entity) -> None:
        names = self._names
        node = names.scoped_node(record.scope, record.key) if record.scope else self._node(record.key)
        told = self._properties.tell(record.properties)
        if record.embedding is not None:
            self._lost[LOST_VECTORS] += 1
        fields = self._fields(record)
        self._name_and_place(record, told, fields)
        own = [record.source] if record.source is not None else None
        if record.source is not None and not self._in_graphs:
            if self._names.is_graph(record.source):
                self._lost[LOST_GRAPHS] += 1
            else:
                fields["source"] = record.source
        given = [*([record.label] if record.label not in {None, DEFAULT_LABEL} else [None]), *(record.labels or ())]
        labels = [label for label in given if label is not None]
        if labels and given != ordered_labels(labels):
            told.exact["labels"] = given
        in_graphs = graphs_of_labels(record.properties)
        for label in dict.fromkeys(labels):
            self._quad(node, RDF + "type", f"<{self._iris[label]}>", in_graphs.get(label, own))
        if not labels and not told.pairs and not fields and not told.exact:
            self._say_nothing(node, own)
        self._describe(node, told, fields, own)

    def _say_nothing(self, node: str, own: Sequence[str] | None) -> None:
        """Write a node that nothing is said of, in kgmem's own words: links tell others."""
        if node.startswith((f"<{self._names.namespace}entity/", f"<{self._names.namespace}scope/")):
            self._quad(node, RDF + "type", f"<{self._names.namespace}Entity>", own)
        else:
            self._bare.append(hash(node))

    def _name_and_place(self, record: Entity, told: Told, fields: dict[str, Any]) -> None:
        """Omit a name and a place that the properties tell; a name that they do not is a label too."""
        silent = []
        derived = derived_name(record.properties)
        fields.pop("name", None)
        if record.name is None and derived is not None:
            silent.append("name")
        elif record.name != derived and record.name is not None:
            plain = "rdfs__label" not in record.properties and "rdfs__label" + MARK not in record.properties
            fields["labelled" if plain and record.name else "name"] = record.name
        place = derived_place(record.properties)
        fields.pop("place", None)
        if record.place is None and place is not None:
            silent.append("place")
        elif record.place is not None and (place is None or dict(place.geometry) != dict(record.place.geometry)):
            fields["place"] = dict(record.place.geometry)
        if silent:
            told.exact["silent"] = silent

    def _relationship(self, record: Relationship) -> None:
        names, kind = self._names, self._iris[record.kind]
        if record.scope:
            # No link of its own: that would tell all readers of the graph what only the scope is to see.
            start, end = (names.scoped_node(record.scope, key) for key in (record.start, record.end))
            self._full_statement((start, kind, end), record)
            return
        start, end = self._node(record.start), self._node(record.end)
        self._ends.extend((hash(start), hash(end)))
        graph = self._graph_of_link(record)
        if graph is not None:
            self._quad(start, kind, end, [graph] if graph else None)
            if not graph:
                self._plain.append(hash(f"{start} <{kind}> {end}"))
            return
        self._quad(start, kind, end, None)
        self._stated.append(hash(f"{start} <{kind}> {end}"))
        self._full_statement((start, kind, end), record)

    def _full_statement(self, link: tuple[str, str, str], record: Relationship) -> None:
        """Write a relationship by a statement with its properties, source and scope."""
        told = self._properties.tell(record.properties)
        fields = self._fields(record)
        fields |= {name: value for name in ("source", "scope") if (value := getattr(record, name))}
        self._statement(link, record, told, fields)

    def _graph_of_link(self, record: Relationship) -> str | None:
        """The source in whose graph a link says all of a relationship, "" for the default graph; None for none."""
        if record.properties or record.scope or any(getattr(record, name) is not None for name in _MORE):
            return None
        if record.source is None:
            return "" if record.key is None else None
        if not self._names.is_graph(record.source):
            return record.source if self._in_graphs and record.key is None else None
        if record.key == graph_key(record.kind, record.start, record.end, record.source):
            if not self._in_graphs:
                self._lost[LOST_GRAPHS] += 1
            return record.source if self._in_graphs else ""
        return None

    def _statement(
        self, link: tuple[str, str, str], record: Relationship | None, told: Told, fields: Mapping[str, Any]
    ) -> None:
        """Write a relationship that says more than its ends, as a statement of its link."""
        start, kind, end = link
        key, beside = "", ""
        if record is not None:
            key = self._names.own_node(record.key, "")[len(self._names.namespace) + 1 : -1] if record.key else ""
            told_apart = (record.scope, "" if record.key else record.valid_from or "")
            beside = f"/{digest_of(*told_apart)}" if any(told_apart) else ""
        node = f"<{self._names.namespace}{RELATIONSHIP}{digest_of(start, kind, end, '')}/{key}{beside}>"
        self._quad(node, RDF + "type", f"<{self._names.namespace}Relationship>", None)
        for name, term in (("subject", start), ("predicate", f"<{kind}>"), ("object", end)):
            self._quad(node, RDF + name, term, None)
        self._describe(node, told, fields, None)

    def _episode(self, record: Episode) -> None:
        names = self._names
        fields = self._fields(record) | ({"source": record.source} if record.source is not None else {})
        told = self._properties.tell(record.properties)
        if record.scope:
            fields["scope"] = record.scope
        part = EPISODE if record.key is not None else UNNAMED
        key = record.key if record.key is not None else digest_of(repr(to_wire(record)))
        node = names.own_node(key, part)
        if record.scope:
            node = f"{node[:-1]}/{digest_of(record.scope)}>"
        self._quad(node, RDF + "type", f"<{names.namespace}Episode>", None)
        for mentioned in dict.fromkeys(record.mentions):
            term = names.scoped_node(record.scope, mentioned) if record.scope else names.own_node(mentioned)
            self._quad(node, names.namespace + "mentions", term, None)
        self._describe(node, told, fields, None)

    def _know(self, prefix: str, iri: str) -> None:
        """Know a prefix that a file had when it was read. Raises InvalidInput when it stands for two namespaces."""
        if self._names.prefixes.get(prefix, iri) != iri and prefix not in self._asked:
            raise InvalidInput(
                f"The prefix {prefix} stands for {self._names.prefixes[prefix]} and for {iri}.",
                hint=f"Say which: prefixes={prefix}=IRI.",
            )
        self._names = with_prefixes(self._names, {prefix: iri})
        self._nodes.clear()
        self._iris = IRIs(self._names)
        self._properties = Properties(self._names, self._iris, self._lost)

    def _source(self, record: Source) -> None:
        if record.kind == PREFIX_KIND and record.name and is_prefix(record.name, record.key):
            self._know(record.name, record.key)
            return
        fields = self._fields(record)
        if not fields and self._names.is_graph(record.key):
            # It is told where something stands in its graph.
            if not self._in_graphs:
                self._lost[LOST_SOURCES] += 1
            return
        node = self._names.own_node(record.key, SOURCE)
        self._quad(node, RDF + "type", f"<{self._names.namespace}Source>", None)
        self._describe(node, Told(), fields, None)

    def _fields(self, record: Record) -> dict[str, Any]:
        return {name: value for name, value in to_wire(record).items() if name not in _NOT_FIELDS}

    def _describe(self, node: str, told: Told, fields: Mapping[str, Any], own: Sequence[str] | None) -> None:
        """Write properties, and fields in kgmem's own words."""
        for predicate, term, sources in told.pairs:
            self._quad(node, predicate, term, own if sources is None else sources)
        for name, value in {**fields, **({"exact": told.exact} if told.exact else {})}.items():
            field_term = (plain_term(value) if is_scalar(value) else None) or json_term(value)
            self._quad(node, f"{self._names.namespace}field/{name}", field_term, own)
            if name == "labelled":
                self._quad(node, RDFS + "label", field_term, own)

    def _node(self, key: str) -> str:
        """Return the term of a key in no scope."""
        node = self._nodes.get(key)
        if node is None:
            if len(self._nodes) >= _REMEMBERED:
                self._nodes.clear()
            node = self._nodes[key] = self._names.node(key)
        return node

    def _quad(self, subject: str, predicate: str, term: str, sources: Sequence[str] | None) -> None:
        begin = f"{subject} <{predicate}> {term}"
        if not sources or not self._in_graphs:
            self._quads.write(f"{begin} .\n".encode())
            return
        for source in sources:
            graph = f" {self._names.graph(source)}" if source else ""
            self._quads.write(f"{begin}{graph} .\n".encode())

    def _state_plain_links(self) -> None:
        """State the links that are relationships of their own beside others of the same kind and ends."""
        if not self._stated:
            return
        both = np.intersect1d(np.frombuffer(self._plain, np.int64), np.frombuffer(self._stated, np.int64))
        hashes = set(both.tolist())
        if not hashes:
            return
        self._quads.seek(0)
        found = {text for line in self._quads if hash(text := line.decode().removesuffix(" .\n")) in hashes}
        self._quads.seek(0, 2)
        for text in sorted(found):
            start, _, rest = text.partition(" ")
            kind, _, end = rest.partition(" ")
            self._statement((start, kind[1:-1], end), None, Told(), {})
