"""N-Quads in a temporary file put into the syntax that was requested."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from shutil import copyfileobj
from typing import IO, Any, BinaryIO, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse, serialize

from kgmem.formats.rdf.names import RDF, XSD
from kgmem.formats.rdf.parse import PYOXIGRAPH

GRAPHS: Final = frozenset({"nquads", "trig", "jsonld"})  # Syntaxes that have named graphs.
LOST_TERMS: Final = "triple terms"
LOST_PREDICATES: Final = "links and properties whose IRI RDF/XML has no name for"
LOST_CHARACTERS: Final = "values with characters that XML has no way to write"
LOST_DIRECTIONS: Final = "directions of texts"
# The end of an IRI that may be the name of an element (Namespaces in XML 1.0, NCName).
_NAME_START = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_LOCAL_NAME = re.compile(rf"[{_NAME_START}][{_NAME_START}0-9.\-\u00b7\u0300-\u036f\u203f\u2040]*$")
_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def serialize_quads(
    quads: IO[bytes], stream: BinaryIO, syntax: str, prefixes: dict[str, str], lost: Counter[str]
) -> None:
    """Write quads to a stream in a syntax, and count what it cannot carry."""
    if syntax in {"ntriples", "nquads"}:
        copyfileobj(quads, stream)
        return
    parsed: Iterator[Any] = parse(quads, format=RdfFormat.N_QUADS)
    if syntax == "rdfxml":
        _RDFXML(stream, lost).write(parsed)
        return
    if syntax == "jsonld":
        parsed = _without_terms(parsed, lost)
    if syntax == "turtle":
        parsed = (quad.triple for quad in parsed)
    serialize(parsed, _Open(stream), format=PYOXIGRAPH[syntax], prefixes=prefixes)  # type: ignore[arg-type]


class _Open:
    """A stream that pyoxigraph writes to, and neither flushes nor closes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write some bytes."""
        return self._stream.write(data)

    def flush(self) -> None:
        """Do nothing: that is for its owner."""


def _without_terms(quads: Iterator[Quad], lost: Counter[str]) -> Iterator[Quad]:
    for quad in quads:
        if isinstance(quad.object, Triple):
            lost[LOST_TERMS] += 1
        else:
            yield quad


class _RDFXML:
    """Writes RDF/XML; pyoxigraph's own writer makes elements without a name, and loses carriage returns."""

    def __init__(self, stream: BinaryIO, lost: Counter[str]) -> None:
        self._stream = stream
        self._lost = lost
        self._names: dict[str, tuple[str, str] | None] = {}

    def write(self, quads: Iterator[Quad]) -> None:
        """Write all quads as one document."""
        self._put(f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF xmlns:rdf="{RDF}">\n')
        for subject, same in groupby(quads, key=attrgetter("subject")):
            lines = [line for quad in same if (line := self._property(quad))]
            if lines:
                self._put(f"<rdf:Description {_node(subject, 'about')}>\n{''.join(lines)}</rdf:Description>\n")
        self._put("</rdf:RDF>\n")

    def _property(self, quad: Quad) -> str:
        """Return the element of a quad; none for one that cannot be written."""
        iri = quad.predicate.value
        if iri not in self._names:
            self._names[iri] = _parted(iri)
        name = self._names[iri]
        if name is None:
            self._lost[LOST_PREDICATES] += 1
            return ""
        begin = f'<p:{name[1]} xmlns:p="{name[0].translate(_IN_ATTRIBUTE)}"'
        term = quad.object
        if isinstance(term, Triple):
            self._lost[LOST_TERMS] += 1
            return ""
        if not isinstance(term, Literal):
            return f"{begin} {_node(term, 'resource')}/>\n"
        if _UNSAYABLE.search(term.value):
            self._lost[LOST_CHARACTERS] += 1
            return ""
        kind = ""
        if term.language:
            kind = f' xml:lang="{term.language}"'
            if term.direction is not None:
                self._lost[LOST_DIRECTIONS] += 1
        elif term.datatype.value != XSD + "string":
            kind = f' rdf:datatype="{term.datatype.value.translate(_IN_ATTRIBUTE)}"'
        return f"{begin}{kind}>{term.value.translate(_IN_TEXT)}</p:{name[1]}>\n"

    def _put(self, text: str) -> None:
        self._stream.write(text.encode())


def _parted(iri: str) -> tuple[str, str] | None:
    """Return namespace and local name of a predicate; None for one that no element can be named by."""
    found = _LOCAL_NAME.search(iri)
    if not found or found.start() == 0 or iri == RDF + "li":
        return None
    return iri[: found.start()], found[0]


def _node(node: Any, attribute: str) -> str:
    if isinstance(node, BlankNode):
        # A label may begin with what no XML name begins with; its own mark keeps the others apart.
        label = node.value if re.match(r"[A-Za-z]", node.value) else f"x-{node.value}"
        return f'rdf:nodeID="{label}"'
    assert isinstance(node, NamedNode)  # noqa: S101  # Literals and terms were taken before.
    return f'rdf:{attribute}="{node.value.translate(_IN_ATTRIBUTE)}"'
