"""Media types of file formats, both ways: what an export is sent as, and what an upload's Content-Type tells."""

from collections.abc import Mapping
from typing import Final

from kgmem.formats.registry import FORMATS
from kgmem.services.imports.exports import Compression

OCTETS = "application/octet-stream"
ZIP = "application/zip"
_JSON_LINES = "application/x-ndjson"
_JSON = "application/json"
_TYPES: Final[Mapping[str, str]] = {
    "apoc": _JSON_LINES,
    "csv": "text/csv; charset=utf-8",
    "cytoscape": _JSON,
    "dot": "text/vnd.graphviz; charset=utf-8",
    "gephi": _JSON_LINES,
    "gexf": "application/gexf+xml",
    "graphml": "application/graphml+xml",
    "jsonl": _JSON_LINES,
    "jsonld": "application/ld+json",
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "node-link": _JSON,
    "nquads": "application/n-quads",
    "ntriples": "application/n-triples",
    "parquet": "application/vnd.apache.parquet",
    "rdfxml": "application/rdf+xml",
    "sparql": "application/sparql-update",
    "trig": "application/trig",
    "turtle": "text/turtle; charset=utf-8",
    "zip": ZIP,
}
_EXTENSIONS: Final[Mapping[str, str]] = {"apoc": ".jsonl", "gephi": ".jsonl", "node-link": ".json"}
_ALSO: Final[Mapping[str, str]] = {
    "application/csv": "csv",
    "application/jsonl": "jsonl",
    "application/json-lines": "jsonl",
    "application/jsonlines": "jsonl",
    "application/ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/x-turtle": "turtle",
    "application/x-zip-compressed": "zip",
    "text/tab-separated-values": "csv",
}
_PACKED: Final[Mapping[Compression, str]] = {
    "gzip": "application/gzip",
    "xz": "application/x-xz",
    "zstd": "application/zstd",
}
# Of the types that several formats share the first one that has names of files counts.
_FORMATS: Final[Mapping[str, str]] = {
    **{type_.partition(";")[0]: name for name, type_ in _TYPES.items() if FORMATS[name][1] and type_ != _JSON},
    **_ALSO,
}


def media_type(format_: str, *, several: bool, compression: Compression | None) -> str:
    """Return the media type of an export in a format; one of several files is a zip file."""
    if compression:
        return _PACKED[compression]
    return ZIP if several else _TYPES.get(format_, OCTETS)


def export_types() -> list[str]:
    """List the media types that an export may have, without their parameters."""
    return sorted({each.partition(";")[0] for each in (*_TYPES.values(), *_PACKED.values(), ZIP, OCTETS)})


def extension_of(format_: str) -> str:
    """Return the end of the names of a format's files."""
    return _EXTENSIONS.get(format_) or next(iter(FORMATS[format_][1] if format_ in FORMATS else ()), "")


def extension_of_type(content_type: str) -> str:
    """Return the end of the names of files of a media type; nothing for one that tells no format."""
    format_ = _FORMATS.get(content_type.partition(";")[0].strip().lower())
    return extension_of(format_) if format_ else ""
