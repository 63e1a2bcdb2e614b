"""RDF for tests: reading and writing it in memory, and datasets that are the same but for the names of blank nodes."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from pyoxigraph import CanonicalizationAlgorithm, Dataset, Quad, RdfFormat, parse

from kgmem.formats.rdf import FORMATS
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
    """Give what a file holds."""
    raw = data.encode() if isinstance(data, str) else data
    return list(FORMATS[syntax].read(io.BytesIO(raw), ReadOptions(mapping=mapping or {}, options=options)))


def records(data: str | bytes, syntax: str = "turtle", mapping: Mapping[str, Any] | None = None, **options: str) -> Any:
    """Give the records of a file, none of which may be rejected."""
    found = read(data, syntax, mapping, **options)
    assert [one for one in found if isinstance(one, Rejected)] == []
    return [one.record for one in found if isinstance(one, Located)]


def write(items: Iterable[Record], syntax: str = "turtle", **options: str) -> tuple[bytes, dict[str, int]]:
    """Give the file that records make, and what was lost."""
    stream = io.BytesIO()
    writer = FORMATS[syntax].writer(stream, WriteOptions(options=options))
    writer.write(items)
    writer.close()
    return stream.getvalue(), dict(writer.lost)


def canonical(data: bytes | str, syntax: str, base: str | None = None) -> list[str]:
    """Give the quads of a file with blank nodes renamed, so that isomorphic datasets are equal."""
    return canonical_quads(parse(data, format=SYNTAXES[syntax], base_iri=base))


def canonical_quads(quads: Iterable[Quad]) -> list[str]:
    """Give quads with blank nodes renamed."""
    dataset = Dataset(quads)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(map(str, dataset))
