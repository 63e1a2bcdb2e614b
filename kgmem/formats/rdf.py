"""The RDF formats: N-Triples, N-Quads, Turtle, TriG, RDF/XML, JSON-LD, and SPARQL's INSERT DATA."""

from functools import partial
from typing import Final

from kgmem.formats.rdf_options import READ, WRITE
from kgmem.formats.rdf_parse import Syntax
from kgmem.formats.rdf_reader import read_rdf
from kgmem.formats.rdf_writer import RDFWriter
from kgmem.formats.records import Format

_EXTENSIONS: Final[dict[Syntax, tuple[str, ...]]] = {
    "ntriples": (".nt",),
    "nquads": (".nq",),
    "turtle": (".ttl",),
    "trig": (".trig",),
    "rdfxml": (".rdf", ".owl"),
    "jsonld": (".jsonld",),
    "sparql": (".sparql", ".ru"),
}
FORMATS: Final[dict[str, Format]] = {
    name: Format(
        name,
        extensions,
        partial(read_rdf, syntax=name),
        partial(RDFWriter, syntax=name) if name != "sparql" else None,
        options=READ | WRITE,
    )
    for name, extensions in _EXTENSIONS.items()
}
