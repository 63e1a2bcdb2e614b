"""RDF for tests: reading and writing it in memory, and datasets that are the same but for the names of blank nodes."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pyoxigraph import CanonicalizationAlgorithm, Dataset, Quad, RdfFormat, parse

from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.rdf.formats import FORMATS
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, WriteOptions

SYNTAXES = {
    "ntriples": RdfFormat.N_TRIPLES,
    "nquads": RdfFormat.N_QUADS,
    "turtle": RdfFormat.TURTLE,
    "trig": RdfFormat.TRIG,
    "rdfxml": RdfFormat.RDF_XML,
    "jsonld": RdfFormat.JSON_LD,
}


def read(data: str | bytes, syntax: str = "turtle", mapping: Mapping[str, Any] | None = None, **options: str) -> Any:
    """Return what a file holds."""
    raw = data.encode() if isinstance(data, str) else data
    return list(FORMATS[syntax].read(io.BytesIO(raw), ReadOptions(mapping=mapping or {}, options=options)))


def records(data: str | bytes, syntax: str = "turtle", mapping: Mapping[str, Any] | None = None, **options: str) -> Any:
    """Return the records of a file, none of which may be rejected."""
    found = read(data, syntax, mapping, **options)
    assert [one for one in found if isinstance(one, Rejected)] == []
    return [one.record for one in found if isinstance(one, Located)]


def write(items: Iterable[Record], syntax: str = "turtle", **options: str) -> tuple[bytes, dict[str, int]]:
    """Return the file that records make, and what was lost."""
    stream = io.BytesIO()
    writer = FORMATS[syntax].writer(stream, WriteOptions(options=options))
    writer.write(items)
    writer.close()
    return stream.getvalue(), dict(writer.lost)


def canonical(data: bytes | str, syntax: str, base: str | None = None) -> list[str]:
    """Return the quads of a file with blank nodes renamed, so that isomorphic datasets are equal."""
    return canonical_quads(parse(data, format=SYNTAXES[syntax], base_iri=base))


def canonical_quads(quads: Iterable[Quad]) -> list[str]:
    """Return quads with blank nodes renamed."""
    dataset = Dataset(quads)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(map(str, dataset))


def in_columns(data: bytes, syntax: str, **options: str) -> list[Any]:
    """Return what a file holds as it is read in columns, and these as the records that they stand for."""
    found: list[Any] = []
    for one in FORMATS[syntax].columns(io.BytesIO(data), ReadOptions(options=options)):
        found += _records_of(one) if isinstance(one, Columns) else [one]
    return found


def _records_of(columns: Columns) -> list[Located]:
    fields = {name: texts.to_pylist() for name, texts in columns.fields.items()}
    told: list[Located] = []
    for n, line in enumerate(columns.lines.to_pylist()):
        own = {name: texts[n] for name, texts in fields.items() if texts[n] is not None}
        if columns.kind == "relationship":
            start, end = own.pop("from"), own.pop("to")
            told.append(Located(line, Relationship(start=start, end=end, **own)))
            continue
        properties: dict[str, Any] = {}
        for name, literal, texts in columns.properties:
            value = texts[n].as_py()
            if value is not None:
                assert name not in properties
                properties[name] = orjson.loads(value) if literal else value
        lon, lat = own.pop("lon", None), own.pop("lat", None)
        place = parse_place([float(lon), float(lat)]) if lon is not None else None
        told.append(Located(line, Entity(properties=properties, place=place, **own)))
    return told
