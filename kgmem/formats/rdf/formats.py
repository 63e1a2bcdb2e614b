"""The RDF formats: N-Triples, N-Quads, Turtle, TriG, RDF/XML, JSON-LD, and SPARQL's INSERT DATA."""

from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Final

from kgmem.formats.rdf.options import READ, WRITE
from kgmem.formats.rdf.parse import Syntax
from kgmem.formats.rdf.reader import read_columns, read_rdf
from kgmem.formats.rdf.writer import RDFWriter
from kgmem.formats.records import Format, WriteOptions, Writer

_EXTENSIONS: Final[dict[Syntax, tuple[str, ...]]] = {
    "ntriples": (".nt",),
    "nquads": (".nq",),
    "turtle": (".ttl",),
    "trig": (".trig",),
    "rdfxml": (".rdf", ".owl"),
    "jsonld": (".jsonld",),
    "sparql": (".sparql", ".ru"),
}


def _writer(syntax: str) -> Callable[[BinaryIO, WriteOptions], Writer]:
    return lambda stream, options: RDFWriter(stream, options, syntax)


FORMATS: Final[dict[str, Format]] = {
    name: Format(
        name,
        extensions,
        partial(read_rdf, syntax=name),
        _writer(name) if name != "sparql" else None,
        options={**WRITE, **READ},
        columns=partial(read_columns, syntax=name),
    )
    for name, extensions in _EXTENSIONS.items()
}
