"""RDF in and out: whatever was in comes out, for random small datasets and random records."""

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import BaseDirection, BlankNode, DefaultGraph, Literal, NamedNode, Quad, RdfFormat, Triple, serialize

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.rdf.formats import FORMATS
from kgmem.formats.records import Located, ReadOptions
from tests.rdf import SYNTAXES, canonical, canonical_quads, in_columns, read, records, write
from tests.records import of_kind
from tests.sizes import drawn

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IRIS = st.sampled_from(
    [
        "http://schema.org/Person", "http://schema.org/name", "http://www.w3.org/2000/01/rdf-schema#label",
        "http://example.org/a", "http://example.org/é", "http://example.org/%C3%A9", "urn:x:1", "http://example.org/p@",
        "http://example.org/#", "mailto:a@b.c", RDF + "type", RDF + "JSON", "urn:kgmem:name/a", "urn:kgmem:other/k",
        "http://schema.org/a__b", "http://example.org/" + "x" * 300, "http://example.org/" + "y" * 700,
        "http://www.w3.org/2003/01/geo/wgs84_pos#lat", "http://www.w3.org/2003/01/geo/wgs84_pos#long",
        "http://schema.org/Episode", "http://schema.org:8080/port", "http://[::1]/a",
    ]
)  # fmt: skip
_SHORT_IRIS = _IRIS.filter(lambda iri: len(iri) < 500)
_NODES = st.builds(NamedNode, _SHORT_IRIS) | st.builds(BlankNode, st.sampled_from(["a", "b1", "bb1", "x.y", "é"]))
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["01", "1", "-0", "+5", "1.0", "1.50", "1e3", "1E0", "true", "1", "INF", "NaN", "2020-01-01", "9" * 25, "a\x00b",
     '{"a":1}', '{"b":1,"a":2}', "[]", "[1]", '["a","b"]', "null", "a^^b", "\\u0000", '"', "\\", "\n\r\t", "48.5"]
)  # fmt: skip
_TYPES = st.sampled_from(
    [XSD + name for name in ("integer", "int", "double", "decimal", "float", "boolean", "date", "anyURI", "byte")]
    + [RDF + "JSON", "http://example.org/type", "http://www.opengis.net/ont/geosparql#wktLiteral"]
)
_LITERALS = (
    st.builds(Literal, _TEXTS)
    | st.builds(lambda text, tag: Literal(text, language=tag), _TEXTS, st.sampled_from(["en", "de", "en-us", "x-y"]))
    | st.builds(lambda text: Literal(text, language="ar", direction=BaseDirection.RTL), _TEXTS)
    | st.builds(lambda text, type_: Literal(text, datatype=NamedNode(type_)), _TEXTS, _TYPES)
)
_TERMS = st.recursive(
    st.builds(Triple, _NODES, st.builds(NamedNode, _SHORT_IRIS), _NODES | _LITERALS),
    lambda inner: st.builds(Triple, _NODES, st.builds(NamedNode, _SHORT_IRIS), inner),
    max_leaves=3,
)
_PREDICATES = st.builds(NamedNode, _IRIS)
_GRAPHS = st.just(DefaultGraph()) | st.builds(NamedNode, _SHORT_IRIS) | st.just(BlankNode("g"))
_OBJECTS = _NODES | _LITERALS | st.builds(NamedNode, _IRIS)
quads = st.lists(st.builds(Quad, _NODES, _PREDICATES, _OBJECTS | _TERMS, _GRAPHS), max_size=8)
triples = st.lists(st.builds(Quad, _NODES, _PREDICATES, _OBJECTS, st.just(DefaultGraph())), max_size=8)


@drawn(300)
@given(quads, st.sampled_from(["nquads", "trig"]))
def test_any_dataset_comes_out_as_it_was_read(dataset: list[Quad], syntax: str) -> None:
    data = serialize(dataset, format=SYNTAXES[syntax])
    written, lost = write(records(data, syntax), syntax)
    assert (canonical(written, syntax), lost) == (canonical_quads(dataset), {})


@drawn(300)
@given(triples, st.sampled_from(["ntriples", "turtle", "jsonld", "rdfxml"]))
def test_any_graph_comes_out_as_it_was_read(graph: list[Quad], syntax: str) -> None:
    data = serialize((quad.triple for quad in graph), format=RdfFormat.N_TRIPLES)
    written, lost = write(records(data, "ntriples"), syntax)
    if not lost:
        assert canonical(written, syntax) == canonical_quads(graph)
    assert not lost or syntax == "rdfxml"


@drawn(100)
@given(quads)
def test_the_ends_of_every_relationship_are_entities_of_the_file_that_come_before(dataset: list[Quad]) -> None:
    known: set[str] = set()
    for record in records(serialize(dataset, format=RdfFormat.N_QUADS), "nquads"):
        if isinstance(record, Entity):
            assert record.key not in known or record == Entity(record.key)
            known.add(record.key)
        else:
            assert {record.start, record.end} <= known


@drawn(100)
@given(quads)
def test_the_same_bytes_make_the_same_records_in_the_same_order(dataset: list[Quad]) -> None:
    data = serialize(dataset, format=RdfFormat.TRIG)
    assert read(data, "trig") == read(data, "trig")


@drawn(300)
@given(quads)
def test_columns_hold_the_same_records(dataset: list[Quad]) -> None:
    data = serialize(dataset, format=RdfFormat.N_QUADS)
    assert _told(in_columns(data, "nquads")) == _told(read(data, "nquads"))


@drawn(200)
@given(st.lists(st.builds(Quad, _NODES, _PREDICATES, _OBJECTS, st.just(DefaultGraph())), max_size=30))
def test_columns_hold_the_same_records_of_larger_graphs(graph: list[Quad]) -> None:
    data = serialize(sorted(graph, key=str), format=RdfFormat.N_QUADS)
    assert _told(in_columns(data, "nquads")) == _told(read(data, "nquads"))


def _told(found: list[Any]) -> list[Any]:
    return sorted(
        (one.line, dump(one.record)) if isinstance(one, Located) else (one.line, repr(one).encode()) for one in found
    )


_kgmem_records = st.lists(st.one_of(*of_kind.values()), max_size=4)


@drawn(300)
@given(_kgmem_records, st.sampled_from(["ntriples", "nquads", "turtle", "trig", "jsonld"]))
def test_records_written_are_read_back_as_they_were(items: list[Any], syntax: str) -> None:
    items = _distinct(items)
    data, lost = write(items, syntax)
    carried = list(map(_carried, items))
    found = [one for one in records(data, syntax) if not _is_only_linked(one, carried)]
    assert set(lost) <= {"embeddings"}
    assert sorted(map(dump, found)) == sorted(map(dump, carried))


def _distinct(items: list[Any]) -> list[Any]:
    """Return the records that a graph could hold beside each other, in the order in which an export gives them."""
    held: dict[Any, Any] = {}
    for item in items:
        if isinstance(item, Relationship):
            identity = (
                (item.scope, item.key) if item.key else (item.scope, item.kind, item.start, item.end, item.valid_from)
            )
        else:
            identity = (getattr(item, "scope", ""), item.key)
        held.setdefault((type(item).__name__, identity), item)
    return sorted(
        held.values(), key=lambda item: ["Source", "Entity", "Relationship", "Episode"].index(type(item).__name__)
    )


def _is_only_linked(found: Any, items: list[Any]) -> bool:
    return isinstance(found, Entity) and found == Entity(found.key) and found not in items


def _carried(item: Any) -> Any:
    """Return a record as RDF holds it: lists that are empty are none, and embeddings are not carried."""
    if isinstance(item, Entity):
        return replace(item, embedding=None, labels=item.labels or None)
    if isinstance(item, Episode):
        return replace(item, mentions=list(item.mentions) or ())
    return item


@pytest.mark.parametrize("syntax", list(SYNTAXES))
def test_the_default_label_is_no_type(syntax: str) -> None:
    data, _ = write([Entity("http://example.org/a", DEFAULT_LABEL, "A")], syntax)
    assert records(data, syntax) == [Entity("http://example.org/a", None, "A")]


def test_a_stream_that_is_read_a_few_bytes_at_a_time_is_read_the_same() -> None:
    class Drops(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 3, 3) if size and size > 0 else 3)

    data = '\ufeff<http://a/b> <http://a/c> "é", "f" .\n'.encode()
    assert list(FORMATS["turtle"].read(Drops(data), ReadOptions())) == read(data)
