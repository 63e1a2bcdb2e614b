"""The formats that kgmem reads and writes. A new one is a module of its own, with a FORMAT, and its line here.

A format's module is loaded when it is first used: what some of them stand on takes longer to load than kgmem itself.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.files import STANDARD, bare_name
from kgmem.formats.records import Format, Read, ReadColumns

# Name -> its module (and its name there, of one among several), and the ends of its files' names.
FORMATS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "apoc": ("property_graph.apoc", ()),
    "csv": ("kgmem.csv_columns", (".csv", ".tsv")),
    "cytoscape": ("drawings.json_graph:cytoscape", (".cyjs",)),
    "dot": ("drawings.dot", (".dot", ".gv")),
    "gephi": ("drawings.gephi", ()),
    "gexf": ("property_graph.gexf", (".gexf",)),
    "graphml": ("property_graph.graphml", (".graphml",)),
    "jsonl": ("kgmem.jsonl_columns", (".jsonl", ".ndjson", ".jsonlines")),
    "jsonld": ("rdf.formats:jsonld", (".jsonld",)),
    "mermaid": ("drawings.mermaid", (".mmd", ".mermaid")),
    "neo4j-csv": ("property_graph.neo4j_csv", ()),
    "node-link": ("drawings.json_graph:node-link", ()),
    "nquads": ("rdf.formats:nquads", (".nq",)),
    "ntriples": ("rdf.formats:ntriples", (".nt",)),
    "parquet": ("kgmem.parquet_columns", (".parquet", ".pq")),
    "rdfxml": ("rdf.formats:rdfxml", (".rdf", ".owl")),
    "sparql": ("rdf.formats:sparql", (".sparql", ".ru")),
    "trig": ("rdf.formats:trig", (".trig",)),
    "turtle": ("rdf.formats:turtle", (".ttl",)),
    "zip": ("io.zip_files", (".zip",)),
}


def format_of(path: Path | str, named: str | None = None) -> Format:
    """Return the format that was named, or that a file's extension tells. Raises InvalidInput when neither does."""
    return _load(named if named is not None else _name_of(path))


def reader_of(path: Path | str, named: str | None = None, *, columns: bool = False) -> Read | ReadColumns:
    """Return what reads a file, by the format's name or the file's; in columns where that is requested and possible.

    Raises InvalidInput when nothing does.
    """
    format_ = format_of(path, named)
    if format_.read is None:
        raise InvalidInput(f"kgmem writes {format_.name} and does not read it.", hint="Import one of the others.")
    return format_.columns if columns and format_.columns else format_.read


def _name_of(path: Path | str) -> str:
    name = bare_name(path)
    for format_, (_, extensions) in FORMATS.items():
        if name.endswith(extensions):
            return format_
    what = "Standard input and output have" if str(path) == STANDARD else f"{Path(path).name} has"
    known = sorted(extension for _, extensions in FORMATS.values() for extension in extensions)
    raise InvalidInput(
        f"{what} no extension that tells the format.",
        hint=f"Give --format, or one of {', '.join(known)} (.gz, .xz, .zst).",
    )


def _load(name: str) -> Format:
    if name not in FORMATS:
        raise InvalidInput(f"There is no format {name!r}.", hint=f"Formats are {', '.join(sorted(FORMATS))}.")
    module, _, part = FORMATS[name][0].partition(":")
    loaded = import_module(f"kgmem.formats.{module}")
    format_: Format = loaded.FORMATS[part] if part else loaded.FORMAT
    return format_
